"""Limits of effect sizes from the study's resamples.

Effect sizes over images come from matrix products with every resample; those that need sorting, or a product for
every pair of runs, from the first of them (`FEWER`, `FEWEST`), which are the same resampled sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from study.records import Design
from study.statistics.bootstrap import Resampler, finite, image_weights, limit_error, percentile
from study.statistics.cells import Images
from study.statistics.comparison import Draft
from study.statistics.effects import joint_wins, residual_variance, unit_differences, unit_means
from study.statistics.floats import Floats, Integers, number

FEWER, FEWEST = 2000, 500
"""Resamples behind effect sizes that cost more than a product (or the design's number, if lower), of primary contrasts and
of all others: a study has dozens of the latter, and their limits are rounded to what chance leaves of them."""

SMALLEST_PERCENTILE = 30
"""Percentile limits over images need this many images or clusters."""

FEWEST_FOR_VARIANCE = 3
"""The spread of S - 1 draws from two runs is always 0, so a run variance is resampled from three runs on."""

Single = NDArray[np.float32]


@dataclass(frozen=True)
class Resamples:
    """What all resampled numbers of a study share.

    Attributes:
        design: seed and number of resamples.
        images: every test image and its cluster.
        strata: [G] codes of clusters drawn among themselves; None for one stratum.
    """

    design: Design
    images: Images
    strata: Integers | None

    def resampler(self) -> Resampler:
        """An empty set of columns."""
        return Resampler(self.images.n_clusters, self.design.resamples, self.design.resampling_seed, self.strata)

    def weights(self, resamples: int) -> Floats:
        """[B, G] the first resampled sets."""
        return np.concatenate(
            list(image_weights(self.images.n_clusters, resamples, self.design.resampling_seed, self.strata))
        )

    @property
    def n_fewer(self) -> int:
        """How many resamples costly numbers are made of."""
        return min(self.design.resamples, FEWER)

    @cached_property
    def first(self) -> Single:
        """[n_fewer, G] of them in single precision, which holds counts exactly."""
        return self.weights(self.n_fewer).astype(np.float32)

    def first_of(self, made: Draft) -> Single:
        """[b, G] those behind the costly numbers of a contrast."""
        return self.first if made.contrast.family == "primary" else self.first[:FEWEST]


class UnitColumns(NamedTuple):
    """Numbers of columns: count, treatment, control, their squares, their product."""

    numbers: list[int]


def unit_columns(made: Draft, resampler: Resampler, images: Images) -> UnitColumns | None:
    """Columns of totals that d_av and d_rm need, over units (images, or patients)."""
    if made.fields.get("d_av") is None or made.fields["n_clusters"] < SMALLEST_PERCENTILE:
        return None
    at, (treatment, control) = _units(made, images), unit_means(made)
    values = (np.ones(len(at)), treatment, control, treatment**2, control**2, treatment * control)
    columns = []
    for part in values:
        column = np.zeros(images.n_clusters)
        column[at] = part
        columns.append(resampler.add(column))
    return UnitColumns(columns)


def fill_over_images(made: Draft, columns: UnitColumns, resampler: Resampler, alpha: float) -> None:
    """Percentile limits of d_av and d_rm."""
    count, t, c, tt, cc, tc = resampler.products(columns.numbers).T
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (t - c) / count
        enlarge = count / (count - 1)
        var_t, var_c = ((square / count - (total / count) ** 2) * enlarge for square, total in ((tt, t), (cc, c)))
        covariance = (tc / count - t * c / count**2) * enlarge
        of_difference = var_t + var_c - 2 * covariance
        correlation = covariance / np.sqrt(var_t * var_c)
        average = mean / np.sqrt((var_t + var_c) / 2)
        repeated = mean / np.sqrt(of_difference) * np.sqrt(2 * (1 - correlation))
    fill_percentiles(made, "d_av", average, alpha)
    fill_percentiles(made, "d_rm", repeated, alpha)


def fill_costly(made: Draft, resamples: Resamples, runs: tuple[Floats, Floats]) -> None:
    """Limits of rank-biserial, of P(improve) over run pairs and images, and of d_total.

    Args:
        made: status and points filled.
        resamples: shared by the study.
        runs: run weights [B, S], [B, S'] with B at least `n_fewer`.
    """
    alpha, first = resamples.design.alpha, resamples.first_of(made)
    enough = made.fields["n_clusters"] >= SMALLEST_PERCENTILE
    if enough and made.fields.get("rank_biserial") is not None:
        at = _units(made, resamples.images)
        weights = first if len(at) == resamples.images.n_clusters else first[:, at]
        fill_percentiles(made, "rank_biserial", rank_biserials(unit_differences(made), weights), alpha)
    if made.status != "ok":
        return
    fewer = (runs[0][: len(first)], runs[1][: len(first)])
    fill_percentiles(made, "p_improve_joint", _joint(made, resamples, fewer), alpha)
    if made.fields.get("d_total") is not None:
        _fill_total(made, resamples, fewer)


def rank_biserials(differences: Floats, weights: Single) -> Floats:
    """[B] matched rank-biserial of resampled differences, zeros dropped, midranks for ties.

    A difference that is drawn w times is w tied values; with C the weights of smaller |d| and g those of equal |d|,
    their rank is C + (g + 1) / 2.

    Args:
        differences: [n] rounded.
        weights: [B, n] counts.

    Returns:
        NaN where a resample holds no difference but zeros.
    """
    order = np.argsort(np.abs(differences), kind="stable")
    order = order[differences[order] != 0]
    size, sign = np.abs(differences[order]), np.sign(differences[order]).astype(np.float32)
    first, last = np.searchsorted(size, size, side="left"), np.searchsorted(size, size, side="right")
    tied = bool((last - first > 1).any())
    found = []
    for start in range(0, len(weights), 500):
        drawn = weights[start : start + 500][:, order]
        signed = drawn * sign
        up_to = np.cumsum(drawn, axis=1, dtype=np.float32)
        total = up_to[:, -1].astype(np.float64) if len(order) else np.zeros(len(drawn))
        if tied:
            up_to = np.concatenate([np.zeros((len(drawn), 1), dtype=np.float32), up_to], axis=1)
            ranks = np.einsum("bi,bi->b", signed, up_to[:, first] + up_to[:, last])
        else:
            ranks = 2 * np.einsum("bi,bi->b", signed, up_to) - np.einsum("bi,bi->b", signed, drawn)
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append((ranks + signed.sum(axis=1)) / (total * (total + 1)))
    return np.concatenate(found)


def _joint(made: Draft, resamples: Resamples, runs: tuple[Floats, Floats]) -> Floats:
    wins = joint_wins(made)
    n_treatment, n_control, n_images = wins.shape
    totals = resamples.first_of(made) @ _by_cluster(made, resamples, wins.reshape(-1, n_images))
    share = (totals[:, 1:] / totals[:, :1]).reshape(-1, n_treatment, n_control)
    return np.asarray(np.einsum("bs,bt,bst->b", *runs, share))


def _fill_total(made: Draft, resamples: Resamples, runs: tuple[Floats, Floats]) -> None:
    """d_total +- t(df) SE*: percentiles of two to nine resampled runs are too short."""
    compared, fields = made.compared, made.fields
    assert compared is not None
    sides = (compared.treatment, compared.control)
    if min(len(side) for side in sides) < FEWEST_FOR_VARIANCE:
        return
    centre = float(np.mean([side.mean() for side in sides]))
    n_images = compared.treatment.shape[1]
    noise = residual_variance(sides) / n_images
    means, over_images, of_runs = [], [], []
    for side, weights in zip(sides, runs, strict=True):
        values = side - centre
        totals = resamples.first_of(made) @ _by_cluster(made, resamples, np.concatenate([values, values**2]))
        figures = totals[:, 1:].astype(np.float64) / totals[:, :1]
        mean, square = figures[:, : len(side)], figures[:, len(side) :]
        means.append((weights * mean).sum(axis=1))
        variance = np.maximum(square - mean**2, 0.0)  # single precision may fall below 0
        over_images.append((weights * variance).sum(axis=1) * n_images / (n_images - 1))
        spread = (weights * mean**2).sum(axis=1) - means[-1] ** 2
        of_runs.append(spread * len(side) / (len(side) - 2))
    total = np.mean(over_images, axis=0) + np.maximum(np.mean(of_runs, axis=0) - noise, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        replicates = finite((means[0] - means[1]) / np.sqrt(total))
    if len(replicates) < len(total) / 2:  # most resamples are constant: no spread to speak of
        return
    se = float(replicates.std(ddof=1))
    half = float(stats.t.ppf(1 - resamples.design.alpha / 2, fields["df"])) * se
    fields |= {
        "d_total_low": number(fields["d_total"] - half),
        "d_total_high": number(fields["d_total"] + half),
        "d_total_error": number(half / np.sqrt(2 * (len(replicates) - 1))),
    }


def _by_cluster(made: Draft, resamples: Resamples, values: Floats) -> Single:
    """[G, 1 + k] number of images in each cluster of the study, then the totals of `values` [k, n]."""
    assert made.compared is not None
    codes, n_clusters = resamples.images.clusters[made.compared.images], resamples.images.n_clusters
    sizes = np.bincount(codes, minlength=n_clusters).astype(np.float64)
    columns = np.zeros((n_clusters, 1 + len(values)), dtype=np.float32)
    columns[:, 0] = sizes
    if sizes.max(initial=0) <= 1:
        columns[codes, 1:] = values.T
    else:
        for place, row in enumerate(values, start=1):
            columns[:, place] = np.bincount(codes, weights=row, minlength=n_clusters)
    if resamples.design.weight == "patient":
        columns /= np.maximum(sizes, 1)[:, None]
    return columns


def _units(made: Draft, images: Images) -> Integers:
    """[G] the study's codes of the clusters of a draft."""
    assert made.compared is not None
    return np.unique(images.clusters[made.compared.images])


def fill_percentiles(made: Draft, name: str, replicates: Floats, alpha: float) -> None:
    """Limits and their Monte Carlo error; nothing where the replicates do not exist."""
    kept = replicates[np.isfinite(replicates)]
    if not len(kept):
        return
    low, high = percentile(kept, alpha)
    error = limit_error(len(kept), float(kept.std(ddof=1)), alpha)
    made.fields |= {f"{name}_low": number(low), f"{name}_high": number(high), f"{name}_error": number(error)}
