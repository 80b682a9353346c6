"""Stage `weights`: weights that are there already, from timm by name or from a file, fitted to the model."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from study.errors import StudyError
from study.train.checkpoint import Checkpoint, State, named, read_checkpoint
from study.train.fitting import Colours, decoder_of, fit_trunk
from study.train.loop import Progress, Trained
from study.train.models import trunk
from study.train.stage import Assignment, Result


def given(assignment: Assignment) -> Result:
    """The trunk of a checkpoint, and its MAE decoder where it has one; nothing is trained.

    Facts tell what was taken, resized and left out, and the sum of the weights that were found.

    Raises:
        StudyError: the weights cannot be had or do not fit the model.
    """
    settings, dataset = assignment.settings, assignment.dataset
    module = assignment.module(num_classes=1).cpu()
    checkpoint, means, stds = _source(assignment)
    colours = Colours(means, stds, dataset.mean, dataset.std) if settings["channels"] == "exact" else None
    fitted = fit_trunk(checkpoint, module, colours=colours)
    decoder = decoder_of(checkpoint, module)
    facts = {
        "source": settings["timm"] or Path(settings["file"]).name,
        "content": settings.get("content") or _sum(checkpoint.state),
        "layout": checkpoint.layout,
        "stripped": checkpoint.stripped,
        "n_taken": len(fitted.taken),
        "adapted": fitted.adapted,
        "left_out": [name for names in fitted.left_out.values() for name in names],
        "absent": fitted.absent,
        "has_decoder": bool(decoder),
        "summary": fitted.summary,
    }
    return Result({**trunk(module), **decoder}, Trained(Progress(), None, "cpu"), facts)


def _source(assignment: Assignment) -> tuple[Checkpoint, Any, Any]:
    """The checkpoint, and the normalisation per channel that it was trained with."""
    settings = assignment.settings
    if settings["timm"] is not None:
        return _from_timm(settings["timm"], assignment.model)
    path = Path(settings["file"])
    checkpoint = read_checkpoint(path, layout=settings["layout"], content=settings.get("content"))
    return checkpoint, IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD


def _from_timm(name: str, model: str) -> tuple[Checkpoint, Any, Any]:
    """Pretrained weights by name; downloaded on first use, then from the cache."""
    if name.partition(".")[0] != model:
        raise StudyError(f"weights '{name}' are not of the model '{model}'")
    if not timm.is_model_pretrained(name):
        known = timm.list_pretrained(f"{model}*")
        raise StudyError(f"timm has no pretrained weights called '{name}'\nknown: {', '.join(known[:12]) or 'none'}")
    try:
        module: Any = timm.create_model(name, pretrained=True)
    except Exception as error:  # of a dozen libraries below: no network, no such file, a proxy's page
        raise StudyError(
            f"weights '{name}' could not be downloaded: {type(error).__name__}: {' '.join(str(error).split())[:200]}\n"
            "either download them once on a machine with a network, with the same cache folder (HF_HOME):\n"
            f"  python -c \"import timm; timm.create_model('{name}', pretrained=True)\"\n"
            f"or save them there and name the file:  weights: {{file: {name}.safetensors}}"
        ) from error
    config = module.pretrained_cfg
    checkpoint = named(dict(module.state_dict()), layout="timm", source=f"timm's {name}", stripped=[])
    return checkpoint, config["mean"], config["std"]


def _sum(state: State) -> str:
    """sha256 of all names and values."""
    total = hashlib.sha256()
    for name, value in state.items():
        total.update(name.encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return f"sha256:{total.hexdigest()}"
