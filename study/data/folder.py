"""What a folder of films holds, for someone who is about to write a protocol."""

from __future__ import annotations

import csv
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from study.data import manifest
from study.data.decode import DEEP_MODES, Unreadable, decode, quiet
from study.data.fingerprint import THREADS
from study.data.manifest import COLUMNS, Row
from study.errors import DataError
from study.records import Quarantined

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".ppm", ".jp2"})
SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
DECODED_AT_MOST = 500
"""Films that are decoded to see whether they are broken; spread evenly over the folder."""


@dataclass(frozen=True)
class FolderFacts:
    """What was found.

    Attributes:
        folder: as given.
        layout: `manifest`, `class_folders` or `loose` images.
        manifest, images: the manifest (None without one) and the folder its paths start from.
        films: rows of the manifest, or image files.
        labels: label -> films; unlabelled ones are not among them.
        unlabelled: films without a label.
        splits: split -> films, "" for open.
        films_with_boxes, boxes: counts.
        patients: distinct ids; 0 where none is known.
        smallest, median, largest: (width, height) by area; None where no film can be opened.
        bits: bits per film (8 or 16) -> films.
        broken: files that cannot be used, among those that were decoded.
        decoded: how many were.
    """

    folder: Path
    layout: Literal["manifest", "class_folders", "loose"]
    manifest: Path | None
    images: Path
    films: int
    labels: dict[str, int]
    unlabelled: int
    splits: dict[str, int]
    films_with_boxes: int
    boxes: int
    patients: int
    smallest: tuple[int, int] | None
    median: tuple[int, int] | None
    largest: tuple[int, int] | None
    bits: dict[int, int]
    broken: tuple[Quarantined, ...]
    decoded: int


def describe(folder: Path) -> FolderFacts:
    """Look at a manifest and its films, at class sub-folders, or at loose images.

    Args:
        folder: the folder, or a manifest in it.

    Raises:
        DataError: there is nothing to use, or the manifest is faulty.
    """
    source = folder if folder.is_file() else folder / "manifest.csv"
    if source.is_file():
        beside = source.parent / "images"
        images = beside if beside.is_dir() else source.parent
        rows, layout = manifest.read(source), "manifest"
    else:
        images, rows = folder, _found(folder)
        layout = "class_folders" if any(row.label for row in rows) else "loose"
    with quiet(), ThreadPoolExecutor(THREADS) as pool:
        headers = [h for h in pool.map(_header, [images / row.image for row in rows]) if h is not None]
        step = -(-len(rows) // DECODED_AT_MOST)
        sample = rows[::step]
        broken = [b for b in pool.map(_broken, sample, [images] * len(sample)) if b is not None]
    sizes = sorted((size for size, _ in headers), key=lambda size: (size[0] * size[1], size))
    boxed = [len(row.boxes) for row in rows if row.boxes]
    return FolderFacts(
        folder=folder,
        layout=layout,  # type: ignore[arg-type]
        manifest=source if layout == "manifest" else None,
        images=images,
        films=len(rows),
        labels=dict(sorted(Counter(row.label for row in rows if row.label).items())),
        unlabelled=sum(not row.label for row in rows),
        splits=dict(sorted(Counter(row.split for row in rows).items())),
        films_with_boxes=len(boxed),
        boxes=sum(boxed),
        patients=len({row.patient for row in rows if row.patient}),
        smallest=sizes[0] if sizes else None,
        median=sizes[len(sizes) // 2] if sizes else None,
        largest=sizes[-1] if sizes else None,
        bits=dict(sorted(Counter(bits for _, bits in headers).items())),
        broken=tuple(broken),
        decoded=len(sample),
    )


def write_manifest(folder: Path, out_path: Path) -> int:
    """A manifest of the images below `folder`, to be completed by hand and used with the csv format.

    The label is the name of the image's folder; folders named train, val or test above it become
    the split. Patients and boxes are left blank. `image` is relative to `folder`, so unless the
    manifest is written there, the protocol also needs `images: <folder>`.

    Returns:
        The number of films.

    Raises:
        DataError: no images, or the file exists already.
    """
    rows = _found(folder)
    try:
        with out_path.open("x", encoding="utf8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows((row.image, row.label, row.split, row.patient, "") for row in rows)
    except FileExistsError:
        raise DataError(f"{out_path} exists already and is not replaced; move it away first") from None
    return len(rows)


def _found(folder: Path) -> list[Row]:
    """A row for every image file below a folder, in the order of the paths."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; a folder of images, or one with a manifest.csv, is expected")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    visible = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not visible:
        raise DataError(f"{folder} holds neither a manifest.csv nor images ({', '.join(sorted(SUFFIXES))})")
    return [_row(path.relative_to(folder), line) for line, path in enumerate(visible, start=2)]


def _row(path: Path, line: int) -> Row:
    folders = path.parts[:-1]
    splits = [SPLIT_FOLDERS[part.lower()] for part in folders if part.lower() in SPLIT_FOLDERS]
    classes = [part for part in folders if part.lower() not in SPLIT_FOLDERS and part.lower() != "images"]
    label = classes[-1] if classes else ""
    label = "" if label.lower() in manifest.UNLABELLED else label
    return Row(line, path.as_posix(), label, splits[0] if splits else "", "", ())


def _header(path: Path) -> tuple[tuple[int, int], int] | None:
    """Size and bits of an image from its header; None where it has none."""
    try:
        with Image.open(path) as image:
            return image.size, 16 if image.mode in DEEP_MODES else 8
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _broken(row: Row, images: Path) -> Quarantined | None:
    try:
        decode((images / row.image).read_bytes())
    except Unreadable as reason:
        return Quarantined(row.image, str(reason))
    except OSError as error:
        return Quarantined(row.image, f"cannot be read ({error.strerror})")
    return None
