"""Resampled figures of runs that are no means over images: AUC from sorted scores, calibration error by bins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from study.rng import numpy_generator
from study.statistics.auc import positives, usable_classes, weighted_auc
from study.statistics.bootstrap import CHUNK, image_weights
from study.statistics.cells import Predictions
from study.statistics.classification import all_gaps, class_metric
from study.statistics.floats import Floats, Integers
from study.statistics.resampled_effects import Resamples

RARE_CLASS = 30
"""With fewer films of a class, AUC replicates are drawn within classes."""


def figure_replicates(metric: str, predictions: Predictions, resamples: Resamples) -> Floats:
    """[B, R] figure of every run of a model under the study's resampled images, B as for all costly numbers.

    Without strata in the protocol, AUC replicates are drawn within classes where one has fewer than 30 films and no
    patient has several: these sets are not the study's shared ones. Where an image may have several classes that is done
    for the AUC of one class, not for the mean over classes. Replicates without a class are NaN.

    Args:
        metric: `auc`, `auc[class=...]` or `ece`.
        predictions: of the model.
        resamples: shared by the study.
    """
    if metric == "ece":
        parts = all_gaps(predictions.probabilities, predictions.labels)
        return np.asarray(np.mean([_calibration(*part, _shared(predictions, resamples)) for part in parts], axis=0))
    classes = _classes(metric, predictions, resamples.design.classes)
    sides = [positives(predictions.labels, k) for k in classes]
    rare = min(int(min(p.sum(), len(p) - p.sum())) for p in sides) < RARE_CLASS
    strata = predictions.labels if predictions.labels.ndim == 1 else sides[0]
    one_division = predictions.labels.ndim == 1 or len(classes) == 1
    if rare and one_division and resamples.strata is None and not resamples.images.has_patients:
        chunks = _stratified(strata, resamples.n_fewer, resamples.design.resampling_seed)
    else:
        chunks = _shared(predictions, resamples)
    found = []
    for weights in chunks:
        per_class = [
            [weighted_auc(run[:, k], positive, weights) for run in predictions.probabilities]
            for k, positive in zip(classes, sides, strict=True)
        ]
        found.append(np.mean(per_class, axis=0).T)
    return np.concatenate(found)


def _classes(metric: str, predictions: Predictions, names: tuple[str, ...]) -> tuple[int, ...]:
    n_classes = predictions.probabilities.shape[2]
    one = [k for k, name in enumerate(names) if class_metric(name) == metric]
    if one:
        return (one[0],)
    return (1,) if n_classes == 2 and predictions.labels.ndim == 1 else usable_classes(predictions.labels, n_classes)


def _shared(predictions: Predictions, resamples: Resamples) -> Iterator[Floats]:
    """Weights of the images of the predictions, chunk by chunk."""
    seed, n_clusters = resamples.design.resampling_seed, resamples.images.n_clusters
    codes = resamples.images.clusters[predictions.images]
    for weights in image_weights(n_clusters, resamples.n_fewer, seed, resamples.strata):
        yield weights[:, codes]


def _calibration(gaps: Floats, places: Integers, bins: int, chunks: Iterator[Floats]) -> Floats:
    n_runs, n_images = gaps.shape
    columns = np.zeros((n_images, n_runs, bins))
    columns[np.arange(n_images)[:, None], np.arange(n_runs), places.T] = gaps.T
    flat = columns.reshape(n_images, -1)
    found = []
    for weights in chunks:
        totals = (weights @ flat).reshape(-1, n_runs, bins)
        found.append(np.abs(totals).sum(axis=2) / weights.sum(axis=1, keepdims=True))
    return np.concatenate(found)


def _stratified(labels: Integers, resamples: int, seed: int) -> Iterator[Floats]:
    for start in range(0, resamples, CHUNK):
        generator = numpy_generator("bootstrap", seed, "strata", start)
        weights = np.zeros((min(CHUNK, resamples - start), len(labels)))
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            weights[:, rows] = generator.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=len(weights))
        yield weights
