"""Tests that answer the neighbouring questions: these models on new images, these images with new runs.

Reference: Pratt 1959 (zeros in the signed-rank test); Hodges and Lehmann 1963.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from scipy import stats

from study.statistics.floats import Floats, Integers, rounded
from study.statistics.influence import of_mean

EXACT_SIGNED_RANK = 50
"""Up to this many non-zero differences the signed-rank p is exact given the ranks."""

EXACT_ARRANGEMENTS = 200_000
"""Up to this many relabellings of runs are tried; beyond it there is no permutation p."""

DIRECT_WALSH = 400
"""Up to this many differences all Walsh averages are formed at once."""


class TTest(NamedTuple):
    """A t test; t, p and limits are NaN where the standard error is zero or does not exist."""

    estimate: float
    se: float
    df: float
    t: float
    p_value: float
    ci_low: float
    ci_high: float


def t_test(estimate: float, se: float, df: float, *, alpha: float = 0.05) -> TTest:
    """Two-sided t test of `estimate` against 0; df = inf gives the normal test."""
    if not se > 0:
        nan = float("nan")
        return TTest(estimate, se, df, nan, nan, nan, nan)
    t = estimate / se
    half = float(stats.t.ppf(1 - alpha / 2, df)) * se
    return TTest(estimate, se, df, t, float(2 * stats.t.sf(abs(t), df)), estimate - half, estimate + half)


def images_test(
    differences: Floats, clusters: Integers | None = None, *, weight: str = "image", alpha: float = 0.05
) -> TTest:
    """Mean difference over images with runs averaged (Q-models): paired t, or its form for patients.

    Args:
        differences: [n] treatment minus control, each image averaged over runs.
        clusters: [n] codes; None where every image stands alone. The standard error is then
            the root of squared patient totals (CR1) with G - 1 degrees of freedom.
        weight: `image` or `patient`.
        alpha: 1 - level.
    """
    codes = np.arange(len(differences)) if clusters is None else clusters
    arm = of_mean(rounded(differences)[None, :], codes, weight=weight)
    n_clusters = arm.influence.shape[1]
    se = float(np.sqrt((arm.influence**2).sum())) if n_clusters > 1 else float("nan")
    if np.ptp(rounded(differences)) == 0:
        se = 0.0 if n_clusters > 1 else float("nan")
    return t_test(
        float(differences.mean()) if weight == "image" else float(arm.figures[0]), se, n_clusters - 1, alpha=alpha
    )


def images_test_cr2(differences: Floats, clusters: Integers, *, alpha: float = 0.05) -> TTest:
    """Mean over images with patients, bias-reduced (CR2) standard error and Satterthwaite df.

    For a mean, patient totals T of residuals give V = sum T^2 / (1 - m / n) / n^2, m images of n.

    Reference: Pustejovsky and Tipton 2018.
    """
    n = len(differences)
    codes = np.unique(clusters, return_inverse=True)[1]
    share = np.bincount(codes) / n
    totals = np.bincount(codes, weights=differences - differences.mean())
    se = float(np.sqrt((totals**2 / (1 - share)).sum()) / n)
    # inner products of the rows p_g = (1_g - share_g 1) / sqrt(1 - share_g), on which the df rests
    inner = (np.diag(share) - np.outer(share, share)) / np.sqrt(np.outer(1 - share, 1 - share))
    df = float(np.trace(inner) ** 2 / (inner**2).sum())
    return t_test(float(differences.mean()), se, df, alpha=alpha)


def runs_test(treatment: Floats, control: Floats, *, paired: bool = False, alpha: float = 0.05) -> TTest:
    """Difference of run means with the images held fixed (Q-images): Welch's t, or paired t.

    Args:
        treatment: [S] figures of the runs.
        control: [S'] figures; the same seeds in the same order if paired.
        paired: whether seeds are paired.
        alpha: 1 - level.
    """
    if paired:
        d = treatment - control
        se = float(d.std(ddof=1) / np.sqrt(len(d))) if len(d) > 1 else float("nan")
        return t_test(float(d.mean()), se, len(d) - 1, alpha=alpha)
    estimate = float(treatment.mean() - control.mean())
    if min(len(treatment), len(control)) < 2:
        return t_test(estimate, float("nan"), float("nan"))
    parts = [arm.var(ddof=1) / len(arm) for arm in (treatment, control)]
    total = float(sum(parts))
    below = sum(part**2 / (len(arm) - 1) for part, arm in zip(parts, (treatment, control), strict=True))
    return t_test(estimate, float(np.sqrt(total)), total**2 / float(below) if below > 0 else float("nan"), alpha=alpha)


class SignedRank(NamedTuple):
    """Wilcoxon's signed-rank test; p is NaN without non-zero differences.

    Attributes:
        w_plus, w_minus: rank sums of positive and negative differences.
        n_nonzero: differences that are not zero.
        z, p_normal: normal approximation without continuity correction.
        p_corrected: with continuity correction.
        p_exact: exact over signs given the (mid)ranks; NaN beyond `EXACT_SIGNED_RANK`.
    """

    w_plus: float
    w_minus: float
    n_nonzero: int
    z: float
    p_normal: float
    p_corrected: float
    p_exact: float

    @property
    def p_value(self) -> float:
        """Exact where it was computed, else the normal approximation."""
        return self.p_normal if np.isnan(self.p_exact) else self.p_exact


def signed_rank(differences: Floats, zeros: str = "pratt") -> SignedRank:
    """Wilcoxon's signed-rank test of differences rounded to 12 significant digits.

    Args:
        differences: [n].
        zeros: `pratt` ranks zeros, then leaves them out of the sums; `drop` leaves them out
            before ranking; `zsplit` shares their ranks between both sums.
    """
    d = rounded(differences)
    d = d[d != 0] if zeros == "drop" else d
    ranks = stats.rankdata(np.abs(d)) if len(d) else np.zeros(0)
    shared = float(ranks[d == 0].sum()) / 2 if zeros == "zsplit" else 0.0
    plus, minus = float(ranks[d > 0].sum()) + shared, float(ranks[d < 0].sum()) + shared
    free = ranks[d != 0]
    if len(free) == 0:
        nan = float("nan")
        return SignedRank(plus, minus, 0, nan, nan, nan, nan)
    spread = float(np.sqrt(((ranks if zeros == "zsplit" else free) ** 2).sum() / 4))
    z = (plus - minus) / 2 / spread
    corrected = max(abs(plus - minus) / 2 - 0.5, 0.0) / spread
    exact = (
        _exact_sign_p(np.rint(2 * free).astype(np.int64), d[d != 0] > 0) if len(free) <= EXACT_SIGNED_RANK else np.nan
    )
    p_normal, p_corrected = float(2 * stats.norm.sf(abs(z))), float(2 * stats.norm.sf(corrected))
    return SignedRank(plus, minus, len(free), z, p_normal, min(p_corrected, 1.0), exact)


def sign_flip(magnitudes: Integers, positive: np.typing.NDArray[np.bool_]) -> float:
    """Exact two-sided p of the sum under flips of every sign; magnitudes are whole numbers."""
    return _exact_sign_p(magnitudes, positive)


def _exact_sign_p(magnitudes: Integers, positive: np.typing.NDArray[np.bool_]) -> float:
    total = int(magnitudes.sum())
    chances = np.zeros(total + 1)
    chances[0] = 1.0
    reach = 0
    for magnitude in magnitudes:
        step = int(magnitude)
        shifted = np.zeros_like(chances)
        shifted[step : reach + step + 1] = chances[: reach + 1]
        reach += step
        chances = (chances + shifted) / 2
    observed = int(magnitudes[positive].sum())
    tail = min(observed, total - observed)
    return float(min(1.0, 2 * chances[: tail + 1].sum()))


def sign_test(differences: Floats) -> tuple[int, int, float]:
    """(positive, non-zero, two-sided p) of rounded differences; p is NaN without a non-zero one."""
    d = rounded(differences)
    n_plus, n_nonzero = int((d > 0).sum()), int((d != 0).sum())
    if n_nonzero == 0:
        return 0, 0, float("nan")
    return n_plus, n_nonzero, float(stats.binomtest(n_plus, n_nonzero).pvalue)


def smallest_sign_p(n_nonzero: int) -> float:
    """Smallest two-sided p that this many non-zero differences can give: 2^(1 - n)."""
    return min(1.0, 2.0 ** (1 - n_nonzero))


def hodges_lehmann(differences: Floats) -> float:
    """Median of the Walsh averages (d_i + d_j) / 2, i <= j, zeros included; exact for any n."""
    d = np.sort(rounded(differences))
    n, span = len(d), float(np.ptp(d))
    if span == 0:
        return float(d[0])
    if n <= DIRECT_WALSH:
        rows, columns = np.triu_indices(n)
        return float(np.median((d[rows] + d[columns]) / 2))
    count = n * (n + 1) // 2
    lower, upper = (count - 1) // 2, count // 2  # the two middle places, counted from 0
    low, high = 2 * d[0] - span, 2 * d[-1] + span  # both middle sums are in (low, high]
    while _sums_up_to(d, high) - _sums_up_to(d, low) > 8 * n:
        middle = (low + high) / 2
        up_to = _sums_up_to(d, middle)
        if middle in (low, high) or lower < up_to <= upper:
            break
        low, high = (low, middle) if up_to > upper else (middle, high)
    sums = np.sort(_sums_between(d, low, high))
    start = _sums_up_to(d, low)
    return float((sums[lower - start] + sums[upper - start]) / 4)


def _sums_up_to(d: Floats, limit: float) -> int:
    """How many d_i + d_j with i <= j are at most `limit`; `d` sorted."""
    upper = np.searchsorted(d, limit - d, side="right")
    return int(np.maximum(upper - np.arange(len(d)), 0).sum())


def _sums_between(d: Floats, low: float, high: float) -> Floats:
    """All d_i + d_j with i <= j in (low, high]."""
    index = np.arange(len(d))
    first = np.maximum(np.searchsorted(d, low - d, side="right"), index)
    last = np.maximum(np.searchsorted(d, high - d, side="right"), first)
    lengths = last - first
    rows = np.repeat(index, lengths)
    columns = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(first, lengths)
    return np.asarray(d[rows] + d[columns])


class Permutation(NamedTuple):
    """Exact permutation of run labels; `floor` is the smallest p this many runs can give."""

    p_value: float
    floor: float


def permute_runs(treatment: Floats, control: Floats, *, paired: bool = False) -> Permutation:
    """Two-sided exact p of the difference of run means under relabelling of runs.

    Nested seeds: all ways to choose which runs are the treatment's; paired: all sign flips.
    p is NaN beyond `EXACT_ARRANGEMENTS` relabellings.
    """
    n, m = len(treatment), len(control)
    arrangements = 2**n if paired else comb(n + m, n)
    floor = min(1.0, (2 if paired or n == m else 1) / arrangements)
    if arrangements > EXACT_ARRANGEMENTS:
        return Permutation(float("nan"), floor)
    if paired:
        d = treatment - control
        differences = _sign_patterns(n) @ d / n
        observed = d.mean()
    else:
        pooled = np.concatenate([treatment, control])
        chosen = pooled[_subsets(n + m, n)].sum(axis=1)
        differences = chosen / n - (pooled.sum() - chosen) / m
        observed = treatment.mean() - control.mean()
    noise = 1e-12 * max(float(np.abs(treatment).max()), float(np.abs(control).max()))
    return Permutation(float((np.abs(differences) >= abs(observed) - noise).mean()), floor)


@lru_cache(maxsize=16)
def _subsets(total: int, chosen: int) -> Integers:
    return np.array(list(combinations(range(total), chosen)), dtype=np.int64)


@lru_cache(maxsize=16)
def _sign_patterns(n: int) -> Floats:
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return np.asarray(1.0 - 2.0 * bits)
