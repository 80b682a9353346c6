"""Multinomial and binary logistic regression with an L2 penalty, in double precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor
from torch.nn import functional as F

ITERATIONS = 5000
TOLERANCE = 1e-8
"""Largest entry of the gradient at the end."""


Loss = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]
"""Flat weights and biases -> value and gradient."""


class Linear(NamedTuple):
    """Logits of features x [B, D]: x weight^T + bias, of shapes [K, D] and [K]."""

    weight: Tensor
    bias: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """[B, K]."""
        return features @ self.weight.T + self.bias


def logistic_regression(features: Tensor, labels: Tensor, n_classes: int, *, penalty: float) -> Linear:
    """The minimum of mean cross-entropy + penalty / 2 * sum of squared weights; the bias is free.

    With three classes or more this is scikit-learn's LogisticRegression with C = 1 / (penalty N); with two, whose
    weights are equal and opposite here, C = 2 / (penalty N).

    Args:
        features: [N, D] finite.
        labels: [N] int64 class indices.
        n_classes: K; classes without films get no probability where the penalty allows it.
        penalty: > 0.

    Returns:
        float64; the biases sum to 0, since only their differences matter.
    """
    x, hot = features.double(), F.one_hot(labels, n_classes).double()

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        linear = _shaped(flat, n_classes)
        logs = F.log_softmax(linear.logits(x), dim=1)
        value = -(hot * logs).sum() / len(x) + penalty / 2 * (linear.weight**2).sum()
        residual = (logs.exp() - hot) / len(x)
        gradient = torch.cat([residual.T @ x + penalty * linear.weight, residual.sum(dim=0)[:, None]], dim=1)
        return float(value), gradient.flatten().numpy()

    linear = _minimum(loss, n_classes, x.shape[1])
    return Linear(linear.weight, linear.bias - linear.bias.mean())


def binary_regressions(features: Tensor, present: Tensor, *, penalty: float) -> Linear:
    """One two-class regression per finding: each the minimum of mean binary cross-entropy + penalty / 2 * |weight|^2.

    Each is scikit-learn's LogisticRegression with C = 1 / (penalty N); the biases are free. A finding that all films
    have, or none, gets a bias of about -18 or 18 and no weight.

    Args:
        features: [N, D] finite.
        present: [N, K] 0 or 1.
        penalty: > 0.

    Returns:
        float64, K rows.
    """
    x, truth = features.double(), present.double()
    n_findings = truth.shape[1]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        linear = _shaped(flat, n_findings)
        logits = linear.logits(x)
        value = F.binary_cross_entropy_with_logits(logits, truth, reduction="sum") / len(x)
        value = value + penalty / 2 * (linear.weight**2).sum()
        residual = (logits.sigmoid() - truth) / len(x)
        gradient = torch.cat([residual.T @ x + penalty * linear.weight, residual.sum(dim=0)[:, None]], dim=1)
        return float(value), gradient.flatten().numpy()

    return _minimum(loss, n_findings, x.shape[1])


def _minimum(loss: Loss, n_rows: int, n_features: int) -> Linear:
    start = np.zeros(n_rows * (n_features + 1))
    options = {"maxiter": ITERATIONS, "gtol": TOLERANCE, "ftol": 0.0, "maxfun": 2 * ITERATIONS}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    return _shaped(found.x, n_rows)


def _shaped(flat: NDArray[np.float64], n_classes: int) -> Linear:
    both = torch.from_numpy(flat).view(n_classes, -1)
    return Linear(both[:, :-1].clone(), both[:, -1].clone())
