"""The name of a stage: a hash of everything that can change its numbers."""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Mapping
from typing import Any

DIGITS = 24
"""Hex digits of a key: 96 bits, so that no two recipes ever meet."""


def key(recipe: Mapping[str, Any]) -> str:
    """The first 24 hex digits of the SHA-256 of the recipe's canonical JSON.

    Raises:
        ValueError: the recipe holds NaN or infinity, two equal names, or what JSON cannot say.
    """
    return hashlib.sha256(canonical_json(recipe).encode("ascii")).hexdigest()[:DIGITS]


def canonical_json(value: Any) -> str:
    """One text per value: sorted keys, no spaces, ASCII, NFC strings, floats by `repr`, no -0.0."""
    return json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _canonical(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a recipe cannot hold {value}: it is not equal to itself")
        return value + 0.0  # -0.0 + 0.0 is 0.0
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, Mapping):
        return _canonical_mapping(value)
    raise ValueError(f"a recipe cannot hold a {type(value).__name__}: {value!r}")


def _canonical_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in value.items():
        if not isinstance(name, str):
            raise ValueError(f"a recipe's names are text, not {name!r}")
        normal = unicodedata.normalize("NFC", name)
        if normal in found:
            raise ValueError(f"a recipe names {normal!r} twice")
        found[normal] = _canonical(item)
    return found
