"""Automatic checks of section 9: what the records themselves show about the study."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from study.records import Analysis, ReportInput
from study.report import numbers
from study.report.smallest import smallest_differences
from study.report.terms import TERMS, Text, fill, same

State = Literal["ok", "part", "no"]
FEW_RUNS = 5
CHANCE_AUC = 0.6
"""Below this a binary classifier hardly separates the classes, whatever its interval."""


class Check(NamedTuple):
    """One line of the table: what was checked, how it came out, what that means here."""

    name: Text
    state: State
    result: Text
    meaning: Text


def automatic_checks(report: ReportInput) -> list[dict[str, Any]]:
    """Every check that the records allow, as plain rows."""
    return [
        {"name": vars(c.name), "state": c.state, "result": vars(c.result), "meaning": vars(c.meaning)}
        for c in _checks(report)
    ]


def _checks(report: ReportInput) -> Iterator[Check]:
    yield _runs(report)
    yield from _images(report.analysis)
    yield _undefined(report.analysis)
    yield _few(report.analysis)
    yield from (Check(TERMS["check.finds"], *part) for part in smallest_differences(report.analysis))
    if not report.facts.tables:  # how a model was trained elsewhere is not known
        yield _diverged(report.analysis)
    yield from _learned(report.analysis)
    yield _locked(report)
    yield _controls(report.analysis)
    if not report.facts.tables:
        yield _quarantined(report)
    yield _clean(report)


def _check(key: str, state: State, result: Text, **values: object) -> Check:
    return Check(TERMS[f"check.{key}"], state, result, fill(f"check.{key}.{state}", **values))


def _runs(report: ReportInput) -> Check:
    runs = report.analysis.design.runs
    done = sum(run.state == "done" for run in runs)
    if report.facts.tables and report.facts.protocol.get("planned") is None:
        name, meaning = TERMS["check.runs.outside"], TERMS["check.runs.outside.unplanned"]
        return Check(name, "part", same(numbers.count(done)), meaning)
    return _check("runs", "ok" if done == len(runs) else "part", fill("of", k=done, n=len(runs)))


def _images(analysis: Analysis) -> Iterator[Check]:
    sizes = [run.n_images + run.n_undefined for run in analysis.run_means if run.attribution]
    if sizes:
        low, high = min(sizes), max(sizes)
        text = fill("check.images.same", n=numbers.count(low))
        if low != high:
            text = fill("check.images.result", low=numbers.count(low), high=numbers.count(high))
        yield _check("images", "ok" if low == high else "part", text)


def _undefined(analysis: Analysis) -> Check:
    rows = [run for run in analysis.run_means if run.attribution]
    missing = sum(run.n_undefined for run in rows)
    total = sum(run.n_undefined + run.n_images for run in rows)
    return _check(
        "undefined", "part" if missing else "ok", fill("of", k=numbers.count(missing), n=numbers.count(total))
    )


def _few(analysis: Analysis) -> Check:
    design = analysis.design
    counts = [
        sum(run.arm == arm and run.model == model and run.state == "done" for run in design.runs)
        for arm in design.arms
        for model in design.models
    ]
    fewest = min(counts, default=0)
    state: State = "ok" if fewest >= FEW_RUNS else "part" if fewest > 1 else "no"
    return _check("few", state, fill("runs.n", n=fewest), n=fewest)


def _diverged(analysis: Analysis) -> Check:
    diverged = sum(run.diverged for run in analysis.design.runs)
    return _check("diverged", "part" if diverged else "ok", fill("runs.n", n=diverged))


def _learned(analysis: Analysis) -> Iterator[Check]:
    values = [run.value for run in analysis.run_means if run.metric == "auc" and run.value is not None]
    if values:
        text = fill("check.learned.result", value=numbers.level(min(values), "percent"))
        yield _check("learned", "ok" if min(values) >= CHANCE_AUC else "part", text)


def _locked(report: ReportInput) -> Check:
    facts = report.facts
    if not facts.protocol_locked:
        return _check("locked", "no", TERMS["value.unlocked"])
    if facts.tables:
        meaning = TERMS["check.locked.outside.changed" if facts.deviations else "check.locked.outside"]
        return Check(TERMS["check.locked"], "part", same(facts.protocol_locked[:10]), meaning)
    return _check("locked", "part" if facts.deviations else "ok", same(facts.protocol_locked[:10]))


def _controls(analysis: Analysis) -> Check:
    n = len(analysis.design.controls)
    return _check("controls", "ok" if n else "no", same(str(n)))


def _quarantined(report: ReportInput) -> Check:
    n = sum(len(facts.get("quarantined", ())) for facts in report.facts.datasets.values())
    return _check("quarantined", "part" if n else "ok", same(numbers.count(n)))


def _clean(report: ReportInput) -> Check:
    provenance = report.facts.provenance
    commit = str(provenance.get("commit") or "")
    if not commit:
        found = _check("clean", "no", TERMS["value.unknown"])
    else:
        found = _check("clean", "ok" if provenance.get("clean") else "part", same(commit[:7]))
    return found._replace(name=TERMS["check.clean.outside"]) if report.facts.tables else found
