"""The `csv` format: a manifest, its images and perhaps their part masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from study.data import manifest, walk
from study.data.films import film_format
from study.data.findings import aimed, check_named
from study.data.found import Found
from study.data.parts import find as find_parts
from study.data.reader import NAMED, Guess
from study.errors import DataError

MANIFEST = "manifest.csv"


def find(settings: Mapping[str, Any], root: Path) -> Found:
    """The films of a manifest.

    Raises:
        DataError: the manifest or the names of the masks are faulty, or `images` is not a folder.
    """
    source = _manifest(root / settings["manifest"])
    folder = _images(settings["images"], source, root)
    rows = manifest.read(source)
    parts = settings["parts"]
    masks = None if parts is None else find_parts(root / parts, [row.image for row in rows])
    if not settings.get("multilabel"):
        return Found(source, folder, [replace(row, target="") for row in rows], masks=masks, given_by="column")
    classes = tuple(settings["classes"])
    check_named(rows, classes, source)
    rows, faults, left_out = aimed(rows, classes)
    if faults:
        raise DataError(manifest.listing(source, faults))
    facts = {"boxes_of_other_findings": left_out} if left_out else {}
    return Found(source, folder, rows, classes=classes, several=True, masks=masks, given_by="column", facts=facts)


def recognise(folder: Path) -> Guess | None:
    """A `manifest.csv`, or a CSV file with a column `image` whose films are there, itself or alone in its folder."""
    if folder.is_file():
        is_manifest = folder.suffix.lower() == ".csv" and "image" in _columns(folder)
        return Guess("csv", {"manifest": folder}, f"{folder.name} has a column 'image'", NAMED) if is_manifest else None
    if (folder / MANIFEST).is_file():
        return Guess("csv", {"manifest": folder / MANIFEST}, f"there is a {MANIFEST}", NAMED)
    table = only_table(folder)
    if table is None or not _is_complete(table):
        return None
    return Guess("csv", {"manifest": table}, f"{table.name} has a column 'image'", NAMED)


def only_table(folder: Path) -> Path | None:
    """The one CSV file of a folder that has a column `image`; None where there is none, or several."""
    tables = [path for path in sorted(folder.glob("*.csv")) if "image" in _columns(path)]
    return tables[0] if len(tables) == 1 else None


CSV = film_format(find, recognise)


def _columns(path: Path) -> tuple[str, ...]:
    try:
        return manifest.columns(path)
    except DataError:
        return ()


def _is_complete(table: Path) -> bool:
    """Whether most of a table's films are images that lie where it says; else it is one of labels."""
    try:
        rows = manifest.read(table)
    except DataError:
        return False
    folder = _images(None, table, table.parent)
    present = [folder / row.image for row in rows if Path(row.image).suffix.lower() in walk.SUFFIXES]
    return 2 * sum(path.is_file() for path in present) > len(rows)


def _manifest(path: Path) -> Path:
    """The manifest, given itself or by its folder."""
    return path / MANIFEST if path.is_dir() else path


def _images(written: str | None, source: Path, root: Path) -> Path:
    """The folder of the images."""
    if written is None:
        beside = source.parent / "images"
        return beside if beside.is_dir() else source.parent
    if not (root / written).is_dir():
        raise DataError(f"{root / written} (setting `images`) is not a folder; the folder of the films is expected")
    return root / written
