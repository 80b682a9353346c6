"""Stage `finetune`: supervised training of the whole classifier on the labelled films."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.errors import DataError, UnsupportedError
from study.records import Dataset
from study.train.augment import augmented, ignored
from study.train.films import Films
from study.train.loop import Draw, Step, fit, parameter_groups
from study.train.mixing import share_inside
from study.train.multilabel import (
    Weights,
    check_present,
    finding_counts,
    finding_losses,
    finding_weights,
    judged,
    present_of,
)
from study.train.peaks import boxed, peaks, saliency
from study.train.roc import auc
from study.train.stage import Assignment, Result

EVALUATED = 256
STEM = ("cls_token", "reg_token", "pos_embed", "patch_embed", "norm_pre")


def finetune(assignment: Assignment) -> Result:
    """Train the classifier on split train; select the epoch on split val; test films are never read.

    History per epoch: `loss`, `grad_norm` where gradients are clipped, `val_auc` (class 1, or the mean over classes
    against the rest) and `val_accuracy`, both None without validation films of at least two classes. Where films have
    several findings, each is a question of its own (`study.train.multilabel`), `val_auc` is the mean over those that can
    be judged and `val_auc_undefined` counts the others.

    Raises:
        DataError: fewer than two films, or fewer than two classes among them.
        StudyError: the preceding stage's weights do not fit.
    """
    settings = assignment.settings
    films = assignment.training_films("train")
    check_classes(assignment.dataset, films, assignment.classes)
    held_out = assignment.films("val")
    form = {"drop_path": settings["drop_path"], "pool": settings["pool"]}
    module = assignment.module(num_classes=len(assignment.classes), **form)
    scales = layer_scales(module, settings["layer_decay"])
    groups = parameter_groups(module, weight_decay=settings["weight_decay"], scales=scales)
    maximise = "val_auc" if settings["select"] == "best_val" else None
    schedule = assignment.schedule(betas=(0.9, 0.999), maximise=maximise)
    counts, several = class_counts(films, assignment.classes), assignment.dataset.findings is not None
    weights = class_weights(counts, settings["class_weights"])
    by_finding = finding_weights(counts, len(films), settings["class_weights"]) if several else None
    task = _Task(module, films, held_out, settings, weights, by_finding)
    trained = fit(task, groups, schedule, assignment.context)
    chosen = trained.progress.history[trained.epoch - 1] if trained.epoch else {}
    facts = {
        "n_films": len(films),
        "n_val": len(held_out),
        "class_counts": counts,
        "class_weights": weights if by_finding is None else by_finding.present.tolist(),
        **({} if by_finding is None else {"outputs": "sigmoid", "absent_weights": by_finding.absent.tolist()}),
        "pool": settings["pool"],
        "films_per_step": min(settings["batch_size"], len(films)),
        "select": "best_val" if trained.progress.best_epoch else "last",
        "best_epoch": trained.epoch,
        "val_auc": chosen.get("val_auc"),
        "val_accuracy": chosen.get("val_accuracy"),
        **({"val_auc_undefined": chosen.get("val_auc_undefined")} if several else {}),
        "lr_scale_lowest": min(scales.values(), default=1.0),
        **(peak_facts(films, settings["saliency_ignores"]) if settings["saliencymix"] else {}),
    }
    return Result(dict(module.state_dict()), trained, facts)


def class_counts(films: Films, classes: tuple[str, ...]) -> list[int]:
    """Films of each class; with findings a film counts for all it has."""
    if films.dataset.findings is not None:
        return finding_counts(films)
    labels = films.dataset.labels[films.rows]
    return [int((labels == index).sum()) for index in range(len(classes))]


def class_weights(counts: list[int], how: str) -> list[float]:
    """Factor of a film's loss by class: 1, or for `balanced` N / (K n_k), whose mean over the films is 1.

    A class without films counts as if it had one; no film has its weight.
    """
    if how == "none":
        return [1.0] * len(counts)
    return [sum(counts) / (len(counts) * max(count, 1)) for count in counts]


def peak_facts(films: Films, without: str) -> dict[str, float | None]:
    """Where the most salient place of the training films lies, which is what SaliencyMix pastes.

    Returns:
        `peaks_in_boxes` and `peaks_in_marker`: share inside the human boxes, and inside the bounding box of the side
        letter, among films that have them; None where none has.
    """
    dataset, size, places, marked = films.dataset, films.size, [], []
    boxes = np.zeros((len(films), size, size), dtype=np.bool_)
    for row, drawn in zip(boxes, (dataset.boxes[index] for index in films.rows), strict=True):
        for left, top, right, bottom in drawn:
            row[top:bottom, left:right] = True
    for picked in torch.split(torch.arange(len(films)), EVALUATED):
        places.append(peaks(saliency(films.batch(picked), ignored(films, picked, without))).cpu().numpy())
        if "marker" in dataset.part_names:
            marked.append(boxed(films.part(picked, "marker"))[:, 0].cpu().numpy() > 0)
    found = np.concatenate(places)
    in_marker = share_inside(found, np.concatenate(marked)) if marked else None
    return {"peaks_in_boxes": share_inside(found, boxes), "peaks_in_marker": in_marker}


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


class _Task:
    """Views and the loss of a batch, in parts; AUC and accuracy on the validation films."""

    def __init__(
        self,
        module: nn.Module,
        films: Films,
        held_out: Films,
        settings: Mapping[str, Any],
        weights: list[float],
        by_finding: Weights | None = None,
    ) -> None:
        self.module = module
        self.films = films
        self.held_out = held_out
        self.n_films = len(films)
        self.settings = settings
        self.parts: int = settings["accumulate"]
        self.weights = torch.tensor(weights, device=films.device)
        self.by_finding = None if by_finding is None else Weights(*(part.to(films.device) for part in by_finding))

    def steps(self, picked: Tensor, draw: Draw) -> Iterator[Step]:
        """Views are drawn, and films mixed, for the whole batch, so that parts and processes cannot change them."""
        settings = self.settings
        batch = augmented(self.films, picked, len(self.weights), settings, draw)
        for images, targets in zip(*(whole.tensor_split(self.parts) for whole in batch), strict=True):
            mine = draw.share(len(images))
            images, targets = images[mine], targets[mine]
            if len(images):
                losses = self._losses(self.module(images), targets)
                yield Step(losses.sum() / len(picked), {})

    def _losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        smoothing = self.settings["label_smoothing"]
        if self.by_finding is not None:
            return finding_losses(logits, targets, self.by_finding, smoothing)
        return soft_losses(logits, targets, self.weights, smoothing)

    def epoch_end(self, means: Mapping[str, float]) -> Mapping[str, float | None]:
        picked = torch.arange(len(self.held_out))
        if not len(picked):
            absent = {} if self.by_finding is None else {"val_auc_undefined": None}
            return {"val_auc": None, "val_accuracy": None, **absent}
        with torch.no_grad():
            logits = torch.cat([self.module(self.held_out.batch(part)) for part in torch.split(picked, EVALUATED)])
        if self.by_finding is not None:
            return judged(logits, present_of(self.held_out))
        scores = logits.double().softmax(dim=1).cpu().numpy()
        labels = self.held_out.labels(picked).cpu().numpy()
        return {"val_auc": auc(scores, labels), "val_accuracy": float((scores.argmax(axis=1) == labels).mean())}


def soft_losses(logits: Tensor, targets: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """[B] cross-entropies -sum_k w_k t_k log p_k of logits and labels [B, K], from the logits, so never infinite.

    Smoothing takes this share of the labels and gives it to all classes alike.
    """
    targets = (1 - smoothing) * targets + smoothing / targets.shape[1]
    return -(weights * targets * F.log_softmax(logits.float(), dim=1)).sum(dim=1)


def check_classes(dataset: Dataset, films: Films, classes: tuple[str, ...]) -> None:
    """Refuse training films that are no task.

    Raises:
        DataError: a film without a label among `classes`, or one class only.
    """
    if dataset.findings is not None:
        check_present(dataset, films, classes)
        return
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
