"""Stage `linear_probe`: what a frozen trunk knows, read by a linear classifier.

Films are few here, so that the head is the exact minimum of a penalised logistic regression instead of the end of a
long gradient descent (LARS, 90 epochs, He et al. 2022): it has no rate, no schedule and no random numbers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.errors import DataError, UnsupportedError
from study.train.films import Films
from study.train.finetune import EVALUATED, check_classes, class_counts
from study.train.logistic import Linear, binary_regressions, logistic_regression
from study.train.loop import Progress, Trained
from study.train.multilabel import judged, present_of
from study.train.roc import auc
from study.train.stage import Assignment, Result

SMALLEST = 1e-6
"""Deviation of a feature, relative to the largest one, below which it is not scaled up."""


def linear_probe(assignment: Assignment) -> Result:
    """Logistic regression on standardised features of split train; the penalty is chosen on val; test is never read.

    The trunk stays as it is, in evaluation mode, and sees whole films without any augmentation. Standardisation is
    folded into the head, so that the result is an ordinary classifier. There are no epochs, hence no history; the fact
    `tried` holds, strongest first, `penalty`, `loss` (cross-entropy of the training films), `val_loss`, `val_auc` and
    `val_accuracy`, None without validation films. The lowest `val_loss` decides, the stronger penalty among equals.
    Where films have several findings, each has a two-class regression of its own, the losses are means over findings, and
    `val_auc_undefined` counts those without an AUC. Features that are not finite make the result a diverged one with a head as it was drawn.

    Raises:
        DataError: fewer than two films or classes, or no validation films to choose between penalties.
        StudyError: the preceding stage's weights do not fit.
        UnsupportedError: the model's head is not one linear layer.
    """
    settings, classes, several = assignment.settings, assignment.classes, assignment.dataset.findings
    films, held_out = assignment.training_films("train"), assignment.films("val")
    check_classes(assignment.dataset, films, classes)
    penalties = sorted(set(settings["penalties"]), reverse=True)
    if not len(held_out) and len(penalties) > 1:
        raise DataError(
            f"dataset '{assignment.dataset.name}': no validation films to choose one of {len(penalties)} penalties "
            "by; give a single one, such as penalties: [0.1], or films in split val"
        )
    module: Any = assignment.module(num_classes=len(classes), pool=settings["pool"]).eval().requires_grad_(False)
    if not isinstance(module.get_classifier(), nn.Linear):
        raise UnsupportedError(f"model '{assignment.model}' has more than one linear layer as its head; use finetune")
    started, started_cpu = time.monotonic(), time.process_time()
    progress = Progress(films=len(films) + len(held_out))
    rows = Rows(features(module, films), labels(films)), Rows(features(module, held_out), labels(held_out))
    progress.diverged = not all(bool(part.features.isfinite().all()) for part in rows)
    tried: list[dict[str, float | None]] = []
    chosen: Mapping[str, float | None] = {}
    if not progress.diverged:
        heads, tried = _fitted(rows, penalties, len(classes), assignment)
        put(module, heads[best(tried)])
        chosen = tried[best(tried)]
    progress.seconds, progress.cpu_seconds = time.monotonic() - started, time.process_time() - started_cpu
    facts = {
        "n_films": len(films),
        "n_val": len(held_out),
        "class_counts": class_counts(films, classes),
        "pool": settings["pool"],
        "n_features": rows[0].features.shape[1],
        "tried": tried,
        **{name: chosen.get(name) for name in ("penalty", "val_auc", "val_accuracy")},
        **({} if several is None else {"outputs": "sigmoid", "val_auc_undefined": chosen.get("val_auc_undefined")}),
    }
    return Result(dict(module.state_dict()), Trained(progress, None, assignment.device.type), facts)


class Rows(NamedTuple):
    """Films as [N, D] float64 features and [N] class indices (or [N, K] findings, 0 or 1), on the CPU."""

    features: Tensor
    labels: Tensor


def features(module: Any, films: Films) -> Tensor:
    """[N, D] float64 on the CPU: what the head reads of un-augmented films."""
    parts = torch.split(torch.arange(len(films)), EVALUATED) if len(films) else ()
    with torch.no_grad():
        found = [module.forward_head(module.forward_features(films.batch(part)), pre_logits=True) for part in parts]
    return torch.cat([part.double().cpu() for part in found]) if found else torch.zeros(0, 1, dtype=torch.float64)


def labels(films: Films) -> Tensor:
    """[N] class indices, or [N, K] float64 findings, on the CPU."""
    if films.dataset.findings is not None:
        return torch.from_numpy(present_of(films)).double()
    return films.labels(torch.arange(len(films))).cpu()


def standardisation(train: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation [D] of the training films' features; constant ones keep their scale."""
    scale = train.std(dim=0, correction=0)
    return train.mean(dim=0), torch.where(scale > SMALLEST * scale.max(), scale, 1.0)


def folded(linear: Linear, shift: Tensor, scale: Tensor) -> Linear:
    """The same logits from features as they are: ((x - shift) / scale) W^T + b."""
    weight = linear.weight / scale
    return Linear(weight, linear.bias - weight @ shift)


def best(tried: Sequence[Mapping[str, float | None]]) -> int:
    """Place of the lowest validation loss, the first of equals; the only one without validation films."""
    losses = [math.inf if entry["val_loss"] is None else entry["val_loss"] for entry in tried]
    return losses.index(min(losses))


def put(module: Any, linear: Linear) -> None:
    """Make this the module's head."""
    head: nn.Linear = module.get_classifier()
    with torch.no_grad():
        head.weight.copy_(linear.weight)
        head.bias.copy_(linear.bias)


def _fitted(
    rows: tuple[Rows, Rows], penalties: Sequence[float], n_classes: int, assignment: Assignment
) -> tuple[list[Linear], list[dict[str, float | None]]]:
    """A head for features as they are, and how good it is, for every penalty."""
    shift, scale = standardisation(rows[0].features)
    train, val = (Rows((part.features - shift) / scale, part.labels) for part in rows)
    heads, tried = [], []
    for done, penalty in enumerate(penalties, start=1):
        if train.labels.ndim == 2:
            linear = binary_regressions(*train, penalty=penalty)
        else:
            linear = logistic_regression(*train, n_classes, penalty=penalty)
        loss = _loss(linear, train)
        heads.append(folded(linear, shift, scale))
        tried.append({"penalty": penalty, "loss": loss, **_judged(linear, val)})
        assignment.context.progress(done, len(penalties), loss=loss)
    return heads, tried


def _judged(linear: Linear, val: Rows) -> dict[str, float | None]:
    if val.labels.ndim == 2:
        loss = _loss(linear, val) if len(val.labels) else None
        return {"val_loss": loss, **judged(linear.logits(val.features), val.labels.numpy() > 0)}
    if not len(val.labels):
        return {"val_loss": None, "val_auc": None, "val_accuracy": None}
    scores, right = linear.logits(val.features).softmax(dim=1).numpy(), val.labels.numpy()
    accuracy = float((scores.argmax(axis=1) == right).mean())
    return {"val_loss": _loss(linear, val), "val_auc": auc(scores, right), "val_accuracy": accuracy}


def _loss(linear: Linear, rows: Rows) -> float:
    logits = linear.logits(rows.features)
    if rows.labels.ndim == 2:
        return float(F.binary_cross_entropy_with_logits(logits, rows.labels))
    return float(F.cross_entropy(logits, rows.labels))
