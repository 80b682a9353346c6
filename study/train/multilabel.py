"""Several findings per film: binary cross-entropy per finding, its weights, and the figures of the validation films.

Every finding is a question of its own with a sigmoid; films may have several of them or none. The loss of a film is
the mean over findings, so that its scale does not depend on how many there are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from study.errors import DataError
from study.records import Dataset
from study.train.films import Films
from study.train.roc import area


class Weights(NamedTuple):
    """[K] factors of the loss of films with a finding, and of films without it."""

    present: Tensor
    absent: Tensor


def present_of(films: Films) -> NDArray[np.bool_]:
    """[N, K] which of these films have which finding."""
    assert films.dataset.findings is not None
    return films.dataset.findings.present[films.rows]


def finding_counts(films: Films) -> list[int]:
    """Films with each finding; a film counts for all it has."""
    return [int(n) for n in present_of(films).sum(axis=0)]


def finding_weights(counts: list[int], n_films: int, how: str) -> Weights:
    """Factors of the loss: 1, or for `balanced` N / (2 n) with the finding and N / (2 (N - n)) without it.

    Balanced, both sides of a finding weigh alike (their ratio is the usual `pos_weight`, (N - n) / n), and the mean
    factor over the films is 1 for every finding, so that rare ones do not take over the loss. Of a finding that all
    films have, or none, the missing side counts as one film; no film has its factor.

    Args:
        counts: films with each finding. n_films: N.
    """
    positive = torch.tensor(counts, dtype=torch.float64)
    if how == "none":
        return Weights(torch.ones_like(positive), torch.ones_like(positive))
    return Weights(n_films / (2 * positive.clamp(min=1)), n_films / (2 * (n_films - positive).clamp(min=1)))


def finding_losses(logits: Tensor, targets: Tensor, weights: Weights, smoothing: float) -> Tensor:
    """[B] mean over findings of -w1 t log p - w0 (1 - t) log(1 - p), p = sigmoid, from the logits, so never infinite.

    Args:
        logits: [B, K].
        targets: [B, K] in [0, 1]; mixed films have shares.
        weights: on the same device.
        smoothing: this share of every target is given to both answers alike: t becomes (1 - s) t + s / 2.
    """
    logits = logits.float()
    targets = (1 - smoothing) * targets + smoothing / 2
    losses = weights.present.float() * targets * F.softplus(-logits)
    losses = losses + weights.absent.float() * (1 - targets) * F.softplus(logits)
    return losses.mean(dim=1)


def judged(logits: Tensor, present: NDArray[np.bool_]) -> dict[str, float | None]:
    """Validation figures of [N, K] logits.

    Returns:
        `val_auc`: mean over the findings that some of the films have and some lack, None where there is none or a logit
        is not finite; `val_auc_undefined`: findings left out of it; `val_accuracy`: share of (film, finding) pairs in
        which p >= 0.5 is right.
    """
    if not len(present):
        return {"val_auc": None, "val_auc_undefined": None, "val_accuracy": None}
    scores = logits.double().cpu().numpy()
    accuracy = float(((scores >= 0) == present).mean())
    if not np.isfinite(scores).all():
        return {"val_auc": None, "val_auc_undefined": None, "val_accuracy": accuracy}
    areas = [area(scores[:, k], present[:, k]) for k in range(present.shape[1])]
    defined = [value for value in areas if value is not None]
    return {
        "val_auc": float(np.mean(defined)) if defined else None,
        "val_auc_undefined": float(len(areas) - len(defined)),
        "val_accuracy": accuracy,
    }


def check_present(dataset: Dataset, films: Films, findings: tuple[str, ...]) -> None:
    """Refuse training films that are no task.

    Raises:
        DataError: of no finding there are films with and films without it.
    """
    present = present_of(films)
    if (present.all(axis=0) | ~present.any(axis=0)).all():
        raise DataError(
            f"dataset '{dataset.name}': of none of the findings {', '.join(findings)} there are training films with it "
            f"and films without it ({len(films)} films); a classifier needs both"
        )
