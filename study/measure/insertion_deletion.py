"""Insertion and deletion: how the class follows its most, or least, relevant pixels.

Reference: Petsiuk et al., RISE, BMVC 2018, arXiv:1806.07421; LeRF order: Samek et al., IEEE TNNLS 2017.
"""

import torch
from torch import Tensor

from study.measure.engine import STEPS, area, counts_of, insertion_curve, perturb, step_counts
from study.records import Curves, ExplainedBatch


def insertion(batch: ExplainedBatch, *, baseline: str = "zero", steps: int = STEPS) -> Tensor:
    """Area under the target's probability while its most relevant pixels enter the blank image.

    Args:
        batch: reads `images`, `targets`, `attributions` and `predict`, or `curves[baseline]`.
        baseline: what the blank image is: `zero`, `mean` or `blur`.
        steps: equal steps from blank to whole.

    Returns:
        [B] float64 in [0, 1]; NaN where the map is constant or not finite.
    """
    return area(insertion_curve(batch, curves(batch, baseline, steps), "morf"))


def insertion_lerf(batch: ExplainedBatch, *, baseline: str = "zero", steps: int = STEPS) -> Tensor:
    """`insertion` with the least relevant pixels first."""
    return area(insertion_curve(batch, curves(batch, baseline, steps), "lerf"))


def deletion(batch: ExplainedBatch, *, baseline: str = "zero", steps: int = STEPS) -> Tensor:
    """Area under the target's probability while its most relevant pixels leave the image; arguments as above."""
    return area(curves(batch, baseline, steps).deletion_morf)


def deletion_lerf(batch: ExplainedBatch, *, baseline: str = "zero", steps: int = STEPS) -> Tensor:
    """`deletion` with the least relevant pixels first."""
    return area(curves(batch, baseline, steps).deletion_lerf)


def curves(batch: ExplainedBatch, baseline: str, steps: int) -> Curves:
    """The batch's curves of this baseline where it brings them with these steps, else computed."""
    pixels = batch.attributions.shape[-2] * batch.attributions.shape[-1]
    known = batch.curves.get(baseline)
    if known is not None and torch.equal(counts_of(known, pixels), step_counts(pixels, steps=steps)):
        return known
    return perturb(batch, baseline=baseline, steps=steps)
