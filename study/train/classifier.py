"""Trained classifiers, ready to be asked."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from study.errors import StudyError
from study.records import Classifier
from study.train.models import build, placed
from study.train.weights import load, read_facts, take

CACHED_PIXELS = 2**19


def load_classifier(folder: Path, *, device: str = "cpu") -> Classifier:
    """The classifier that a supervised stage left in `folder`: eval mode, parameters without gradients.

    Raises:
        StudyError: the folder holds no classifier, or its weights do not fit.
    """
    facts = read_facts(folder)
    if not facts["supervised"]:
        raise StudyError(f"{folder}: stage '{facts['kind']}' leaves no classifier; load that of a finetune stage")
    module = build(
        facts["model"],
        num_classes=len(facts["classes"]),
        image_size=facts["image_size"],
        in_chans=facts["in_chans"],
        pool=facts["pool"],
    )
    take(load(folder), module.state_dict(), source=str(folder))
    module = placed(module, device, facts["family"]).eval().requires_grad_(False)
    return Classifier(
        module=module,
        name=facts["model"],
        family=facts["family"],
        classes=tuple(facts["classes"]),
        in_chans=facts["in_chans"],
        image_size=facts["image_size"],
        mean=facts["mean"],
        std=facts["std"],
        outputs=facts.get("outputs", "softmax"),
    )


def probabilities(classifier: Classifier, images: Tensor, *, batch_size: int = 256) -> Tensor:
    """Probabilities from the classifier's logits: softmax, or of several findings the sigmoid of each.

    On a CUDA device the network runs in mixed precision (float16), whose probabilities lie within about 0.001 of
    those in float32, as convolutions in TF32 do; on a CPU everything is float32.

    Args:
        classifier: from `load_classifier`.
        images: [B, C, S, S] normalised float32, any device.
        batch_size: bounds memory; cannot change numbers beyond rounding.

    Returns:
        [B, K] float64 in [0, 1] without gradient, on the classifier's device; softmax rows sum to 1.
    """
    device = next(classifier.module.parameters()).device
    with torch.inference_mode():
        size = batch_size if device.type == "cuda" else min(batch_size, _cached(images))
        logits = [_logits(classifier.module, part.to(device)) for part in torch.split(images, size)]
    # concatenated outside, so that the result is an ordinary tensor that autograd may keep
    together = torch.cat(logits).double()
    return together.sigmoid() if classifier.outputs == "sigmoid" else together.softmax(dim=1)


def _cached(images: Tensor) -> int:
    """Images whose activations a CPU's cache still holds; with more, a network of 224 px is a fifth slower."""
    return max(1, CACHED_PIXELS // (images.shape[-2] * images.shape[-1]))


def _logits(module: nn.Module, images: Tensor) -> Tensor:
    logits: Tensor = _half_logits(module, images) if images.is_cuda else module(images)
    return logits


def _half_logits(module: nn.Module, images: Tensor) -> Tensor:
    """In mixed precision, float32; in float32 throughout where half precision overflows.

    float16, not bfloat16: on the golden networks its curves are ten times as close to float32 (areas within 0.0005).
    """
    with torch.autocast(images.device.type, dtype=torch.float16):
        logits: Tensor = module(images).float()
    if logits.isfinite().all():
        return logits
    exact: Tensor = module(images)
    return exact
