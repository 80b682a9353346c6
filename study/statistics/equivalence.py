"""Equivalence and non-inferiority on the estimate, standard error and df of the primary analysis.

Reference: Schuirmann 1987; Lakens 2017.
"""

from __future__ import annotations

from typing import NamedTuple

from scipy import stats


class Equivalence(NamedTuple):
    """Two one-sided tests; equivalent at .05 if and only if the 90 % interval lies inside the margin."""

    t_lower: float
    p_lower: float
    t_upper: float
    p_upper: float
    p_value: float
    ci_low: float
    ci_high: float


def tost(estimate: float, se: float, df: float, *, margin: float, alpha: float = 0.05) -> Equivalence:
    """Is the difference inside (-margin, margin)? p is the larger of two one-sided p.

    Args:
        estimate: of the primary analysis.
        se: its standard error, > 0.
        df: its degrees of freedom.
        margin: > 0, metric units.
        alpha: of each one-sided test; the interval has level 1 - 2 alpha.
    """
    t_lower, t_upper = (estimate + margin) / se, (estimate - margin) / se
    p_lower, p_upper = float(stats.t.sf(t_lower, df)), float(stats.t.cdf(t_upper, df))
    half = float(stats.t.ppf(1 - alpha, df)) * se
    return Equivalence(t_lower, p_lower, t_upper, p_upper, max(p_lower, p_upper), estimate - half, estimate + half)


def smallest_margin(ci_low: float, ci_high: float) -> float:
    """The smallest margin at which equivalence would have been concluded: max of the |90 % limits|."""
    return max(abs(ci_low), abs(ci_high))


class NonInferiority(NamedTuple):
    """One-sided test that the treatment is not worse by the margin or more; `limit` is one-sided."""

    t: float
    p_value: float
    limit: float


def noninferiority(
    estimate: float, se: float, df: float, *, margin: float, higher_is_better: bool = True, alpha: float = 0.05
) -> NonInferiority:
    """T = (estimate + margin) / se for higher-is-better, mirrored for lower-is-better.

    Returns:
        `limit` is the lower one-sided 1 - alpha limit of the difference (upper if lower is better).
    """
    sign = 1.0 if higher_is_better else -1.0
    t = (sign * estimate + margin) / se
    limit = estimate - sign * float(stats.t.ppf(1 - alpha, df)) * se
    return NonInferiority(t, float(stats.t.sf(t, df)), limit)
