"""Score-CAM: feature maps weighted by what the model says of the film seen through each of them.

Reference: Wang et al., Score-CAM, CVPR Workshops 2020, arXiv:1910.01279, Eq. 6 to 9.

Of the published programs this is the rule of pytorch-grad-cam: masks are upsampled with aligned corners, the
scores are logits, and the weights their softmax over channels. The original program weighs by the class's
probability without a softmax; the paper subtracts the score of a blank film, which a softmax does not see.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.batching import rows_at_a_time
from study.explain.gradcam import layer_features, weighted
from study.explain.gradients import target_logits
from study.explain.sharing import by_chunk
from study.records import Classifier

MAX_BYTES = 32 * 2**20

EPSILON = 1e-8
"""Added to the range of a mask before division (the value of pytorch-grad-cam)."""


@by_chunk
def scorecam(classifier: Classifier, images: Tensor, targets: Tensor, *, layer: int | str | None = None) -> Tensor:
    """Sum over channels k of w_k * A_k, with w = softmax over k of Y(x * mask_k).

    mask_k is A_k upsampled to [H, W] and scaled to [0, 1]. A channel that is constant shows nothing: its mask is
    zero, and all such channels have the score of the blank film, which is asked for once.

    Args:
        classifier: CNN or vision transformer; answers up to K films per image.
        images: [B, C, H, W] normalised; need not be square.
        targets: [B] class index; Y is its logit.
        layer: as of `gradcam`.

    Returns:
        [B, h, w] signed where activations are.

    Raises:
        UnsupportedError: no such layer, or one whose output is not a feature map.
    """
    activations = layer_features(classifier, images, targets, layer).activations
    scores = channel_scores(classifier.module, images, targets, activations)
    return weighted(scores.softmax(dim=1).to(activations.dtype), activations)


def channel_scores(
    module: nn.Module, images: Tensor, targets: Tensor, activations: Tensor, *, max_bytes: int = MAX_BYTES
) -> Tensor:
    """Logit of the target for each image seen through each of its channels, [B, K] float64.

    Channels of all images go through the network together, as many as the memory bound allows.

    Args:
        module: the classifier's.
        images: [B, C, H, W].
        targets: [B].
        activations: [B, K, h, w].
        max_bytes: bound on the masks and the masked images that exist at a time.
    """
    shown = activations.amax(dim=(2, 3)) > activations.amin(dim=(2, 3))
    rows, channels = shown.nonzero(as_tuple=True)
    _, in_chans, height, width = images.shape
    together = max(
        1, min(rows_at_a_time(images), max_bytes // ((in_chans + 1) * height * width * images.element_size()))
    )
    with torch.no_grad():
        blank: Tensor = module(images.new_zeros((1, in_chans, height, width)))[0, targets]
        scores = blank.double()[:, None].repeat(1, activations.shape[1])
        for start in range(0, len(rows), together):
            row, channel = rows[start : start + together], channels[start : start + together]
            films = images[row] * _masks(activations[row, channel], (height, width))
            scores[row, channel] = target_logits(module, films, targets[row]).double()
    return scores


def _masks(channels: Tensor, size: tuple[int, int]) -> Tensor:
    """Channels [M, h, w] as masks [M, 1, H, W] in [0, 1]."""
    masks = F.interpolate(channels[:, None], size=size, mode="bilinear", align_corners=True)
    low, high = masks.amin(dim=(2, 3), keepdim=True), masks.amax(dim=(2, 3), keepdim=True)
    return (masks - low) / (high - low + EPSILON)
