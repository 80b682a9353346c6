"""Contact sheets: one film under every attribution of one run, chosen by how sure the run is of its label."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from study.records import MethodMap, MethodRow, ReportInput
from study.report import figures, names, numbers
from study.report.cells import alone, map_title
from study.report.outside import spoken
from study.report.softened import note, softened, speckled
from study.report.terms import TERMS, Text, fill, join, same
from study.report.wording import voice

Results = Mapping[str, Any]
MOST_BYTES = 1_400_000
"""Image data of all sheets on the page, two models with some twenty methods; median films come first."""
PANEL_PX = 192
ACROSS, MOST_ACROSS = 6, 12
_SHEET_MM, _TALLEST_MM = 180.0, 165.0
_GAP_MM, _TITLE_MM = 2.0, 6.5


class Panel(NamedTuple):
    """A picture as JPEG data, what it shows, the title under it, and whether that is a control's."""

    source: str
    alt: Text
    title: Text
    control: bool


class Sheet(NamedTuple):
    """The film and its maps, `across` panels per line; `printed` for the one that the PDF shows."""

    caption: Text
    panels: tuple[Panel, ...]
    across: int
    printed: bool


class Sheets(NamedTuple):
    """All sheets, the rule in words, and how many sheets did not fit."""

    sheets: tuple[Sheet, ...]
    lead: Text
    left_out: int


def sheets(report: ReportInput, results: Results) -> Sheets:
    """The sheets in the order of the records; none where the report carries no films under every method."""
    rows = [row for row in report.methods if row.maps]
    medians_first = sorted(range(len(rows)), key=lambda place: rows[place].rule != "median")
    boxed, left = _boxed(rows), MOST_BYTES
    rows, soft = _for_the_eye(rows)
    drawn: dict[int, Sheet] = {}
    for place in medians_first:
        sheet = _sheet(results, rows[place], boxed=rows[place].run_id in boxed, printed=not drawn)
        left -= sum(len(panel.source) for panel in sheet.panels)
        if left < 0 and drawn:
            break
        drawn[place] = sheet
    lead = join([_lead(report, results), note(_title(results, label) for label in soft)]) if drawn else same("")
    return Sheets(tuple(drawn[place] for place in sorted(drawn)), lead, len(rows) - len(drawn))


def _for_the_eye(rows: Sequence[MethodRow]) -> tuple[list[MethodRow], list[str]]:
    """The films with maps that can be seen, and the methods whose maps had to be softened for that."""
    labels = dict.fromkeys(map_.attribution for row in rows for map_ in row.maps)
    maps = {label: [m.map for row in rows for m in row.maps if m.attribution == label] for label in labels}
    soft = [label for label, own in maps.items() if speckled(own)]

    def seen(map_: MethodMap) -> MethodMap:
        return replace(map_, map=softened(map_.map)) if map_.attribution in soft else map_

    return [replace(row, maps=tuple(map(seen, row.maps))) for row in rows], soft


def _boxed(rows: Sequence[MethodRow]) -> set[str]:
    """Runs whose films were chosen among those with a human box: every one of theirs has one."""
    return {row.run_id for row in rows} - {row.run_id for row in rows if len(row.boxes) == 0}


def _lead(report: ReportInput, results: Results) -> Text:
    reference = report.analysis.design.reference
    predicted = results["settings"].get("target_class") == "predicted"
    return fill(
        "s8.methods",
        arm="" if alone(results) else f" ({voice(results).arms[reference]})",
        target=spoken(results, "m.target.predicted" if predicted else "m.target.label"),
    )


def _sheet(results: Results, row: MethodRow, *, boxed: bool, printed: bool) -> Sheet:
    radiograph = data_uri(figures.film(row.image, row.boxes, width_px=PANEL_PX))
    seen = fill("alt.radiograph" if len(row.boxes) else "alt.film", image=row.image_id)
    panels = [Panel(radiograph, seen, TERMS["col.radiograph"], False)]
    for map_ in row.maps:
        title = _title(results, map_.attribution)
        picture = data_uri(figures.overlay(row.image, map_.map, row.boxes, width_px=PANEL_PX))
        alt = fill("alt.method", image=row.image_id, map=title, run=spoken_run(results, row.run_id))
        panels.append(Panel(picture, alt, title, names.is_control(map_.attribution)))
    return Sheet(_caption(results, row, boxed=boxed), tuple(panels), _across(len(panels), row.image.shape), printed)


def _title(results: Results, label: str) -> Text:
    return map_title(results, label) if label in results["attributions"] else same(names.attribution_title(label))


def _caption(results: Results, row: MethodRow, *, boxed: bool) -> Text:
    rule = TERMS[f"rule.{row.rule}.film"]
    return fill(
        "fig.methods",
        image=row.image_id,
        label=row.label,
        run=spoken_run(results, row.run_id),
        probability=numbers.probability(row.probability),
        rule=fill("rule.boxed", rule=rule) if boxed else rule,
    )


def spoken_run(results: Results, run_id: str) -> Text:
    """`MAE random, vit_small, seed 11`; the id itself of a run that the results do not list."""
    run = next((run for run in results["runs"] if run["run_id"] == run_id), None)
    if run is None:
        return same(run_id)
    return fill("run.spoken", arm=voice(results).arms[run["arm"]], model=run["model"], seed=run["seed"])


def _across(n: int, shape: Sequence[int]) -> int:
    """Panels per line: six, more where films are so tall that the sheet would not leave room on its page."""
    for across in range(ACROSS, MOST_ACROSS):
        width = _SHEET_MM / across - _GAP_MM
        if -(-n // across) * (width * shape[0] / shape[1] + _TITLE_MM) <= _TALLEST_MM:
            return across
    return MOST_ACROSS


def data_uri(jpeg: bytes) -> str:
    """A JPEG file as the source of an image."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
