"""Hashes of files, so that the same films are recognised wherever they lie."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from study.errors import StoreError
from study.store.files import read_json, write_atomic

MISSING = "missing"
THREADS = 4
SCHEMA = 1
SETTLED_S = 2.0
"""A file that changed less than this before it was read is hashed again next time: file systems stamp changes
in ticks of up to two seconds (FAT), so a second change within the tick would leave the same stamp."""

Stamp = tuple[int, int, int, int]
"""Size, time of the last change of the content and of the inode (ns), and inode number."""


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, or `MISSING`; remembered while size, times and inode of the file stay."""
    try:
        return _MEMORY.sha256(path)
    except OSError:
        return MISSING


def files_sha256(paths: Sequence[Path]) -> list[str]:
    """`file_sha256` of many files, in order."""
    found = [_MEMORY.recall(path) for path in paths]
    unknown = [place for place, content in enumerate(found) if content is None]
    if unknown:
        with ThreadPoolExecutor(THREADS) as pool:
            for place, content in zip(unknown, pool.map(file_sha256, (paths[i] for i in unknown)), strict=True):
                found[place] = content
    return [content or MISSING for content in found]


@contextmanager
def remembered(path: Path) -> Iterator[None]:
    """Inside, hashes that were taken before come from the JSON file `path`; new ones are added to it.

    The file saves time and nothing else: where it is absent, damaged or cannot be written, everything is hashed.

    Args:
        path: written at the end if its folder exists then and something new was hashed.
    """
    _MEMORY.read(path)
    try:
        yield
    finally:
        keep(path)


def keep(path: Path) -> None:
    """Add what was hashed by now to the JSON file `path`, if its folder exists."""
    with suppress(StoreError):
        _MEMORY.write(path)


def of_absent_files(path: Path) -> list[str]:
    """Files that the JSON file `path` remembers and that are no longer there."""
    return [name for name in _rows(path) if not os.path.exists(name)]


def forget(path: Path, names: Collection[str]) -> None:
    """Take these files out of the JSON file `path`.

    Raises:
        StoreError: it cannot be written.
    """
    _write(path, {name: row for name, row in _rows(path).items() if name not in names})


class _Memory:
    """Hashes of this process and of earlier ones, by path; each counts only while the file's stamp is the same."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Stamp, str]] = {}
        self._new: dict[str, tuple[Stamp, str]] = {}
        self._lock = threading.Lock()

    def recall(self, path: Path) -> str | None:
        """The hash of a file that was hashed before and has not changed; None where that cannot be told."""
        with suppress(OSError):
            name = os.path.abspath(path)
            known = self._known.get(name)
            return known[1] if known is not None and known[0] == _stamp(os.stat(name)) else None
        return None

    def sha256(self, path: Path) -> str:
        """The hash of a file.

        Raises:
            OSError: it cannot be read.
        """
        if (known := self.recall(path)) is not None:
            return known
        name = os.path.abspath(path)
        looked_ns = time.time_ns()
        with open(name, "rb") as file:
            stamp = _stamp(os.fstat(file.fileno()))
            found = hashlib.file_digest(file, "sha256").hexdigest()
            after = _stamp(os.fstat(file.fileno()))
        if after == stamp and looked_ns - max(stamp[1:3]) > SETTLED_S * 1e9:
            with self._lock:
                self._known[name] = self._new[name] = stamp, found
        return found

    def read(self, path: Path) -> None:
        """Know what the JSON file says."""
        self._known |= _rows(path)

    def write(self, path: Path) -> None:
        """Add what was hashed since the last call to the JSON file.

        Raises:
            StoreError: it cannot be written.
        """
        if not self._new or not path.parent.is_dir():
            return
        with self._lock:
            new, self._new = self._new, {}
        _write(path, _rows(path) | new)


def _write(path: Path, known: Mapping[str, tuple[Stamp, str]]) -> None:
    rows = {name: [*stamp, found] for name, (stamp, found) in known.items()}
    write_atomic(path, json.dumps({"schema": SCHEMA, "files": rows}).encode())


def _rows(path: Path) -> dict[str, tuple[Stamp, str]]:
    content = read_json(path) or {}
    if content.get("schema") != SCHEMA:
        return {}
    try:
        return {
            name: ((size, changed, moved, inode), str(found))
            for name, (size, changed, moved, inode, found) in content["files"].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


_MEMORY = _Memory()
