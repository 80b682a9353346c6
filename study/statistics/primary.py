"""The primary analysis: runs and images crossed, after Obuchowski and Rockette, with a Satterthwaite t.

It needs of each run a figure of merit f[r] (a mean over images, an AUC) and an influence
vector h[r, g] over clusters of images such that sum_g h[r, g] * h[q, g] is the covariance
of two runs that the sampling of images causes. One function serves a difference of nested
arms, of paired seeds (one "arm" of differences), a single arm, any contrast of arms, and,
through trailing axes, all steps of a curve at once.

Reference: Obuchowski and Rockette 1995; Hillis 2014 (degrees of freedom, nested designs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from study.statistics.floats import Floats


@dataclass(frozen=True)
class ArmFigures:
    """One arm's runs.

    Attributes:
        figures: [S, ...] figure of merit of each run, metric units.
        influence: [S, G, ...] influence of each of G clusters on each figure.
    """

    figures: Floats
    influence: Floats

    def __sub__(self, other: ArmFigures) -> ArmFigures:
        """Differences run by run: what paired seeds are analysed as."""
        return ArmFigures(self.figures - other.figures, self.influence - other.influence)


@dataclass(frozen=True)
class Crossed:
    """What the primary analysis says; every field has the trailing shape of the figures.

    Attributes:
        estimate, se, df, t, p_value, ci_low, ci_high: NaN where the variance is exactly zero
            (t, p and limits) or where there is none.
        v_run: [arms, ...] share of each arm in the variance from the spread of its runs.
        v_case: variance from the sampling of images, before negative values are set to 0.
        df_runs: Hillis's degrees of freedom, without the image part.
    """

    estimate: Floats
    se: Floats
    df: Floats
    t: Floats
    p_value: Floats
    ci_low: Floats
    ci_high: Floats
    v_run: Floats
    v_case: Floats
    df_runs: Floats

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Two-sided interval at `level`, such as .90 for equivalence."""
        half = special.stdtrit(self.df, 0.5 + level / 2) * self.se
        return self.estimate - half, self.estimate + half


def crossed(arms: Sequence[ArmFigures], weights: Sequence[float], *, alpha: float = 0.05) -> Crossed:
    """Estimate, standard error and t of sum_a weights[a] * mean figure of arm a.

    V = sum_a v_run[a] + max(v_case, 0), df = V^2 / (sum_a v_run[a]^2 / (S[a] - 1) + max(v_case, 0)^2 / (G - 1)).

    Args:
        arms: arms with non-zero weight, each with at least two runs, on the same clusters.
        weights: +1, -1 for a difference; 1 for a single arm or for paired differences.
        alpha: 1 - level of the interval.

    Raises:
        ValueError: an arm has fewer than two runs, or there are fewer than two clusters.
    """
    n_clusters = arms[0].influence.shape[1]
    if n_clusters < 2 or any(len(arm.figures) < 2 for arm in arms):
        raise ValueError("the crossed analysis needs two runs in each arm and two clusters")
    estimate = np.asarray(sum(c * arm.figures.mean(axis=0) for arm, c in zip(arms, weights, strict=True)))
    v_run = np.stack([c**2 * _run_variance(arm.figures) for arm, c in zip(arms, weights, strict=True)])
    v_case = _case_variance(arms, weights)
    v_image = np.maximum(v_case, 0)
    total = v_run.sum(axis=0) + v_image
    runs_part = sum((v**2 / (len(arm.figures) - 1) for v, arm in zip(v_run, arms, strict=True)), np.float64(0))
    with np.errstate(divide="ignore", invalid="ignore"):
        df = total**2 / (runs_part + v_image**2 / (n_clusters - 1))
        se = np.sqrt(total)
        t = np.where(total > 0, estimate / se, np.nan)
        df_runs = total**2 / runs_part
    # the quantiles of scipy.stats.t without its checks, which cost more than the analysis
    half = special.stdtrit(df, 1 - alpha / 2) * np.where(total > 0, se, np.nan)
    p_value = 2 * special.stdtr(df, -np.abs(t))
    return Crossed(estimate, se, df, t, p_value, estimate - half, estimate + half, v_run, v_case, df_runs)


def covariances(arm: ArmFigures, other: ArmFigures) -> Floats:
    """[S, S'] covariances of runs of two arms that the sampling of images causes."""
    return np.asarray(arm.influence @ other.influence.T)


def _run_variance(figures: Floats) -> Floats:
    """Variance of the arm's mean from its runs; float noise of identical runs counts as 0."""
    spread = figures - figures.mean(axis=0)
    noise = 1e-12 * np.abs(figures).max(axis=0)
    spread = np.where(np.abs(spread) <= noise, 0.0, spread)
    n_runs = len(figures)
    return np.asarray((spread**2).sum(axis=0) / (n_runs - 1) / n_runs)


def _case_variance(arms: Sequence[ArmFigures], weights: Sequence[float]) -> Floats:
    """sum_ab c[a] c[b] K[a, b]; K[a, a] over pairs of different runs only."""
    means = [arm.influence.mean(axis=0) for arm in arms]
    contrast = sum((c * mean for c, mean in zip(weights, means, strict=True)), np.float64(0))
    result = np.asarray((contrast**2).sum(axis=0))
    scale = np.zeros_like(result)
    for arm, mean, c in zip(arms, means, weights, strict=True):
        n_runs = len(arm.influence)
        own = (mean**2).sum(axis=0)
        within = np.einsum("sg...,sg...->...", arm.influence, arm.influence)
        result = result + c**2 * ((n_runs**2 * own - within) / (n_runs * (n_runs - 1)) - own)
        scale = scale + c**2 * within
    return np.where(np.abs(result) <= 1e-14 * scale, 0.0, result)
