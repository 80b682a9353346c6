"""Stage `finetune`: supervised training of the whole classifier on the labelled films."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional as F

from study.errors import DataError, UnsupportedError
from study.records import Dataset
from study.train.films import Films
from study.train.loop import Draw, Step, fit, parameter_groups
from study.train.stage import Assignment, Result
from study.train.views import crop, draw_crops, hide, jitter

EVALUATED = 256
STEM = ("cls_token", "reg_token", "pos_embed", "patch_embed", "norm_pre")


def finetune(assignment: Assignment) -> Result:
    """Train the classifier on split train; select the epoch on split val; test films are never read.

    History per epoch: `loss`, `val_auc` (class 1, or the mean over classes against the rest) and
    `val_accuracy`, both None without validation films of at least two classes.

    Raises:
        DataError: fewer than two films, or fewer than two classes among them.
        StudyError: the preceding stage's weights do not fit.
    """
    settings = assignment.settings
    films = assignment.training_films("train")
    _check_classes(assignment.dataset, films, assignment.classes)
    held_out = assignment.films("val")
    module = assignment.module(num_classes=len(assignment.classes), drop_path=settings["drop_path"])
    scales = layer_scales(module, settings["layer_decay"])
    groups = parameter_groups(module, weight_decay=settings["weight_decay"], scales=scales)
    maximise = "val_auc" if settings["select"] == "best_val" else None
    schedule = assignment.schedule(betas=(0.9, 0.999), maximise=maximise)
    trained = fit(_Task(module, films, held_out, settings), groups, schedule, assignment.context)
    chosen = trained.progress.history[trained.epoch - 1] if trained.epoch else {}
    labels = assignment.dataset.labels[films.rows]
    facts = {
        "n_films": len(films),
        "n_val": len(held_out),
        "class_counts": [int((labels == index).sum()) for index in range(len(assignment.classes))],
        "select": "best_val" if trained.progress.best_epoch else "last",
        "best_epoch": trained.epoch,
        "val_auc": chosen.get("val_auc"),
        "val_accuracy": chosen.get("val_accuracy"),
        "lr_scale_lowest": min(scales.values(), default=1.0),
    }
    return Result(dict(module.state_dict()), trained, facts)


def layer_scales(module: nn.Module, decay: float) -> dict[str, float]:
    """Factor of the learning rate by parameter name: decay^(depth - layer).

    Layer 0 is the stem (tokens, positions, patch embedding), layer i + 1 block i, and everything after the blocks
    has factor 1. For a ViT these are its blocks; a CNN counts its stages (dense blocks with the transition
    behind them, residual stages), since a factor per convolution would freeze the stem.

    Args:
        module: a classifier.
        decay: in (0, 1]; 1 gives an empty mapping.

    Raises:
        UnsupportedError: the model's parameters do not tell their stage.

    Reference: Bao et al. 2022, arXiv:2106.08254; He et al. 2022, appendix A.
    """
    if decay == 1:
        return {}
    layers = {name: _layer(name) for name, _ in module.named_parameters()}
    if not any(layers.values()):
        raise UnsupportedError("layer_decay: this model has no named stages to count; set it to 1")
    depth = 1 + max(layer for layer in layers.values() if layer is not None)
    return {name: decay ** (depth - (depth if layer is None else layer)) for name, layer in layers.items()}


def auc(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float | None:
    """Area under the ROC curve of class 1, or the mean of each class against the rest.

    Args:
        scores: [N, K] probabilities.
        labels: [N] class indices.

    Returns:
        In [0, 1], ties count one half; None where fewer than two classes are present or a score is not finite. A class that is absent
        is left out of the mean.
    """
    if not np.isfinite(scores).all():
        return None
    classes = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    areas = [area for index in classes if (area := _area(scores[:, index], labels == index)) is not None]
    return float(np.mean(areas)) if areas else None


def _area(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return None
    above = rankdata(scores)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


class _Task:
    """Views and the loss of a batch; AUC and accuracy on the validation films."""

    def __init__(self, module: nn.Module, films: Films, held_out: Films, settings: Mapping[str, Any]) -> None:
        self.module = module
        self.films = films
        self.held_out = held_out
        self.n_films = len(films)
        self.settings = settings

    def step(self, picked: Tensor, draw: Draw) -> Step:
        settings = self.settings
        crops = draw_crops(len(picked), settings["crop"], flip=settings["flip"], generator=draw.generator("crop"))
        images = crop(self.films.batch(picked), crops)
        if settings["jitter"]:
            images = jitter(images, settings["jitter"], draw.generator("jitter"))
        if settings["cutout"]:
            images = hide(images, settings["cutout"], draw.generator("cutout"))
        logits = self.module(images).float()
        return Step(F.cross_entropy(logits, self.films.labels(picked), label_smoothing=settings["label_smoothing"]), {})

    def epoch_end(self, means: Mapping[str, float]) -> Mapping[str, float | None]:
        picked = torch.arange(len(self.held_out))
        if not len(picked):
            return {"val_auc": None, "val_accuracy": None}
        with torch.no_grad():
            logits = torch.cat([self.module(self.held_out.batch(part)) for part in torch.split(picked, EVALUATED)])
        scores = logits.double().softmax(dim=1).cpu().numpy()
        labels = self.held_out.labels(picked).cpu().numpy()
        return {"val_auc": auc(scores, labels), "val_accuracy": float((scores.argmax(axis=1) == labels).mean())}


def _check_classes(dataset: Dataset, films: Films, classes: tuple[str, ...]) -> None:
    labels = dataset.labels[films.rows]
    if labels.min() < 0 or labels.max() >= len(classes):
        raise DataError(f"dataset '{dataset.name}': training films need a label among {', '.join(classes)}")
    present = sorted({classes[label] for label in labels})
    if len(present) < 2:
        raise DataError(
            f"dataset '{dataset.name}': all {len(films)} training films are '{present[0]}'; a classifier needs two classes"
        )


def _layer(name: str) -> int | None:
    """Layer of a parameter counted from the input; None for everything behind the blocks."""
    first, *rest = name.removeprefix("features.").split(".")
    if first in STEM or first in ("conv_stem", "conv0", "norm0", "conv1", "bn1", "stem"):
        return 0
    if first in ("blocks", "stages") and rest:
        return int(rest[0]) + 1
    for prefix in ("denseblock", "transition", "layer"):
        if first.startswith(prefix):
            return int(first.removeprefix(prefix))
    return None
