"""manifest.csv: one row per film, read as a whole or refused with all its problems.

Columns: `image` (path under the images folder, also the film's id), and optionally `label`
(blank or `unlabelled`: for pretraining only), `split` (train, val, test, unlabelled; blank: to be
divided), `patient_id` (blank: unknown) and `boxes` (JSON, `[[x0, y0, x1, y1], ...]`, pixels of
the upright image, half open; blank or `[]`: none). Where films may have several findings, `label` lists them as in
`Effusion|Mass`, and `target` names the one that the boxes show. Further columns are ignored.
"""

from __future__ import annotations

import csv
import difflib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from study.data.artifact import SPLITS
from study.errors import DataError
from study.registry import unknown

COLUMNS = ("image", "label", "split", "patient_id", "boxes")
UNLABELLED = ("", "unlabelled", "unlabeled")
SHOWN = 20
"""Problems listed in one message."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Row:
    """One film of a manifest.

    Attributes:
        line: in the file, counted from 1.
        image: path under the images folder, with forward slashes.
        label: "" where unlabelled.
        split: "" where the manifest leaves it open.
        patient: "" where unknown.
        boxes: (x0, y0, x1, y1) in pixels of the upright image, or of `frame`.
        frame: width and height of the picture the boxes were drawn on, (1, 1) for shares of it; None: the film.
        target: of several findings the one that the boxes show; "" where unknown, and where a film has one label.
    """

    line: int
    image: str
    label: str
    split: str
    patient: str
    boxes: tuple[Box, ...]
    frame: tuple[float, float] | None = None
    target: str = ""


@dataclass(frozen=True)
class Fault:
    """Something wrong with one row, or with what `column` names where there are no lines (`line` 0)."""

    line: int
    column: str
    message: str


def read(path: Path) -> list[Row]:
    """All rows of a manifest, sorted by image, so that their order in the file cannot matter.

    Raises:
        DataError: the file is missing, not a CSV in UTF-8, lacks columns or has faulty rows;
            the text lists them all (the first `SHOWN`), each with its line.
    """
    cells = _cells(path)
    _check_columns(path, cells[0][1])
    names = [name.strip().lower() for name in cells[0][1]]
    rows: list[Row] = []
    faults: list[Fault] = []
    for line, values in cells[1:]:
        if len(values) != len(names):
            faults.append(Fault(line, "", _ragged(len(values), len(names))))
            continue
        row, wrong = _row(line, dict(zip(names, (value.strip() for value in values), strict=True)))
        faults += wrong
        rows.append(row)
    faults += _duplicates(rows)
    if faults:
        raise DataError(listing(path, faults))
    if not rows:
        raise DataError(f"{path} has a header but no rows: one row per film is expected")
    return sorted(rows, key=lambda row: row.image)


def columns(path: Path) -> tuple[str, ...]:
    """Names of the columns, in lower case.

    Raises:
        DataError: the file is missing, empty or not a CSV in UTF-8.
    """
    return tuple(name.strip().lower() for name in _cells(path)[0][1])


def listing(source: Path, faults: Sequence[Fault]) -> str:
    """The message for faulty rows, in the order of their lines."""
    count = len(faults)
    text = f"{source}: {count} problem{'s' if count != 1 else ''}, nothing was read\n"
    for fault in sorted(faults, key=lambda fault: fault.line)[:SHOWN]:
        column = f"  column '{fault.column}'" if fault.column else ""
        body = "".join(f"\n           {row}" for row in fault.message.splitlines())
        text += f"\n  line {fault.line}{column}{body}\n" if fault.line else f"\n  {fault.column}{body}\n"
    if count > SHOWN:
        text += f"\n  ... and {count - SHOWN} more\n"
    return text


def _cells(path: Path) -> list[tuple[int, list[str]]]:
    """Non-empty records with the line each ends on; the first one is the header."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            cells = [(reader.line_num, values) for values in reader if any(value.strip() for value in values)]
    except FileNotFoundError:
        raise DataError(
            f"{path} does not exist: a CSV file with the columns {', '.join(COLUMNS)} is expected"
        ) from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not text in UTF-8: save it as 'CSV UTF-8'") from None
    except (csv.Error, OSError) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from None
    if not cells:
        raise DataError(f"{path} is empty: a header with the columns {', '.join(COLUMNS)} is expected")
    return cells


def _check_columns(path: Path, header: list[str]) -> None:
    """`image` must be there, and an optional column must not be there under a misspelt name."""
    names = [name.strip().lower() for name in header]
    problems = [f"the column '{name}' is there twice" for name in COLUMNS if names.count(name) > 1]
    for name in COLUMNS:
        near = difflib.get_close_matches(name, [other for other in names if other not in COLUMNS], n=1, cutoff=0.75)
        if name not in names and (near or name == "image"):
            hint = f"; did you mean '{name}' by '{near[0]}'?" if near else ""
            problems.append(f"there is no column '{name}'{hint}")
    if problems:
        found = ", ".join(name.strip() for name in header)
        body = "".join(f"\n  {problem}" for problem in problems)
        raise DataError(
            f"{path}, header:{body}\n  found: {found}\n  expected: {', '.join(COLUMNS)}, separated by commas"
        )


def _ragged(found: int, expected: int) -> str:
    return f"{found} cells where the header has {expected}; a cell that holds commas, as boxes do, needs quotes"


def _row(line: int, cells: dict[str, str]) -> tuple[Row, list[Fault]]:
    faults = [Fault(line, "image", message) for message in _image_faults(cells["image"])]
    split = cells.get("split", "").lower()
    if split and split not in SPLITS:
        faults.append(Fault(line, "split", unknown("split", split, SPLITS)))
    label = cells.get("label", "")
    boxes: tuple[Box, ...] = ()
    try:
        boxes = parse_boxes(cells.get("boxes", ""))
    except ValueError as error:
        faults.append(Fault(line, "boxes", str(error)))
    return Row(
        line=line,
        image=PurePosixPath(cells["image"].replace("\\", "/")).as_posix(),
        label="" if label.lower() in UNLABELLED else label,
        split=split,
        patient=cells.get("patient_id", ""),
        boxes=boxes,
        target=cells.get("target", ""),
    ), faults


def _image_faults(image: str) -> Iterator[str]:
    if not image:
        yield "is blank; the path of the film under the images folder is expected"
    elif image.startswith(("/", "\\")) or image[1:3] in (":/", ":\\"):
        yield f"'{image}' is an absolute path; a path under the images folder is expected"


def parse_boxes(text: str) -> tuple[Box, ...]:
    """The boxes of a cell.

    Raises:
        ValueError: not a JSON list of boxes with x0 < x1 and y0 < y1.
    """
    expected = "expected [[x0, y0, x1, y1], ...] in pixels, or [] for none"
    try:
        listed = json.loads(text) if text else []
    except json.JSONDecodeError:
        raise ValueError(f"'{_short(text)}' is not JSON; {expected}") from None
    if not isinstance(listed, list):
        raise ValueError(f"'{_short(text)}' is not a list; {expected}")
    return tuple(_box(box, expected) for box in listed)


def _box(box: object, expected: str) -> Box:
    numbers = isinstance(box, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in box)
    if not isinstance(box, list) or not numbers or len(box) != 4 or not all(math.isfinite(v) for v in box):
        raise ValueError(f"{_short(json.dumps(box))} is not a box of four numbers; {expected}")
    x0, y0, x1, y1 = (float(value) for value in box)
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"{json.dumps(box)} has no area; expected x0 < x1 and y0 < y1 (corners, not width and height)")
    return x0, y0, x1, y1


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _duplicates(rows: Sequence[Row]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for row in rows:
        if row.image and row.image in first:
            yield Fault(
                row.line, "image", f"'{row.image}' is already on line {first[row.image]}; each film has one row"
            )
        first.setdefault(row.image, row.line)
