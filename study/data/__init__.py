"""Data: from files or phantoms to grey square films with labels, boxes, patients and splits.

In: the settings of one dataset of a protocol and the side of the model's input. Out: a folder
that `load` opens as a `Dataset`. Films are decoded and resized once, into a memory-mapped
array, so that no epoch decodes a file again and workers share the pages.

What can be wrong with films is settled here, before anything is trained: a file that cannot
be read is quarantined and listed, a manifest that contradicts itself or leaks a patient from
one split into another ends with all its problems at once.

Boxes are pixels of the film as a viewer shows it, that is after the EXIF orientation was
applied. They follow the resize exactly, then are rounded to whole pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.data.artifact import load
from study.data.folder import FolderFacts, describe, write_manifest
from study.registry import FORMATS

__all__ = ["FolderFacts", "describe", "digest", "load", "prepare", "write_manifest"]


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
