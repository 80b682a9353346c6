"""What the tables of arms and of maps have in common: places of values, bold, daggers, heads and notes.

Bold is the best mean *and every arm not shown to differ from it*; † differs from the baseline. Both
read the adjusted p of the findings, so a table cannot contradict the contrasts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from study.report import extent, names, numbers
from study.report.colours import style
from study.report.table import Cell, Mark
from study.report.terms import TERMS, Text, fill, join, same

Row = Mapping[str, Any]
Results = Mapping[str, Any]
WIDEST = 5
"""Columns beside the first one."""
OPEN = Mark("○", "#222222")
"""The mark of a control among maps, open as in the figures."""


class Column(NamedTuple):
    """One metric of one attribution (empty for a metric of the whole run)."""

    attribution: str
    metric: str


class Cells(NamedTuple):
    """Means and contrasts by place, for looking up."""

    means: Mapping[tuple[str, str, str, str], Row]
    differs: Mapping[tuple[str, str, str, frozenset[str]], bool]


def index(results: Results) -> Cells:
    """Means by (arm, model, attribution, metric), controls included, and which pairs of arms were told apart."""
    rows = (*results["means"], *results.get("controls", ()))
    means = {(m["arm"], m["model"], m["attribution"], m["metric"]): m for m in rows}
    differs = {
        (c["model"], c["attribution"], c["metric"], frozenset((c["treatment"], c["control"]))): c["p_adjusted"]
        < results["alpha"]
        for c in results["contrasts"]
        if c["p_adjusted"] is not None
    }
    return Cells(means, differs)


def alone(results: Results) -> bool:
    """Whether the study has one arm, so that maps are compared and not arms."""
    return len(results["arms"]) == 1


def real(results: Results) -> list[str]:
    """Labels of the attributions that are no controls, in the protocol's order."""
    return [label for label, facts in results["attributions"].items() if not facts["control"]]


def controls(results: Results) -> list[str]:
    """Labels of the controls, in the protocol's order."""
    return [label for label, facts in results["attributions"].items() if facts["control"]]


def map_title(results: Results, label: str) -> Text:
    """Title of an attribution; a control's in both languages, as in the figures."""
    facts = results["attributions"][label]
    known = TERMS.get(f"name.{names.base(label)}") if facts["control"] else None
    return same(facts["title"]) if known is None else Text(facts["title"], known.ko + names.suffix(label))


def metric_head(results: Results, metric: str) -> Text:
    """Title of a metric with its unit and the arrow of its direction."""
    facts = results["metrics"][metric]
    unit = " × 100" if facts["unit"] == "percent" else ""
    return same(facts["title"] + unit + names.arrow(facts["higher_is_better"]))


def run_counts(results: Results) -> Text:
    """`5 runs`, or `4 to 5 runs` where arms differ; empty with one run each."""
    low, high = results["counts"]["runs_per_arm_lowest"], results["counts"]["runs_per_arm_highest"]
    if high < 2:
        return same("")
    return fill("runs.count", n=low if low == high else fill("interval", low=low, high=high))


def unit_range(results: Results, metrics: Iterable[str]) -> Text:
    """`, 0 to 1` where that holds for every metric."""
    unit = all(results["metrics"][metric]["bounds"] == [0.0, 1.0] for metric in metrics)
    return TERMS["range.unit"] if unit else same("")


def metric_notes(results: Results, *, short: bool = False) -> tuple[Text, ...]:
    """What ±, bold, † and the arrows mean; the short form repeats what ± and † are."""
    reference = next(arm["name"] for arm in results["arms"] if arm["reference"])
    alpha = numbers.plain(results["alpha"])
    low, high = results["counts"]["runs_per_arm_lowest"], results["counts"]["runs_per_arm_highest"]
    lone = (TERMS["note.no_bold"],) if low < 2 else ()
    if high < 2:
        return lone if short else (*lone, TERMS["note.arrows"])
    if short:
        return (TERMS["note.short"], *lone)
    told = [row for row in results["contrasts"] if row["p_adjusted"] is not None]
    dagger = fill("note.dagger", reference=reference, alpha=alpha, m=extent.tests(told), question=extent.question(told))
    return (TERMS["note.sd"], fill("note.bold", alpha=alpha), *lone, dagger, TERMS["note.arrows"])


def group_label(results: Results, model: str, attribution: str = "", *, short: bool = False) -> Text:
    """The model, the attribution if the group is about one, and unless `short` the arms whose runs are not all there."""
    lacking = [
        fill("group.arm_runs", arm=arm["name"], k=arm["runs"][model], n=arm["runs_planned"][model])
        for arm in results["arms"]
        if arm["runs"][model] < arm["runs_planned"][model] and not short
    ]
    label = f"{model}, {results['attributions'][attribution]['title']}" if attribution else model
    return fill("group.runs", model=label, arms=join(lacking, ", ")) if lacking else same(label)


def mark(arm: Row) -> Mark:
    """The arm's mark, as in the figures."""
    look = style(arm["index"])
    return Mark(look.mark_text, look.colour)


def best(results: Results, cells: Cells, column: Column, model: str) -> set[str]:
    """The arm with the best mean and every arm not shown to differ from it.

    Empty where an arm has fewer than two runs, or neither direction is better.
    """
    higher = results["metrics"][column.metric]["higher_is_better"]
    rows = {arm["arm"]: cells.means.get((arm["arm"], model, *column)) for arm in results["arms"]}
    values = {arm: row["mean"] for arm, row in rows.items() if row and row["mean"] is not None}
    if higher is None or not values or any(row is None or row["n_runs"] < 2 for row in rows.values()):
        return set()
    top = (max if higher else min)(values, key=lambda arm: values[arm])
    return {arm for arm in values if arm == top or not apart(cells, column, model, arm, top)}


def apart(cells: Cells, column: Column, model: str, arm: str, other: str) -> bool:
    """Whether a contrast told these two arms apart."""
    return cells.differs.get((model, column.attribution, column.metric, frozenset((arm, other))), False)


def mean_cell(
    results: Results,
    cells: Cells,
    column: Column,
    arm: Row,
    model: str,
    *,
    bold: bool = False,
    detail: Text | None = None,
) -> Cell:
    """Mean and SD over runs of one arm, with a second line below where one is given."""
    mean = cells.means.get((arm["arm"], model, *column))
    if mean is None or mean["mean"] is None:
        return Cell(same(numbers.MISSING), room=True)
    text, spread = mean_and_spread(mean, results["metrics"][column.metric]["unit"])
    reference = next(other["arm"] for other in results["arms"] if other["reference"])
    return Cell(
        same(spread if bold else text + spread),
        strong=text if bold else "",
        value=mean["mean"],
        dagger=mean["n_runs"] > 1 and arm["arm"] != reference and apart(cells, column, model, arm["arm"], reference),
        room=True,
        detail=detail or same(""),
    )


def random_order(results: Results, cells: Cells, column: Column, arm: Row, model: str) -> Text:
    """`random 0.431` under a raw curve: what the random map of the same arm and model scores."""
    label = random_map(results)
    if not names.is_raw_curve(column.metric) or label is None:
        return same("")
    return _beside("cell.random", results, cells.means.get((arm["arm"], model, label, column.metric)))


def gap_beside(results: Results, cells: Cells, column: Column, arm: Row, model: str) -> Text:
    """`gap 0.213` under a raw curve: the normalised gap of the same map, arm and model."""
    gap = next((metric for metric in results["metrics"] if names.base(metric) == "faithfulness_gap"), None)
    if not names.is_raw_curve(column.metric) or gap is None or results["attributions"][column.attribution]["control"]:
        return same("")
    return _beside("cell.gap", results, cells.means.get((arm["arm"], model, column.attribution, gap)))


def _beside(key: str, results: Results, mean: Row | None) -> Text:
    if mean is None or mean["mean"] is None:
        return same("")
    return fill(key, value=numbers.level(mean["mean"], results["metrics"][mean["metric"]]["unit"]))


def random_map(results: Results) -> str | None:
    """Label of the random-order control, None where none was asked for."""
    return next((label for label in controls(results) if names.base(label) == "control_random"), None)


def mean_and_spread(mean: Row, unit: numbers.Unit) -> tuple[str, str]:
    """`0.488` and ` ± 0.006`; the second is empty with fewer than two runs."""
    spread = "" if mean["sd_runs"] is None else f" ± {numbers.level(mean['sd_runs'], unit)}"
    return numbers.level(mean["mean"], unit), spread


def primary_attribution(results: Results) -> str | None:
    """The attribution of the first primary contrast, else the protocol's primary one, else the first real one."""
    primary = [c["attribution"] for c in results["contrasts"] if c["family"] == "primary" and c["attribution"]]
    named = [label for label in (named_primary(results, "attribution"),) if label in real(results)]
    return next(iter((*primary, *named, *real(results))), None)


def named_primary(results: Results, what: str) -> str | None:
    """The `attribution` or `metric` that the protocol calls primary, None where it names none."""
    analysis = results["settings"].get("analysis") or {}
    named = (analysis.get("primary") or {}).get(what)
    return str(named) if named else None


def chunks(metrics: Sequence[str], size: int = WIDEST) -> list[list[str]]:
    """The metrics in tables of at most `size` columns, evenly; every table with a raw curve has the normalised gap."""
    gap = next((metric for metric in metrics if names.base(metric) == "faithfulness_gap"), None)
    raw = [metric for metric in metrics if names.is_raw_curve(metric)]
    if gap is None or not raw:
        return evenly(metrics, size)
    ordered = [*raw, *(metric for metric in metrics if metric not in raw and metric != gap)]
    parts = evenly(ordered, size - 1)
    return [[*part, gap] if set(part) & set(raw) else part for part in parts]


def evenly(metrics: Sequence[str], size: int) -> list[list[str]]:
    """As few parts as hold all, none much longer than another."""
    if not metrics:
        return []
    n = -(-len(metrics) // size)
    ends = [-(-len(metrics) * place // n) for place in range(n + 1)]
    return [list(metrics[start:end]) for start, end in itertools.pairwise(ends)]
