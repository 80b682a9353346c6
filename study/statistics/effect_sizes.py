"""Effect sizes, each with an interval.

Reference: Westfall, Kenny and Judd 2014 (crossed random factors); Bouthillier et al. 2021 (probability of
outperforming); Newcombe 1998 (Wilson's interval).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats

from study.statistics.floats import Floats, rounded


class Effect(NamedTuple):
    """An effect size and its interval; NaN where it does not exist."""

    value: float
    low: float
    high: float


NONE = Effect(float("nan"), float("nan"), float("nan"))


def noncentrality_interval(t: float, df: float, alpha: float = 0.05) -> tuple[float, float]:
    """Limits of the noncentrality parameter for which `t` is the (1 - alpha/2) and (alpha/2) quantile."""

    def chance(parameter: float, wanted: float) -> float:
        value = float(special.nctdtr(df, parameter, t))
        if not np.isfinite(value):  # far in the tail, where scipy gives up
            value = float(stats.norm.cdf((t * (1 - 1 / (4 * df)) - parameter) / np.sqrt(1 + t * t / (2 * df))))
        return value - wanted

    width = (2 + abs(stats.norm.ppf(alpha / 2))) * np.sqrt(1 + t * t / (2 * df))
    limits = []
    for wanted in (1 - alpha / 2, alpha / 2):
        low, high = t - width, t + width
        while chance(low, wanted) < 0:
            low -= width
        while chance(high, wanted) > 0:
            high += width
        limits.append(float(optimize.brentq(chance, low, high, args=(wanted,), xtol=1e-10 * (1 + abs(t)), rtol=1e-12)))
    return limits[0], limits[1]


def dz(differences: Floats, alpha: float = 0.05) -> Effect:
    """Mean over SD (ddof 1) of per-image differences, with a noncentral-t interval (Q-models).

    Args:
        differences: [n], n >= 2. NaN where all are equal.
        alpha: 1 - level.
    """
    d = rounded(differences)
    if len(d) < 2 or np.ptp(d) == 0:
        return NONE
    value = float(d.mean() / d.std(ddof=1))
    root = np.sqrt(len(d))
    low, high = noncentrality_interval(value * root, len(d) - 1, alpha)
    return Effect(value, low / root, high / root)


def small_sample_factor(n: int) -> float:
    """Hedges's J for n differences: Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2)), m = n - 1."""
    m = n - 1
    return float(np.exp(special.gammaln(m / 2) - special.gammaln((m - 1) / 2)) / np.sqrt(m / 2))


def d_av(treatment: Floats, control: Floats) -> float:
    """Mean difference over the root mean variance of both arms."""
    spread = np.sqrt((treatment.var(ddof=1) + control.var(ddof=1)) / 2)
    return float((treatment - control).mean() / spread)


def d_rm(treatment: Floats, control: Floats) -> float:
    """Dz * sqrt(2 (1 - r)): the paired difference on the scale of single values."""
    r = float(np.corrcoef(treatment, control)[0, 1])
    d = treatment - control
    return float(d.mean() / d.std(ddof=1) * np.sqrt(2 * (1 - r)))


def d_run(
    treatment: Floats, control: Floats, *, se: float, df: float, alpha: float = 0.05, variance: float | None = None
) -> Effect:
    """Difference over the root mean run variance (Q-recipe), with a noncentral-t interval.

    The pivot is the primary analysis: t = estimate / se on df. A bootstrap of a ratio whose
    denominator comes from three to five runs would divide by zero in many replicates.

    Args:
        treatment: [S] figures of the runs, S >= 2.
        control: [S'] likewise.
        se: standard error of the primary analysis.
        df: its degrees of freedom.
        alpha: 1 - level.
        variance: of runs, where one for all arms is used; None: the mean of both arms'.
    """
    if min(len(treatment), len(control)) < 2:
        return NONE
    own = (treatment.var(ddof=1) + control.var(ddof=1)) / 2
    spread = float(np.sqrt(own if variance is None else variance))
    if not (spread > 1e-12 * float(np.abs(treatment).max()) and se > 0 and np.isfinite(df)):
        return NONE
    value = float(treatment.mean() - control.mean()) / spread
    low, high = noncentrality_interval(value * spread / se, df, alpha)
    return Effect(value, low * se / spread, high * se / spread)


def rank_biserial(w_plus: float, w_minus: float) -> float:
    """(W+ - W-) / (W+ + W-), from both sums so that sign and factor are right."""
    total = w_plus + w_minus
    return (w_plus - w_minus) / total if total else float("nan")


def improvements(differences: Floats, higher_is_better: bool | None) -> Floats:
    """[n] 1 where the treatment is better, .5 for ties, 0 where it is worse."""
    sign = -1.0 if higher_is_better is False else 1.0
    return np.asarray((np.sign(sign * rounded(differences)) + 1) / 2)


def wilson(successes: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Wilson's interval of a share of n."""
    limits = stats.binomtest(successes, n).proportion_ci(1 - alpha, method="wilson")
    return float(limits.low), float(limits.high)


def run_wins(treatment: Floats, control: Floats, higher_is_better: bool | None) -> Floats:
    """[..., S, S'] 1 where a treatment's run is better than a control's run, ties half."""
    return improvements(treatment[..., :, None] - control[..., None, :], higher_is_better)


def a12(treatment: Floats, control: Floats) -> float:
    """Vargha and Delaney's A over all pairs; for unpaired values only."""
    return float(run_wins(treatment, control, True).mean())


def trimmed_mean(differences: Floats, share: float = 0.2) -> float:
    """Mean after cutting `share` of the values at each end."""
    return float(stats.trim_mean(differences, share))
