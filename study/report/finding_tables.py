"""The balance of the labels of datasets whose films may have several findings, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.report import numbers
from study.report.table import Cell, Group, Head, Line, Table, number, word_head
from study.report.terms import TERMS, Text, fill, same

Results = Mapping[str, Any]
SPLITS = ("train", "val", "test")


def balance(results: Results) -> list[Table]:
    """For every such dataset: films with each finding by split, those without any, and all; target or source alike."""
    return [
        _table(place, name, facts)
        for place, (name, facts) in enumerate(results["datasets"].items(), start=1)
        if facts.get("several_labels")
    ]


def _table(place: int, name: str, facts: Mapping[str, Any]) -> Table:
    counts = facts["films_by_finding"]
    splits = [split for split in SPLITS if split in counts]
    lines = [_line(same(each), [counts[split][each] for split in splits]) for each in facts["classes"]]
    lines.append(_line(TERMS["row.no_finding"], [facts["films_without_finding"][split] for split in splits]))
    lines.append(_line(TERMS["row.all_films"], [facts["splits"][split] for split in splits]))
    explained = facts.get("test_explained")
    notes = [TERMS["note.balance"]]
    if explained:
        values = {"k": explained, "n": facts["splits"]["test"], "boxes": facts["test_with_boxes"]}
        notes.append(fill("note.balance.explained", **values))
    return Table(
        key=f"balance-{place}",
        caption=fill("tab.balance", name=name),
        heads=(word_head(TERMS["col.finding_name"]), *(Head(same(split)) for split in splits)),
        groups=(Group(None, tuple(lines)),),
        notes=tuple(notes),
    )


def _line(head: Text, values: Sequence[int]) -> Line:
    cells: list[Cell] = [number(numbers.count(value), value) for value in values]
    return Line(head, tuple(cells))
