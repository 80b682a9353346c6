"""The table of ranks: attribution methods × metrics, and how often each outranks a control."""

from __future__ import annotations

from collections.abc import Sequence

from study.report import extent, names, numbers, ranks
from study.report.cells import OPEN, WIDEST, Results, Row, alone, evenly, map_title, metric_head
from study.report.table import Cell, Group, Head, Line, Table, number, word_head
from study.report.terms import TERMS, Text, fill, join, same

PRINT_LINES = 30
"""Rows per model in print."""


def rank_tables(results: Results) -> list[Table]:
    """Tables per arm, the reference arm first: four metrics and the controls outranked, then five metrics each."""
    if not ranks.shown(results):
        return []
    found = ranks.metrics(results)
    parts = [found[: WIDEST - 1], *evenly(found[WIDEST - 1 :], WIDEST)]
    arms = sorted(results["arms"], key=lambda arm: not arm["reference"])
    tables = [_table(results, arm, part, place) for arm in arms for place, part in enumerate(parts)]
    return [table for table in tables if table is not None]


def _table(results: Results, arm: Row, metrics: Sequence[str], place: int) -> Table | None:
    rows = [row for row in ranks.rankings(results) if row["arm"] == arm["arm"] and row["metric"] in metrics]
    if not rows:
        return None
    models = [model for model in results["models"] if any(row["model"] == model for row in rows)]
    yardsticks = [] if place else _yardsticks(results, rows)
    groups = [
        Group(same(model), tuple(_lines(results, [row for row in rows if row["model"] == model], metrics, yardsticks)))
        for model in models
    ]
    heads = [word_head(TERMS["col.map"]), *(Head(metric_head(results, metric)) for metric in metrics)]
    if yardsticks:
        heads.append(Head(_above_head(results, rows, yardsticks)))
    return Table(
        key=f"ranks-{arm['index'] + 1}-{place + 1}",
        caption=fill(
            "tab.ranks",
            arm=arm["name"],
            images=extent.images([{"n_images": row["n_blocks"]} for row in rows]),
            runs=extent.runs(rows),
        ),
        heads=tuple(heads),
        groups=tuple(groups),
        notes=tuple(_notes(results, rows, short=place > 0)),
        print_lines=PRINT_LINES * len(models),
        rest="results.json",
    )


def _yardsticks(results: Results, rows: Sequence[Row]) -> list[str]:
    """The same controls for every model of a table, so that its last column has one meaning."""
    found = [ranks.yardsticks(results, row["model"], row["arm"]) for row in rows]
    return list(dict.fromkeys(label for labels in found for label in labels))


def _above_head(results: Results, rows: Sequence[Row], yardsticks: Sequence[str]) -> Text:
    titles = join([TERMS[f"short.{names.base(label)}"] for label in yardsticks], " / ")
    n = len({row["metric"] for row in ranks.rankings(results) if row["arm"] == rows[0]["arm"]})
    return fill("col.above", controls=titles, n=n)


def _lines(results: Results, rows: Sequence[Row], metrics: Sequence[str], yardsticks: Sequence[str]) -> list[Line]:
    """Maps of one model in the order of the first metric; those that it does not rank come last."""
    labels = dict.fromkeys(label for row in rows for label in row["attributions"])
    first = next((ranks.ranks(row) for metric in metrics for row in rows if row["metric"] == metric), {})
    last = float(len(labels) + 1)
    lines = []
    for label in sorted(labels, key=lambda x: first.get(x, last)):
        facts = results["attributions"][label]
        cells = [_rank_cell(next((row for row in rows if row["metric"] == metric), None), label) for metric in metrics]
        cells += [_above_cell(results, rows[0], label, yardsticks)] if yardsticks else []
        lines.append(Line(map_title(results, label), tuple(cells), OPEN if facts["control"] else None))
    return lines


def _above_cell(results: Results, row: Row, label: str, yardsticks: Sequence[str]) -> Cell:
    """`17 / 18`: metrics on which a method outranks each yardstick."""
    if results["attributions"][label]["control"]:
        return number(TERMS["value.control"])
    counts = [ranks.above(results, row["model"], row["arm"], label, control) for control in yardsticks]
    return number(" / ".join(map(str, counts)), float(sum(counts)))


def _rank_cell(row: Row | None, label: str) -> Cell:
    rank = ranks.ranks(row).get(label) if row else None
    if row is None or rank is None:
        return Cell(same(numbers.MISSING))
    text = numbers.fixed(rank, 2)
    bold = label in row["best"]
    return Cell(same("" if bold else text), strong=text if bold else "", value=rank)


def _notes(results: Results, rows: Sequence[Row], *, short: bool) -> list[Text]:
    alpha = numbers.plain(results["alpha"])
    notes = [fill("note.ranks.short" if short else "note.ranks", alpha=alpha)]
    found = _differences(results, rows)
    notes += [fill("note.cd", list="; ".join(found))] if found else []
    return notes if short else [*notes, *ranks.remarks(rows)]


def _differences(results: Results, rows: Sequence[Row]) -> list[str]:
    """`EHR, Insertion 2.31 (p < 0.001)`: critical difference and Friedman's p, over the metrics that share them."""
    several = len({row["model"] for row in rows}) > 1
    shared: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["critical_difference"] is not None:
            p = numbers.p_relation(row["p_value"], alpha=results["alpha"])
            said = f"{numbers.fixed(row['critical_difference'], 2)} (p {p})"
            shared.setdefault((row["model"], said), []).append(results["metrics"][row["metric"]]["title"])
    return [f"{f'{model}: ' if several else ''}{', '.join(titles)} {said}" for (model, said), titles in shared.items()]


def reading(results: Results) -> list[Text]:
    """Per model and selected metric of a one-arm study: how many methods rank above each control."""
    if not alone(results):
        return []
    arm = results["arms"][0]["arm"]
    found = []
    for metric in ranks.selected(results):
        for model in results["models"]:
            row = ranks.find(results, model, arm, metric)
            if row is not None:
                found.append(counted(results, row))
    return [text for text in found if text]


def counted(results: Results, row: Row, *, short: bool = False) -> Text:
    """How many methods of one ranking rank above each of its yardsticks; empty without one, or where chance is enough.

    Args:
        short: leave model and metric out, where they have been said.
    """
    if not ranks.told(results, row):
        return same("")
    maps = ranks.methods(results, row)
    labels = [label for label in ranks.yardsticks(results, row["model"], row["arm"]) if label in row["attributions"]]
    parts = [
        fill(
            "ranks.above.one",
            k=sum(control in row["above_control"].get(label, ()) for label in maps),
            n=len(maps),
            control=map_title(results, control),
        )
        for control in labels
    ]
    if not parts:
        return same("")
    said = {"list": join(parts, ", "), "cd": numbers.fixed(row["critical_difference"], 2)}
    if short:
        return fill("ranks.above.short", **said)
    title = results["metrics"][row["metric"]]["title"]
    return fill("ranks.above", model=row["model"], metric=title, **said)
