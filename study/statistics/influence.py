"""Influence vectors: how much each cluster of images moves each run's figure of merit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from study.statistics.floats import Floats, Integers
from study.statistics.primary import ArmFigures


def cluster_totals(values: Floats, clusters: Integers) -> Floats:
    """[R, n, ...] summed within clusters: [R, G, ...]; every code 0 .. G - 1 occurs."""
    order = np.argsort(clusters, kind="stable")
    starts = np.searchsorted(clusters[order], np.arange(int(clusters.max(initial=-1)) + 1))
    return np.asarray(np.add.reduceat(values[:, order], starts, axis=1))


def compact(clusters: Integers) -> Integers:
    """Codes 0 .. G - 1 of the clusters that occur, in order of their old codes."""
    return np.unique(clusters, return_inverse=True)[1].astype(np.int64)


def of_mean(values: Floats, clusters: Integers, *, weight: str = "image") -> ArmFigures:
    """Figures and influence of a mean over images.

    Each image alone: h = (x - f) / sqrt(n (n - 1)). Patients: h = sqrt(G / (G - 1)) * sum over the
    patient's images of (x - f) / n.

    Args:
        values: [S, n, ...] without NaN.
        clusters: [n] codes; all different where no patient is known.
        weight: `image` counts each image once, `patient` each patient once.
    """
    codes = compact(clusters)
    n_clusters = int(codes.max(initial=-1)) + 1
    if weight == "patient" and n_clusters < values.shape[1]:
        sizes = np.bincount(codes).reshape(-1, *(1,) * (values.ndim - 2))
        values = cluster_totals(values, codes) / sizes
        codes = np.arange(n_clusters)
    figures = values.mean(axis=1)
    totals = values - figures[:, None]
    if n_clusters < values.shape[1]:
        totals = cluster_totals(totals, codes)
    elif (np.diff(codes) < 0).any():
        totals = totals[:, np.argsort(codes)]
    factor = np.sqrt(n_clusters / (n_clusters - 1)) if n_clusters > 1 else np.nan
    return ArmFigures(figures, totals * (factor / values.shape[1]))


def by_jackknife(figures_without: Callable[[int], Floats], figures: Floats, n_clusters: int) -> ArmFigures:
    """Influence of any figure of merit by leaving out one cluster at a time.

    h[r, g] = sqrt((G - 1) / G) * (f without g - mean over g of those).

    Args:
        figures_without: g -> [S] figures of all runs without cluster g.
        figures: [S] figures on all clusters.
        n_clusters: G.
    """
    without = np.stack([figures_without(g) for g in range(n_clusters)], axis=1)  # [S, G]
    spread = without - without.mean(axis=1, keepdims=True)
    return ArmFigures(figures, np.sqrt((n_clusters - 1) / n_clusters) * spread)
