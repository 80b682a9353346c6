"""What the command line sets in a protocol, written into its tree before it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.errors import Problem
from study.protocol.yamltree import Location, Tree
from study.registry import unknown

_PLACES: Mapping[str, Location] = {
    "seeds": ("seeds",),
    "models": ("models",),
    "image_size": ("image_size",),
    "cluster": ("dispatch", "cluster"),
    "workers": ("dispatch", "workers"),
    "languages": ("report", "languages"),
}
_OPTIONS: Mapping[str, str] = {"languages": "--lang", "image_size": "--image-size"}


def apply(tree: Tree, overrides: Mapping[str, Any]) -> dict[Location, str]:
    """Write `overrides` into the tree's data; returns which option set which place.

    Values of None are not set. What is set goes through the same checks as the file.
    """
    origins: dict[Location, str] = {}
    for key, value in overrides.items():
        if value is None:
            continue
        if key == "data":
            origins |= _data(tree, value)
            continue
        place = _PLACES[key]
        _set(tree.data, place, list(value) if isinstance(value, tuple | list) else value)
        origins[place] = _OPTIONS.get(key, f"--{key}")
    return origins


def _set(written: dict[str, Any], place: Location, value: Any) -> None:
    *parents, last = (str(step) for step in place)
    for parent in parents:
        if not isinstance(written.get(parent), dict):
            written[parent] = {}
        written = written[parent]
    written[last] = value


_CHOICES = ("classes", "others", "split", "resize", "max_quarantined")
"""What every format of real films has, and a dataset keeps when it is pointed at films of another format."""


def _data(tree: Tree, paths: Mapping[str, str | Path | Mapping[str, Any]]) -> dict[Location, str]:
    """Point datasets at real films: a csv dataset keeps its choices, any other becomes one, or what is given."""
    origins: dict[Location, str] = {}
    datasets = tree.data.get("data")
    if not isinstance(datasets, dict):
        return origins  # the checks say so
    for name, path in paths.items():
        chosen = name or str(tree.data.get("target"))
        if chosen not in datasets:
            tree.problems.append(Problem(0, "--data", unknown("dataset of this protocol", chosen, datasets)))
            continue
        before = datasets[chosen]
        origins["data", chosen] = "--data"
        if isinstance(path, Mapping):
            kept = before if isinstance(before, dict) else {}
            datasets[chosen] = {key: kept[key] for key in _CHOICES if key in kept} | dict(path)
            continue
        kept = before if isinstance(before, dict) and before.get("format") == "csv" else {"format": "csv"}
        after = {key: value for key, value in kept.items() if key != "images"}
        datasets[chosen] = after | {"manifest": str(Path(path).absolute())}
    return origins
