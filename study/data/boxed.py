"""Films with boxes of named categories, as COCO, VOC and YOLO describe them, become rows with a label each.

The rule, the same for all three: `any_box` makes two classes, films with a box (called by the category where there
is only one, else `box`) and films without (`no_box`); `category` takes the category of a film's boxes, and films
whose boxes are of several are left out and counted. A column `label` in the table `labels` goes before both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from study.data.found import Found
from study.data.labels import Merged, merge
from study.data.manifest import UNLABELLED, Box, Row
from study.errors import DataError
from study.records import Quarantined
from study.registry import unknown

ANY = "box"
"""The class of films with a box where there are several categories."""


@dataclass(frozen=True)
class Boxed:
    """A film and its boxes.

    Attributes:
        image: path below the folder of the films.
        split: "" where open.
        boxes: (category, box) pairs.
        frame: as in `study.data.manifest.Row`.
    """

    image: str
    split: str
    boxes: Sequence[tuple[str, Box]]
    frame: tuple[float, float] | None


@dataclass(frozen=True)
class Source:
    """Where films came from: what messages name, where their paths start, all categories, and broken annotations."""

    path: Path
    folder: Path
    categories: Sequence[str]
    broken: tuple[Quarantined, ...] = ()
    facts: Mapping[str, Any] | None = None


def found(films: Sequence[Boxed], source: Source, settings: Mapping[str, Any], root: Path) -> Found:
    """The films with labels after the format's rule, or from the table.

    Raises:
        DataError: no films, an unknown category, or a faulty table.
    """
    if not films:
        raise DataError(f"{source.path}: no films are described there")
    chosen = _categories(source, settings)
    films = sorted(films, key=lambda film: film.image)
    kept = [replace(film, boxes=[pair for pair in film.boxes if pair[0] in chosen]) for film in films]
    merged = merge([_row(film) for film in kept], settings, root, boxes=False)
    classes, rows, left_out = None, merged.rows, dict(merged.left_out)
    if not merged.has_labels:
        classes, rows, mixed = _labelled(merged, kept, chosen, settings)
        left_out |= {"boxes of several categories": mixed} if mixed else {}
    others = sum(len(film.boxes) for film in films) - sum(len(film.boxes) for film in kept)
    facts = {**(source.facts or {}), **merged.facts, "label_rule": "table" if merged.has_labels else settings["label"]}
    facts |= {"boxes_of_other_categories": others} if others else {}
    return Found(
        source.path, source.folder, rows, classes=classes, broken=source.broken, left_out=left_out, facts=facts
    )


def class_names(
    chosen: Sequence[str], settings: Mapping[str, Any], *, rule: str, no_box: str
) -> tuple[tuple[str, ...], str]:
    """Classes in their order, the one without boxes first, and the name for `any box`."""
    one = chosen[0] if len(chosen) == 1 else ANY
    without = () if no_box.lower() in UNLABELLED else (no_box,)
    return tuple(dict.fromkeys((*without, *((one,) if rule == "any" else chosen)))), one


def _labelled(
    merged: Merged, films: Sequence[Boxed], chosen: Sequence[str], settings: Mapping[str, Any]
) -> tuple[tuple[str, ...], list[Row], int]:
    """Classes, rows with the rule's labels, and how many films have boxes of several categories."""
    by_category = settings["label"] == "category"
    categories = {film.image: {category for category, _ in film.boxes} for film in films}
    mixed = {image for image, names in categories.items() if by_category and len(names) > 1}
    classes, any_name = class_names(
        chosen, settings, rule="category" if by_category else "any", no_box=settings["no_box"]
    )
    without = classes[0] if settings["no_box"].lower() not in UNLABELLED else ""

    def label(image: str) -> str:
        names = categories[image]
        if image in merged.unlisted:
            return ""
        return (next(iter(names)) if by_category else any_name) if names else without

    rows = [replace(row, label=label(row.image)) for row in merged.rows if row.image not in mixed]
    return classes, rows, len(mixed)


def _categories(source: Source, settings: Mapping[str, Any]) -> tuple[str, ...]:
    known = list(dict.fromkeys(source.categories))
    asked = known if settings["categories"] is None else list(settings["categories"])
    strangers = [unknown("category", name, known) for name in asked if name not in known]
    if strangers:
        raise DataError(f"{source.path}, setting `categories`:\n" + "\n".join(strangers))
    return tuple(asked)


def _row(film: Boxed) -> Row:
    return Row(0, film.image, "", film.split, "", tuple(box for _, box in film.boxes), film.frame)
