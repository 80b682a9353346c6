"""Captions, heads and notes of the tables of metrics."""

from __future__ import annotations

from collections.abc import Sequence

from study.report import extent, names, numbers
from study.report.cells import (
    Cells,
    Column,
    Results,
    Row,
    chunks,
    controls,
    metric_head,
    random_map,
    run_counts,
    unit_range,
)
from study.report.table import Head, word_head
from study.report.terms import TERMS, Text, fill, same

MOST_TITLES = 3
"""Attributions that a caption names."""
MOST_NOTES = 4
"""Notes on undefined values that are printed one by one."""
_ADCC = ("average_drop", "average_increase", "coherency", "complexity", "adcc")


def attribution_titles(results: Results, attributions: Sequence[str]) -> Text:
    """The titles of few attributions, the number of many."""
    if len(attributions) > MOST_TITLES:
        return fill("attributions.count", n=len(attributions))
    return same(", ".join(results["attributions"][label]["title"] for label in attributions))


def caption(results: Results, which: str, metrics: Sequence[str], attribution: Text) -> Text:
    """What a table holds, ending in what ± is."""
    runs = run_counts(results)
    other = which == "masking" and not all(names.base(metric) in _ADCC for metric in metrics)
    return fill(
        "tab.metrics" if runs else "tab.metrics.one",
        group=TERMS["group.masking.other" if other else f"group.{which}"],
        attribution=attribution,
        range=unit_range(results, metrics),
        images=extent.of_metrics(results, metrics),
        runs=runs,
    )


def raw_notes(results: Results, metrics: Sequence[str], *, small: str = "note.raw") -> tuple[Text, ...]:
    """Why raw curves need the random order and the gap beside them to be compared between models."""
    if not any(names.is_raw_curve(metric) for metric in metrics):
        return ()
    return (TERMS["note.raw.alone" if random_map(results) is None else small],)


def map_notes(results: Results, metrics: Sequence[str], *, short: bool) -> tuple[Text, ...]:
    """What ± and bold mean where maps are compared."""
    several = results["counts"]["runs_per_arm_highest"] > 1
    ranked = any(row["metric"] in metrics and row["best"] for row in results.get("rankings", ()))
    notes = [TERMS["note.sd"]] if several and not short else []
    notes += [fill("note.bold.ranks", alpha=numbers.plain(results["alpha"]))] if ranked else []
    open_mark = [TERMS["note.open"]] if controls(results) else []
    return (*notes, *open_mark, *(() if short else (TERMS["note.arrows"],)))


def left_out(results: Results, cells: Cells, columns: Sequence[Column]) -> tuple[Text, ...]:
    """How many values were undefined: by attribution and model, or by metric where that is a long list."""
    found: list[tuple[Column, str, int]] = []
    for column in columns:
        for model in results["models"]:
            means: list[Row | None] = [cells.means.get((arm["arm"], model, *column)) for arm in results["arms"]]
            missing = sum(mean["n_undefined"] for mean in means if mean)
            found += [(column, model, missing)] if missing else []
    notes = _one_by_one(results, found)
    return notes if len(notes) <= MOST_NOTES else _summed(results, found)


def _one_by_one(results: Results, found: Sequence[tuple[Column, str, int]]) -> tuple[Text, ...]:
    """A note per attribution, model, count and reason, over all metrics for which it is the same."""
    shared: dict[tuple[str, str, int, str], list[str]] = {}
    for column, model, missing in found:
        why = results["metrics"][column.metric]["undefined"]
        shared.setdefault((column.attribution, model, missing, why), []).append(column.metric)
    return tuple(
        fill(
            "note.left_out",
            **_metrics(results, metrics),
            attribution=results["attributions"][attribution]["title"],
            model=model,
            n=numbers.count(missing),
            why=why,
        )
        for (attribution, model, missing, why), metrics in shared.items()
    )


def _summed(results: Results, found: Sequence[tuple[Column, str, int]]) -> tuple[Text, ...]:
    """A note per count, number of maps and reason, over all metrics for which it is the same."""
    shared: dict[tuple[int, int, str], list[str]] = {}
    for metric in dict.fromkeys(column.metric for column, _, _ in found):
        own = [(column, missing) for column, _, missing in found if column.metric == metric]
        k = len({column.attribution for column, _ in own})
        why = results["metrics"][metric]["undefined"]
        shared.setdefault((sum(missing for _, missing in own), k, why), []).append(metric)
    return tuple(
        fill(
            "note.left_out.many",
            **_metrics(results, metrics),
            n=numbers.count(n),
            maps=TERMS["maps.one"] if k == 1 else fill("maps.count", n=k),
            why=why,
        )
        for (n, k, why), metrics in shared.items()
    )


def _metrics(results: Results, metrics: Sequence[str]) -> dict[str, Text]:
    """The titles, and the word that a count holds for each of several."""
    titles = same(", ".join(results["metrics"][metric]["title"] for metric in metrics))
    return {"metrics": titles, "each": TERMS["note.left_out.each"] if len(metrics) > 1 else same("")}


def tabled(metrics: Sequence[str]) -> list[list[str]]:
    """The metrics of each table; ADCC stays with its parts."""
    family = [metric for metric in metrics if names.base(metric) in _ADCC]
    rest = [metric for metric in metrics if metric not in family]
    return [*chunks(family), *chunks(rest)]


def heads(results: Results, first: str, metrics: Sequence[str]) -> tuple[Head, ...]:
    """The first head by its key, then one per metric."""
    return (word_head(TERMS[first]), *(Head(metric_head(results, metric)) for metric in metrics))


def parts(columns: Sequence[Column]) -> tuple[list[str], list[str]]:
    """Attributions and metrics, each once."""
    return list(dict.fromkeys(c.attribution for c in columns)), list(dict.fromkeys(c.metric for c in columns))
