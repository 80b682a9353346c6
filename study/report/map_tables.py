"""Tables of metrics whose rows are maps: of one arm, or of several arms side by side; controls are rows among them."""

from __future__ import annotations

from collections.abc import Sequence

from study.report.cells import (
    OPEN,
    Cells,
    Column,
    Results,
    best,
    controls,
    gap_beside,
    group_label,
    map_title,
    mean_cell,
    metric_head,
    metric_notes,
)
from study.report.metric_notes import caption, heads, left_out, map_notes, parts, raw_notes, tabled
from study.report.ranks import close_to_best
from study.report.table import Group, Head, Line, Table, word_head
from study.report.terms import TERMS, same

PRINT_LINES = 28
"""Maps per model in print; the rest is in metrics.csv and in the page."""


def across_arms(results: Results, cells: Cells, which: str, columns: Sequence[Column]) -> list[Table]:
    """A table per metric: rows are maps, controls among them, columns are arms."""
    attributions, metrics = parts(columns)
    made = []
    for place, metric in enumerate(metrics):
        labels = [label for label in (*attributions, *controls(results)) if _has(results, cells, label, metric)]
        groups = [
            Group(
                group_label(results, model),
                tuple(_across_line(results, cells, Column(x, metric), model) for x in labels),
            )
            for model in results["models"]
        ]
        made.append(
            Table(
                key=f"{which}-{place + 1}",
                caption=caption(results, which, [metric], metric_head(results, metric)),
                heads=(word_head(TERMS["col.map"]), *(Head(same(arm["name"])) for arm in results["arms"])),
                groups=tuple(groups),
                notes=(
                    *raw_notes(results, [metric], small="note.raw.gap"),
                    *metric_notes(results, short=place > 0),
                    *left_out(results, cells, [column for column in columns if column.metric == metric]),
                ),
                print_lines=PRINT_LINES * len(results["models"]),
                rest="metrics.csv",
            )
        )
    return made


def _has(results: Results, cells: Cells, label: str, metric: str) -> bool:
    """Whether this map has a value of the metric anywhere."""
    return any(
        (arm["arm"], model, label, metric) in cells.means for arm in results["arms"] for model in results["models"]
    )


def _across_line(results: Results, cells: Cells, column: Column, model: str) -> Line:
    """One map, a cell per arm; bold is the best arm for this map."""
    facts = results["attributions"][column.attribution]
    bold = set() if facts["control"] else best(results, cells, column, model)
    row = [
        mean_cell(
            results,
            cells,
            column,
            arm,
            model,
            bold=arm["arm"] in bold,
            detail=gap_beside(results, cells, column, arm, model),
        )
        for arm in results["arms"]
    ]
    return Line(map_title(results, column.attribution), tuple(row), OPEN if facts["control"] else None)


def of_maps(results: Results, cells: Cells, which: str, columns: Sequence[Column]) -> list[Table]:
    """Rows are maps of the one arm, controls among them; columns are metrics."""
    attributions, metrics = parts(columns)
    (arm,) = results["arms"]
    made = []
    for place, part in enumerate(tabled(metrics)):
        groups = [
            Group(group_label(results, model), tuple(_map_lines(results, cells, part, model, attributions)))
            for model in results["models"]
        ]
        own = [column for column in columns if column.metric in part]
        made.append(
            Table(
                key=f"{which}-{place + 1}",
                caption=caption(results, which, part, same(arm["name"])),
                heads=heads(results, "col.map", part),
                groups=tuple(groups),
                notes=(
                    *raw_notes(results, part, small="note.raw.rows"),
                    *map_notes(results, part, short=place > 0),
                    *left_out(results, cells, own),
                ),
                print_lines=PRINT_LINES * len(results["models"]),
                rest="metrics.csv",
            )
        )
    return made


def _map_lines(
    results: Results, cells: Cells, metrics: Sequence[str], model: str, attributions: Sequence[str]
) -> list[Line]:
    (arm,) = results["arms"]
    bold = {metric: close_to_best(results, model, arm["arm"], metric) for metric in metrics}
    lines = []
    for label in (*attributions, *controls(results)):
        if not any((arm["arm"], model, label, metric) in cells.means for metric in metrics):
            continue
        row = [
            mean_cell(results, cells, Column(label, metric), arm, model, bold=label in bold[metric])
            for metric in metrics
        ]
        facts = results["attributions"][label]
        lines.append(Line(map_title(results, label), tuple(row), OPEN if facts["control"] else None))
    return lines
