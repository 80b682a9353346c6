"""The verdict: a function of one finding, its margin and the level, and of nothing else.

First row that fits wins (the rule is part of the protocol and drawn in section 2):

    status is not ok                                      not tested
    p adj < alpha and equivalent (two one-sided tests)    better / worse, within the margin    grey
    p adj < alpha and 95% CI wholly beyond the margin     better / worse, by the margin        black
    p adj < alpha                                         better / worse                       black
    equivalent                                            equivalent                           grey
    anything else                                         inconclusive                         white

All comparisons are made on unrounded values. With one run per arm only the question about
these trained models can be answered, and the verdict says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from study.records import Finding
from study.report import numbers
from study.report.numbers import Unit
from study.report.terms import TERMS, Text, fill

Kind = Literal["not_tested", "within", "beyond", "differs", "equivalent", "inconclusive"]
Way = Literal["better", "worse", "higher", "lower", ""]
Mark = Literal["black", "grey", "white", "none"]

_MARKS: dict[Kind, Mark] = {
    "not_tested": "none",
    "within": "grey",
    "beyond": "black",
    "differs": "black",
    "equivalent": "grey",
    "inconclusive": "white",
}


class Basis(NamedTuple):
    """The numbers a verdict rests on; `models_only` when retraining cannot be judged."""

    p: float | None
    low: float | None
    high: float | None
    p_tost: float | None
    models_only: bool


@dataclass(frozen=True)
class Verdict:
    """What may be said of one primary contrast.

    Attributes:
        kind, way: which row of the rule, and in which direction.
        mark: how the estimate's marker is filled.
        head, tail: around the name of a model: `Better` for X `, by 0.02 or more`.
        short: for tables and figures, in both languages.
        models_only: the answer is about these trained models, not about the recipe.
    """

    kind: Kind
    way: Way
    mark: Mark
    head: Text
    tail: Text
    short: Text
    models_only: bool


def basis(finding: Finding) -> Basis:
    """Which of the finding's questions a verdict can rest on: the recipe, else these models.

    With simultaneous intervals both p and limits come from the largest difference of the family.
    """
    if finding.ci_simultaneous_low is not None and finding.ci_simultaneous_high is not None:
        recipe = finding.ci_low is not None
        limits = finding.ci_simultaneous_low, finding.ci_simultaneous_high
        return Basis(finding.p_adjusted, *limits, finding.p_tost if recipe else None, not recipe)
    if finding.ci_low is not None and finding.ci_high is not None:
        return Basis(finding.p_adjusted, finding.ci_low, finding.ci_high, finding.p_tost, False)
    return Basis(finding.p_adjusted, finding.ci_models_low, finding.ci_models_high, None, True)


def judge(finding: Finding, *, alpha: float = 0.05, unit: Unit = "fraction") -> Verdict:
    """The verdict on one finding.

    Args:
        finding: reads status, estimate, p_adjusted, intervals, p_tost, margin and direction.
        alpha: level of all tests.
        unit: of the metric, for the margin in the words.

    Returns:
        A verdict whose words never go beyond the numbers; `not_tested` where there are none.
    """
    ground = basis(finding)
    kind = _kind(finding, ground, alpha)
    way = _way(finding) if kind in ("within", "beyond", "differs") else ""
    return _worded(kind, way, finding, ground.models_only, unit)


def _kind(finding: Finding, ground: Basis, alpha: float) -> Kind:
    if not _tested(finding, ground):
        return "not_tested"
    equivalent = finding.margin is not None and ground.p_tost is not None and ground.p_tost < alpha
    differs = ground.p is not None and ground.p < alpha
    if differs and equivalent:
        return "within"
    if differs and _beyond(finding.margin, ground):
        return "beyond"
    if differs:
        return "differs"
    return "equivalent" if equivalent else "inconclusive"


def _tested(finding: Finding, ground: Basis) -> bool:
    """One run per arm is a smaller question, not a missing answer."""
    if finding.estimate is None or ground.low is None or ground.high is None:
        return False
    return finding.status == "ok" or (ground.models_only and finding.status == "insufficient_runs")


def _beyond(margin: float | None, ground: Basis) -> bool:
    if margin is None or ground.low is None or ground.high is None:
        return False
    return ground.low > margin or ground.high < -margin


def _way(finding: Finding) -> Way:
    up = finding.estimate is not None and finding.estimate > 0
    if finding.higher_is_better is None:
        return "higher" if up else "lower"
    return "better" if up == finding.higher_is_better else "worse"


def _worded(kind: Kind, way: Way, finding: Finding, models_only: bool, unit: Unit) -> Verdict:
    margin = numbers.margin(finding.margin, unit)
    suffix = "_later" if finding.margin_set_later and kind in ("within", "beyond", "equivalent") else ""
    tail = fill(f"verdict.{kind}.tail", margin=margin)
    short = fill(f"verdict.{kind}.short", margin=margin, way_en=TERMS[f"way.{way}"].en, way_ko=TERMS[f"way.{way}"].ko)
    if suffix:
        later = TERMS["verdict.later"]
        tail, short = tail + later, short + later
    if models_only and kind != "not_tested":
        tail = tail + TERMS["verdict.models_only"]
    head = TERMS[f"head.{kind}.{way}"] if way else fill(f"head.{kind}", margin=margin)
    return Verdict(kind, way, _MARKS[kind], head, tail, short, models_only)
