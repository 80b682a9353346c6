"""The facts of a folder: counted from its rows, headers and hashes, and from the films that are decoded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from study.data.collect import IN_FLIGHT, file_bytes
from study.data.decode import Header, Unreadable, quiet
from study.data.fingerprint import MISSING, THREADS, files_sha256
from study.data.found import Found
from study.data.frames import on_film
from study.data.look.twins import Twins, find_twins, fingerprint
from study.data.manifest import Row
from study.data.reader import Guess, Reader
from study.data.resize import place
from study.errors import DataError
from study.records import Quarantined
from study.registry import FORMATS

DECODED_AT_MOST = 500
"""Films that are decoded to see whether they are broken, unless all are asked for; spread evenly over the folder."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Boxes:
    """Counts of boxes.

    Attributes:
        count, films: boxes, and films with any.
        area_median: median share of the film that a box covers, NaN without boxes.
        outside, clipped: boxes that do not touch their film, and those that reach beyond it.
        misfit: films whose boxes were drawn on pixels of another shape.
    """

    count: int
    films: int
    area_median: float
    outside: int
    clipped: int
    misfit: int


@dataclass(frozen=True)
class Look:
    """What was found.

    Attributes:
        path: as given.
        guess, others: the format, and what else it could be.
        found: the films as the format finds them.
        labels, unlabelled, splits: films per label, without one, and per split ("" for open).
        smallest, median, largest: (width, height) by area; None where no film can be opened.
        bits: bits per pixel -> films.
        boxes: their counts.
        patients, without_patient: distinct ids, and films without one.
        leaks: patients in two splits, with these; ids as the format gives them.
        broken: files that cannot be used, of those that were opened or decoded.
        decoded: how many were decoded.
        twins: identical and near-identical films.
    """

    path: Path
    guess: Guess
    others: tuple[Guess, ...]
    found: Found
    labels: dict[str, int]
    unlabelled: int
    splits: dict[str, int]
    smallest: Size | None
    median: Size | None
    largest: Size | None
    bits: dict[int, int]
    boxes: Boxes
    patients: int
    without_patient: int
    leaks: dict[str, tuple[str, ...]]
    broken: tuple[Quarantined, ...]
    decoded: int
    twins: Twins

    @property
    def films(self) -> int:
        """Films that are named there, broken ones included."""
        return len(self.found.rows) + len(self.found.broken)

    @property
    def needs(self) -> str:
        """What is missing before this can be the target of a study, "" where nothing is."""
        if len(self.labels) < 2:
            return "at least two classes; add them with a table: labels: labels.csv (columns image, label, patient_id)"
        return ""


def look_at(
    path: Path, guess: Guess, settings: Mapping[str, Any], *, others: Sequence[Guess] = (), every: bool = False
) -> Look:
    """Find the films with these settings, and look at them.

    Args:
        path: as the user gave it.
        guess: the format.
        settings: of it, complete; relative places start at the working folder.
        others: further formats that the folder could have.
        every: decode all films, not some hundred.

    Raises:
        DataError: the films cannot be found as the format has them.
    """
    reader: Reader = FORMATS.load(guess.format)
    assert reader.find is not None
    try:
        found = reader.find(settings, Path())
    except DataError as error:
        also = "".join(f"\nit could also be {other.format}: {other.how}" for other in others)
        raise DataError(f"{path} looks like the format {guess.format} ({guess.how}), but:\n{error}{also}") from None
    headers, broken = _headers(found)
    rows = [_with_patient(row, headers.get(row.image)) for row in found.rows]
    contents = dict(zip((row.image for row in rows), _hashes(found), strict=True))
    step = 1 if every else max(1, -(-len(rows) // DECODED_AT_MOST))
    sample = [row.image for row in rows[::step] if row.image in headers]
    prints, unreadable = _decode(found, sample)
    sizes = sorted((header.size for header in headers.values()), key=lambda size: (size[0] * size[1], size))
    splits = {row.image: row.split for row in rows}
    return Look(
        path=path,
        guess=guess,
        others=tuple(others),
        found=found,
        labels=_labels(found),
        unlabelled=sum(not row.label for row in rows),
        splits=dict(sorted(Counter(row.split for row in rows).items())),
        smallest=sizes[0] if sizes else None,
        median=sizes[len(sizes) // 2] if sizes else None,
        largest=sizes[-1] if sizes else None,
        bits=dict(sorted(Counter(header.bits for header in headers.values()).items())),
        boxes=_boxes(rows, headers),
        patients=len({row.patient for row in rows if row.patient}),
        without_patient=sum(not row.patient for row in rows),
        leaks=_leaks(rows),
        broken=(*found.broken, *sorted([*broken, *unreadable], key=lambda file: file.path)),
        decoded=len(sample),
        twins=find_twins(contents, prints, splits),
    )


def _labels(found: Found) -> dict[str, int]:
    """Films per label, in the format's order or sorted."""
    counts = Counter(row.label for row in found.rows if row.label)
    order = [name for name in found.classes or () if name in counts]
    return {name: counts[name] for name in (*order, *sorted(counts.keys() - set(order)))}


def _headers(found: Found) -> tuple[dict[str, Header], list[Quarantined]]:
    """Headers by image, and the files that have none."""

    def read(row: Row) -> Header | Quarantined:
        try:
            if not (found.folder / row.image).stat().st_size:
                raise Unreadable("the file is empty")
            return found.decoder.header(found.folder / row.image)
        except FileNotFoundError:
            return Quarantined(row.image, "the file does not exist")
        except OSError as error:
            return Quarantined(row.image, f"cannot be read ({error.strerror})")
        except Unreadable as reason:
            return Quarantined(row.image, str(reason))

    with quiet(), ThreadPoolExecutor(THREADS) as pool:
        results = dict(zip((row.image for row in found.rows), pool.map(read, found.rows), strict=True))
    broken = [result for result in results.values() if isinstance(result, Quarantined)]
    return {image: result for image, result in results.items() if isinstance(result, Header)}, broken


def _decode(found: Found, images: Sequence[str]) -> tuple[dict[str, Any], list[Quarantined]]:
    """Small prints of the films that can be decoded, and the reasons for the others; few in memory at a time."""

    def read(image: str) -> Any:
        try:
            return fingerprint(found.decoder.decode(file_bytes(found.folder / image)).image)
        except Unreadable as reason:
            return Quarantined(image, str(reason))

    results: dict[str, Any] = {}
    with quiet(), ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(images), IN_FLIGHT):
            batch = images[start : start + IN_FLIGHT]
            results |= dict(zip(batch, pool.map(read, batch), strict=True))
    broken = [result for result in results.values() if isinstance(result, Quarantined)]
    return {image: result for image, result in results.items() if not isinstance(result, Quarantined)}, broken


def _hashes(found: Found) -> list[str]:
    """sha256 of every file; "" where it cannot be read or is empty, which is no twin of another."""
    paths = [found.folder / row.image for row in found.rows]
    return ["" if content in (MISSING, _EMPTY) else content for content in files_sha256(paths)]


_EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def _with_patient(row: Row, header: Header | None) -> Row:
    return row if row.patient or header is None else replace(row, patient=header.patient)


def _boxes(rows: Sequence[Row], headers: Mapping[str, Header]) -> Boxes:
    areas: list[float] = []
    outside = clipped = misfit = 0
    for row in rows:
        header = headers.get(row.image)
        if header is None or not row.boxes:
            continue
        width, height = header.size
        try:
            boxes = on_film(row.boxes, row.frame, size=header.size, orientation=header.orientation)
        except Unreadable:
            misfit += 1
            continue
        square = place(width, height, size=max(header.size), rule="letterbox")
        outside += len(square.outside(boxes))
        clipped += square.clipped(boxes)
        areas += _areas(boxes, header.size)
    return Boxes(
        count=sum(len(row.boxes) for row in rows),
        films=sum(bool(row.boxes) for row in rows),
        area_median=median(areas) if areas else float("nan"),
        outside=outside,
        clipped=clipped - outside,
        misfit=misfit,
    )


def _areas(boxes: Sequence[tuple[float, float, float, float]], size: Size) -> Iterator[float]:
    """Share of the film that each box covers."""
    width, height = size
    for x0, y0, x1, y1 in boxes:
        across, down = min(x1, width) - max(x0, 0), min(y1, height) - max(y0, 0)
        yield max(across, 0) * max(down, 0) / (width * height)


def _leaks(rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """Patients with films in two of the given splits."""
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.patient and row.split:
            splits[row.patient].add(row.split)
    return {patient: tuple(sorted(found)) for patient, found in sorted(splits.items()) if len(found) > 1}
