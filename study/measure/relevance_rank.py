"""Relevance rank accuracy: of as many pixels as people marked, how many of the highest lie inside.

Reference: Arras et al., CLEVR-XAI, Information Fusion 81, 2022, arXiv:2003.07258, Eq. 2.
"""

from torch import Tensor

from study.measure.regions import inside
from study.measure.scale import constant, finite
from study.records import ExplainedBatch


def relevance_rank_accuracy(batch: ExplainedBatch) -> Tensor:
    """Share of the K highest pixels that lie in the union of the boxes, which has K pixels.

    Where the K-th value is shared by more pixels than there are places left, each of them takes an equal
    part of these places: the expected value over all orders of tied pixels. (CAMs are zero over large
    areas; any fixed order would reward boxes at one side of the film.) Chance level is the boxes' share of
    the image.

    Args:
        batch: reads `attributions` [B, H, W], signed, any scale, and `boxes`.

    Returns:
        [B] float64 in [0, 1]; NaN where the image has no box with a pixel in it, and where the map is
        constant or not finite.
    """
    maps, region = batch.attributions.flatten(1), inside(batch).flatten(1)
    places = region.sum(dim=1)
    descending = maps.sort(dim=1, descending=True).values
    last = descending.gather(1, (places - 1).clamp(min=0)[:, None])
    above, tied = maps > last, maps == last
    part = (places - above.sum(dim=1)).double() / tied.sum(dim=1)
    hits = (above & region).sum(dim=1) + part * (tied & region).sum(dim=1)
    undefined = (places == 0) | constant(batch.attributions) | ~finite(batch.attributions)
    return (hits / places).masked_fill(undefined, float("nan"))
