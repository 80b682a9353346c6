"""The tables of metrics (shapes 1 to 3): arms × attributions, arms within attributions, or maps of one arm.

Models are groups, at most six columns in print. Under a raw curve stands what a random order of pixels
scores on the same models, and the normalised gap is a column of the same table: how far a curve rises
says as much of the model's patience with occlusion as of the map.
"""

from __future__ import annotations

from collections.abc import Sequence

from study.report import names
from study.report.cells import (
    WIDEST,
    Cells,
    Column,
    Results,
    alone,
    best,
    group_label,
    index,
    mark,
    mean_cell,
    metric_notes,
    primary_attribution,
    random_order,
    real,
)
from study.report.class_tables import classification
from study.report.map_tables import across_arms, of_maps
from study.report.metric_notes import attribution_titles, caption, heads, left_out, parts, raw_notes, tabled
from study.report.table import Group, Head, Line, Table
from study.report.terms import join, same

__all__ = ["Column", "best", "classification", "index", "metric_tables", "primary_attribution"]

PRINT_LINES = 16
"""Rows of arms in one table in print; the rest is in metrics.csv and in the page."""


def metric_tables(results: Results, which: str) -> list[Table]:
    """The tables of one group of metrics: `agreement`, `faithfulness`, `masking` or `sanity`."""
    cells = index(results)
    metrics = [metric for metric in results["metrics"] if _belongs(results, metric, which)]
    measured = {place[2:] for place in cells.means}
    columns = [Column(a, m) for a in real(results) for m in metrics if (a, m) in measured]
    if not columns:
        return []
    if alone(results):
        return of_maps(results, cells, which, columns)
    many = len(parts(columns)[0]) > WIDEST
    if many and len(results["arms"]) <= WIDEST:
        return across_arms(results, cells, which, columns)
    if many or which == "faithfulness":
        return _within_attributions(results, cells, which, columns)
    split = _by_attribution(columns) if which == "masking" else _by_metric(columns)
    return [_side_by_side(results, cells, which, part, place) for place, part in enumerate(split)]


def _belongs(results: Results, metric: str, which: str) -> bool:
    """Metrics of films in this group; scores on other models stand in the tables of their own."""
    if results["metrics"][metric]["per_run"] or names.group(metric) != which:
        return False
    return not (results.get("cross") and names.is_cross(metric))


def _by_metric(columns: Sequence[Column]) -> list[list[Column]]:
    """The same metrics for every attribution side by side, as many metrics as five columns hold."""
    attributions, metrics = parts(columns)
    size = WIDEST // len(attributions)
    groups = [metrics[start : start + size] for start in range(0, len(metrics), size)]
    return [[Column(a, m) for a in attributions for m in group if Column(a, m) in columns] for group in groups]


def _by_attribution(columns: Sequence[Column]) -> list[list[Column]]:
    """Columns in tables of at most five, the metrics of an attribution kept together where they fit."""
    found: list[list[Column]] = []
    for attribution in parts(columns)[0]:
        own = [column for column in columns if column.attribution == attribution]
        if found and len(found[-1]) + len(own) <= WIDEST:
            found[-1].extend(own)
        else:
            found.extend(own[start : start + WIDEST] for start in range(0, len(own), WIDEST))
    return found


def _side_by_side(results: Results, cells: Cells, which: str, columns: Sequence[Column], place: int) -> Table:
    """Rows are arms, columns the metrics of each attribution."""
    attributions, metrics = parts(columns)
    titles = [same(results["attributions"][label]["title"]) for label in attributions]
    spans = [
        Head(title, span=sum(column.attribution == label for column in columns))
        for label, title in zip(attributions, titles, strict=True)
    ]
    groups = [
        Group(group_label(results, model), tuple(_arm_lines(results, cells, columns, model)))
        for model in results["models"]
    ]
    return Table(
        key=f"{which}-{place + 1}",
        caption=caption(results, which, metrics, join(titles, ", ")),
        spans=(Head(same("")), *spans) if len(attributions) > 1 else (),
        heads=heads(results, "col.arm", [column.metric for column in columns]),
        groups=tuple(groups),
        notes=(*metric_notes(results, short=place > 0 or _told(results, which)), *left_out(results, cells, columns)),
    )


def _within_attributions(results: Results, cells: Cells, which: str, columns: Sequence[Column]) -> list[Table]:
    """Rows are arms, grouped by model and attribution; columns are metrics."""
    attributions, metrics = parts(columns)
    several = len(attributions) > 1
    made = []
    for place, part in enumerate(tabled(metrics)):
        places = [(model, label) for model in results["models"] for label in attributions]
        groups = [
            Group(
                group_label(results, model, label if several else "", short=label != attributions[0]),
                tuple(_arm_lines(results, cells, [Column(label, metric) for metric in part], model)),
            )
            for model, label in places
            if any((label, metric) in columns for metric in part)
        ]
        own = [column for column in columns if column.metric in part]
        made.append(
            Table(
                key=f"{which}-{place + 1}",
                caption=caption(results, which, part, attribution_titles(results, attributions)),
                heads=heads(results, "col.arm", part),
                groups=tuple(groups),
                notes=(
                    *raw_notes(results, part),
                    *metric_notes(results, short=place > 0 or _told(results, which)),
                    *left_out(results, cells, own),
                ),
                print_lines=PRINT_LINES,
                rest="metrics.csv",
            )
        )
    return made


def _told(results: Results, which: str) -> bool:
    """Whether the table before this group has told what ±, bold and † are: that of faithfulness before ADCC."""
    return which == "masking" and any(names.group(label) == "faithfulness" for label in results["metrics"])


def _arm_lines(results: Results, cells: Cells, columns: Sequence[Column], model: str) -> list[Line]:
    bold = {column: best(results, cells, column, model) for column in columns}
    return [
        Line(
            same(arm["name"]),
            tuple(
                mean_cell(
                    results,
                    cells,
                    column,
                    arm,
                    model,
                    bold=arm["arm"] in bold[column],
                    detail=random_order(results, cells, column, arm, model),
                )
                for column in columns
            ),
            mark(arm),
        )
        for arm in results["arms"]
    ]
