"""The `imagefolder` format: a folder per class.

`<class>/…/film.png`, or `<split>/<class>/…/film.png` with splits named train, val and test; the topmost folder
that is no split is the class, one named `unlabelled` (or no folder) is for pretraining. Patients, and whatever
else folders cannot say, come from the table `labels`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from study.data import walk
from study.data.films import film_format
from study.data.found import Found
from study.data.labels import merge
from study.data.manifest import COLUMNS, UNLABELLED, Row
from study.data.reader import FALLBACK, LAYOUT, Guess
from study.errors import DataError


def find(settings: Mapping[str, Any], root: Path) -> Found:
    """The images below a folder, labelled by their folders.

    Raises:
        DataError: no folder, no images, or a faulty table.
    """
    folder = root / settings["folder"]
    walk.check_folder(folder)
    merged = merge(rows(folder), settings, root, boxes=True)
    return Found(folder, folder, merged.rows, left_out=merged.left_out, facts=merged.facts)


def rows(folder: Path) -> list[Row]:
    """A row for every image below a folder, with class and split from the folders above it.

    Raises:
        DataError: there is none.
    """
    names = walk.images(folder)
    if not names:
        raise DataError(f"{folder} holds no images ({', '.join(sorted(walk.SUFFIXES))}), nor do its sub-folders")
    return [row(name) for name in names]


def row(name: str) -> Row:
    """The row of a film at this path below its folder."""
    folders = PurePosixPath(name).parts[:-1]
    splits = [walk.split_of(part) for part in folders if walk.split_of(part)]
    classes = [part for part in folders if not walk.split_of(part) and part.lower() != "images"]
    label = classes[0] if classes else ""
    label = "" if label.lower() in UNLABELLED else label
    return Row(0, name, label, splits[0] if splits else "", "", ())


def write_manifest(folder: Path, out_path: Path) -> int:
    """A manifest of the images below `folder`, to be completed by hand and used with the csv format.

    Labels and splits are those of this format; patients and boxes are left blank. `image` is relative to `folder`,
    so unless the manifest is written there, the protocol also needs `images: <folder>`.

    Returns:
        The number of films.

    Raises:
        DataError: no images, or the file exists already.
    """
    walk.check_folder(folder)
    found = rows(folder)
    try:
        with out_path.open("x", encoding="utf8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows((film.image, film.label, film.split, film.patient, "") for film in found)
    except FileExistsError:
        raise DataError(f"{out_path} exists already and is not replaced; move it away first") from None
    return len(found)


def recognise(folder: Path) -> Guess | None:
    """Folders with images in them, or loose images."""
    if not folder.is_dir():
        return None
    inner = _unwrapped(folder)
    names = walk.images(inner)
    found = [row(name) for name in names]
    labels = sorted({film.label for film in found if film.label})
    if not names:
        return None
    if len(labels) < 2:
        loose = f"{len(names)} images, in no more than one class folder: all without a label until `labels` gives them"
        return Guess(
            "imagefolder", {"folder": folder}, loose if not labels else f"one class folder: {labels[0]}", FALLBACK
        )
    splits = " below folders named after splits" if any(film.split for film in found) else ""
    shown = ", ".join(labels[:4]) + (", ..." if len(labels) > 4 else "")
    return Guess("imagefolder", {"folder": inner}, f"{len(labels)} folders of images{splits}: {shown}", LAYOUT)


def _unwrapped(folder: Path) -> Path:
    """The folder that holds the class folders, where an archive put further folders around it."""
    while True:
        inner = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__"))]
        if len(inner) != 1 or walk.split_of(inner[0].name) or walk.some_images(folder) or walk.some_images(inner[0]):
            return folder
        folder = inner[0]


IMAGEFOLDER = film_format(find, recognise)
