"""Average drop and average increase: what is left of the class when only the map is shown.

Either alone is fooled by a map of ones (Fake-CAM): read them beside a control.

Reference: Chattopadhay et al., Grad-CAM++, WACV 2018, arXiv:1710.11063, section 4.1.
"""

from torch import Tensor

from study.measure.masked import masked_of
from study.records import ExplainedBatch

LEAST_PROBABILITY = 1e-12


def average_drop(batch: ExplainedBatch) -> Tensor:
    """Share of the target's probability that is lost on image * map: max(0, p - p_masked) / p.

    Args:
        batch: reads `masked`, or computes it.

    Returns:
        [B] float64 in [0, 1]; NaN where p is below 1e-12 or the map is not finite.
    """
    masked = masked_of(batch)
    p = masked.p_original.double()
    p = p.masked_fill(p < LEAST_PROBABILITY, float("nan"))
    return (p - masked.p_masked.double()).clamp(min=0) / p


def average_increase(batch: ExplainedBatch) -> Tensor:
    """1 where the target's probability is higher on image * map than on the image, else 0.

    Args:
        batch: reads `masked`, or computes it.

    Returns:
        [B] float64, 0 or 1 (equal is 0); NaN where the map is not finite.
    """
    masked = masked_of(batch)
    higher = (masked.p_masked > masked.p_original).double()
    return higher.masked_fill(masked.p_masked.isnan(), float("nan"))
