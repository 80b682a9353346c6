"""The `dicom` format: DICOM files of one frame in a folder, labels from a table.

Files are known by their suffix (.dcm, .dicom, .dic, .ima) or, without one, by their first bytes. Patients come from
the files (hashed by default), labels, splits and boxes from the table `labels`, whose `image` is the path or the
name of a file; boxes are in pixels of its stored matrix. `unlisted: drop` reads only files that the table names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from study.data import dicom_pixels, walk
from study.data.films import film_format
from study.data.found import Found
from study.data.labels import merge
from study.data.manifest import Row
from study.data.reader import NAMED, Guess
from study.errors import DataError

SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".ima"})
INDEX = "DICOMDIR"


def find(settings: Mapping[str, Any], root: Path) -> Found:
    """The DICOM files below a folder.

    Raises:
        DataError: none, or a faulty table.
    """
    folder = root / settings["folder"]
    walk.check_folder(folder)
    names = files(folder)
    if not names:
        raise DataError(f"{folder} holds no DICOM files ({', '.join(sorted(SUFFIXES))}, or without suffix)")
    merged = merge([Row(0, name, "", "", "", ()) for name in names], settings, root, boxes=True)
    facts = {**merged.facts, "window": settings["window"], "patient_ids": settings["patients"]}
    decoder = dicom_pixels.decoder(settings["window"], settings["patients"])
    return Found(folder, folder, merged.rows, decoder=decoder, left_out=merged.left_out, facts=facts)


def files(folder: Path) -> list[str]:
    """Paths of the DICOM files below a folder; an index of a disc is none."""
    return [name for name in walk.files(folder) if _is_dicom(folder, PurePosixPath(name))]


def recognise(folder: Path) -> Guess | None:
    """DICOM files, perhaps with one CSV file that has a column `image`."""
    if not folder.is_dir():
        return None
    names = files(folder)
    return Guess("dicom", {"folder": folder}, f"{len(names)} DICOM files such as {names[0]}", NAMED) if names else None


DICOM = film_format(find, recognise)


def _is_dicom(folder: Path, name: PurePosixPath) -> bool:
    if name.name == INDEX:
        return False
    if name.suffix.lower() in SUFFIXES:
        return True
    if name.suffix and not name.suffix[1:].isdigit():
        return False
    try:
        with (folder / name).open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
