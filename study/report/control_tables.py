"""The table of controls: maps that know nothing of the model, as rows beside the real arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.report import numbers, ranks
from study.report.cells import OPEN, WIDEST, alone, map_title, mark, metric_head, primary_attribution
from study.report.names import group
from study.report.table import Group, Head, Line, Table, number, word_head
from study.report.terms import TERMS, fill, same

Row = Mapping[str, Any]
Results = Mapping[str, Any]


def controls_table(results: Results, model: str, *, every: bool = True) -> Table | None:
    """Controls as rows beside the real arms of the primary attribution; unless `every`, on the reference's models only."""
    attribution = shown_attribution(results)
    metrics = control_metrics(results, model)
    if not metrics or attribution is None:
        return None
    means = {
        (m["arm"], m["model"], m["attribution"], m["metric"]): m for m in (*results["means"], *results["controls"])
    }
    labels = [attribution, *(label for label, facts in results["attributions"].items() if facts["control"])]
    groups = []
    for label in labels:
        chosen = (
            _control_arms(results) if every or label == attribution else [a for a in results["arms"] if a["reference"]]
        )
        arms = [arm for arm in chosen if any((arm["arm"], model, label, m) in means for m in metrics)]
        lines = tuple(_control_line(results, means, arm, model, label, metrics) for arm in arms)
        groups += [Group(map_title(results, label), lines)] if lines else []
    if alone(results):
        groups = [Group(None, tuple(_by_map(results, groups)))]
    elif not every and len(groups) > 1:
        reference = next(arm["name"] for arm in results["arms"] if arm["reference"])
        groups = [groups[0], Group(fill("controls.on", arm=reference), tuple(_by_map(results, groups[1:])))]
    return Table(
        key=f"controls-{results['models'].index(model) + 1}",
        caption=fill("tab.controls.maps" if alone(results) else "tab.controls", model=model),
        heads=(word_head(TERMS["col.map"]), *(Head(metric_head(results, metric)) for metric in metrics)),
        groups=tuple(groups),
        notes=(TERMS["note.controls" if every or alone(results) else "more.controls"],),
    )


def shown_attribution(results: Results) -> str | None:
    """The primary attribution; of one arm the method that ranks best by the first selected metric."""
    rows = ranks.rankings(results) if alone(results) else ()
    first = next((row for metric in ranks.selected(results) for row in rows if row["metric"] == metric), None)
    found = ranks.methods(results, first) if first else []
    return found[0] if found else primary_attribution(results)


def _by_map(results: Results, groups: Sequence[Group]) -> list[Line]:
    """The one row of each group under the name of its map."""
    open_ones = {facts["title"] for facts in results["attributions"].values() if facts["control"]}
    return [
        Line(group.label, line.cells, OPEN if group.label.en in open_ones else None)
        for group in groups
        if group.label is not None
        for line in group.lines
    ]


def _control_arms(results: Results) -> list[Row]:
    """Every arm while the table stays short, else the reference alone."""
    arms = results["arms"]
    return list(arms) if len(arms) <= WIDEST else [arm for arm in arms if arm["reference"]]


def control_metrics(results: Results, model: str) -> list[str]:
    """Up to four metrics measured on controls of this model: the primary one first, then one per group."""
    measured = {c["metric"] for c in results["controls"] if c["model"] == model and c["mean"] is not None}
    primary = [c["metric"] for c in results["contrasts"] if c["family"] == "primary"]
    ordered = [name for name in dict.fromkeys((*primary, *results["metrics"])) if name in measured]
    firsts: dict[str, str] = {}
    for name in ordered:
        firsts.setdefault(group(name), name)
    return list(dict.fromkeys((*firsts.values(), *ordered)))[:3]


def _control_line(
    results: Results, means: Mapping[Any, Row], arm: Row, model: str, attribution: str, metrics: Sequence[str]
) -> Line:
    rows = [means.get((arm["arm"], model, attribution, metric)) for metric in metrics]
    cells = [
        number(
            numbers.level(row["mean"] if row else None, results["metrics"][metric]["unit"]),
            row["mean"] if row else None,
        )
        for metric, row in zip(metrics, rows, strict=True)
    ]
    return Line(same(arm["name"]), tuple(cells), mark(arm))
