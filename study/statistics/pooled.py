"""The primary analysis with one run variance for all arms: more degrees of freedom from few runs of many arms.

It equals a mixed model with crossed random effects where the design is balanced, and is unsafe where one arm is much
noisier than the others, so it is used only where the protocol asks for it.

Reference: Obuchowski and Rockette 1995; Hillis 2014 (degrees of freedom, nested designs).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from study.statistics.omnibus import mean_covariances
from study.statistics.primary import ArmFigures, Crossed

FEWEST_ARMS = 3
"""With two arms pooling assumes equal spread and gains almost nothing."""


def pooled_variance(arms: Sequence[ArmFigures]) -> tuple[float, int]:
    """Mean square of runs within arms, and its degrees of freedom N - T.

    Args:
        arms: T arms with at least two runs each, figures [S_a].
    """
    squares = sum(float(((arm.figures - arm.figures.mean()) ** 2).sum()) for arm in arms)
    df = sum(len(arm.figures) for arm in arms) - len(arms)
    return squares / df, df


def crossed_pooled(arms: Sequence[ArmFigures], weights: Sequence[float], *, alpha: float = 0.05) -> Crossed:
    """Estimate, standard error and t of sum_a weights[a] * mean figure of arm a under one run variance.

    Covariances are averaged over arms and over pairs of arms too, so every pair of arms has the same standard error.

    With MS_R the pooled mean square of runs, Cov2 the mean covariance of different runs of one arm and Cov3 of runs of
    different arms: v_run[a] = weights[a]^2 MS_R / S[a], v_case = sum_a weights[a]^2 (Cov2 - Cov3),
    V = sum_a v_run[a] + max(v_case, 0), df = V^2 / ((sum_a v_run[a])^2 / (N - T)) (Hillis).

    Args:
        arms: every arm of the study with at least two runs, on the same images; those with weight 0 lend their spread.
        weights: one per arm, adding to 0.
        alpha: 1 - level of the interval.

    Raises:
        ValueError: fewer than three arms, an arm with fewer than two runs, or weights that do not add to 0.
    """
    c = np.asarray(weights, dtype=np.float64)
    if len(arms) < FEWEST_ARMS or any(len(arm.figures) < 2 for arm in arms) or abs(c.sum()) > 1e-12:
        raise ValueError("one run variance needs three arms of two runs or more, and weights that add to 0")
    means = np.array([float(arm.figures.mean()) for arm in arms])
    mean_square, df_within = pooled_variance(arms)
    v_run = c**2 * mean_square / np.array([len(arm.figures) for arm in arms])
    parts = mean_covariances(arms)
    v_case = float((c**2).sum() * (parts.cov2 - parts.cov3_nested))
    total = float(v_run.sum()) + max(v_case, 0.0)
    estimate = float(c @ means)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.float64(total**2) / (v_run.sum() ** 2 / df_within)
        t = np.float64(estimate) / np.sqrt(total) if total > 0 else np.float64("nan")
    se = np.asarray(np.sqrt(total))
    half = stats.t.ppf(1 - alpha / 2, df) * (se if total > 0 else np.nan)
    fields = (estimate, se, df, t, 2 * stats.t.sf(abs(t), df), estimate - half, estimate + half, v_run, v_case, df)
    return Crossed(*(np.asarray(field) for field in fields))
