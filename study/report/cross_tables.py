"""Maps of one arm scored on the models of the others: rows say who drew the map, columns who judges it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from study.report import extent, names, numbers
from study.report.cells import WIDEST, Results, Row, mark, metric_head, real, run_counts
from study.report.table import Cell, Group, Head, Line, Table, word_head
from study.report.terms import TERMS, Text, fill, same

PRINT_LINES = 24
OWN = {"cross_insertion": "insertion", "cross_deletion": "deletion", "cross_gap": "faithfulness_gap"}
"""The same score on the arm's own models; what stands on the diagonal where no other value was kept."""
Places = Mapping[tuple[str, str, str, str, str], Row]


def cross_tables(results: Results) -> list[Table]:
    """One matrix per metric and five evaluators, grouped by model and attribution."""
    rows = results.get("cross") or ()
    if not rows:
        return []
    metrics = [metric for metric in results["metrics"] if any(row["metric"] == metric for row in rows)]
    metrics += [metric for metric in dict.fromkeys(row["metric"] for row in rows) if metric not in metrics]
    judges = [arm for arm in results["arms"] if any(row["evaluator"] == arm["arm"] for row in rows)]
    parts = [judges[start : start + WIDEST] for start in range(0, len(judges), WIDEST)]
    places = {_place(row): row for row in rows}
    return [
        _table(results, places, metric, part, f"cross-{n + 1}-{k + 1}")
        for n, metric in enumerate(metrics)
        for k, part in enumerate(parts)
    ]


def _place(row: Row) -> tuple[str, str, str, str, str]:
    return (row["model"], row["attribution"], row["metric"], row["arm"], row["evaluator"])


def _table(results: Results, places: Places, metric: str, judges: Sequence[Row], key: str) -> Table:
    drawn = {(place[0], place[1]) for place in places if place[2] == metric}
    labels = [*real(results), *(label for label, facts in results["attributions"].items() if facts["control"])]
    groups = [
        Group(
            same(f"{model}, {results['attributions'][label]['title']}"),
            tuple(_lines(results, places, model, label, metric, judges)),
        )
        for model in results["models"]
        for label in labels
        if (model, label) in drawn
    ]
    runs = run_counts(results)
    return Table(
        key=key,
        caption=fill(
            "tab.cross" if runs else "tab.cross.one",
            metric=_head(results, metric),
            images=extent.images([places[place] for place in places if place[2] == metric]),
            runs=runs,
        ),
        spans=(Head(same("")), Head(TERMS["col.judges"], span=len(judges))),
        heads=(word_head(TERMS["col.maps_of"]), *(Head(same(arm["name"])) for arm in judges)),
        groups=tuple(groups),
        notes=(TERMS["note.cross"],),
        print_lines=PRINT_LINES,
        rest="results.json",
    )


def _head(results: Results, metric: str) -> Text:
    return metric_head(results, metric) if metric in results["metrics"] else same(metric)


def _lines(results: Results, places: Places, model: str, label: str, metric: str, judges: Sequence[Row]) -> list[Line]:
    lines = []
    for arm in results["arms"]:
        row = [_cell(results, places, (model, label, metric, arm["arm"], judge["arm"])) for judge in judges]
        if any(cell.value is not None for cell in row):
            lines.append(Line(same(arm["name"]), tuple(row), mark(arm)))
    return lines


def _cell(results: Results, places: Places, place: tuple[str, str, str, str, str]) -> Cell:
    """Mean ± SD over runs; an arm's score on its own models stands in brackets."""
    own = place[3] == place[4]
    row = places.get(place) or (_own(results, place) if own else None)
    if row is None or row["mean"] is None:
        return Cell(same(numbers.MISSING))
    spread = "" if row["sd_runs"] is None else f" ± {numbers.level(row['sd_runs'])}"
    text = numbers.level(row["mean"]) + spread
    return Cell(same(f"[{text}]" if own else text), value=row["mean"])


def _own(results: Results, place: tuple[str, str, str, str, str]) -> Row | None:
    """The plain metric with the same baseline and steps, from the table of means."""
    model, label, metric, arm, _ = place
    name = OWN.get(names.base(metric), "")
    wanted = {key: value for key, value in names.parameters(metric).items() if key != "evaluators"}
    found = (
        mean
        for mean in (*results["means"], *results["controls"])
        if (mean["arm"], mean["model"], mean["attribution"]) == (arm, model, label)
        and names.base(mean["metric"]) == name
        and names.parameters(mean["metric"]) == wanted
    )
    return next(found, None)
