"""Whether a model name exists and fits the image size."""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Mapping
from typing import Any

from study.protocol.problems import Ledger
from study.registry import MODELS, model_family

_PATCH_SIZE: Mapping[str, int] = {"vit_phantom": 8, "densenet_phantom": 16}
_PATCH_WORD = re.compile(r"patch(\d+)")


def check_models(parsed: Mapping[str, Any], ledger: Ledger) -> None:
    """Every model is ours or timm's, of a family we can explain, and divides the image."""
    size = parsed.get("image_size")
    for i, name in enumerate(parsed.get("models", ())):
        if wrong := _wrong_name(name):
            ledger.add(("models", i), wrong)
        elif size is not None and (patch := patch_size(name)) and size % patch:
            near = max(patch, round(size / patch) * patch)
            ledger.add(("image_size",), f"found {size}; {name} needs a multiple of {patch}, such as {near}")


def patch_size(name: str) -> int | None:
    """Side of the patches that the image must be divisible by, where the name tells it."""
    word = _PATCH_WORD.search(name)
    return _PATCH_SIZE.get(name) or (int(word.group(1)) if word else None)


def grid(name: str, image_size: int | None) -> int | None:
    """Patches (CNN: mask cells) along one side; None where the name does not tell, 0 where there is no such grid."""
    if image_size is None:
        return None
    if model_family(name) == "cnn":
        counts = [cells for cells in range(6, 17) if image_size % cells == 0]
        return min(counts, key=lambda cells: (abs(cells - 8), cells), default=0)
    patch = patch_size(name)
    return image_size // patch if patch and image_size % patch == 0 else None


def _wrong_name(name: str) -> str | None:
    if name in MODELS:
        return None
    if "." in name:
        bare = name.partition(".")[0]
        return f"'{name}' names pretrained weights, which a model's name does not load; write '{bare}'"
    if near := difflib.get_close_matches(name, MODELS, n=1, cutoff=0.85):
        return _unknown(name, near)  # saves the seconds that asking timm takes
    known = _timm_names()
    if known is None and model_family(name):
        return None  # timm is not here to be asked; the worker that trains will be
    if known is not None and name in known:
        return None if model_family(name) else _wrong_family(name)
    candidates = [*MODELS, *(other for other in known or () if model_family(other))]
    return _unknown(name, difflib.get_close_matches(name, candidates, n=3, cutoff=0.6))


def _unknown(name: str, near: list[str]) -> str:
    hint = f"; did you mean {' or '.join(repr(other) for other in near)}?" if near else ""
    return f"'{name}' is not a known model{hint}\nknown: {', '.join(MODELS)}, and the names of timm.list_models()"


def _wrong_family(name: str) -> str:
    return f"timm has '{name}', but we cannot pretrain or explain its family; use a ViT, DeiT, DenseNet, ResNet or VGG"


def _timm_names() -> frozenset[str] | None:
    """Architectures of the installed timm; None where it is not installed (a login node)."""
    if importlib.util.find_spec("timm") is None:
        return None
    import timm

    return frozenset(timm.list_models())
