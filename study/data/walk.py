"""The files below a folder, in an order that does not depend on the machine."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from study.errors import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".ppm", ".jp2"})
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""Names that mean a split, in lower case; a year may follow (`train2017`)."""


def split_of(name: str) -> str:
    """The split that a folder or file of this name stands for, or ""."""
    return SPLIT_FOLDERS.get(name.lower().rstrip("0123456789").rstrip("_-"), "")


def check_folder(folder: Path, setting: str = "folder") -> None:
    """Refuse what is not a folder.

    Raises:
        DataError: absent, or a file.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} (setting `{setting}`) is not a folder; the folder of the films is expected")


def files(folder: Path) -> Iterator[str]:
    """Paths below a folder, with forward slashes, sorted; nothing hidden (a leading dot), links followed once.

    A link that leads nowhere is listed, so that it is quarantined rather than missed.
    """
    found: list[str] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _hidden(name))
        within = Path(place).relative_to(folder)
        found += [(within / name).as_posix() for name in names if not name.startswith(".")]
    yield from sorted(found)


def images(folder: Path, suffixes: Collection[str] = SUFFIXES) -> list[str]:
    """Those of `files` that their suffix calls images, in upper or lower case."""
    return [name for name in files(folder) if PurePosixPath(name).suffix.lower() in suffixes]


def some_images(folder: Path, limit: int = 1) -> bool:
    """Whether a folder itself, not its sub-folders, holds at least `limit` images."""
    with os.scandir(folder) as entries:
        found = sum(Path(entry.name).suffix.lower() in SUFFIXES and not _hidden(entry.name) for entry in entries)
    return found >= limit


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
