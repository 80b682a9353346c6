"""The gallery: tables of thumbnails (row = image, columns = radiograph and arms) and sheets of methods."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from study.records import GalleryRow, ReportInput
from study.report import contrast_tables, figures, numbers
from study.report.cells import map_title
from study.report.mask_sheet import mask_sheet
from study.report.sheets import Sheet, Sheets, data_uri, sheets
from study.report.softened import note, softened, speckled
from study.report.terms import TERMS, Text, fill, join, same
from study.report.wording import voice

Results = Mapping[str, Any]
MOST_THUMBNAILS = 120
ARMS_ACROSS = 6
_NO_METRIC: Mapping[str, Any] = {"title": "", "unit": "fraction"}


class Thumbnail(NamedTuple):
    """A picture as JPEG data, what it shows, and the value printed under it."""

    source: str
    alt: Text
    value: str


class GalleryLine(NamedTuple):
    """One image: the rule's name where its group begins, id and difference, thumbnails."""

    rule: Text
    image_id: str
    difference: str
    thumbnails: tuple[Thumbnail, ...]


class GalleryTable(NamedTuple):
    """The images of one model for up to six arms; `parts` tables hold all arms of this model, this is `part` (from 0)."""

    model: str
    heads: tuple[str, ...]
    lines: tuple[GalleryLine, ...]
    part: int = 0
    parts: int = 1

    @property
    def printed(self) -> tuple[GalleryLine, ...]:
        """All images; the first of each rule where the model needs several tables, so that two stand on a page."""
        if self.parts < 2:
            return self.lines
        rules = [next(other.rule for other in self.lines[place::-1] if other.rule) for place in range(len(self.lines))]
        by_hand = TERMS["rule.hand"]
        return tuple(line for line, rule in zip(self.lines, rules, strict=True) if line.rule or rule == by_hand)


class Gallery(NamedTuple):
    """All tables, the rule in words, how many images lack some or all pictures here, sheets of methods and of masks."""

    tables: tuple[GalleryTable, ...]
    lead: Text
    left_out: int
    methods: Sheets
    masks: Sheet | None = None


def gallery(report: ReportInput, results: Results) -> Gallery:
    """The gallery; no tables where the report carries no images, no sheets where it compares no methods."""
    tables, left = [], MOST_THUMBNAILS
    left_out: set[tuple[str, str]] = set()
    soft = speckled([map_.attribution for row in report.gallery for map_ in row.maps])
    shown = [_softened(row) for row in report.gallery] if soft else report.gallery
    for model, by_hand in dict.fromkeys((row.model, row.rule == "hand") for row in shown):
        rows = [row for row in shown if (row.model, row.rule == "hand") == (model, by_hand)]
        arms = [map_.arm for map_ in rows[0].maps]
        parts = _parts(arms)
        for part, chosen in enumerate(parts, start=len(parts) if by_hand else 0):
            fitting = rows[: max(0, left // (len(chosen) + 1))]
            left -= len(fitting) * (len(chosen) + 1)
            left_out |= {(model, row.image_id) for row in rows[len(fitting) :]}
            if fitting:
                tables.append(_table(fitting, chosen, results)._replace(part=part, parts=len(parts)))
    return Gallery(
        tuple(tables),
        _lead(shown, results, soft=soft),
        len(left_out),
        sheets(report, results),
        mask_sheet(report.masks),
    )


def _parts(arms: Sequence[str]) -> list[Sequence[str]]:
    """As few tables as hold them, equally wide: seven arms are four and three, not six and one."""
    tables = max(1, math.ceil(len(arms) / ARMS_ACROSS))
    across = max(1, math.ceil(len(arms) / tables))
    return [arms[start : start + across] for start in range(0, len(arms), across)]


def _softened(row: GalleryRow) -> GalleryRow:
    return replace(row, maps=tuple(replace(map_, attribution=softened(map_.attribution)) for map_ in row.maps))


def _lead(rows: Sequence[GalleryRow], results: Results, *, soft: bool) -> Text:
    contrasts = {row["contrast_id"]: row for row in results["contrasts"]}
    shown = [contrasts[key] for key in dict.fromkeys(row.contrast_id for row in rows) if key in contrasts]
    speaker = voice(results)
    names = [
        fill(
            "s8.contrast",
            name=contrast_tables.name(results, row, speaker),
            metric=results["metrics"][row["metric"]]["title"],
            model=row["model"],
        )
        for row in shown
    ]
    methods = dict.fromkeys(map_title(results, row["attribution"]) for row in shown) if soft else ()
    return join([fill("s8.lead", contrasts=join(names, "; ")), note(methods)])


def _table(rows: Sequence[GalleryRow], arms: Sequence[str], results: Results) -> GalleryTable:
    names = voice(results).arms
    return GalleryTable(rows[0].model, tuple(names[arm] for arm in arms), tuple(_lines(rows, arms, results)))


def _lines(rows: Sequence[GalleryRow], arms: Sequence[str], results: Results) -> Iterator[GalleryLine]:
    before = ""
    for row in rows:
        contrast = next((c for c in results["contrasts"] if c["contrast_id"] == row.contrast_id), None)
        metric: Mapping[str, Any] = results["metrics"][contrast["metric"]] if contrast else _NO_METRIC
        yield GalleryLine(
            rule=TERMS[f"rule.{row.rule}"] if row.rule != before else same(""),
            image_id=row.image_id,
            difference=numbers.difference(row.difference, metric["unit"]),
            thumbnails=tuple(_thumbnails(row, arms, metric, voice(results).arms)),
        )
        before = row.rule


def _thumbnails(
    row: GalleryRow, arms: Sequence[str], metric: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[Thumbnail]:
    radiograph = figures.film(row.image, row.boxes)
    yield Thumbnail(data_uri(radiograph), fill("alt.radiograph", image=row.image_id), "")
    maps = {map_.arm: map_ for map_ in row.maps}
    for arm in arms:
        value = numbers.level(maps[arm].value, metric["unit"])
        picture = figures.overlay(row.image, maps[arm].attribution, row.boxes)
        words = {"image": row.image_id, "arm": names[arm], "model": row.model}
        alt = fill("alt.map", **words, metric=metric["title"], value=value)
        yield Thumbnail(data_uri(picture), alt, f"{metric['title']} {value}")
