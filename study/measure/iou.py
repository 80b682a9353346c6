"""Intersection over union of the map's hot region and the human boxes.

Reference: the region is that of the localisation test of Lee et al., Relevance-CAM, CVPR 2021 (official code).
"""

from torch import Tensor

from study.measure.regions import inside
from study.measure.scale import constant, finite
from study.records import ExplainedBatch


def iou(batch: ExplainedBatch) -> Tensor:
    """Intersection over union of the pixels above mean + 1 SD of the map and the union of its boxes.

    Args:
        batch: reads `attributions` [B, H, W], signed, any scale, and `boxes`.

    Returns:
        [B] float64 in [0, 1], 0 where no pixel exceeds the threshold; NaN where the image has no box with a
        pixel in it, and where the map is constant or not finite.
    """
    maps, region = batch.attributions, inside(batch)
    hot = hot_region(maps)
    share = (hot & region).sum(dim=(1, 2)).double() / (hot | region).sum(dim=(1, 2))
    unmarked = ~region.flatten(1).any(dim=1)
    return share.masked_fill(unmarked | constant(maps) | ~finite(maps), float("nan"))


def hot_region(maps: Tensor) -> Tensor:
    """[B, H, W] True where a map [B, H, W] is strictly above its mean + 1 SD (over its pixels, none left out)."""
    values = maps.double()
    mean = values.mean(dim=(1, 2), keepdim=True)
    deviation = (values - mean).square().mean(dim=(1, 2), keepdim=True).sqrt()
    return values > mean + deviation
