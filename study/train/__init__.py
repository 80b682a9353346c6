"""Training: one stage of a chain, from the preceding stage's weights to its own.

In comes a `Dataset`, the resolved settings of the stage and the folder of the stage before;
out go `weights.safetensors` (the trunk under timm's plain names; behind it a decoder, or the head),
`history.json` (one entry per epoch), `facts.json` (scalars) and `timing.json`. Everything but the timing
is bit-equal when the same stage is trained again on the same machine, interrupted or not. Several GPUs may share a
training (`parallel`, `team`): the batch stays what the recipe says, and another number of them gives the same weights
to rounding, but where units or paths are dropped, which every process draws for itself.

Only the trunk is handed on, so that arms differ in what they saw and not in leftovers of a head.
All stages that descend a gradient share one loop (`loop`), one set of random views (`views`) and one way to
name random numbers, so that arms differ in nothing else either. Label-free stages see films of splits train
and unlabelled, stages with labels see train and are selected on val; no stage reads a test film.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from study.errors import StudyError
from study.records import Dataset, StageContext
from study.registry import TRAININGS
from study.train.classifier import load_classifier, probabilities
from study.train.films import check_normalisation, to_tensor
from study.train.models import family_of
from study.train.parallel import processes_for, together
from study.train.rates import rates_told
from study.train.stage import IN_CHANS, Assignment, Result
from study.train.weights import FACTS, HISTORY, TIMING, WEIGHTS, save, write_json

__all__ = ["load_classifier", "probabilities", "to_tensor", "train"]


def train(
    kind: str,
    settings: Mapping[str, Any],
    *,
    model: str,
    dataset: Dataset,
    initial: Path | None,
    seed: int,
    classes: tuple[str, ...],
    out: Path,
    context: StageContext,
) -> None:
    """Do one training stage and write its files into `out`.

    Args:
        kind: name in `registry.TRAININGS`.
        settings: resolved settings of the stage, no None.
        model: model name of the protocol.
        dataset: square films; their side is the model's input size.
        initial: folder of the preceding stage, or None to draw the weights from the seed.
        seed: of the run; names every random number.
        classes: names of the classifier's outputs.
        out: existing folder.
        context: progress, stopping and checkpoints.

    Raises:
        StudyError: unknown stage or model, films that cannot be used, or weights that do not fit.
        Stopped: the context asked to stop; the next call goes on from the checkpoint.
    """
    if kind not in TRAININGS:
        raise StudyError(TRAININGS.unknown(kind))
    check_normalisation(dataset)
    asked = Assignment(kind, settings, model, dataset, initial, seed, classes, context)
    processes = processes_for(context.allowance) if "epochs" in settings else 1
    if processes > 1:
        words = {name: value for name, value in vars(asked).items() if name not in ("context", "device")}
        together(_trained, {**words, "out": out}, processes=processes, context=context)
    else:
        _done(asked, out)


def _trained(*, out: Path, context: StageContext, **words: Any) -> None:
    """One process's part of a shared training."""
    _done(Assignment(**words, context=context), out)


def _done(assignment: Assignment, out: Path) -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    result: Result = TRAININGS.load(assignment.kind)(assignment)
    save(result.weights, out / WEIGHTS)
    write_json(out / HISTORY, result.trained.progress.history)
    write_json(out / FACTS, _facts(assignment, result))
    write_json(out / TIMING, _timing(result))


def _facts(assignment: Assignment, result: Result) -> dict[str, Any]:
    dataset, progress = assignment.dataset, result.trained.progress
    return {
        "kind": assignment.kind,
        "supervised": TRAININGS[assignment.kind].supervised,
        "model": assignment.model,
        "family": family_of(assignment.model),
        "classes": list(assignment.classes),
        "mean": float(dataset.mean),
        "std": float(dataset.std),
        "in_chans": IN_CHANS,
        "image_size": assignment.image_size,
        "data": dataset.name,
        **rates_told(assignment.settings),
        "epochs": assignment.settings.get("epochs", 0),
        "epochs_done": len(progress.history),
        "diverged": progress.diverged,
        "n_parameters": sum(value.numel() for value in result.weights.values()),
        **result.facts,
    }


def _timing(result: Result) -> dict[str, Any]:
    trained = result.trained
    films = trained.progress.films
    return {
        "seconds": trained.progress.seconds,
        "cpu_seconds": trained.progress.cpu_seconds,
        "images_per_s": films / max(trained.progress.seconds, 1e-9),
        "peak_memory_mb": _peak_memory_mb(trained.device),
        "device": trained.device,
        "device_name": torch.cuda.get_device_name() if trained.device == "cuda" else None,
        "processes": trained.processes,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _peak_memory_mb(device: str) -> float:
    """Most memory held at once by this process: on the device by this stage, on a CPU since it began."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
