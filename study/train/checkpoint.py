"""Checkpoint files of others -> tensors under timm's names.

A file is opened without executing anything in it. What it wraps its weights in, and what it puts in front of their
names, is taken off; what it calls otherwise is renamed; everything that was done stands in the record.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from study.errors import StudyError

WRAPPERS = ("model", "state_dict", "model_state_dict", "model_state", "teacher")
"""Names under which training programs keep the weights."""
PREFIXES = ("module.", "model.", "encoder.", "backbone.", "sparse_encoder.", "sp_cnn.")
"""What they put in front of the names of the trunk."""
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")

State = dict[str, Tensor]


@dataclass
class Checkpoint:
    """Weights under timm's names.

    Attributes:
        state: name -> tensor; of a decoder or head too.
        layout: whose names the file used.
        stripped: what was taken off: names of wrappers, prefixes.
        source: for messages.
    """

    state: State
    layout: str
    source: str
    stripped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """Whose names: how they are recognised, and what becomes of them."""

    is_it: Callable[[frozenset[str]], bool]
    marks: str
    renamed: tuple[tuple[str, str], ...] = ()


def _mae(names: frozenset[str]) -> bool:
    return {"cls_token", "pos_embed", "patch_embed.proj.weight"} <= names


def _medical(names: frozenset[str]) -> bool:
    return _mae(names) or any(name.startswith(("segmentation_head.", "features.denseblock")) for name in names)


def _torchvision(names: frozenset[str]) -> bool:
    return "conv_proj.weight" in names or "features.conv0.weight" in names or {"conv1.weight", "fc.weight"} <= names


OLD_DENSENET = (r"(denselayer\d+)\.(norm|conv)\.(\d)", r"\1.\2\3")
"""Published before dots in names became significant."""
TORCHVISION_VIT = (
    (r"^class_token$", "cls_token"),
    (r"^(?:encoder\.)?pos_embedding$", "pos_embed"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^(?:encoder\.)?layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.self_attention\.in_proj_(weight|bias)", r".attn.qkv.\1"),
    (r"\.self_attention\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.(?:0|linear_1)\.", ".mlp.fc1."),
    (r"\.mlp\.(?:3|linear_2)\.", ".mlp.fc2."),
    (r"^(?:encoder\.)?ln\.", "norm."),
    (r"^heads\.head\.", "head."),
)
LAYOUTS: Mapping[str, Layout] = {
    "mae": Layout(_mae, "cls_token, pos_embed and patch_embed.proj.weight"),
    "medical_mae": Layout(_medical, "those of mae, or features.denseblock... of its U-Net's encoder", (OLD_DENSENET,)),
    "torchvision": Layout(
        _torchvision, "features.conv0, conv1 with fc, or conv_proj", (OLD_DENSENET, *TORCHVISION_VIT)
    ),
    "timm": Layout(lambda names: True, "any", (OLD_DENSENET,)),
    "plain": Layout(lambda names: True, "any"),
}


def read_checkpoint(path: Path, *, layout: str, content: str | None = None) -> Checkpoint:
    """The weights in a file, under timm's names.

    Args:
        path: .safetensors, or what `torch.save` wrote.
        layout: name in `LAYOUTS`, or `auto`.
        content: `sha256:...` that the file must have, or None.

    Raises:
        StudyError: the file cannot be read safely, holds no tensors, is another one than was planned with, or does
            not use the names of the layout.
    """
    if not path.is_file():
        raise StudyError(f"{path}: no such file")
    if content is not None and (found := _sha256(path)) != content:
        raise StudyError(
            f"{path}: the file has changed since the study was planned ({found}, not {content}); run again"
        )
    state, stripped = _unwrapped(_loaded(path), path)
    state, more = _without_prefixes(state)
    return named(state, layout=layout, source=str(path), stripped=[*stripped, *more])


def named(state: State, *, layout: str, source: str, stripped: list[str]) -> Checkpoint:
    """The state under timm's names.

    Raises:
        StudyError: its names are not those of the layout.
    """
    names = frozenset(state)
    chosen = layout if layout != "auto" else _detected(names)
    if not LAYOUTS[chosen].is_it(names):
        raise StudyError(
            f"{source}: not in the layout '{chosen}', whose names are {LAYOUTS[chosen].marks}\n"
            f"found {_some(names)}\nuse layout: auto, or the one that made the file"
        )
    renamed = {_rename(name, LAYOUTS[chosen].renamed): value for name, value in state.items()}
    return Checkpoint(renamed, chosen, source, stripped)


def _detected(names: frozenset[str]) -> str:
    """The layout whose own names stand in the file; timm's where there are none."""
    if "mask_token" in names or any(name.startswith("decoder_") for name in names):
        return "mae"
    if any("segmentation_head" in name for name in names):
        return "medical_mae"
    return "torchvision" if _torchvision(names) else "timm"


def _rename(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _loaded(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals([argparse.Namespace]):  # training programs keep their options so
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise StudyError(
            f"{path}: holds more than tensors, and is not opened since that could run any program\n"
            f"{_reason(error)}\nsave the weights alone: torch.save(checkpoint['model'], 'weights.pth')"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, ValueError, OSError, KeyError) as error:
        raise StudyError(
            f"{path}: cannot be read as {'safetensors' if path.suffix == '.safetensors' else 'a PyTorch file'}: "
            f"{_reason(error)}\nknown endings: {', '.join(SUFFIXES)}"
        ) from error


def _reason(error: Exception) -> str:
    """The lines of torch's explanation that name what was found."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if "Unsupported" in line or "GLOBAL" in line), lines[0] if lines else "empty")


def _unwrapped(content: Any, path: Path) -> tuple[State, list[str]]:
    """The mapping that holds the tensors, and under which names it was found."""
    taken: list[str] = []
    while isinstance(content, Mapping):
        if wrapper := next((name for name in WRAPPERS if isinstance(content.get(name), Mapping)), None):
            taken.append(wrapper)
            content = content[wrapper]
            continue
        state = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
        if state:
            return state, taken
        break
    found = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
    raise StudyError(
        f"{path}: holds no weights; found {found[:200]}\nexpected names with tensors, or these below {WRAPPERS[0]}"
    )


def _without_prefixes(state: State) -> tuple[State, list[str]]:
    """Without what stands in front of all names, then of those of the trunk; what has another prefix stays."""
    taken: list[str] = []
    while prefix := _prefix(state):
        taken.append(prefix)
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state, taken


def _prefix(state: State) -> str | None:
    """A word in front of all names, or all words in front of the trunk's where none stands without them."""
    if shared := next((word for word in PREFIXES if all(name.startswith(word) for name in state)), None):
        return shared
    found = [match for name in state if (match := _TRUNK.match(name))]
    return found[0][1] if found and all(match[1] for match in found) else None


_TRUNK = re.compile(
    rf"((?:{'|'.join(re.escape(word) for word in PREFIXES)})*)"
    r"(?:patch_embed\.|conv_proj\.|features\.(?:conv0|denseblock1|0)\.|conv1\.weight|conv_stem\.|stem\.|stages\.0\.)"
)
"""First layers of the networks we know, with what may stand before them."""


def _some(names: frozenset[str]) -> str:
    shown = sorted(names)[:6]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
