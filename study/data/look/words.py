"""A look in words, at most 80 columns wide, and as plain data."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from study.data.look.facts import Look
from study.data.look.guess import settings_line
from study.records import Quarantined

COLUMNS = 80
LISTED = 10
_INDENT = 12


def told(look: Look, *, start: Path | None = None) -> str:
    """Everything found, for people; the last line is the dataset as a protocol writes it.

    Args:
        look: what was found.
        start: folder of the protocol, for the last line.
    """
    lines = [str(look.path), ""]
    for name, texts in _sections(look):
        lines += list(_section(name, texts))
    lines += ["", *_last(look, start)]
    return "\n".join(lines) + "\n"


def plain(look: Look) -> dict[str, Any]:
    """Everything found, as data that JSON can hold."""
    boxes = look.boxes
    return {
        "path": str(look.path),
        "format": look.guess.format,
        "settings": {
            key: str(value) if isinstance(value, Path) else value for key, value in look.guess.settings.items()
        },
        "how": look.guess.how,
        "others": [{"format": other.format, "how": other.how} for other in look.others],
        "films": look.films,
        "labels": look.labels,
        "unlabelled": look.unlabelled,
        "splits": {split or "open": count for split, count in look.splits.items()},
        "left_out": dict(look.found.left_out),
        "size_px": {"smallest": look.smallest, "median": look.median, "largest": look.largest},
        "bits": {str(bits): count for bits, count in look.bits.items()},
        "boxes": {
            "count": boxes.count,
            "films": boxes.films,
            "area_median": None if math.isnan(boxes.area_median) else round(boxes.area_median, 6),
            "outside": boxes.outside,
            "clipped": boxes.clipped,
            "films_of_another_shape": boxes.misfit,
        },
        "parts": list(look.found.masks.names) if look.found.masks else [],
        "patients": look.patients,
        "films_without_patient": look.without_patient,
        "patients_in_two_splits": {patient: list(splits) for patient, splits in look.leaks.items()},
        "decoded": look.decoded,
        "quarantined": [{"path": file.path, "reason": file.reason} for file in look.broken],
        "identical": [list(group) for group in look.twins.identical],
        "identical_across_splits": [list(group) for group in look.twins.across],
        "near_identical": [list(pair) for pair in look.twins.near],
        "near_identical_across_splits": [list(pair) for pair in look.twins.near_across],
    }


def _sections(look: Look) -> Iterator[tuple[str, Iterable[str]]]:
    yield "format", [f"{look.guess.format}: {look.guess.how}"]
    yield "or", [f"{other.format}: {other.how}" for other in look.others]
    yield "films", _films(look)
    yield "labels", _labels(look)
    yield "splits", _splits(look)
    yield "boxes", _boxes(look)
    yield "parts", [f"masks of {', '.join(look.found.masks.names)}"] if look.found.masks else []
    yield "patients", _patients(look)
    yield "broken", _broken(look.broken, look)
    yield "twice", _twins(look)


def _section(name: str, texts: Iterable[str]) -> Iterator[str]:
    """Texts beside a name, wrapped; nothing where there are none."""
    for text in texts:
        head, name = f"{name:<{_INDENT}}", ""
        yield from textwrap.wrap(
            text,
            COLUMNS,
            initial_indent=head,
            subsequent_indent=" " * (_INDENT + 2),
            break_on_hyphens=False,
        )


def _films(look: Look) -> Iterator[str]:
    yield f"{look.films}" + "".join(f"; left out: {count} ({why})" for why, count in look.found.left_out.items())
    if look.smallest and look.median and look.largest:
        small, middle, large = (f"{width} x {height}" for width, height in (look.smallest, look.median, look.largest))
        yield f"pixels: {small} to {large}, median {middle}"
    if look.bits:
        yield "bits: " + ", ".join(f"{bits} ({_count(count, 'film')})" for bits, count in look.bits.items())


def _labels(look: Look) -> Iterator[str]:
    total = sum(look.labels.values())
    for name, count in list(look.labels.items())[:20]:
        yield f"{name}: {count} ({count / total:.0%})".replace("%", " %")
    if len(look.labels) > 20:
        yield f"... and {len(look.labels) - 20} more"
    if look.unlabelled:
        yield f"without a label: {look.unlabelled}, for pretraining"


def _splits(look: Look) -> Iterator[str]:
    named = {split or "open": count for split, count in look.splits.items()}
    note = "; open ones are divided by patient (setting split)" if "open" in named else ""
    yield ", ".join(f"{split} {count}" for split, count in named.items()) + note


def _boxes(look: Look) -> Iterator[str]:
    boxes = look.boxes
    if not boxes.count:
        yield "none"
        return
    share = f"{boxes.area_median:.1%}".replace("%", " %")
    yield f"{boxes.count} on {_count(boxes.films, 'film')}; median area {share} of the film"
    if boxes.outside:
        yield f"OUTSIDE their film: {boxes.outside}; these must be corrected"
    if boxes.clipped:
        yield f"reaching beyond the film: {boxes.clipped}; they are cut at its edge"
    if boxes.misfit:
        yield f"DRAWN ON ANOTHER SHAPE than the film has: {_count(boxes.misfit, 'film')}, quarantined"


def _patients(look: Look) -> Iterator[str]:
    if not look.patients:
        yield "unknown: films of one patient may fall into two splits; add patient_id"
        return
    unknown = f"; {_count(look.without_patient, 'film')} without one" if look.without_patient else ""
    yield f"{look.patients}{unknown}"
    if look.leaks:
        rows = [f"{patient} ({', '.join(splits)})" for patient, splits in look.leaks.items()]
        yield f"IN TWO SPLITS: {len(rows)}: {_some(rows)}"


def _broken(broken: Sequence[Quarantined], look: Look) -> Iterator[str]:
    checked = "all" if look.decoded + len(broken) >= look.films else f"{look.decoded} (all with --all)"
    yield f"{len(broken)} cannot be used; decoded: {checked}"
    yield from (f"{file.path}: {file.reason}" for file in broken[:LISTED])
    if len(broken) > LISTED:
        yield f"... and {len(broken) - LISTED} more (all with --json)"


def _twins(look: Look) -> Iterator[str]:
    twins = look.twins
    yield f"identical files: {_count(len(twins.identical), 'group')}" + _groups(twins.identical)
    if twins.across:
        yield f"IDENTICAL ACROSS SPLITS: {_count(len(twins.across), 'group')}" + _groups(twins.across)
    if twins.near:
        yield f"nearly identical, look at them: {_count(len(twins.near), 'pair')}" + _groups(twins.near)
    if twins.near_across:
        yield f"NEARLY IDENTICAL ACROSS SPLITS: {_count(len(twins.near_across), 'pair')}" + _groups(twins.near_across)


def _groups(groups: Sequence[Sequence[str]]) -> str:
    return f": {_some([' = '.join(group) for group in groups], 3)}" if groups else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _some(texts: Sequence[str], most: int = LISTED) -> str:
    return "; ".join(texts[:most]) + (f"; ... and {len(texts) - most} more" if len(texts) > most else "")


def _last(look: Look, start: Path | None) -> Iterator[str]:
    if look.needs:
        yield from textwrap.wrap(f"Before it can be a target it needs {look.needs}.", COLUMNS)
    where = "" if start is None else f" in {start}/"
    yield f"For a protocol{where}, below `data:`:"
    yield f"  films: {settings_line(look.guess, start=start)}"
