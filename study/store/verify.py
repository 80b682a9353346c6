"""Whether objects are what their manifests say, byte by byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from study.store.files import read_json
from study.store.objects import MANIFEST, Store

THREADS = 4


@dataclass(frozen=True)
class Broken:
    """An object that is not what it should be.

    Attributes:
        key: its name.
        label: of its stage, the key where the manifest cannot be read.
        problem: what is wrong, with the files.
    """

    key: str
    label: str
    problem: str


class Verified(NamedTuple):
    """What was read: objects, bytes of their files, and those that are broken."""

    objects: int
    size: int
    broken: tuple[Broken, ...]


def verify(store: Store, keys: Iterable[str], *, name_of: Callable[[Mapping[str, Any]], str]) -> Verified:
    """Read every file of these objects and compare its sha256 with the manifest's.

    Args:
        store: read only.
        keys: of objects; those that are absent are left out.
        name_of: recipe -> the key that it must have.
    """
    present = [key for key in keys if store.object_folder(key).is_dir()]
    with ThreadPoolExecutor(THREADS) as pool:
        problems = list(pool.map(lambda key: _problem(store, key, name_of), present))
    manifests = {key: read_json(store.object_folder(key) / MANIFEST) or {} for key in present}
    broken = tuple(
        Broken(key, str(manifests[key].get("label") or key), problem)
        for key, problem in zip(present, problems, strict=True)
        if problem
    )
    size = sum(_size(manifest) for manifest in manifests.values())
    return Verified(len(present), size, broken)


def _problem(store: Store, key: str, name_of: Callable[[Mapping[str, Any]], str]) -> str:
    """What is wrong with an object; empty for a good one."""
    folder = store.object_folder(key)
    manifest = read_json(folder / MANIFEST)
    if manifest is None or not isinstance(manifest.get("files"), dict):
        return f"its {MANIFEST} is absent or cannot be read"
    absent = [name for name in manifest["files"] if not (folder / name).is_file()]
    if absent:
        return f"{_files(absent)} absent"
    if store.intact(key) is None:
        sizes = [name for name, facts in manifest["files"].items() if (folder / name).stat().st_size != facts["size"]]
        return f"{_files(sizes)} of another size"
    if damaged := store.damaged_files(key):
        return f"{_files(damaged)} changed since they were made"
    if name_of(manifest.get("recipe", {})) != key:
        return "its recipe is not the one that its name was made from"
    return ""


def _files(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}:"


def _size(manifest: Mapping[str, Any]) -> int:
    files = manifest.get("files")
    return sum(int(facts["size"]) for facts in files.values()) if isinstance(files, dict) else 0
