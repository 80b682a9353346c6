"""Resampling by weights, drawn once per study and used for every metric, method and arm.

Image weights are multinomial counts over clusters; run weights are S - 1 draws from S runs,
divided by S - 1, which makes the spread of the mean unbiased for few runs. Replicates of
means are matrix products, so that pairing is kept everywhere and thousands of columns cost seconds.

Reference: Owen and Eckles 2012 (product weights); Rao and Wu 1988 (fewer draws); Efron 1987 (BCa).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from study.rng import numpy_generator
from study.statistics.floats import Floats, Integers

CHUNK = 500
"""Replicates weighted at a time: bounds memory, and each chunk has a generator of its own."""

SMALLEST = 8
"""Fewer images or clusters than this are not a bootstrap case."""


class Interval(NamedTuple):
    """Limits; NaN where there are none."""

    low: float
    high: float


def image_weights(n_units: int, resamples: int, seed: int, strata: Integers | None = None) -> Iterator[Floats]:
    """Chunks [<= 500, G] of multinomial(G, 1/G) counts over units, the same on every call.

    Args:
        n_units: G, images or patients.
        resamples: B, rows of all chunks together.
        seed: the protocol's resampling seed.
        strata: [G] codes; each stratum is drawn from by itself, as often as it has units. None: one stratum.
    """
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        generator = numpy_generator("bootstrap", seed, "images", start)
        if strata is None:
            drawn = generator.integers(0, n_units, size=(size, n_units))
        else:
            drawn = _within(generator, strata, size)
        drawn += np.arange(size)[:, None] * n_units
        yield np.bincount(drawn.ravel(), minlength=size * n_units).reshape(size, n_units).astype(np.float64)


def _within(generator: np.random.Generator, strata: Integers, size: int) -> Integers:
    """[size, G] units drawn with replacement from the stratum of each place."""
    order = np.argsort(strata, kind="stable")
    _, first, count = np.unique(strata[order], return_index=True, return_counts=True)
    places = generator.integers(0, np.repeat(count, count), size=(size, len(strata)))
    return np.asarray(order[np.repeat(first, count) + places])


def run_weights(name: str, n_runs: int, resamples: int, seed: int) -> Floats:
    """[B, S] weights of an arm's runs, S - 1 draws from S divided by S - 1; ones for a single run.

    Args:
        name: the arm, or one word for all arms where seeds are paired.
        n_runs: S.
        resamples: B.
        seed: the protocol's resampling seed.
    """
    if n_runs == 1:
        return np.ones((resamples, 1))
    drawn = numpy_generator("bootstrap", seed, "runs", name).integers(0, n_runs, size=(resamples, n_runs - 1))
    drawn += np.arange(resamples)[:, None] * n_runs
    counts = np.bincount(drawn.ravel(), minlength=resamples * n_runs).reshape(resamples, n_runs)
    return np.asarray(counts / (n_runs - 1))


def weighted_means(weights: Floats, totals: Floats, counts: Floats) -> Floats:
    """[B, C] ratios of totals; NaN where a replicate holds none of a column's images.

    Args:
        weights: [B, G] over units.
        totals: [G, C] sum of values in each unit.
        counts: [G, C] (or [G, 1]) number of values in each unit.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights @ totals) / (weights @ counts))


class Resampler:
    """Columns of totals per unit that share one set of image weights.

    Equal columns are kept once, so that a control arm costs its products once for all contrasts.
    """

    def __init__(self, n_units: int, resamples: int, seed: int, strata: Integers | None = None) -> None:
        self.n_units, self.resamples, self.seed, self.strata = n_units, resamples, seed, strata
        self._columns: dict[bytes, int] = {}
        self._stored: list[Floats] = []
        self._products: Floats | None = None

    def add(self, column: Floats) -> int:
        """Remember a column [G] and return its number."""
        name = column.tobytes()
        if name not in self._columns:
            self._columns[name] = len(self._stored)
            self._stored.append(column)
            self._products = None
        return self._columns[name]

    def products(self, columns: list[int]) -> Floats:
        """[B, len(columns)] weights @ column for the columns with these numbers."""
        if self._products is None:
            matrix = np.stack(self._stored, axis=1)
            drawn = image_weights(self.n_units, self.resamples, self.seed, self.strata)
            chunks = [weights @ matrix for weights in drawn]
            self._products = np.concatenate(chunks)
        return self._products[:, columns]


def percentile(replicates: Floats, alpha: float = 0.05) -> Interval:
    """Percentile limits by linear interpolation (type 7) of the replicates that exist."""
    kept = replicates[np.isfinite(replicates)]
    if not len(kept):
        return Interval(np.nan, np.nan)
    low, high = np.quantile(kept, [alpha / 2, 1 - alpha / 2])
    return Interval(float(low), float(high))


def basic(replicates: Floats, estimate: float, alpha: float = 0.05) -> Interval:
    """Limits reflected at the estimate."""
    low, high = percentile(replicates, alpha)
    return Interval(2 * estimate - high, 2 * estimate - low)


class Bca(NamedTuple):
    """Bias-corrected and accelerated limits, and what they were made of."""

    low: float
    high: float
    z0: float
    alpha_low: float
    alpha_high: float


def acceleration(without: Floats) -> float:
    """Acceleration from [G] estimates that leave out one cluster each; 0 where all are equal."""
    spread = without.mean() - without
    square = float((spread**2).sum())
    return float((spread**3).sum() / (6 * square**1.5)) if square > 0 else 0.0


def bca(replicates: Floats, estimate: float, accelerated: float, alpha: float = 0.05) -> Bca:
    """Efron's BCa limits; replicates equal to the estimate count half in the bias correction.

    NaN where all replicates lie on one side of the estimate.
    """
    noise = 1e-12 * max(abs(estimate), float(np.abs(replicates).max(initial=0.0)))
    ties = np.abs(replicates - estimate) <= noise
    z0 = float(stats.norm.ppf(((replicates < estimate) & ~ties).mean() + ties.mean() / 2))
    if not np.isfinite(z0):
        return Bca(np.nan, np.nan, z0, np.nan, np.nan)
    levels = []
    for z in stats.norm.ppf([alpha / 2, 1 - alpha / 2]):
        levels.append(float(stats.norm.cdf(z0 + (z0 + z) / (1 - accelerated * (z0 + z)))))
    low, high = np.quantile(replicates, levels)
    return Bca(float(low), float(high), z0, levels[0], levels[1])


def limit_error(resamples: int, se: float, alpha: float = 0.05) -> float:
    """Monte Carlo standard error of a percentile limit: sqrt(p (1 - p) / B) / phi(z_p) * SE."""
    p = alpha / 2
    return float(np.sqrt(p * (1 - p) / resamples) / stats.norm.pdf(stats.norm.ppf(p)) * se)


def two_way(treatment: Floats, control: Floats, weights: tuple[Floats, Floats]) -> Floats:
    """[B] differences of weighted run means: images and runs resampled.

    Args:
        treatment: [B, S] image-weighted figures of each run.
        control: [B, S'] likewise.
        weights: run weights [B, S], [B, S']; rows need not add to 1 (each is divided by its total).
    """
    sides = [
        (figures * weight).sum(axis=1) / weight.sum(axis=1)
        for figures, weight in zip((treatment, control), weights, strict=True)
    ]
    return np.asarray(sides[0] - sides[1])


def closed_form_se(treatment: Floats, control: Floats) -> float:
    """Infinite-B standard error of product weights with S draws per arm, nested runs.

    Args:
        treatment: [S, n] complete values.
        control: [S', n] complete values.
    """
    n = treatment.shape[1]
    total = 0.0
    for arm in (treatment, control):
        residual = arm - arm.mean(axis=0) - arm.mean(axis=1, keepdims=True) + arm.mean()
        total += arm.mean(axis=1).var() / len(arm) + arm.mean(axis=0).var() / n + residual.var() / arm.size
    shared = np.cov(treatment.mean(axis=0), control.mean(axis=0), ddof=0)[0, 1]
    return float(np.sqrt(total - 2 * shared / n))


def finite(replicates: Floats) -> NDArray[np.float64]:
    """The replicates that exist."""
    return replicates[np.isfinite(replicates)]
