"""What changed since the last report: a comparison of two `results.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from study.report import numbers, ranks
from study.report.cells import alone
from study.report.contrast_tables import name, of_family
from study.report.terms import TERMS, Text, fill
from study.report.wording import voice

Results = Mapping[str, Any]
MOVED = 0.1
"""Share of the margin by which an estimate must move to be told (without a margin: of the interval's width)."""


def changed(results: Results, previous: Results | None) -> list[Text]:
    """Changed verdicts first, then moved estimates, then n, versions, and what came or went.

    Says in so many words that nothing changed, or that there is no earlier report.
    """
    if not previous or previous.get("schema") != results["schema"]:
        return [TERMS["changed.first"]]
    now, before = _by_id(results), _by_id(previous)
    verdicts = [*_verdicts(results, now, before), *_first_ranks(results, previous)]
    rest = [
        *_ranks(results, previous),
        *_estimates(results, now, before),
        *_counts(results, previous, now, before),
        *_versions(results, previous),
        *_came_and_went(results, previous, now, before),
    ]
    number = previous["report"]
    if not verdicts and not rest:
        return [fill("changed.nothing", number=number)]
    none = fill("changed.none_first" if alone(results) else "changed.none_verdict", number=number)
    return verdicts + rest if verdicts else [*rest, none]


def _by_id(results: Results) -> dict[str, Mapping[str, Any]]:
    return {row["contrast_id"]: row for row in of_family(results, "primary")}


Rows = Mapping[str, Mapping[str, Any]]


def _verdicts(results: Results, now: Rows, before: Rows) -> Iterator[Text]:
    for key, row in now.items():
        if key in before and before[key]["verdict"]["short"] != row["verdict"]["short"]:
            words = {"before": Text(**before[key]["verdict"]["short"]), "after": Text(**row["verdict"]["short"])}
            yield fill("changed.verdict", name=name(results, row, voice(results), model=True), **words)


def _moved(results: Results, previous: Results) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Selected rankings of a one-arm study, as they were and as they are."""
    for metric in ranks.selected(results) if alone(results) else ():
        for model in results["models"]:
            arm = results["arms"][0]["arm"]
            old, new = (ranks.find(part, model, arm, metric) for part in (previous, results))
            if old is not None and new is not None:
                yield old, new


def _first_ranks(results: Results, previous: Results) -> Iterator[Text]:
    for old, new in _moved(results, previous):
        before, after = (next(iter(ranks.ranks(row))) for row in (old, new))
        if before != after:
            words = {"metric": results["metrics"][new["metric"]]["title"], "model": new["model"]}
            titles = [part["attributions"][x]["title"] for part, x in ((previous, before), (results, after))]
            yield fill("changed.first_rank", **words, before=titles[0], after=titles[1])


def _ranks(results: Results, previous: Results) -> Iterator[Text]:
    """Rankings that would print other numbers."""
    for old, new in _moved(results, previous):
        printed = [{x: numbers.fixed(rank, 2) for x, rank in ranks.ranks(row).items()} for row in (old, new)]
        if printed[0] != printed[1]:
            words = {"metric": results["metrics"][new["metric"]]["title"], "model": new["model"]}
            yield fill("changed.ranks", **words)


def _estimates(results: Results, now: Rows, before: Rows) -> Iterator[Text]:
    for key, row in now.items():
        old = before.get(key)
        if old is None or old["estimate"] is None or row["estimate"] is None:
            continue
        if abs(row["estimate"] - old["estimate"]) > MOVED * _yardstick(row):
            unit = results["metrics"][row["metric"]]["unit"]
            words = {"before": numbers.difference(old["estimate"], unit)}
            words["after"] = numbers.difference(row["estimate"], unit)
            if words["before"] != words["after"]:
                yield fill("changed.estimate", name=name(results, row, voice(results), model=True), **words)


def _yardstick(row: Mapping[str, Any]) -> float:
    if row["margin"] is not None:
        return float(row["margin"])
    low, high = row["ci_low"], row["ci_high"]
    return 0.0 if low is None or high is None else float(high - low)


def _counts(results: Results, previous: Results, now: Rows, before: Rows) -> Iterator[Text]:
    runs = [f"{part['counts']['runs_finished']} / {part['counts']['runs_planned']}" for part in (previous, results)]
    if runs[0] != runs[1]:
        yield fill("changed.runs", before=runs[0], after=runs[1])
    for key, row in now.items():
        if key in before and before[key]["n_images"] != row["n_images"]:
            counts = {"before": numbers.count(before[key]["n_images"]), "after": numbers.count(row["n_images"])}
            yield fill("changed.images", name=name(results, row, voice(results), model=True), **counts)


def _versions(results: Results, previous: Results) -> Iterator[Text]:
    for label, facts in results["metrics"].items():
        old = previous["metrics"].get(label)
        if old and old["version"] != facts["version"]:
            yield fill("changed.version", metric=facts["title"], before=old["version"], after=facts["version"])


def _came_and_went(results: Results, previous: Results, now: Rows, before: Rows) -> Iterator[Text]:
    for key in (key for key in now if key not in before):
        yield fill("changed.added", name=name(results, now[key], voice(results), model=True))
    for key in (key for key in before if key not in now):
        yield fill("changed.removed", name=name(previous, before[key], voice(previous), model=True))
