"""How good a run's predictions are: accuracy and Brier score per image, AUC and calibration error per run.

A figure that is a mean over images is a block of values and is analysed as such. One that is not comes with influence
vectors: DeLong's for AUC, a delete-one-cluster jackknife for the calibration error.

Where an image may have several classes or none, labels are [n, K] and every class is a question of its own: accuracy and
Brier score of an image, and calibration error of a run, are means over the classes.

Reference: Guo et al., ICML 2017, arXiv:1706.04599 (expected calibration error); Brier 1950 (multi-class form).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from study.errors import StudyError
from study.statistics.auc import auc, mean_auc, positives
from study.statistics.cells import Block, Cells, Predictions
from study.statistics.floats import Floats, Integers
from study.statistics.influence import by_jackknife, compact
from study.statistics.primary import ArmFigures

N_BINS = 15


def correct(probabilities: Floats, labels: Integers) -> Floats:
    """1 where the most probable class is the label (the first one, of equals), else 0.

    With several classes per image: the share of its classes in which p >= 0.5 is right (1 - Hamming loss).

    Args:
        probabilities: [S, n, K].
        labels: [n] class index, or [n, K] 0 or 1.

    Returns:
        [S, n]; NaN where a probability is not finite.
    """
    if labels.ndim == 2:
        agreeing = ((probabilities >= 0.5) == (labels == 1)).mean(axis=2)
        return np.where(np.isfinite(probabilities).all(axis=2), agreeing, np.nan)
    right = (probabilities.argmax(axis=2) == labels).astype(np.float64)
    return np.where(np.isfinite(probabilities).all(axis=2), right, np.nan)


def brier(probabilities: Floats, labels: Integers) -> Floats:
    """Squared distance of the probabilities from the label, summed over classes.

    sum_k (p_k - y_k)^2 with y the label as zeros and a one: 0 for certain and right, 2 for certain and wrong. With two
    classes this is twice the form that counts one class only. With several classes per image it is the mean over
    classes of (p_k - y_k)^2, which counts each once.

    Args:
        probabilities: [S, n, K], each row sums to one unless an image may have several classes.
        labels: [n] class index, or [n, K] 0 or 1.

    Returns:
        [S, n] in [0, 2], or [0, 1]; the Brier score of a run is its mean. NaN where a probability is not finite.
    """
    if labels.ndim == 2:
        return np.asarray(((probabilities - labels) ** 2).mean(axis=2))
    truth = np.arange(probabilities.shape[2]) == labels[:, None]
    return np.asarray(((probabilities - truth) ** 2).sum(axis=2))


def ece(probabilities: Floats, labels: Integers, clusters: Integers | None = None, *, bins: int = N_BINS) -> ArmFigures:
    """Expected calibration error of each run: how far confidence is from accuracy.

    Images are sorted by the probability of their most probable class into bins of equal width,
    ((b - 1) / bins, b / bins]; ECE = sum_b n_b / n * |accuracy_b - mean confidence_b|. It is biased upwards with few
    images per bin: a perfectly calibrated model does not reach 0.

    With several classes per image: the mean over classes of sum_b n_b / n * |share with the class_b - mean p_b|, images
    sorted by the probability of that class.

    Args:
        probabilities: [S, n, K], each row sums to one unless an image may have several classes.
        labels: [n] class index, or [n, K] 0 or 1.
        clusters: [n] codes, None where no patient is known.
        bins: number of bins.

    Returns:
        Figures [S] in [0, 1] and influence [S, G] from leaving out one cluster at a time; figures are NaN for a run
        with a probability that is not finite and without images, the influence is NaN with one cluster too.
    """
    n_runs, n_images, _ = probabilities.shape
    codes = np.arange(n_images) if clusters is None else compact(clusters)
    n_clusters = int(codes.max(initial=-1)) + 1
    if n_images == 0:
        return ArmFigures(np.full(n_runs, np.nan), np.zeros((n_runs, 0)))
    parts = [_error(*part, codes, n_clusters) for part in all_gaps(probabilities, labels, bins=bins)]
    figures = np.mean([part[0] for part in parts], axis=0)
    if n_clusters < 2:
        return ArmFigures(figures, np.full((n_runs, n_clusters), np.nan))
    without = np.mean([part[1] for part in parts], axis=0)
    return by_jackknife(lambda g: without[:, g], figures, n_clusters)


def _error(gap: Floats, at: Integers, bins: int, codes: Integers, n_clusters: int) -> tuple[Floats, Floats]:
    """[S] calibration error, and [S, G] that without each cluster, which is NaN for the only one."""
    n_runs, n_images = gap.shape
    place = (np.arange(n_runs)[:, None] * n_clusters + codes) * bins + at
    totals = np.bincount(place.ravel(), weights=gap.ravel(), minlength=n_runs * n_clusters * bins)
    by_cluster = totals.reshape(n_runs, n_clusters, bins)
    by_bin = by_cluster.sum(axis=1)
    left = n_images - np.bincount(codes)
    with np.errstate(invalid="ignore"):
        without = np.abs(by_bin[:, None] - by_cluster).sum(axis=2) / left
    return np.abs(by_bin).sum(axis=1) / n_images, without


def all_gaps(probabilities: Floats, labels: Integers, *, bins: int = N_BINS) -> Iterator[tuple[Floats, Integers, int]]:
    """`binned_gaps` of the most probable class, or of every class where an image may have several."""
    if labels.ndim == 1:
        yield binned_gaps(probabilities, labels, bins=bins)
        return
    for k in range(labels.shape[1]):
        p = probabilities[:, :, k]
        yield np.where(np.isfinite(p), labels[:, k] - p, np.nan), _bin(p, bins), bins


def binned_gaps(probabilities: Floats, labels: Integers, *, bins: int = N_BINS) -> tuple[Floats, Integers, int]:
    """[S, n] right (1) or not (0) minus confidence, the bin of each, and how many bins there are.

    Args:
        probabilities: [S, n, K], each row sums to one.
        labels: [n] class index.
        bins: of equal width over 0 to 1.
    """
    confidence = probabilities.max(axis=2)
    return correct(probabilities, labels) - confidence, _bin(confidence, bins), bins


def _bin(confidence: Floats, bins: int) -> Integers:
    edges = np.linspace(0, 1, bins + 1)
    at = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    return at.astype(np.int64)


def class_metric(name: str) -> str:
    """The metric's label of the one-against-rest AUC of class `name`."""
    return f"auc[class={name}]"


def class_aucs(
    probabilities: Floats, labels: Integers, clusters: Integers | None = None, *, classes: Sequence[str]
) -> dict[str, ArmFigures]:
    """One-against-rest AUC of every class by its metric's label; empty for two classes that exclude each other, whose
    AUC is the macro one.

    Args:
        probabilities: [S, n, K].
        labels: [n] class index, or [n, K] 0 or 1 where an image may have several classes or none.
        clusters: [n] codes, None where no patient is known.
        classes: K names; empty where none are wanted.

    Returns:
        As `auc.auc`: figures are NaN for a class without a positive or a negative.

    Raises:
        StudyError: there are names, but not one for each column of probabilities.
    """
    n_classes = probabilities.shape[2]
    if classes and len(classes) != n_classes:
        raise StudyError(
            f"predictions: {n_classes} columns of probabilities, but {len(classes)} classes: {', '.join(classes)}"
        )
    if n_classes < 3 and labels.ndim == 1:
        return {}
    return {
        class_metric(name): auc(probabilities[:, :, k], positives(labels, k), clusters)
        for k, name in enumerate(classes)
    }


PerImage = Callable[[Floats, Integers], Floats]
IMAGE_METRICS: Mapping[str, PerImage] = {"accuracy": correct, "brier": brier}
"""Run metrics that are means over images."""


def image_block(metric: str, predictions: Predictions) -> Block | None:
    """Values per run and image of accuracy or the Brier score; None for other metrics."""
    if metric not in IMAGE_METRICS:
        return None
    values = IMAGE_METRICS[metric](predictions.probabilities, predictions.labels)
    return Block(predictions.runs, predictions.images, values, 1)


def run_figures(cells: Cells, model: str, classes: Sequence[str] = ()) -> dict[str, ArmFigures]:
    """Per-run figures of a model that are no means over images: AUC, calibration error, AUC of each class.

    Args:
        cells: with predictions of `model`.
        model: as in the design.
        classes: names of the classes, for the AUC of each of more than two.

    Returns:
        Metric -> figures of every run of the model, in the order of its predictions.
    """
    predictions = cells.predictions[model]
    given = predictions.probabilities, predictions.labels, compact(cells.images.clusters[predictions.images])
    return {"auc": mean_auc(*given), "ece": ece(*given), **class_aucs(*given, classes=classes)}
