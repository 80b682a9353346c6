"""Removal of whole tiles instead of single pixels: selectivity, region perturbation, degradation.

Tiles are ordered by the sum of the map over them and leave in equal steps; where the image is not a multiple of the
tile, the last row and column of tiles are cut. Their curves are shared (`study.measure.engine.curves_of`).
"""

from torch import Tensor

from study.measure.engine import STEPS, area, check_whole, curves_of
from study.measure.faithfulness_gap import normalised_gap
from study.records import Curves, ExplainedBatch


def selectivity(batch: ExplainedBatch, *, baseline: str = "zero", steps: int | None = STEPS, tile: int = 8) -> Tensor:
    """Area under the target's probability while its most relevant tiles leave the image.

    Args:
        batch: reads `images`, `targets`, `attributions` and `predict`, or `curves`.
        baseline: what the blank image is: `zero`, `mean` or `blur`.
        steps: equal steps from whole to blank, at most one per tile; None for one per tile.
        tile: side in pixels.

    Returns:
        [B] float64 in [0, 1]; NaN where the map is constant or not finite, or all tiles carry equal heat.

    Raises:
        UnsupportedError: an unknown baseline, or one without a blank image.

    Reference: Montavon et al., Digital Signal Processing 73 (2018), section 5.2.
    """
    return area(_curves(batch, baseline, steps, tile).deletion_morf)


def region_perturbation(
    batch: ExplainedBatch, *, baseline: str = "zero", steps: int | None = STEPS, tile: int = 8
) -> Tensor:
    """AOPC: mean over the steps k = 1 .. n of p(x) - p(x_k), most relevant tiles first; arguments as in `selectivity`.

    The image itself is no step (Samek et al. count its drop of zero too and divide by n + 1); the blank one is.

    Returns:
        [B] float64 in [-1, 1]; NaN as in `selectivity`.

    Reference: Samek et al., IEEE TNNLS 28 (2017), equation 12.
    """
    curve = _curves(batch, baseline, steps, tile).deletion_morf
    return (curve[:, :1] - curve[:, 1:]).mean(dim=1)


def degradation(batch: ExplainedBatch, *, baseline: str = "zero", steps: int | None = STEPS, tile: int = 8) -> Tensor:
    """Area between the LeRF and the MoRF tile curve after (p - p_blank) / (p_original - p_blank); arguments as above.

    Returns:
        [B] float64, usually within [-1, 1]; NaN as in `selectivity`, and where p_original is not at least 0.1 above
        p_blank, by the same rule as `faithfulness_gap`.

    Reference: Schulz et al., IBA, ICLR 2020, arXiv:2001.00396, section 4.4.
    """
    return normalised_gap(_curves(batch, baseline, steps, tile))


def _curves(batch: ExplainedBatch, baseline: str, steps: int | None, tile: int) -> Curves:
    found = curves_of(batch, baseline=baseline, steps=steps, tile=tile)
    check_whole(found)
    return found
