"""Data: from files or phantoms to grey square films with labels, boxes, patients and splits.

In: the settings of one dataset of a protocol and the side of the model's input. Out: a folder
that `load` opens as a `Dataset`. Films are decoded and resized once, into a memory-mapped
array, so that no epoch decodes a file again and workers share the pages.

What can be wrong with films is settled here, before anything is trained: a file that cannot
be read is quarantined and listed, a manifest that contradicts itself or leaks a patient from
one split into another ends with all its problems at once.

Boxes are pixels of the film as a viewer shows it, that is after the EXIF orientation was
applied. They follow the resize exactly, then are rounded to whole pixels.

A format of real films is one file: `find` lists its films as rows of a manifest, `recognise` says whether a
folder looks like it; `films` does the rest for all of them, `look` shows a folder before there is a protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.data.artifact import load
from study.data.fingerprint import MISSING, file_sha256, forget, keep, of_absent_files, remembered
from study.data.imagefolder import write_manifest
from study.data.look import Look, contact_sheet, guesses, look_at, plain, settings_line, told
from study.errors import DataError
from study.registry import FORMATS

__all__ = [
    "Look",
    "contact_sheet",
    "digest",
    "file_digest",
    "forget",
    "guesses",
    "keep",
    "load",
    "look_at",
    "of_absent_files",
    "plain",
    "prepare",
    "remembered",
    "settings_line",
    "told",
    "write_manifest",
]


def prepare(name: str, settings: Mapping[str, Any], *, image_size: int, root: Path, out: Path) -> None:
    """Write images.npy, table.parquet, facts.json and perhaps parts.npy into `out`.

    Args:
        name: of the dataset in the protocol.
        settings: a dump of the format's settings, `format` included.
        image_size: side of the square films, pixels.
        root: folder that relative paths in the settings start from.
        out: existing folder.

    Raises:
        DataError: the films cannot be used as asked; the text says what to do.
    """
    FORMATS.load(settings["format"]).prepare(name, settings, image_size=image_size, root=root, out=out)


def digest(settings: Mapping[str, Any], *, root: Path) -> str:
    """`sha256:...` of everything in the files that can change a number; not of their places or times.

    Raises:
        DataError: the manifest cannot be read or contradicts itself.
    """
    text: str = FORMATS.load(settings["format"]).digest(settings, root=root)
    return text


def file_digest(path: Path) -> str:
    """`sha256:...` of a file's bytes, such as a checkpoint's.

    Raises:
        DataError: it cannot be read.
    """
    if (found := file_sha256(path)) == MISSING:
        raise DataError(f"{path}: cannot be read")
    return f"sha256:{found}"
