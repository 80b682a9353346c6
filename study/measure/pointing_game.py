"""Pointing game: whether the map points at what people marked.

Reference: Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016, arXiv:1608.00507, section 4.2
(here without its tolerance of 15 pixels: a box is already generous).
"""

from torch import Tensor

from study.measure.regions import inside
from study.measure.scale import constant, finite
from study.records import ExplainedBatch


def pointing_game(batch: ExplainedBatch) -> Tensor:
    """1 where the maximum of the map lies in the union of the image's boxes, else 0.

    Where several pixels share the maximum, the share of them that lies inside: what a fair draw among
    them would hit on average, whatever the order of the pixels. Chance level is the boxes' share of the image.

    Args:
        batch: reads `attributions` [B, H, W], signed, any scale, and `boxes`.

    Returns:
        [B] float64 in [0, 1], 0 or 1 but for ties; NaN where the image has no box with a pixel in it, and
        where the map is constant (it points nowhere) or not finite.
    """
    maps, region = batch.attributions, inside(batch)
    peaks = maps == maps.amax(dim=(1, 2), keepdim=True)
    share = (peaks & region).sum(dim=(1, 2)).double() / peaks.sum(dim=(1, 2))
    unmarked = ~region.flatten(1).any(dim=1)
    return share.masked_fill(unmarked | constant(maps) | ~finite(maps), float("nan"))
