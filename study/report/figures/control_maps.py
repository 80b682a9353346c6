"""Real arms beside control maps: what a metric gives to a map that explains nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from study.records import Analysis
from study.report import numbers
from study.report.colours import INK
from study.report.figures import names, scale, sheet
from study.report.figures.wording import Language, say

_NAMES_MM, _ROW_MM, _HEAD_MM, _FOOT_MM, _BETWEEN_MM = 32.0, 4.9, 8.0, 9.5, 5.0
_CENTRE = "control_center"


class Row(NamedTuple):
    """One line: a real arm (filled) or a control (open), one value per model."""

    name: str
    values: Mapping[str, float | None]
    control: bool


def controls(
    analysis: Analysis,
    metric_name: str,
    arm_names: Mapping[str, str],
    attribution: str | None = None,
    lang: Language = "en",
) -> str | None:
    """Means of the arms (filled) and of the control maps (open), one panel per model.

    The strip reaches from the centre prior to the reference arm, its signed width written out: what is
    left of the metric once one knows that films are centred.

    Args:
        analysis: reads the means; controls are taken on the reference arm's models.
        metric_name: label of a metric that exists for controls too.
        arm_names: label -> name for people.
        attribution: of the arms' maps; by default the primary one, else the first that has this metric.
        lang: of the words; `both` is drawn in English.

    Returns:
        An SVG, 87 mm wide for one model and 180 mm for more; None without a control's mean.
    """
    real = attribution or _attribution(analysis, metric_name)
    rows = _rows(analysis, metric_name, real, arm_names, lang)
    if not any(row.control for row in rows):
        return None
    design = analysis.design
    models = [model for model in design.models if any(row.values.get(model) is not None for row in rows)]
    full = sheet.HALF_MM if len(models) < 2 else sheet.FULL_MM
    row_mm = min(_ROW_MM, (sheet.TALLEST_MM - _HEAD_MM - _FOOT_MM) / len(rows))
    height = len(rows) * row_mm
    strips = _strips(analysis, metric_name, real)
    reference = names.attribution(real) if len(design.arms) == 1 else names.arm(arm_names, design.reference)
    with sheet.style():
        figure, paper = sheet.page(full, _HEAD_MM + height + _FOOT_MM)
        width = (full - _NAMES_MM - 3.0 - _BETWEEN_MM * (len(models) - 1)) / len(models)
        for i, row in enumerate(rows):
            name = sheet.fit(row.name, _NAMES_MM - 1.5, size=7.0)
            sheet.write(paper, _NAMES_MM - 1.5, _HEAD_MM + (i + 0.5) * row_mm, name, size=7.0, ha="right")
        limits = scale.span([value for row in rows for value in row.values.values()], pad=0.08)
        facts = design.metrics.get(metric_name)
        percent = facts is not None and facts.unit == "percent"
        for i, model in enumerate(models):
            left = _NAMES_MM + i * (width + _BETWEEN_MM)
            axes = sheet.panel(figure, left, _HEAD_MM, width=width, height=height)
            draw_controls(axes, rows, model, strips.get(model))
            axes.set_xlim(*limits)
            scale.ticks(axes.xaxis, limits, room=width, scale=100.0 if percent else 1.0)
            sheet.note(paper, left, 1.8, sheet.fit(model, width, size=sheet.SMALL))
            if model in strips:
                words = _strip_words(strips[model], facts.unit if facts else "fraction", reference, lang)
                sheet.note(paper, left, 5.2, sheet.fit(words, width, size=6.4), size=6.4)
        title = names.cell(design.metrics, "" if len(design.arms) == 1 else real, metric_name)
        arrow = names.arrow(facts.higher_is_better if facts else None)
        label = sheet.fit(title + arrow + (", %" if percent else ""), full - _NAMES_MM)
        sheet.write(paper, (full + _NAMES_MM) / 2, _HEAD_MM + height + 7.2, label, ha="center")
        return sheet.svg(figure, "controls", say("label.controls", lang))


def _attribution(analysis: Analysis, metric: str) -> str:
    """The real maps to compare with: the primary attribution, else the first that has this metric."""
    design = analysis.design
    primary = [each.attribution for each in design.contrasts if each.family == "primary" and each.metric == metric]
    any_primary = [each.attribution for each in design.contrasts if each.family == "primary" and each.attribution]
    found = [each.attribution for each in analysis.means if each.metric == metric]
    wanted = [*primary, *any_primary, *design.attributions]
    return next((name for name in wanted if name in found and name not in design.controls), "")


def _rows(analysis: Analysis, metric: str, real: str, arm_names: Mapping[str, str], lang: Language) -> list[Row]:
    """Arms in the protocol's order, then controls; a lone arm goes by the name of its map."""
    design = analysis.design
    means = {(each.arm, each.model, each.attribution): each.mean for each in analysis.means if each.metric == metric}

    def values(arm: str, attribution: str) -> Mapping[str, float | None]:
        return {model: means.get((arm, model, attribution)) for model in design.models}

    spoken = {arm: names.arm(arm_names, arm) for arm in design.arms}
    if len(spoken) == 1:
        spoken = dict.fromkeys(spoken, names.attribution(real))
    rows = [Row(name, values(arm, real), False) for arm, name in spoken.items()]
    rows += [Row(names.attribution(each, lang), values(design.reference, each), True) for each in design.controls]
    return [row for row in rows if any(value is not None for value in row.values.values())]


Strip = tuple[float, float]


def _strips(analysis: Analysis, metric: str, real: str) -> dict[str, Strip]:
    """Per model: mean of the centre prior and of the reference arm."""
    design = analysis.design
    priors = [name for name in design.controls if name.partition("[")[0] == _CENTRE]
    means = {(each.arm, each.model, each.attribution): each.mean for each in analysis.means if each.metric == metric}
    strips: dict[str, Strip] = {}
    for model in design.models:
        prior = means.get((design.reference, model, priors[0])) if priors else None
        reference = means.get((design.reference, model, real))
        if prior is not None and reference is not None:
            strips[model] = (prior, reference)
    return strips


def draw_controls(axes: Axes, rows: Sequence[Row], model: str, strip: Strip | None) -> Axes:
    """One model: a dot per row on a hairline, the strip behind."""
    if strip is not None:
        axes.axvspan(min(strip), max(strip), color="#dcdcdc", lw=0, zorder=0)
    for i, row in enumerate(rows):
        axes.axhline(i, color="#e5e5e5", lw=0.5, zorder=0.5)
        value = row.values.get(model)
        if value is not None:
            axes.plot([value], [i], "s", ms=4.8, mfc="#ffffff" if row.control else INK, mec=INK, mew=0.9, zorder=3)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    return axes


def _strip_words(strip: Strip, unit: numbers.Unit, reference: str, lang: Language) -> str:
    """What knowing the middle of the film leaves of the metric; the number first, names may be cut."""
    prior, mean = strip
    return say("minus centre", lang, difference=numbers.difference(mean - prior, unit), reference=reference)
