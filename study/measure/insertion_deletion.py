"""Insertion and deletion: how the class follows its most, or least, relevant pixels.

Reference: Petsiuk et al., RISE, BMVC 2018, arXiv:1806.07421; LeRF order: Samek et al., IEEE TNNLS 2017.
"""

from torch import Tensor

from study.measure.engine import STEPS, area, check_whole, curves_of, insertion_curve
from study.records import Curves, ExplainedBatch


def insertion(batch: ExplainedBatch, *, baseline: str = "zero", steps: int = STEPS) -> Tensor:
    """Area under the target's probability while its most relevant pixels enter the blank image.

    Args:
        batch: reads `images`, `targets`, `attributions` and `predict`, or `curves`.
        baseline: what the blank image is: `zero`, `mean` or `blur`.
        steps: equal steps from blank to whole.

    Returns:
        [B] float64 in [0, 1]; NaN where the map is constant or not finite.

    Raises:
        UnsupportedError: an unknown baseline, or one without a blank image.
    """
    return area(insertion_curve(batch, _curves(batch, baseline, steps), "morf"))


def insertion_lerf(batch: ExplainedBatch, *, baseline: str = "zero", steps: int = STEPS) -> Tensor:
    """`insertion` with the least relevant pixels first."""
    return area(insertion_curve(batch, _curves(batch, baseline, steps), "lerf"))


def deletion(batch: ExplainedBatch, *, baseline: str = "zero", steps: int = STEPS) -> Tensor:
    """Area under the target's probability while its most relevant pixels leave the image; arguments as above."""
    return area(_curves(batch, baseline, steps).deletion_morf)


def deletion_lerf(batch: ExplainedBatch, *, baseline: str = "zero", steps: int = STEPS) -> Tensor:
    """`deletion` with the least relevant pixels first."""
    return area(_curves(batch, baseline, steps).deletion_lerf)


def _curves(batch: ExplainedBatch, baseline: str, steps: int) -> Curves:
    found = curves_of(batch, baseline=baseline, steps=steps)
    check_whole(found)
    return found
