"""Which figures the report has, and the sentence under each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from study.records import ReportInput
from study.report import contrast_pictures, figures, rank_pictures, run_pictures
from study.report.cells import alone
from study.report.control_tables import control_metrics, shown_attribution
from study.report.design_pictures import dose_figures, factor_figures
from study.report.picture import Picture, one
from study.report.terms import TERMS, fill
from study.report.wording import voice

Results = Mapping[str, Any]


@dataclass(frozen=True)
class Pictures:
    """The figures by section; an empty tuple where there is nothing to show."""

    forest: tuple[Picture, ...] = ()
    design: tuple[Picture, ...] = ()
    flow: tuple[Picture, ...] = ()
    verdict_rule: tuple[Picture, ...] = ()
    runs: tuple[Picture, ...] = ()
    curves: tuple[Picture, ...] = ()
    secondary: tuple[Picture, ...] = ()
    estimation: tuple[Picture, ...] = ()
    controls: tuple[Picture, ...] = ()
    checks: tuple[Picture, ...] = ()
    learning: tuple[Picture, ...] = ()
    factors: tuple[Picture, ...] = ()
    dose: tuple[Picture, ...] = ()
    first_ranks: tuple[Picture, ...] = ()
    more_ranks: tuple[Picture, ...] = ()
    arm_ranks: tuple[Picture, ...] = ()


def pictures(report: ReportInput, results: Results) -> Pictures:
    """Every figure of the report, drawn once; the page and the PDF share them."""
    facts, analysis = report.facts, report.analysis
    arms = voice(results).arms
    design = analysis.design
    chains = TERMS["fig.design.one" if alone(results) else "fig.design"]
    drawn = rank_pictures.of_attributions(report, results)
    lang = report.languages[0]
    return Pictures(
        forest=contrast_pictures.forest(report, results),
        design=one("design", figures.design_chains(facts.chains, design.reference, arms, lang), chains),
        flow=() if facts.tables else one("flow", figures.flow(analysis, lang), TERMS["fig.flow"]),
        verdict_rule=_rule(report),
        runs=run_pictures.runs(report, results),
        curves=run_pictures.curves(report, results),
        secondary=contrast_pictures.secondary(report, results),
        estimation=contrast_pictures.estimations(report, results),
        controls=_controls(report, results),
        checks=contrast_pictures.checks(report, results),
        learning=run_pictures.learning(report, results),
        factors=tuple(p for each in factor_figures(analysis, results, lang) for p in one(*each)),
        dose=tuple(p for each in dose_figures(analysis, results, arms, lang) for p in one(*each)),
        first_ranks=drawn[:1] if alone(results) else (),
        more_ranks=drawn[1:] if alone(results) else drawn,
        arm_ranks=rank_pictures.of_arms(report, results),
    )


def _rule(report: ReportInput) -> tuple[Picture, ...]:
    """The rule of verdicts, where there are verdicts."""
    design = report.analysis.design
    if not any(contrast.family == "primary" for contrast in design.contrasts):
        return ()
    return one("verdict-rule", figures.verdict_rule(_spoken(report), alpha=design.alpha), TERMS["fig.verdict_rule"])


def _spoken(report: ReportInput) -> Literal["en", "ko", "both"]:
    return "both" if len(report.languages) > 1 else report.languages[0]


def _controls(report: ReportInput, results: Results) -> tuple[Picture, ...]:
    """The dot plot of the first control metric, a panel per model."""
    metrics = [metric for model in results["models"] for metric in control_metrics(results, model)[:1]]
    if not metrics:
        return ()
    shown = shown_attribution(results) if alone(results) else None
    svg = figures.controls(report.analysis, metrics[0], voice(results).arms, shown, report.languages[0])
    return one("controls", svg, fill("fig.controls", metric=results["metrics"][metrics[0]]["title"]))
