"""Variance components of one metric from ANOVA mean squares, and whether images agree on an order.

The first say what to buy next, seeds or images; the second whether a metric ranks at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from study.statistics.floats import Floats


class MeanSquares(NamedTuple):
    """Mean squares of arm + image + run in arm + arm x image + residual; NaN where there are no df."""

    arm: float
    image: float
    run_in_arm: float
    arm_image: float
    residual: float


class VarianceComponents(NamedTuple):
    """Raw estimates, negative ones not yet set to 0; NaN where the design cannot tell."""

    run: float
    arm_by_image: float
    residual: float
    image: float


def mean_squares(arms: Sequence[Floats]) -> MeanSquares:
    """Mean squares of complete arms [S_a, n].

    Unequal S: arm and image mean squares use the harmonic mean of the S, which is exact when they are equal.
    """
    n_images = arms[0].shape[1]
    sizes = np.array([len(arm) for arm in arms])
    n_arms, runs_df = len(arms), int((sizes - 1).sum())
    harmonic = n_arms / (1 / sizes).sum()
    by_image = np.stack([arm.mean(axis=0) for arm in arms])  # [T, n]
    by_arm = by_image.mean(axis=1)
    centred = by_image - by_arm[:, None] - by_image.mean(axis=0) + by_arm.mean()
    run_squares = sum(float(((arm.mean(axis=1) - arm.mean()) ** 2).sum()) for arm in arms)
    residuals = sum(
        float(((arm - arm.mean(axis=0) - arm.mean(axis=1, keepdims=True) + arm.mean()) ** 2).sum()) for arm in arms
    )
    return MeanSquares(
        arm=float(harmonic * n_images * by_arm.var(ddof=1)) if n_arms > 1 else np.nan,
        image=float(harmonic * n_arms * by_image.mean(axis=0).var(ddof=1)),
        run_in_arm=n_images * run_squares / runs_df if runs_df else np.nan,
        arm_image=float(harmonic * (centred**2).sum() / ((n_arms - 1) * (n_images - 1))) if n_arms > 1 else np.nan,
        residual=residuals / (runs_df * (n_images - 1)) if runs_df else np.nan,
    )


def variance_components(arms: Sequence[Floats]) -> VarianceComponents:
    """Run, arm-by-image, residual and image variance of complete arms [S_a, n], n >= 2."""
    squares = mean_squares(arms)
    n_images, n_arms = arms[0].shape[1], len(arms)
    harmonic = n_arms / sum(1 / len(arm) for arm in arms)
    return VarianceComponents(
        run=(squares.run_in_arm - squares.residual) / n_images,
        arm_by_image=(squares.arm_image - squares.residual) / harmonic,
        residual=squares.residual,
        image=(squares.image - squares.arm_image) / (harmonic * n_arms),
    )


def agreement_on_order(values: Floats) -> float | None:
    """Krippendorff's alpha on ranks: do images agree on the order of the items, and so on which is best.

    Images are raters, and each ranks the items (arms, attribution methods) by its values averaged over runs:
    alpha = 1 - mean variance of an item's ranks / variance of all ranks, both with ddof 1.

    Args:
        values: [k, n] without NaN.

    Returns:
        1 where all images agree, about 0 where they rank at random; None for fewer than two items or images, and
        where all items tie in every image.
    """
    if min(values.shape) < 2:
        return None
    ranks = stats.rankdata(values, axis=0)
    total = float(ranks.var(ddof=1))
    return float(1 - ranks.var(axis=1, ddof=1).mean() / total) if total > 0 else None
