"""The tables of whole runs: classification (shape 4), AUC per class, and concepts found by network dissection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from study.report import extent, names, numbers
from study.report.cells import (
    WIDEST,
    Cells,
    Results,
    Row,
    group_label,
    index,
    mark,
    mean_and_spread,
    metric_head,
    run_counts,
)
from study.report.layers import depth
from study.report.outside import key, several, spoken, target_facts
from study.report.stage_words import stage_words
from study.report.table import Cell, Group, Head, Line, Table, number, word_head
from study.report.terms import TERMS, Text, fill, join, same

MOST_SHOWN = 4
CONCEPTS = ("unique_detectors", "detectors")


def classification(results: Results) -> Table | None:
    """Shape 4: arm and its stages before fine-tuning, runs, then AUC with its range, accuracy, ECE and Brier score."""
    shown = [name for name in _measured(results) if _of_runs(name)][:MOST_SHOWN]
    if not shown:
        return None
    cells = index(results)
    heads = [word_head(TERMS["col.arm"]), Head(TERMS["col.runs"])]
    heads += [Head(metric_head(results, name)) for name in shown]
    groups = [
        Group(
            group_label(results, model),
            tuple(_classification_line(results, cells, arm, model, shown) for arm in results["arms"]),
        )
        for model in results["models"]
    ]
    titles = same(", ".join(results["metrics"][name]["title"] for name in shown))
    several = results["counts"]["runs_per_arm_highest"] > 1
    return Table(
        key="classification",
        caption=fill(
            "tab.classification" if several else "tab.classification.one",
            images=extent.of_metrics(results, shown),
            runs=run_counts(results),
        ),
        heads=tuple(heads),
        groups=tuple(groups),
        notes=(spoken(results, "note.classification" if several else "note.classification.one", metrics=titles),),
    )


def _measured(results: Results) -> list[str]:
    """Metrics of whole runs with a value, in the order of the records."""
    found = {mean["metric"] for mean in results["means"] if mean["mean"] is not None}
    return [name for name, facts in results["metrics"].items() if facts["per_run"] and name in found]


def _of_runs(name: str) -> bool:
    """Whether it belongs into the table of classification: neither one class nor a count of concepts."""
    return "class" not in names.parameters(name) and names.base(name) not in CONCEPTS


def _classification_line(results: Results, cells: Cells, arm: Row, model: str, shown: Sequence[str]) -> Line:
    row = [number(str(arm["runs"][model]), arm["runs"][model])]
    for name in shown:
        mean, unit = cells.means.get((arm["arm"], model, "", name)), results["metrics"][name]["unit"]
        known = mean is not None and mean["mean"] is not None
        text = "".join(mean_and_spread(mean, unit)) if mean and known else numbers.MISSING
        detail = _range(mean, unit) if name == shown[0] else same("")
        row.append(Cell(same(text), value=mean["mean"] if mean else None, detail=detail))
    detail = chain_text(arm["stages"]) if arm["stages"] else same("")
    return Line(same(arm["name"]), tuple(row), mark(arm), detail=detail)


def _range(mean: Row | None, unit: numbers.Unit) -> Text:
    """`80.2 to 82.6`, lowest to highest run; empty with one run."""
    if mean is None or mean["lowest_run"] is None or mean["n_runs"] < 2:
        return same("")
    low, high = (numbers.level(mean[name], unit) for name in ("lowest_run", "highest_run"))
    return fill("interval", low=low, high=high)


def chain_text(stages: Sequence[Sequence[str]]) -> Text:
    """The stages before the last one, in their order."""
    before = [_stage_text(kind, text) for kind, text in list(stages)[:-1]]
    return join(before, " → ") if before else TERMS["value.none"]


def _stage_text(kind: str, text: str) -> Text:
    name = TERMS.get(f"stage.{kind}", same(kind))
    return join([name, stage_words(text)])


def per_class(results: Results) -> list[Table]:
    """AUC of each class against the rest, where there are more than two; columns are classes."""
    shown = [name for name in _measured(results) if "class" in names.parameters(name)]
    cells = index(results)
    parts = [shown[start : start + WIDEST] for start in range(0, len(shown), WIDEST)]
    return [
        Table(
            key=f"per-class-{place + 1}",
            caption=fill(
                key(results, "tab.per_class" if run_counts(results) else "tab.per_class.one"),
                unit=" × 100" if results["metrics"][part[0]]["unit"] == "percent" else "",
                images=extent.of_metrics(results, part),
                runs=run_counts(results),
            ),
            heads=(word_head(TERMS["col.arm"]), *(Head(_class_head(results, name)) for name in part)),
            groups=_groups(results, cells, part, {name: results["metrics"][name]["unit"] for name in part}),
            notes=(spoken(results, "note.per_class"), *_without_auc(results, shown)),
        )
        for place, part in enumerate(parts)
    ]


def _class_head(results: Results, name: str) -> Text:
    """The class, with the number of test images that have it where they may have several."""
    if not several(results):
        return same(_class(name))
    return fill("col.finding", name=_class(name), n=numbers.count(target_facts(results)["test_labels"][_class(name)]))


def _without_auc(results: Results, shown: Sequence[str]) -> Iterator[Text]:
    """Findings that have no column, since their AUC is undefined."""
    if several(results):
        absent = [name for name in target_facts(results)["classes"] if name not in map(_class, shown)]
        if absent:
            yield fill("note.per_class.undefined", names=", ".join(absent))


def _class(name: str) -> str:
    """`loose` of `auc[class=loose]`; a class may hold commas."""
    return name.partition("[class=")[2].removesuffix("]")


def _groups(
    results: Results, cells: Cells, shown: Sequence[str], units: Mapping[str, numbers.Unit]
) -> tuple[Group, ...]:
    """Arms within models, one cell per metric of the run."""
    return tuple(
        Group(
            group_label(results, model),
            tuple(
                Line(
                    same(arm["name"]),
                    tuple(_cell(cells, arm, model, name, units.get(name)) for name in shown),
                    mark(arm),
                )
                for arm in results["arms"]
            ),
        )
        for model in results["models"]
    )


def _cell(cells: Cells, arm: Row, model: str, name: str, unit: numbers.Unit | None) -> Cell:
    """Mean and SD in the metric's unit; with one decimal for counts, which have none."""
    mean = cells.means.get((arm["arm"], model, "", name))
    if mean is None or mean["mean"] is None:
        return number(numbers.MISSING)
    if unit is not None:
        return number("".join(mean_and_spread(mean, unit)), mean["mean"])
    digits = 0 if mean["n_runs"] == 1 else 1
    spread = "" if mean["sd_runs"] is None else f" ± {numbers.fixed(mean['sd_runs'], 1)}"
    return number(numbers.fixed(mean["mean"], digits) + spread, mean["mean"])


def concepts(results: Results) -> list[Table]:
    """Network dissection: distinct concepts and units that detect one, layers from shallow to deep."""
    measured = _measured(results)
    found = {
        base: sorted(
            (name for name in measured if names.base(name) == base),
            key=lambda name: depth(names.parameters(name).get("layer", "")),
        )
        for base in CONCEPTS
    }
    shown = [name for base in CONCEPTS for name in found[base]]
    if not shown:
        return []
    cells = index(results)
    together = (
        [list(shown)]
        if len(shown) <= WIDEST
        else [own[start : start + WIDEST] for own in found.values() for start in range(0, len(own), WIDEST)]
    )
    return [_concept_table(results, cells, part, place) for place, part in enumerate(together)]


def _concept_table(results: Results, cells: Cells, shown: Sequence[str], place: int) -> Table:
    spans = [
        Head(_concept_head(results, base), span=sum(names.base(name) == base for name in shown))
        for base in CONCEPTS
        if any(names.base(name) == base for name in shown)
    ]
    several = results["counts"]["runs_per_arm_highest"] > 1
    return Table(
        key=f"concepts-{place + 1}",
        caption=fill("tab.concepts" if several else "tab.concepts.one", runs=run_counts(results)),
        spans=(Head(same("")), *spans),
        heads=(word_head(TERMS["col.arm"]), *(Head(_layer_head(name)) for name in shown)),
        groups=_groups(results, cells, shown, {}),
        notes=(TERMS["note.concepts"],),
    )


def _concept_head(results: Results, base: str) -> Text:
    name = next(name for name in results["metrics"] if names.base(name) == base)
    return TERMS[f"name.{base}"] if f"name.{base}" in TERMS else metric_head(results, name)


def _layer_head(name: str) -> Text:
    layer = names.parameters(name).get("layer")
    return fill("col.layer", layer=layer) if layer else TERMS["col.value"]
