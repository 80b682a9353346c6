"""The `csv` format: a manifest, its images and perhaps their part masks become a dataset."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from study.data import manifest
from study.data.artifact import Films, finish
from study.data.collect import Collected, Entry, collect, source_bits, write_images
from study.data.fingerprint import files_sha256
from study.data.manifest import Fault, Row, listing
from study.data.parts import Masks, find, write_parts
from study.data.reader import Reader
from study.data.resize import Rule
from study.data.splits import EXCLUDED, LABELLED, Shares, assign, check_classes, check_leaks, groups
from study.errors import DataError
from study.registry import unknown

SHOWN = 20


@dataclass(frozen=True)
class Recipe:
    """The settings of a protocol (`CsvSettings`), as they arrive here."""

    manifest: str
    images: str | None
    classes: Sequence[str] | None
    others: Literal["drop", "unlabelled"]
    split: Mapping[str, Any]
    resize: Rule
    max_quarantined: float
    parts: str | None = None
    format: str = "csv"

    def manifest_path(self, root: Path) -> Path:
        """The manifest, given itself or by its folder."""
        path = root / self.manifest
        return path / "manifest.csv" if path.is_dir() else path

    def images_dir(self, root: Path) -> Path:
        """The folder of the images.

        Raises:
            DataError: it was named and does not exist.
        """
        if self.images is None:
            beside = self.manifest_path(root).parent
            return beside / "images" if (beside / "images").is_dir() else beside
        if not (root / self.images).is_dir():
            raise DataError(
                f"{root / self.images} (setting `images`) is not a folder; the folder of the films is expected"
            )
        return root / self.images


@dataclass(frozen=True)
class Divided:
    """Films that were read, with their class, group and split, one value per entry."""

    entries: Sequence[Entry]
    labels: Sequence[int]
    groups: Sequence[str]
    splits: Sequence[str]

    @property
    def kept(self) -> list[int]:
        """Entries that are not excluded."""
        return [k for k, split in enumerate(self.splits) if split != EXCLUDED]


def prepare(name: str, settings: Mapping[str, Any], *, image_size: int, root: Path, out: Path) -> None:
    """Read the manifest, decode its films, divide them and write the dataset into `out`.

    Raises:
        DataError: the manifest is faulty, splits leak, too many files are broken, a class is missing, or a part
            mask cannot be used.
    """
    recipe = Recipe(**settings)
    source, folder = recipe.manifest_path(root), recipe.images_dir(root)
    rows = manifest.read(source)
    classes = _classes(rows, recipe, source)
    chosen = _chosen(rows, classes, recipe)
    if not chosen:
        raise DataError(f"{source}: no film is left, all {len(rows)} have labels outside the setting `classes`")
    masks = _masks(rows, recipe, root)
    collected = collect(chosen, folder, image_size=image_size, rule=recipe.resize, out=out)
    _check_broken(collected, folder, recipe.max_quarantined)
    _check_boxes(collected.entries, source)
    divided = _divide(collected.entries, classes, recipe)
    if not divided.kept:
        raise DataError(f"{source}: no film is left; unlabelled films that belong to val or test are not used")
    facts = {**_facts(divided, recipe), "left_out": _left_out(divided, len(rows) - len(chosen))}
    if masks is not None:
        kept = [divided.entries[k] for k in divided.kept]
        facts["parts"] = write_parts(masks, kept, image_size=image_size, rule=recipe.resize, out=out)
    write_images(collected.entries, divided.kept, out)
    films = _films(divided, collected, classes, facts)
    finish(films if masks is None else replace(films, part_names=masks.names), name=name, out=out)


def digest(settings: Mapping[str, Any], *, root: Path) -> str:
    """`sha256:` of the manifest's rows and of the bytes of its files and masks, in the order of the images' names.

    Raises:
        DataError: the manifest is faulty, or the masks' names are.
    """
    recipe = Recipe(**settings)
    rows, folder = manifest.read(recipe.manifest_path(root)), recipe.images_dir(root)
    total = hashlib.sha256()
    for row, content in zip(rows, files_sha256([folder / row.image for row in rows]), strict=True):
        entry = [row.image, row.label, row.split, row.patient, row.boxes, content]
        total.update(json.dumps(entry).encode() + b"\n")
    if (masks := _masks(rows, recipe, root)) is not None:
        total.update(json.dumps([masks.names, masks.contents()]).encode() + b"\n")
    return f"sha256:{total.hexdigest()}"


CSV = Reader(prepare, digest)


def _masks(rows: Sequence[Row], recipe: Recipe, root: Path) -> Masks | None:
    return None if recipe.parts is None else find(root / recipe.parts, [row.image for row in rows])


def _classes(rows: Sequence[Row], recipe: Recipe, source: Path) -> tuple[str, ...]:
    known = sorted({row.label for row in rows if row.label})
    classes = tuple(known if recipe.classes is None else recipe.classes)
    strangers = [unknown("label of the manifest", label, known) for label in classes if label not in known]
    if strangers:
        raise DataError(f"{source}, setting `classes`:\n" + "\n".join(strangers))
    return classes


def _chosen(rows: Sequence[Row], classes: Sequence[str], recipe: Recipe) -> list[Row]:
    """Rows to read: other labels are blanked or left out, given splits perhaps forgotten."""
    if recipe.others == "drop":
        rows = [row for row in rows if not row.label or row.label in classes]
    if recipe.split["given"] == "ignore":
        rows = [replace(row, split="" if row.split in LABELLED else row.split) for row in rows]
    return [row if row.label in classes else replace(row, label="") for row in rows]


def _check_broken(collected: Collected, folder: Path, most: float) -> None:
    broken, total = collected.broken, len(collected.broken) + len(collected.entries)
    if collected.entries and len(broken) <= most * total:
        return
    rows = "".join(f"\n  {file.path}: {file.reason}" for file in broken[:SHOWN])
    more = f"\n  ... and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
    raise DataError(
        f"{folder}: {len(broken)} of {total} files cannot be used, more than max_quarantined allows ({most:g}):{rows}{more}\n"
        "is this the folder of the images? (setting `images`)"
    )


def _check_boxes(entries: Sequence[Entry], source: Path) -> None:
    faults = [
        Fault(e.row.line, "boxes", f"{list(box)} lies outside the film, which has {e.size[0]} x {e.size[1]} pixels")
        for e in entries
        for box in e.outside
    ]
    if faults:
        raise DataError(listing(source, faults))


def _divide(entries: Sequence[Entry], classes: Sequence[str], recipe: Recipe) -> Divided:
    rows = [entry.row for entry in entries]
    names, patients, given = [r.image for r in rows], [r.patient for r in rows], [r.split for r in rows]
    labels = [classes.index(row.label) if row.label else -1 for row in rows]
    contents = [entry.content for entry in entries]
    check_leaks(labels, patients, given, contents=contents, names=names)
    group = groups(patients, contents, names)
    splits = assign(labels, group, given, shares=Shares(**recipe.split))
    check_classes(splits, labels, group, classes)
    labels = [-1 if split == "unlabelled" else label for label, split in zip(labels, splits, strict=True)]
    return Divided(entries, labels, group, splits)


def _films(divided: Divided, collected: Collected, classes: tuple[str, ...], facts: Mapping[str, Any]) -> Films:
    kept = divided.kept
    return Films(
        image_ids=[divided.entries[k].row.image for k in kept],
        labels=[divided.labels[k] for k in kept],
        classes=classes,
        splits=[divided.splits[k] for k in kept],
        clusters=[divided.groups[k] for k in kept],
        boxes=[divided.entries[k].boxes for k in kept],
        quarantined=tuple(collected.broken),
        facts=facts,
    )


def _left_out(divided: Divided, outside: int) -> dict[str, int]:
    """Readable films that are not used, by reason."""
    reasons = {
        "label outside the chosen classes": outside,
        "unlabelled film of a val or test patient": list(divided.splits).count(EXCLUDED),
    }
    return {reason: count for reason, count in reasons.items() if count}


def _facts(divided: Divided, recipe: Recipe) -> dict[str, Any]:
    """Choices and counts that the report states."""
    entries = divided.entries
    sides = np.array([entry.size for entry in entries])
    contents = Counter(entry.content for entry in entries)
    open_splits = sum(not entry.row.split for entry, label in zip(entries, divided.labels, strict=True) if label >= 0)
    deep = sum(entry.deep for entry in entries)
    return {
        "format": "csv",
        "resize": recipe.resize,
        "resampling": "lanczos",
        "source_px": {"smallest": sides.min(axis=0).tolist(), "largest": sides.max(axis=0).tolist()},
        "source_bits": source_bits(entries),
        "deep_films": deep,
        "white": "the largest value of the bit depth that holds every film with more than 8 bits" if deep else "255",
        "patients": len({entry.row.patient for entry in entries if entry.row.patient}),
        "films_without_patient": sum(not entry.row.patient for entry in entries),
        "divided_by": "patient" if any(entry.row.patient for entry in entries) else "film",
        "labelled_films_divided_here": open_splits,
        "identical_files": sum(count - 1 for count in contents.values()),
        "boxes_clipped": sum(entry.clipped for entry in entries),
        "notes": [f"{entry.row.image}: {entry.note}" for entry in entries if entry.note],
    }
