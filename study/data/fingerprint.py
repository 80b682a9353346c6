"""Hashes of files, so that the same films are recognised wherever they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

MISSING = "missing"
THREADS = 4


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, or `MISSING`; remembered while size and time of the file stay."""
    try:
        status = path.stat()
        return _sha256(path, status.st_size, status.st_mtime_ns)
    except OSError:
        return MISSING


def files_sha256(paths: Sequence[Path]) -> list[str]:
    """`file_sha256` of many files, in order."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(file_sha256, paths))


@lru_cache(maxsize=1 << 18)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
