"""The figures of two factors and of dose-response: key, drawing and caption of each, one per model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from study.records import Analysis, DoseResponse, FactorialEffect
from study.report import designs, figures
from study.report.contrast_pictures import band
from study.report.terms import Language, Text, fill, same

Results = Mapping[str, Any]
Drawn = tuple[str, str | None, Text]


def factor_figures(analysis: Analysis, results: Results, language: Language) -> Iterator[Drawn]:
    """One figure per model, of the primary attribution and metric."""
    design = analysis.design.factorial
    if design is None or not analysis.factorial:
        return
    names = {name: designs.spoken(name) for name in (*design.factors, *design.levels[0], *design.levels[1])}
    first, second = (names[name] for name in design.factors)
    records = {_place(effect): effect for effect in analysis.factorial}
    rows = designs.primary_rows(results["factorial"])
    for number, (model, own) in enumerate(designs.by_model(results, rows).items()):
        ordered = designs.in_order(own)
        labels = [designs.effect_name(results, row, short=True).lang(language) for row in ordered]
        svg = figures.interaction([records[_place(row)] for row in ordered], analysis, labels, names, language)
        on = designs.what(results, own)
        caption = fill("fig.factors", first=first, second=second, on=on, model=model, band=band(results, own[:1]))
        yield f"factors-{number}", svg, caption


def _place(row: FactorialEffect | Mapping[str, Any]) -> tuple[Any, ...]:
    keys = ("model", "attribution", "metric", "effect", "factor", "at")
    return tuple(row[key] if isinstance(row, Mapping) else getattr(row, key) for key in keys)


def dose_figures(analysis: Analysis, results: Results, arms: Mapping[str, str], language: Language) -> Iterator[Drawn]:
    """One figure per model, of the primary attribution and metric."""
    dose = analysis.design.dose
    if dose is None or not analysis.doses:
        return
    reference = analysis.design.reference
    for number, row in enumerate(designs.primary_rows(results["doses"])):
        place = (row["model"], row["attribution"], row["metric"])
        response = next(each for each in analysis.doses if _cell(each) == place)
        levels = [level for level in analysis.dose_levels if (level.model, level.attribution, level.metric) == place]
        baseline = same("") if reference in dose.arms else fill("fig.dose.baseline", name=arms[reference])
        svg = figures.dose(response, levels, analysis, arms, language)
        on = designs.what(results, [row])
        yield f"dose-{number}", svg, fill("fig.dose", name=dose.name, on=on, model=row["model"], baseline=baseline)


def _cell(response: DoseResponse) -> tuple[str, str, str]:
    return response.model, response.attribution, response.metric
