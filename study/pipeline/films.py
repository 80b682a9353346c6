"""Films and classifiers as tensors, in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from study import data, train
from study.records import Classifier, Dataset

Filmed = NDArray[np.int64]
"""Indices of films in a dataset."""

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
MOST_FILMS = 100
MOST_BYTES = 64 * 2**20
"""Films explained and measured at a time; bounds memory, cannot change numbers beyond rounding."""


@lru_cache(maxsize=4)
def dataset_in(folder: Path) -> Dataset:
    """The dataset of a published data stage."""
    return data.load(folder)


@lru_cache(maxsize=2)
def classifier_in(folder: Path) -> Classifier:
    """The classifier of a published training stage, on the device."""
    return train.load_classifier(folder, device=DEVICE)


def tensor_of(classifier: Classifier, dataset: Dataset, rows: Filmed) -> Tensor:
    """[B, C, S, S] normalised as the classifier knows them, on the device."""
    films = np.asarray(dataset.images[rows])
    return train.to_tensor(films, mean=classifier.mean, std=classifier.std, in_chans=classifier.in_chans).to(DEVICE)


def chunks(classifier: Classifier, dataset: Dataset, rows: Filmed) -> Iterator[Filmed]:
    """Rows that are worked on together."""
    pixels = int(np.prod(dataset.images.shape[1:]))
    size = max(1, min(MOST_FILMS, MOST_BYTES // (4 * pixels * classifier.in_chans)))
    return (rows[start : start + size] for start in range(0, len(rows), size))


def table_of(dataset: Dataset, rows: Filmed) -> pd.DataFrame:
    """Image id and cluster of each film."""
    ids, clusters = np.asarray(dataset.image_ids), np.asarray(dataset.clusters)
    return pd.DataFrame({"image_id": ids[rows], "cluster": clusters[rows]})
