"""The tables of contrasts: primary with verdicts (shape 5), what counts as chance, the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from study.report import extent, numbers, simultaneous
from study.report.table import Cell, Group, Head, Line, Table, number, word, word_head
from study.report.terms import TERMS, Text, fill, join, same
from study.report.wording import Voice, adjustment, interval, main_interval, pair, voice

Row = Mapping[str, Any]
Results = Mapping[str, Any]
PRINT_LINES = 8
"""Rows of a secondary table in print; the rest is in contrasts.csv and in the page."""


def of_family(results: Results, family: str) -> list[Row]:
    """The contrasts of one family, in the protocol's order."""
    return [row for row in results["contrasts"] if row["family"] == family]


def on_what(results: Results, rows: Sequence[Row]) -> Text:
    """`, EHR, Grad-CAM, 200 images` where all rows agree on the metric and attribution."""
    what = {(row["metric"], row["attribution"]) for row in rows}
    if len(what) != 1:
        return same("")
    metric, attribution = what.pop()
    title = results["metrics"][metric]["title"]
    images = numbers.count(max(row["n_images"] for row in rows))
    if not attribution:
        return same(f", {title}")
    return fill("fig.forest.on", metric=title, attribution=results["attributions"][attribution]["title"], images=images)


def name(results: Results, row: Row, names: Voice, *, model: bool = False) -> Text:
    """`Q1 MAE random − Baseline`, with metric and attribution where the primary ones differ."""
    question = next((q["id"] for q in results["questions"] if q["question"] == row["question"]), "")
    primary = of_family(results, "primary")
    parts = [same(question), pair(row, names)] if row["family"] == "primary" else [pair(row, names)]
    if row["family"] != "primary" or len({(other["metric"], other["attribution"]) for other in primary}) > 1:
        parts.append(same(f"({metric_name(results, row)})"))
    if model and len(results["models"]) > 1:
        parts.append(same(row["model"]))
    return join(parts)


def metric_name(results: Results, row: Row) -> str:
    """`EHR, Grad-CAM`."""
    title: str = results["metrics"][row["metric"]]["title"]
    return f"{title}, {results['attributions'][row['attribution']]['title']}" if row["attribution"] else title


def primary(results: Results) -> Table | None:
    """One row per primary contrast and model: Δ, 95% CI, adjusted p, images better, verdict."""
    rows, names = of_family(results, "primary"), voice(results)
    if not rows:
        return None
    several = len(results["models"]) > 1
    groups = [
        Group(label, tuple(_primary_line(results, row, names, same(row["model"])) for row in members))
        for label, members in _grouped(results, rows, names)
    ]
    if not several:
        groups = [Group(None, tuple(_primary_line(results, row, names, name(results, row, names)) for row in rows))]
    adjusted = next((row["adjustment"] for row in rows if row["adjustment"]), None)
    return Table(
        key="primary",
        caption=fill(
            "tab.primary",
            on=on_what(results, rows),
            extent=extent.runs(rows) if "images" in on_what(results, rows).en else extent.of_contrasts(rows),
            m=fill("m.tests", m=rows[0]["m"]),
            adjustment=adjustment(adjusted, "adjusted"),
        ),
        heads=(
            word_head(TERMS["col.model" if several else "col.contrast"]),
            Head(TERMS["col.delta"]),
            Head(simultaneous.interval_head(rows)),
            *(Head(TERMS[f"col.{column}"]) for column in ("p_adj", "improved")),
            word_head(TERMS["col.verdict"]),
        ),
        groups=tuple(groups),
        notes=(
            fill("note.primary", question=extent.question(rows)),
            *([TERMS["note.simultaneous"]] if simultaneous.at_once(rows) else []),
        ),
        compact=True,
    )


def _grouped(results: Results, rows: Sequence[Row], names: Voice) -> list[tuple[Text, list[Row]]]:
    """Rows by contrast, each under its name; the models of one contrast stand together."""
    labelled: dict[Text, list[Row]] = {}
    for row in rows:
        labelled.setdefault(name(results, row, names), []).append(row)
    return list(labelled.items())


def _primary_line(results: Results, row: Row, names: Voice, what: Text) -> Line:
    """One contrast; its head is the model, or with one model what is compared, and how many runs."""
    unit = results["metrics"][row["metric"]]["unit"]
    head = fill("runs.pair", model=what, a=row["n_runs_treatment"], b=row["n_runs_control"])
    verdict = row["verdict"]
    return Line(
        head,
        (
            number(numbers.difference(row["estimate"], unit), row["estimate"]),
            number(interval(*main_interval(row), unit, row["margin"]), main_interval(row)[0]),
            number(numbers.p_value(row["p_adjusted"], alpha=names.alpha), row["p_adjusted"]),
            number(numbers.share(row["p_improve_images"]), row["p_improve_images"]),
            word(Text(**verdict["short"]) + (TERMS["verdict.models_only"] if _models(verdict) else same(""))),
        ),
    )


def _models(verdict: Row) -> bool:
    return bool(verdict["models_only"]) and verdict["kind"] != "not_tested"


def chance(results: Results) -> Table | None:
    """The same difference for three questions: retraining and images, images only, retraining only."""
    rows, names = of_family(results, "primary"), voice(results)
    rows = [row for row in rows if row["estimate"] is not None]
    if not rows:
        return None
    columns = (("ci_low", "ci_high"), ("ci_models_low", "ci_models_high"), ("ci_images_low", "ci_images_high"))
    lines = []
    for row in rows:
        unit = results["metrics"][row["metric"]]["unit"]
        cells = [number(numbers.difference(row["estimate"], unit), row["estimate"])]
        cells += [number(interval(row[a], row[b], unit, row["margin"]), row[a]) for a, b in columns]
        lines.append(Line(name(results, row, names, model=True), tuple(cells)))
    return Table(
        key="chance",
        caption=fill("tab.chance", extent=extent.of_contrasts(rows)),
        heads=(
            word_head(TERMS["col.contrast"]),
            *(Head(TERMS[f"col.{column}"]) for column in ("delta", "retrain_new", "models_new", "retrain_these")),
        ),
        groups=(Group(None, tuple(lines)),),
        notes=(TERMS[_chance_note(rows)],),
    )


def _chance_note(rows: Sequence[Row]) -> str:
    """Key of the words that say which of the intervals decides."""
    if simultaneous.at_once(rows):
        return "note.chance.simultaneous"
    return "note.chance.one" if all(row["ci_low"] is None for row in rows) else "note.chance"


def others(results: Results, family: str) -> Table | None:
    """Secondary or exploratory contrasts: Δ, 95% CI and p, no verdict."""
    rows, names = of_family(results, family), voice(results)
    if not rows:
        return None
    adjusted = next((row["adjustment"] for row in rows if row["adjustment"]), None)
    groups = []
    for model, members in groupby(sorted(rows, key=lambda row: results["models"].index(row["model"])), _model_of):
        lines = tuple(_other_line(results, row, names, family) for row in members)
        groups.append(Group(same(model) if len(results["models"]) > 1 else None, lines))
    p_column = "p_adj" if family == "secondary" else "p_raw"
    gated = any(row.get("confirmatory") is not None for row in rows)
    return Table(
        key=family,
        caption=fill(
            f"tab.{family}.simultaneous" if simultaneous.at_once(rows) else f"tab.{family}",
            adjustment=adjustment(adjusted, "adjusted"),
            m=extent.tests(rows),
            question=extent.question(rows),
            extent=extent.of_contrasts(rows),
        ),
        heads=(
            word_head(TERMS["col.contrast"]),
            word_head(TERMS["col.metric"]),
            Head(TERMS["col.delta"]),
            Head(simultaneous.interval_head(rows)),
            Head(TERMS[f"col.{p_column}"]),
            *([word_head(TERMS["col.read_as"])] if gated else []),
        ),
        groups=tuple(groups),
        notes=(TERMS["note.undefined"], *([TERMS["note.gate"]] if gated else [])),
        print_lines=PRINT_LINES,
    )


def _model_of(row: Row) -> str:
    return str(row["model"])


def _other_line(results: Results, row: Row, names: Voice, family: str) -> Line:
    unit = results["metrics"][row["metric"]]["unit"]
    arrow = results["metrics"][row["metric"]]["higher_is_better"]
    p = row["p_adjusted"] if family == "secondary" else row["p_value"]
    label = pair(row, names)
    if family == "exploratory":
        label = join([TERMS["exploratory.label"], label])
    return Line(
        label,
        (
            Cell(same(metric_name(results, row) + {True: " ↑", False: " ↓", None: ""}[arrow]), kind="word"),
            number(numbers.difference(row["estimate"], unit), row["estimate"]),
            number(interval(*main_interval(row), unit), main_interval(row)[0]),
            number(numbers.p_value(p, alpha=names.alpha), p),
            *_read_as(row),
        ),
    )


def _read_as(row: Row) -> tuple[Cell, ...]:
    """Whether the gate before a secondary contrast is open; no cell without a gate."""
    confirmatory = row.get("confirmatory")
    if confirmatory is None:
        return ()
    return (word(TERMS["value.confirmatory" if confirmatory else "value.exploratory"]),)
