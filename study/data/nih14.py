"""The `nih14` format: NIH ChestX-ray14 as it is downloaded, with one of its findings as the label.

Data_Entry_2017*.csv names the films with their findings and patients, BBox_List_2017.csv some boxes (x, y, width,
height in pixels of 1024 x 1024), train_val_list.txt and test_list.txt the official splits: train_val is divided
into train and val here, by patient; without the lists all films are. Only boxes of the chosen finding are used.
Listed films whose files are not there (part of the archives was downloaded) are left out and counted.

A film has up to 14 findings. With `finding` this format makes one label of them: films with the finding against films
with `No Finding` (further films are left out, or used for pretraining with `others: unlabelled`), or against all
without it. With `findings` a film has all those that are named, or none of them, and boxes of its target only.

Reference: Wang et al., ChestX-ray8, CVPR 2017, arXiv:1705.02315.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from study.data import walk
from study.data.films import film_format
from study.data.findings import SEPARATOR
from study.data.found import Found
from study.data.manifest import Box, Fault, Row, listing
from study.data.reader import NAMED, Guess
from study.data.splits import TRAIN_VAL
from study.errors import DataError
from study.registry import unknown

ENTRIES, BOXES = "Data_Entry_2017*.csv", "BBox_List_2017*.csv"
LISTS = (("train_val_list.txt", TRAIN_VAL), ("test_list.txt", "test"))
NOTHING = "No Finding"
OTHER = "other findings"
"""The label of films that the question leaves out."""

FRAME = (1024.0, 1024.0)
COLUMNS = ("Image Index", "Finding Labels", "Patient ID")
SPELT = {"Infiltrate": "Infiltration"}
"""The list of boxes calls one finding otherwise."""


def find(settings: Mapping[str, Any], root: Path) -> Found:
    """The films that are both listed and there.

    Raises:
        DataError: a file of the data set is missing or faulty, or the finding is none of the 14.
    """
    folder = root / settings["folder"]
    walk.check_folder(folder)
    source = _one(folder, ENTRIES)
    films = _table(source, COLUMNS)
    findings = {row["Image Index"]: row["Finding Labels"].split(SEPARATOR) for row in films}
    finding = settings["finding"]
    known = sorted({name for names in findings.values() for name in names} - {NOTHING})
    if finding is not None and finding not in known:
        raise DataError(f"{source}, setting `finding`:\n{unknown('finding', finding, known)}")
    paths = _paths(folder)
    several: Sequence[str] = settings.get("findings") or ()
    splits, boxes = _splits(folder), _boxes(folder, several or [finding])
    rows = [
        _several(film, paths[film["Image Index"]], splits, boxes, several)
        if several
        else _row(
            film, paths[film["Image Index"]], splits, boxes, label=_label(findings[film["Image Index"]], settings)
        )
        for film in films
        if film["Image Index"] in paths
    ]
    if not rows:
        raise DataError(f"{folder}: none of the {len(films)} films of {source.name} is there, in any sub-folder")
    missing = len(films) - len(rows)
    facts = {"finding": finding, "against": settings["against"] if finding else None, "splits_given": bool(splits)}
    used = sum(len(row.boxes) for row in rows)
    there = sum(len(boxes[film["Image Index"]]) for film in films if film["Image Index"] in paths)
    facts |= {"boxes_of_other_findings": there - used} if several and there > used else {}
    return Found(
        source,
        folder,
        sorted(rows, key=lambda row: row.image),
        classes=tuple(several) or _classes(settings),
        several=bool(several),
        left_out={"listed, but its file is not there": missing} if missing else {},
        facts=facts,
    )


def recognise(folder: Path) -> Guess | None:
    """A Data_Entry_2017 table."""
    tables = sorted(folder.glob(ENTRIES)) if folder.is_dir() else []
    if not tables:
        return None
    return Guess("nih14", {"folder": folder, "finding": "Effusion"}, f"there is a {tables[0].name}", NAMED)


NIH14 = film_format(find, recognise)


def _classes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The negative class first."""
    if settings["finding"] is None:
        return ()
    return (NOTHING if settings["against"] == "no_finding" else f"no {settings['finding']}", settings["finding"])


def _label(findings: Sequence[str], settings: Mapping[str, Any]) -> str:
    classes = _classes(settings)
    if not classes:
        return ""
    if settings["finding"] in findings:
        return classes[1]
    return classes[0] if settings["against"] == "others" or NOTHING in findings else OTHER


def _row(
    film: Mapping[str, str],
    path: str,
    splits: Mapping[str, str],
    boxes: Mapping[str, Sequence[tuple[str, Box]]],
    *,
    label: str,
    target: str = "",
) -> Row:
    """A film with its boxes; with a target those of the target."""
    name = film["Image Index"]
    own = tuple(box for finding, box in boxes.get(name, ()) if target in ("", finding))
    return Row(0, path, label, splits.get(name, ""), film["Patient ID"], own, FRAME, target)


def _several(
    film: Mapping[str, str],
    path: str,
    splits: Mapping[str, str],
    boxes: Mapping[str, Sequence[tuple[str, Box]]],
    findings: Sequence[str],
) -> Row:
    """A film with all its findings; its target is the first of them that has a box."""
    label = film["Finding Labels"]
    boxed = {finding for finding, _ in boxes.get(film["Image Index"], ())} & set(label.split(SEPARATOR))
    target = next((finding for finding in findings if finding in boxed), "")
    return _row(film, path, splits, boxes if target else {}, label=label, target=target)


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise DataError(f"{folder}: one file named {pattern} is expected, found {names}")
    return found[0]


def _table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file that has these columns, spaces around its names and cells removed."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [
                {str(key).strip(): str(value or "").strip() for key, value in row.items()}
                for row in csv.DictReader(file)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from None
    missing = [name for name in columns if not rows or name not in rows[0]]
    if missing:
        raise DataError(f"{path}: no column {', '.join(missing)}, or no rows; expected {', '.join(columns)}")
    return rows


def _paths(folder: Path) -> dict[str, str]:
    """Name of a film's file -> its path; the archives unpack to images_001/images/ and so on."""
    paths: dict[str, str] = {}
    faults = []
    for path in walk.images(folder):
        name = PurePosixPath(path).name
        if name in paths:
            faults.append(Fault(0, path, f"is there twice, also as {paths[name]}"))
        paths.setdefault(name, path)
    if faults:
        raise DataError(listing(folder, faults))
    return paths


def _splits(folder: Path) -> dict[str, str]:
    """Both lists, or none: one alone would leave the other's films open."""
    present = [(folder / name, split) for name, split in LISTS if (folder / name).is_file()]
    if len(present) == 1:
        missing = next(name for name, _ in LISTS if name != present[0][0].name)
        raise DataError(f"{folder}: {present[0][0].name} is there, but not {missing}; put it beside the other")
    return {line.strip(): split for path, split in present for line in path.read_text("utf8").split() if line}


def _boxes(folder: Path, findings: Sequence[str | None]) -> dict[str, list[tuple[str, Box]]]:
    """Boxes of the findings, each with its finding, by the name of the film's file."""
    boxes: dict[str, list[tuple[str, Box]]] = defaultdict(list)
    if None in findings or not list(folder.glob(BOXES)):
        return boxes
    path = _one(folder, BOXES)
    faults = []
    for line, row in enumerate(_table(path, ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]")), start=2):
        finding = SPELT.get(row["Finding Label"], row["Finding Label"])
        if finding not in findings:
            continue
        try:
            x, y, width, height = (float(row[key]) for key in ("Bbox [x", "y", "w", "h]"))
        except ValueError:
            faults.append(Fault(line, "Bbox [x,y,w,h]", "is not four numbers"))
            continue
        if width <= 0 or height <= 0:
            faults.append(Fault(line, "Bbox [x,y,w,h]", f"{[x, y, width, height]} has no area"))
        boxes[row["Image Index"]].append((finding, (x, y, round(x + width, 6), round(y + height, 6))))
    if faults:
        raise DataError(listing(path, faults))
    return boxes
