"""Figures of the runs: their means, perturbation curves, learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.records import CurveSummary, ReportInput
from study.report import contrast_tables, figures, numbers
from study.report.cells import alone, primary_attribution
from study.report.picture import Picture, one
from study.report.terms import TERMS, Text, fill, same
from study.report.wording import voice

Results = Mapping[str, Any]
_RUN_PANELS = ("auc", "accuracy")
"""Metrics of whole runs that have a panel among the runs."""


def runs(report: ReportInput, results: Results) -> tuple[Picture, ...]:
    """The marks of runs; a single run has nothing to be compared with."""
    design = report.analysis.design
    if alone(results) and results["counts"]["runs_per_arm_highest"] < 2:
        return ()
    real = [mean for mean in report.analysis.run_means if mean.attribution not in design.controls]
    marks = _primary_first(real, results)
    svg = figures.runs(marks, design.metrics, design, voice(results).arms, report.languages[0])
    return one("runs", svg, fill("fig.runs", attribution=_attribution_title(results)))


def _primary_first(run_means: Sequence[Any], results: Results) -> list[Any]:
    """Values of the primary attribution and of whole runs, the primary metrics before the others."""
    attribution = primary_attribution(results)
    primary = [row["metric"] for row in contrast_tables.of_family(results, "primary")]
    kept = [mean for mean in run_means if mean.attribution in ("", attribution)]
    kept = [mean for mean in kept if mean.attribution or mean.metric in _RUN_PANELS]
    return sorted(kept, key=lambda mean: mean.metric not in primary)


def _attribution_title(results: Results) -> str:
    label = primary_attribution(results)
    return numbers.MISSING if label is None else str(results["attributions"][label]["title"])


def curves(report: ReportInput, results: Results) -> tuple[Picture, ...]:
    """Per model, the curves of the primary attribution."""
    design, attribution = report.analysis.design, primary_attribution(results)
    arms = voice(results).arms
    found: list[Picture] = []
    for model in design.models:
        own = [c for c in report.analysis.curves if c.model == model and c.attribution == attribution]
        svg = figures.curves(own, design, arms, report.languages[0]) if own else None
        found += one(f"curves-{design.models.index(model)}", svg, _curve_caption(own, results, model))
    return tuple(found)


def _curve_caption(drawn: Sequence[CurveSummary], results: Results, model: str) -> Text:
    counts = sorted({curve.n_runs for curve in drawn})
    low, high = (counts[0], counts[-1]) if counts else (0, 0)
    n = fill("interval", low=low, high=high) if low != high else same(str(low))
    return fill(
        "fig.curves.one" if alone(results) else "fig.curves",
        attribution=_attribution_title(results),
        model=model,
        runs=TERMS["runs.one"] if high == 1 else fill("runs.count", n=n),
        images=numbers.count(max((curve.n_images for curve in drawn), default=0)),
        reference=next(arm["name"] for arm in results["arms"] if arm["reference"]),
        question=TERMS["extent.models" if high < 2 else "extent.mixed" if low < 2 else "extent.recipe"],
    )


def learning(report: ReportInput, results: Results) -> tuple[Picture, ...]:
    """One figure per model; print shows the first, the page all."""
    design, arms = report.analysis.design, voice(results).arms
    found: list[Picture] = []
    for model in design.models:
        own = [curve for curve in report.learning if curve.model == model]
        svg = figures.learning_curves(own, design, arms, report.languages[0]) if own else None
        found += one(f"learning-{design.models.index(model)}", svg, fill("fig.learning", model=model))
    return tuple(found)
