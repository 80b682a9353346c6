"""More than two arms at once: context for planned contrasts, never a gate before them.

Obuchowski-Rockette F (retraining and new images), repeated-measures ANOVA and Friedman (these
models, images as blocks), Nemenyi's critical difference.

Reference: Hillis 2014; Greenhouse and Geisser 1959; Huynh and Feldt 1976; Demsar 2006; Page 1963.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import stats

from study.statistics.floats import Floats
from study.statistics.primary import ArmFigures, covariances


class Covariances(NamedTuple):
    """Mean covariances of runs; `cov1` (same seed, other arm) is NaN unless arms have equal sizes.

    Attributes:
        error: mean variance of a run from the sampling of images.
        cov1: other arm, same seed. cov2: same arm, other run.
        cov3: other arm, other seed. cov3_nested: other arm, any run.
    """

    error: float
    cov1: float
    cov2: float
    cov3: float
    cov3_nested: float


def mean_covariances(arms: Sequence[ArmFigures]) -> Covariances:
    """Obuchowski and Rockette's covariance components of arms with at least two runs each."""
    within = [covariances(arm, arm) for arm in arms]
    between = [covariances(a, b) for i, a in enumerate(arms) for b in arms[i + 1 :]]
    sizes = {len(arm.figures) for arm in arms}
    same = [c.diagonal() for c in between] if len(sizes) == 1 else []
    other = [c[~np.eye(len(c), dtype=bool)] for c in between] if len(sizes) == 1 else []
    return Covariances(
        error=float(np.concatenate([c.diagonal() for c in within]).mean()),
        cov1=float(np.concatenate(same).mean()) if same else np.nan,
        cov2=float(np.mean([c[~np.eye(len(c), dtype=bool)].mean() for c in within])),
        cov3=float(np.concatenate(other).mean()) if other else np.nan,
        cov3_nested=float(np.mean([c.mean() for c in between])),
    )


class OmnibusF(NamedTuple):
    """F over all arms; `se` is of the difference of two arms under the pooled run variance.

    Where runs of every arm are identical `df2` is infinite, or F and df2 are not defined.
    """

    ms_arms: float
    ms_runs: float
    denominator: float
    f: float
    df1: int
    df2: float
    p_value: float
    se: float


def nested_f(arms: Sequence[ArmFigures]) -> OmnibusF:
    """Runs nested in arms, one run variance for all; unequal S use n0 = (N - sum S^2 / N) / (T - 1)."""
    parts, sizes = mean_covariances(arms), np.array([len(arm.figures) for arm in arms])
    n_arms, total = len(arms), int(sizes.sum())
    n0 = (total - (sizes**2).sum() / total) / (n_arms - 1)
    means = np.array([arm.figures.mean() for arm in arms])
    grand = float((sizes * means).sum() / total)
    ms_arms = float((sizes * (means - grand) ** 2).sum() / (n_arms - 1))
    df_runs = total - n_arms
    ms_runs = float(sum(((arm.figures - arm.figures.mean()) ** 2).sum() for arm in arms) / df_runs)
    extra = n0 * max(parts.cov2 - parts.cov3_nested, 0.0)
    return _omnibus(ms_arms, ms_runs, extra, (n_arms, df_runs, float(n0)))


def paired_f(arms: Sequence[ArmFigures]) -> OmnibusF:
    """Seeds crossed with arms (same seed = same reader): arm-by-seed mean square in the denominator."""
    parts = mean_covariances(arms)
    figures = np.stack([arm.figures for arm in arms])  # [T, S]
    n_arms, n_seeds = figures.shape
    ms_arms = float(n_seeds * figures.mean(axis=1).var(ddof=1))
    left = figures - figures.mean(axis=1, keepdims=True) - figures.mean(axis=0) + figures.mean()
    df_runs = (n_arms - 1) * (n_seeds - 1)
    ms_runs = float((left**2).sum() / df_runs)
    extra = n_seeds * max(parts.cov2 - parts.cov3, 0.0)
    return _omnibus(ms_arms, ms_runs, extra, (n_arms, df_runs, float(n_seeds)))


def _omnibus(ms_arms: float, ms_runs: float, extra: float, sizes: tuple[int, int, float]) -> OmnibusF:
    n_arms, df_runs, n_seeds = sizes
    denominator = ms_runs + extra
    with np.errstate(divide="ignore", invalid="ignore"):
        f = float(np.float64(ms_arms) / denominator)
        df2 = float(np.float64(denominator) ** 2 / (ms_runs**2 / df_runs))
    p_value = float(stats.f.sf(f, n_arms - 1, df2))
    return OmnibusF(
        ms_arms, ms_runs, denominator, f, n_arms - 1, df2, p_value, float(np.sqrt(2 / n_seeds * denominator))
    )


class RepeatedMeasures(NamedTuple):
    """One-way repeated-measures ANOVA; Greenhouse-Geisser is always applied, Mauchly for information.

    Mauchly's p is NaN where two arms are equal.
    """

    f: float
    df1: int
    df2: int
    p_value: float
    partial_eta_squared: float
    generalised_eta_squared: float
    mauchly_w: float
    mauchly_p: float
    gg_epsilon: float
    p_gg: float
    hf_epsilon: float
    p_hf: float


def repeated_measures(values: Floats) -> RepeatedMeasures:
    """Images as blocks, runs averaged. `values` [n, k] without NaN, n > k."""
    n, k = values.shape
    by_arm, by_image, grand = values.mean(axis=0), values.mean(axis=1), values.mean()
    ss_arm = n * float(((by_arm - grand) ** 2).sum())
    ss_image = k * float(((by_image - grand) ** 2).sum())
    ss_error = float(((values - by_arm - by_image[:, None] + grand) ** 2).sum())
    df1, df2 = k - 1, (k - 1) * (n - 1)
    f = (ss_arm / df1) / (ss_error / df2)
    contrast = np.linalg.svd(np.eye(k) - 1 / k)[0][:, : k - 1]
    spread = contrast.T @ np.cov(values.T) @ contrast
    epsilon = float(np.trace(spread) ** 2 / (df1 * (spread**2).sum()))
    hf = min(1.0, (n * df1 * epsilon - 2) / (df1 * (n - 1 - df1 * epsilon)))
    mauchly = float(np.linalg.det(spread) / (np.trace(spread) / df1) ** df1)
    roots = np.linalg.eigvalsh(spread)
    singular = bool(roots[0] <= 1e-12 * roots[-1])  # two arms are equal
    return RepeatedMeasures(
        f,
        df1,
        df2,
        float(stats.f.sf(f, df1, df2)),
        ss_arm / (ss_arm + ss_error),
        ss_arm / (ss_arm + ss_image + ss_error),
        mauchly,
        float("nan") if singular else _mauchly_p(mauchly, n, df1),
        epsilon,
        float(stats.f.sf(f, df1 * epsilon, df2 * epsilon)),
        hf,
        float(stats.f.sf(f, df1 * hf, df2 * hf)),
    )


def _mauchly_p(w: float, n: int, p: int) -> float:
    """Chi-squared approximation with Box's second-order term, as R's `mauchly.test`."""
    freedom = n - 1
    rho = 1 - (2 * p * p + p + 2) / (6 * p * freedom)
    second = (p + 2) * (p - 1) * (p - 2) * (2 * p**3 + 6 * p * p + 3 * p + 2) / (288 * (freedom * p * rho) ** 2)
    z = -freedom * rho * float(np.log(w))
    df = p * (p + 1) / 2 - 1
    first = float(stats.chi2.sf(z, df))
    return float(first + second * (float(stats.chi2.sf(z, df + 4)) - first))


class Friedman(NamedTuple):
    """Friedman's test with tie correction; Iman and Davenport's F behaves better in small samples."""

    chi2: float
    p_value: float
    kendall_w: float
    iman_davenport_f: float
    iman_davenport_p: float
    average_ranks: Floats


def friedman(values: Floats) -> Friedman:
    """Ranks within images.

    Args:
        values: [n, k] without NaN, n >= 2, k >= 2; rank 1 is the smallest value.

    Returns:
        Statistics are NaN where all arms tie in every image; F is infinite where all images agree on the order.
    """
    n, k = values.shape
    ranks = stats.rankdata(values, axis=1)
    between = float(((ranks.sum(axis=0) - n * (k + 1) / 2) ** 2).sum())
    within = float(((ranks - (k + 1) / 2) ** 2).sum())
    chi2 = (k - 1) * between / within if within > 0 else np.nan
    left = n * (k - 1) - chi2
    f = np.inf if left <= 1e-9 * n * k else (n - 1) * chi2 / left
    p_f = float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))
    return Friedman(chi2, float(stats.chi2.sf(chi2, k - 1)), chi2 / (n * (k - 1)), f, p_f, ranks.mean(axis=0))


def nemenyi(average_ranks: Floats, n: int) -> Floats:
    """[k, k] p of all pairs of average ranks over n independent blocks."""
    k = len(average_ranks)
    apart = np.abs(average_ranks[:, None] - average_ranks) / np.sqrt(k * (k + 1) / (6 * n))
    return np.asarray(stats.studentized_range.sf(apart * np.sqrt(2), k, np.inf))


def nemenyi_against(average_ranks: Floats, n: int, reference: int) -> Floats:
    """[k] p of every average rank against that at `reference`, as in `nemenyi`; 1 there."""
    k = len(average_ranks)
    apart = np.abs(average_ranks - average_ranks[reference]) / np.sqrt(k * (k + 1) / (6 * n))
    return np.asarray(stats.studentized_range.sf(apart * np.sqrt(2), k, np.inf))


def critical_difference(k: int, n: int, alpha: float = 0.05) -> float:
    """Nemenyi's critical difference of average ranks: q(1 - alpha; k, inf) / sqrt(2) * sqrt(k (k + 1) / (6 n))."""
    return _studentized_range(k, alpha) * float(np.sqrt(k * (k + 1) / (12 * n)))


@lru_cache(maxsize=64)
def _studentized_range(k: int, alpha: float) -> float:
    """Upper quantile for infinite df; a search over an integral, and every ranking of a study asks for the same."""
    return float(stats.studentized_range.ppf(1 - alpha, k, np.inf))


class Page(NamedTuple):
    """Page's trend test over ordered arms, one-sided for an increase."""

    l_statistic: float
    z: float
    p_value: float


def page(values: Floats) -> Page:
    """`values` [n, k], arms in the predicted order; images are the blocks."""
    n, k = values.shape
    total = float((stats.rankdata(values, axis=1).sum(axis=0) * np.arange(1, k + 1)).sum())
    expected = n * k * (k + 1) ** 2 / 4
    spread = np.sqrt(n * k**2 * (k + 1) ** 2 * (k - 1) / 144)
    z = (total - expected) / float(spread)
    return Page(total, z, float(stats.norm.sf(z)))
