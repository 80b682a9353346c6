"""AUC of each run with DeLong's influence vectors, for two classes and as the mean over classes.

Reference: DeLong, DeLong and Clarke-Pearson 1988; Obuchowski 1997 (patients).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from study.statistics.floats import Floats, Integers
from study.statistics.influence import cluster_totals, compact
from study.statistics.primary import ArmFigures

MINIMUM_PER_CLASS = 2
"""A class with fewer positives or negatives than this leaves the mean over classes."""


def auc(scores: Floats, positive: Integers, clusters: Integers | None = None) -> ArmFigures:
    """AUC of each run and its influence vectors; Cov(r, q) = sum_g h[r, g] h[q, g] is DeLong's.

    With placement values V10 (share of negatives below a positive, ties half) and V01:
    h = (V10 - AUC) / sqrt(P (P - 1)) for positives, likewise for negatives. With patients the
    terms (V10 - AUC) / P and (V01 - AUC) / N are summed within the patient and multiplied by
    sqrt(G / (G - 1)).

    Args:
        scores: [S, n] higher means more likely positive.
        positive: [n] 1 for the class, 0 for the rest.
        clusters: [n] codes, None or all different where no patient is known.

    Returns:
        Figures [S] in [0, 1] and influence [S, G]; figures are NaN without a positive or a
        negative, the influence is NaN with fewer than two of either.
    """
    is_positive = positive == 1
    n_positive, n_negative = int(is_positive.sum()), int((~is_positive).sum())
    if min(n_positive, n_negative) == 0:
        return ArmFigures(np.full(len(scores), np.nan), np.full(scores.shape, np.nan))
    placements = _placements(scores, is_positive)
    figures = placements[:, is_positive].mean(axis=1)
    spread = placements - figures[:, None]
    n_clusters = scores.shape[1] if clusters is None else len(np.unique(clusters))
    if clusters is not None and n_clusters < scores.shape[1]:
        weights = np.where(is_positive, 1 / n_positive, 1 / n_negative)
        totals = cluster_totals(spread * weights, compact(clusters))
        return ArmFigures(figures, np.sqrt(n_clusters / (n_clusters - 1)) * totals)
    if min(n_positive, n_negative) < MINIMUM_PER_CLASS:
        return ArmFigures(figures, np.full(scores.shape, np.nan))
    positives, negatives = np.sqrt(n_positive * (n_positive - 1)), np.sqrt(n_negative * (n_negative - 1))
    return ArmFigures(figures, spread / np.where(is_positive, positives, negatives))


def positives(labels: Integers, k: int) -> Integers:
    """[n] 1 for images of class k, 0 for the rest.

    Args:
        labels: [n] class index, or [n, K] 0 or 1 where an image may have several classes or none.
        k: the class.
    """
    return (labels == k).astype(np.int64) if labels.ndim == 1 else labels[:, k]


def usable_classes(labels: Integers, n_classes: int) -> tuple[int, ...]:
    """Classes with at least two positives and two negatives among `labels` [n] or [n, K]."""
    counts = np.array([positives(labels, k).sum() for k in range(n_classes)])
    enough = (counts >= MINIMUM_PER_CLASS) & (len(labels) - counts >= MINIMUM_PER_CLASS)
    return tuple(int(k) for k in np.flatnonzero(enough))


def mean_auc(probabilities: Floats, labels: Integers, clusters: Integers | None = None) -> ArmFigures:
    """AUC of class 1 for two classes that exclude each other, else the mean of AUCs against the rest over usable ones.

    Influence vectors are averaged over classes first, which keeps the correlation between them.

    Args:
        probabilities: [S, n, K].
        labels: [n] class index, or [n, K] 0 or 1 where an image may have several classes or none.
        clusters: [n] codes or None.

    Returns:
        NaN figures where no class is usable.
    """
    n_classes = probabilities.shape[2]
    if n_classes == 2 and labels.ndim == 1:
        return auc(probabilities[:, :, 1], positives(labels, 1), clusters)
    classes = usable_classes(labels, n_classes)
    parts = [auc(probabilities[:, :, k], positives(labels, k), clusters) for k in classes]
    if not parts:
        shape = probabilities.shape[:2]
        return ArmFigures(np.full(shape[0], np.nan), np.full(shape, np.nan))
    figures = np.mean([part.figures for part in parts], axis=0)
    return ArmFigures(figures, np.mean([part.influence for part in parts], axis=0))


class DeLong(NamedTuple):
    """Two trained models on the same films; its question is about these models, not the recipe."""

    difference: float
    se: float
    z: float
    p_value: float


def delong(arms: ArmFigures) -> DeLong:
    """Second minus first of two runs; NaN z and p where the variance is zero."""
    difference = float(arms.figures[1] - arms.figures[0])
    se = float(np.sqrt(((arms.influence[1] - arms.influence[0]) ** 2).sum()))
    z = difference / se if se > 0 else float("nan")
    return DeLong(difference, se, z, float(2 * stats.norm.sf(abs(z))))


def logit_interval(figure: float, se: float, *, df: float = np.inf, alpha: float = 0.05) -> tuple[float, float]:
    """Interval that stays inside (0, 1), back-transformed from the logit scale; NaN at 0 or 1."""
    if not 0 < figure < 1:
        return float("nan"), float("nan")
    centre = np.log(figure / (1 - figure))
    half = stats.t.ppf(1 - alpha / 2, df) * se / (figure * (1 - figure))
    low, high = 1 / (1 + np.exp(-(centre - half))), 1 / (1 + np.exp(-(centre + half)))
    return float(low), float(high)


def weighted_auc(scores: Floats, positive: Integers, weights: Floats) -> Floats:
    """[B] AUC of one run under each row of image weights, from sorted scores.

    Args:
        scores: [n].
        positive: [n] 1 or 0.
        weights: [B, n] non-negative.

    Returns:
        NaN where a row holds no positive or no negative.
    """
    order = np.argsort(scores, kind="stable")
    ordered, is_positive = scores[order], positive[order] == 1
    first = np.searchsorted(ordered, ordered[is_positive], side="left")
    last = np.searchsorted(ordered, ordered[is_positive], side="right")
    sorted_weights = weights[:, order]
    below = np.zeros((len(weights), len(scores) + 1))
    np.cumsum(np.where(is_positive, 0.0, sorted_weights), axis=1, out=below[:, 1:])
    wins = (sorted_weights[:, is_positive] * (below[:, first] + below[:, last])).sum(axis=1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(wins / (sorted_weights[:, is_positive].sum(axis=1) * below[:, -1]))


def _placements(scores: Floats, is_positive: np.typing.NDArray[np.bool_]) -> Floats:
    """[S, n]: share of the other group that a score is on the right side of, ties half (midranks)."""
    ranks = stats.rankdata(scores, axis=1)
    placements = np.empty_like(scores, dtype=np.float64)
    n_positive, n_negative = int(is_positive.sum()), int((~is_positive).sum())
    own_positive = stats.rankdata(scores[:, is_positive], axis=1)
    own_negative = stats.rankdata(scores[:, ~is_positive], axis=1)
    placements[:, is_positive] = (ranks[:, is_positive] - own_positive) / n_negative
    placements[:, ~is_positive] = 1 - (ranks[:, ~is_positive] - own_negative) / n_positive
    return placements
