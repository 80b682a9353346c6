"""The region that people marked: the union of an image's boxes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from study.records import ExplainedBatch


def inside(batch: ExplainedBatch) -> Tensor:
    """[B, H, W] True in the union of each image's boxes, on the device of the maps."""
    size = batch.attributions.shape[-2:]
    return box_masks(batch.boxes, (size[0], size[1])).to(batch.attributions.device)


def box_masks(boxes: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """[B, H, W] True in the union of each image's boxes.

    Args:
        boxes: one integer tensor [K, 4] per image, (x0, y0, x1, y1) in pixels with x = column,
            ends exclusive. What lies outside the image is cut off; a box without area marks nothing.
        size: (H, W).
    """
    masks = torch.zeros(len(boxes), *size, dtype=torch.bool)
    for mask, image_boxes in zip(masks, boxes, strict=True):
        for x0, y0, x1, y1 in image_boxes.reshape(-1, 4).clamp(min=0).tolist():
            mask[y0:y1, x0:x1] = True  # a slice that ends before it starts is empty
    return masks
