"""Area under the ROC curve of validation films."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def auc(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float | None:
    """Area under the ROC curve of class 1, or the mean of each class against the rest.

    Args:
        scores: [N, K] probabilities.
        labels: [N] class indices.

    Returns:
        In [0, 1], ties count one half; None where fewer than two classes are present or a score is not finite. A class
        that is absent is left out of the mean.
    """
    if not np.isfinite(scores).all():
        return None
    classes = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    areas = [area(scores[:, index], labels == index) for index in classes]
    defined = [value for value in areas if value is not None]
    return float(np.mean(defined)) if defined else None


def area(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """Of one class against the rest, ties count one half; None without a positive or a negative."""
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return None
    above = rankdata(scores)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))
