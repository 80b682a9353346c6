"""The tables of arms: metrics (shapes 1 to 3) and classification (4).

Arms stand in the protocol's order, models are groups, at most six columns in print. Bold is
the best mean *and every arm not shown to differ from it*; † differs from the baseline. Both
read the adjusted p of the findings, so a table cannot contradict the contrasts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from study.report import numbers
from study.report.colours import style
from study.report.names import arrow, group
from study.report.table import Cell, Group, Head, Line, Mark, Table, number, word, word_head
from study.report.terms import TERMS, Text, fill, join, same

Row = Mapping[str, Any]
Results = Mapping[str, Any]
WIDEST = 5
"""Columns beside the first one."""


class Column(NamedTuple):
    """One metric of one attribution (empty for a metric of the whole run)."""

    attribution: str
    metric: str


class Cells(NamedTuple):
    """Means and contrasts by place, for looking up."""

    means: Mapping[tuple[str, str, str, str], Row]
    differs: Mapping[tuple[str, str, str, frozenset[str]], bool]


def index(results: Results) -> Cells:
    """Means by (arm, model, attribution, metric), and which pairs of arms were told apart."""
    means = {(m["arm"], m["model"], m["attribution"], m["metric"]): m for m in results["means"]}
    differs = {
        (c["model"], c["attribution"], c["metric"], frozenset((c["treatment"], c["control"]))): c["p_adjusted"]
        < results["alpha"]
        for c in results["contrasts"]
        if c["p_adjusted"] is not None
    }
    return Cells(means, differs)


def metric_tables(results: Results, which: str) -> list[Table]:
    """The tables of one group of metrics: `agreement`, `faithfulness` or `masking`."""
    metrics = [name for name, facts in results["metrics"].items() if group(name) == which and not facts["per_run"]]
    attributions = [label for label, facts in results["attributions"].items() if not facts["control"]]
    measured = {(m["attribution"], m["metric"]) for m in results["means"]}
    columns = [Column(a, m) for a in attributions for m in metrics if (a, m) in measured]
    cells = index(results)
    chunks = _by_attribution(columns) if which == "masking" else _by_metric(columns)
    return [_metric_table(results, cells, which, chunk, place) for place, chunk in enumerate(chunks)]


def _by_metric(columns: Sequence[Column]) -> list[list[Column]]:
    """The same metrics for every attribution side by side, as many metrics as five columns hold."""
    attributions = list(dict.fromkeys(column.attribution for column in columns))
    metrics = list(dict.fromkeys(column.metric for column in columns))
    size = WIDEST // len(attributions) if attributions else 0
    if not size:
        return _by_attribution(columns)
    groups = [metrics[start : start + size] for start in range(0, len(metrics), size)]
    return [[Column(a, m) for a in attributions for m in group if Column(a, m) in columns] for group in groups]


def _by_attribution(columns: Sequence[Column]) -> list[list[Column]]:
    """Columns in tables of at most five, the metrics of an attribution kept together where they fit."""
    chunks: list[list[Column]] = []
    for attribution in dict.fromkeys(column.attribution for column in columns):
        own = [column for column in columns if column.attribution == attribution]
        if chunks and len(chunks[-1]) + len(own) <= WIDEST:
            chunks[-1].extend(own)
        else:
            chunks.extend(own[start : start + WIDEST] for start in range(0, len(own), WIDEST))
    return chunks


def _metric_table(results: Results, cells: Cells, which: str, columns: Sequence[Column], place: int) -> Table:
    attributions = list(dict.fromkeys(column.attribution for column in columns))
    titles = [same(results["attributions"][label]["title"]) for label in attributions]
    spans = [
        Head(title, span=sum(column.attribution == label for column in columns))
        for label, title in zip(attributions, titles, strict=True)
    ]
    heads = [Head(metric_head(results, column.metric)) for column in columns]
    groups = [_model_group(results, cells, columns, model) for model in results["models"]]
    return Table(
        key=f"{which}-{place + 1}",
        caption=_caption(results, which, columns, join(titles, ", ")),
        spans=(Head(same("")), *spans) if len(attributions) > 1 else (),
        heads=(word_head(TERMS["col.arm"]), *heads),
        groups=tuple(groups),
        notes=(*metric_notes(results, short=place > 0), *_left_out(results, cells, columns)),
    )


def metric_head(results: Results, metric: str) -> Text:
    """Title of a metric with its unit and the arrow of its direction."""
    facts = results["metrics"][metric]
    unit = " × 100" if facts["unit"] == "percent" else ""
    return same(facts["title"] + unit + arrow(facts["higher_is_better"]))


def _caption(results: Results, which: str, columns: Sequence[Column], attributions: Text) -> Text:
    unit = all(results["metrics"][column.metric]["bounds"] == [0.0, 1.0] for column in columns)
    runs = run_counts(results)
    return fill(
        "tab.metrics" if runs else "tab.metrics.one",
        group=TERMS[f"group.{which}"],
        attribution=attributions,
        range=TERMS["range.unit"] if unit else same(""),
        runs=runs,
    )


def run_counts(results: Results) -> Text:
    """`5 runs`, or `4 to 5 runs` where arms differ; empty with one run each."""
    low, high = results["counts"]["runs_per_arm_lowest"], results["counts"]["runs_per_arm_highest"]
    if high < 2:
        return same("")
    return fill("runs.count", n=low if low == high else fill("interval", low=low, high=high))


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
    dagger = fill("note.dagger", reference=reference, alpha=alpha)
    return (TERMS["note.sd"], fill("note.bold", alpha=alpha), *lone, dagger, TERMS["note.arrows"])


def _left_out(results: Results, cells: Cells, columns: Sequence[Column]) -> tuple[Text, ...]:
    notes = []
    for column in columns:
        for model in results["models"]:
            means = [cells.means.get((arm["arm"], model, *column)) for arm in results["arms"]]
            missing = sum(mean["n_undefined"] for mean in means if mean)
            if missing:
                facts = results["metrics"][column.metric]
                attribution = results["attributions"][column.attribution]["title"]
                values = {"metric": facts["title"], "attribution": attribution, "model": model}
                notes.append(fill("note.left_out", **values, n=numbers.count(missing), why=facts["undefined"]))
    return tuple(notes)


def _model_group(results: Results, cells: Cells, columns: Sequence[Column], model: str) -> Group:
    bold = {column: best(results, cells, column, model) for column in columns}
    lines = []
    for arm in results["arms"]:
        row = [_mean_cell(results, cells, column, arm, model, arm["arm"] in bold[column]) for column in columns]
        lines.append(Line(same(arm["name"]), tuple(row), mark(arm)))
    return Group(group_label(results, model), tuple(lines))


def group_label(results: Results, model: str) -> Text:
    """The model, with the arms whose runs are not all there."""
    short = [
        fill("group.arm_runs", arm=arm["name"], k=arm["runs"][model], n=arm["runs_planned"][model])
        for arm in results["arms"]
        if arm["runs"][model] < arm["runs_planned"][model]
    ]
    return fill("group.runs", model=model, arms=join(short, ", ")) if short else same(model)


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
    return {arm for arm in values if arm == top or not _apart(cells, column, model, arm, top)}


def _apart(cells: Cells, column: Column, model: str, arm: str, other: str) -> bool:
    return cells.differs.get((model, column.attribution, column.metric, frozenset((arm, other))), False)


def _mean_cell(results: Results, cells: Cells, column: Column, arm: Row, model: str, bold: bool) -> Cell:
    mean = cells.means.get((arm["arm"], model, *column))
    if mean is None or mean["mean"] is None:
        return Cell(same(numbers.MISSING), room=True)
    text, spread = mean_and_spread(mean, results["metrics"][column.metric]["unit"])
    reference = next(other["arm"] for other in results["arms"] if other["reference"])
    return Cell(
        same(spread if bold else text + spread),
        strong=text if bold else "",
        value=mean["mean"],
        dagger=mean["n_runs"] > 1 and arm["arm"] != reference and _apart(cells, column, model, arm["arm"], reference),
        room=True,
    )


def mean_and_spread(mean: Row, unit: numbers.Unit) -> tuple[str, str]:
    """`0.488` and ` ± 0.006`; the second is empty with fewer than two runs."""
    spread = "" if mean["sd_runs"] is None else f" ± {numbers.level(mean['sd_runs'], unit)}"
    return numbers.level(mean["mean"], unit), spread


def classification(results: Results) -> Table | None:
    """Shape 4: arm, stages before fine-tuning, runs, AUC with range, accuracy."""
    per_run = [name for name, facts in results["metrics"].items() if facts["per_run"]]
    measured = {m["metric"] for m in results["means"]} & set(per_run)
    shown = [name for name in per_run if name in measured][:2]
    if not shown:
        return None
    cells = index(results)
    heads = [word_head(TERMS["col.arm"]), word_head(TERMS["col.chain"]), Head(TERMS["col.runs"])]
    heads += [Head(metric_head(results, name)) for name in shown]
    heads.insert(4, Head(TERMS["col.range"]))
    groups = [
        Group(
            group_label(results, model),
            tuple(_classification_line(results, cells, arm, model, shown) for arm in results["arms"]),
        )
        for model in results["models"]
    ]
    titles = same(", ".join(results["metrics"][name]["title"] for name in shown))
    return Table(
        key="classification",
        caption=TERMS["tab.classification"],
        heads=tuple(heads),
        groups=tuple(groups),
        notes=(fill("note.classification", metrics=titles),),
    )


def _classification_line(results: Results, cells: Cells, arm: Row, model: str, shown: Sequence[str]) -> Line:
    row = [word(chain_text(arm["stages"])), number(str(arm["runs"][model]), arm["runs"][model])]
    for name in shown:
        mean, unit = cells.means.get((arm["arm"], model, "", name)), results["metrics"][name]["unit"]
        text = "".join(mean_and_spread(mean, unit)) if mean else numbers.MISSING
        row.append(number(text, mean["mean"] if mean else None))
        if name == shown[0]:
            row.append(number(_range(mean, unit)))
    return Line(same(arm["name"]), tuple(row), mark(arm))


def _range(mean: Row | None, unit: numbers.Unit) -> Text:
    if mean is None or mean["lowest_run"] is None:
        return same(numbers.MISSING)
    low, high = (numbers.level(mean[name], unit) for name in ("lowest_run", "highest_run"))
    return fill("interval", low=low, high=high)


def chain_text(stages: Sequence[Sequence[str]]) -> Text:
    """The stages before the last one, in their order."""
    before = [_stage_text(kind, text) for kind, text in list(stages)[:-1]]
    return join(before, " → ") if before else TERMS["value.none"]


def _stage_text(kind: str, text: str) -> Text:
    name = TERMS.get(f"stage.{kind}", same(kind))
    return name + same(f" {text}") if text else name


def primary_attribution(results: Results) -> str | None:
    """The attribution of the first primary contrast, else the first real one."""
    primary = [c["attribution"] for c in results["contrasts"] if c["family"] == "primary" and c["attribution"]]
    real = [label for label, facts in results["attributions"].items() if not facts["control"]]
    return next(iter((*primary, *real)), None)
