"""Weights on disk: written by one stage, taken up by the next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from study.errors import StudyError
from study.train.models import POOL_NORM, is_head, trunk

WEIGHTS, FACTS, HISTORY, TIMING = "weights.safetensors", "facts.json", "history.json", "timing.json"
DECODER = "decoder."
State = dict[str, Tensor]
SHOWN = 6
"""Names listed of each kind in an error."""


def write_json(path: Path, content: object) -> None:
    """Strict JSON: keys in their order, no NaN."""
    path.write_text(json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


def read_facts(folder: Path) -> dict[str, Any]:
    """The scalars a stage recorded of itself.

    Raises:
        StudyError: the folder holds no trained stage.
    """
    path = folder / FACTS
    if not path.is_file():
        raise StudyError(f"{folder}: no {FACTS}; this is not the folder of a trained stage")
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return facts


def save(state: dict[str, Tensor], path: Path) -> None:
    """Write tensors as safetensors, on the CPU and contiguous."""
    save_file({name: value.detach().cpu().contiguous() for name, value in state.items()}, path)


def load(folder: Path) -> dict[str, Tensor]:
    """The tensors of a stage, on the CPU."""
    return load_file(folder / WEIGHTS)


def load_trunk(module: nn.Module, folder: Path, *, model: str) -> None:
    """Take the trunk of a preceding stage, BatchNorm buffers included; heads stay fresh.

    Raises:
        StudyError: the stage trained another model, or a name or shape does not match.
    """
    facts = read_facts(folder)
    if facts["model"] != model:
        raise StudyError(f"{folder}: weights of '{facts['model']}' cannot start '{model}'")
    stored = {name: value for name, value in load(folder).items() if not name.startswith(DECODER) and not is_head(name)}
    take(*shared(stored, trunk(module)), source=str(folder))


def shared(stored: State, wanted: State) -> tuple[State, State]:
    """Both trunks of one model without the norm before the head where only one of them has it.

    A head that reads the class token has that norm, one that reads the mean of the patches has its own instead; a
    stage that changes from one to the other leaves it out, or begins with a fresh one.
    """
    alone = {name for name in POOL_NORM if (name in stored) != (name in wanted)}
    left = ({name: value for name, value in state.items() if name not in alone} for state in (stored, wanted))
    return next(left), next(left)


def load_decoder(decoder: nn.Module, folder: Path) -> None:
    """Take the decoder of a preceding MAE stage.

    Raises:
        StudyError: it has none, or another one.
    """
    stored = {name.removeprefix(DECODER): value for name, value in load(folder).items() if name.startswith(DECODER)}
    if not stored:
        raise StudyError(
            f"{folder}: carry_decoder is set, but the preceding stage ('{read_facts(folder)['kind']}') "
            "kept no decoder; only an mae stage can hand one on"
        )
    take(stored, decoder.state_dict(), source=f"{folder} (decoder)")


def take(stored: dict[str, Tensor], wanted: dict[str, Tensor], *, source: str) -> None:
    """Copy `stored` into `wanted` (tensors that share memory with a module), names and shapes equal.

    Raises:
        StudyError: with the names that are missing, not expected or of another shape.
    """
    shared = stored.keys() & wanted.keys()
    problems = {
        "missing": sorted(wanted.keys() - stored.keys()),
        "not expected": sorted(stored.keys() - wanted.keys()),
        "other shape": sorted(
            f"{name} {list(stored[name].shape)} for {list(wanted[name].shape)}"
            for name in shared
            if stored[name].shape != wanted[name].shape
        ),
    }
    if any(problems.values()):
        rows = [f"  {kind}: {listed(names)}" for kind, names in problems.items() if names]
        raise StudyError(f"{source}: the weights do not fit the model\n" + "\n".join(rows))
    with torch.no_grad():
        for name, value in wanted.items():
            value.copy_(stored[name])


def listed(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
