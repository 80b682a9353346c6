"""The model's answer to image * map, which the masking metrics share."""

import torch
from torch import Tensor

from study.measure.scale import finite, scaled
from study.records import ExplainedBatch, Masked


def mask(batch: ExplainedBatch) -> Masked:
    """Probabilities of the original and the masked image, and the map of the masked one.

    The image is multiplied after normalisation, so that it fades to the mean grey of the training films.

    Args:
        batch: reads `images`, `targets`, `attributions`, `predict` and `explain`.

    Returns:
        `p_original`, `p_masked` [B] float64 and the scaled map [B, H, W] of the masked image, same method and
        target; of an image whose map is not finite, only `p_original` is defined.
    """
    unusable = ~finite(batch.attributions)
    maps = scaled(batch.attributions).masked_fill(unusable[:, None, None], 0.0)
    masked_images = batch.images * maps[:, None]
    nan = float("nan")
    return Masked(
        p_original=_target_probability(batch, batch.images),
        p_masked=_target_probability(batch, masked_images).masked_fill(unusable, nan),
        attributions=scaled(batch.explain(masked_images, batch.targets)).masked_fill(unusable[:, None, None], nan),
    )


def masked_of(batch: ExplainedBatch) -> Masked:
    """What the batch brings, else computed."""
    return batch.masked if batch.masked is not None else mask(batch)


def _target_probability(batch: ExplainedBatch, images: Tensor) -> Tensor:
    with torch.no_grad():
        probabilities = batch.predict(images)
    return probabilities.gather(1, batch.targets[:, None].to(probabilities.device))[:, 0].double()
