"""The same method at several depths of the network: rows are methods, columns layers from shallow to deep."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from study.report import extent, names
from study.report.cells import (
    WIDEST,
    Cells,
    Column,
    Results,
    Row,
    alone,
    controls,
    index,
    mean_cell,
    metric_head,
    random_map,
    random_order,
    real,
    run_counts,
)
from study.report.ranks import selected
from study.report.table import Group, Head, Line, Table, word_head
from study.report.terms import TERMS, Text, fill, same

Family = Mapping[str, str]
"""Layer -> label of the attribution at that layer."""


def depth(layer: str) -> tuple[int, tuple[tuple[int, str], ...]]:
    """Sorts layers from shallow to deep: the input, then depths, then module names with their numbers as numbers."""
    if layer == "input":
        return (0, ())
    parts = tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", layer) if part)
    return (1 if layer.isdigit() else 2, parts)


def families(results: Results) -> dict[str, Family]:
    """Methods that were asked for at two layers or more, under their label without the layer."""
    found: dict[str, dict[str, str]] = {}
    for label in real(results):
        layer = names.parameters(label).get("layer")
        if layer is not None:
            found.setdefault(names.without(label, "layer"), {})[layer] = label
    return {method: labels for method, labels in found.items() if len(labels) > 1}


def layer_tables(results: Results) -> list[Table]:
    """One table per metric and five layers: the selected metrics first."""
    methods = families(results)
    if not methods:
        return []
    cells = index(results)
    layers = sorted({layer for labels in methods.values() for layer in labels}, key=depth)
    columns = [layers[start : start + WIDEST] for start in range(0, len(layers), WIDEST)]
    chosen = [label for label, facts in results["metrics"].items() if not facts["per_run"]]
    ordered = dict.fromkeys((*(label for label in selected(results) if label in chosen), *chosen))
    tables = [_table(results, cells, methods, metric, part) for metric in ordered for part in columns]
    return [table for table in tables if table.groups]


def _table(results: Results, cells: Cells, methods: Mapping[str, Family], metric: str, layers: Sequence[str]) -> Table:
    arms = sorted(results["arms"], key=lambda arm: not arm["reference"])
    groups = [
        Group(_label(results, model, arm), tuple(_lines(results, cells, methods, (metric, layers), arm, model)))
        for arm in arms
        for model in results["models"]
    ]
    place = list(results["metrics"]).index(metric) + 1
    runs = run_counts(results)
    raw = (TERMS["note.raw"],) if names.is_raw_curve(metric) and random_map(results) in controls(results) else ()
    n_lines = sum(len(group.lines) for group in groups[: len(results["models"])])
    return Table(
        key=f"layers-{place}-{'-'.join(layers)}",
        caption=fill(
            "tab.layers" if runs else "tab.layers.one",
            metric=metric_head(results, metric),
            images=extent.of_metrics(results, [metric]),
            runs=runs,
        ),
        heads=(word_head(TERMS["col.method"]), *(Head(fill("col.layer", layer=layer)) for layer in layers)),
        groups=tuple(group for group in groups if group.lines),
        notes=(*raw, TERMS["note.layers"]),
        print_lines=n_lines or None,
        rest="metrics.csv",
    )


def _label(results: Results, model: str, arm: Row) -> Text:
    return same(model if alone(results) else f"{model}, {arm['name']}")


def _lines(
    results: Results,
    cells: Cells,
    methods: Mapping[str, Family],
    columns: tuple[str, Sequence[str]],
    arm: Row,
    model: str,
) -> list[Line]:
    """Methods of one arm and model; `columns` are the metric and the layers."""
    metric, layers = columns
    lines = []
    for method, labels in methods.items():
        places = [Column(labels.get(layer, ""), metric) for layer in layers]
        row = [
            mean_cell(results, cells, place, arm, model, detail=random_order(results, cells, place, arm, model))
            for place in places
        ]
        if any(cell.value is not None for cell in row):
            lines.append(Line(same(names.attribution_title(method)), tuple(row)))
    return lines
