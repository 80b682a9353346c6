"""Dose and response: runs, arm means with intervals, the least-squares line with its band, the baseline as a level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from study.records import Analysis, DoseLevel, DoseResponse
from study.report import numbers
from study.report.colours import BAND, INK, SECONDARY, style
from study.report.figures import names, scale, sheet
from study.report.figures.key import draw_mark
from study.report.figures.wording import Language, say

_HEAD_MM, _PLOT_MM, _FOOT_MM = 7.0, 52.0, 10.0
_LEFT_MM, _RIGHT_MM = 12.0, 26.0


def dose(
    response: DoseResponse,
    levels: Sequence[DoseLevel],
    analysis: Analysis,
    arm_names: Mapping[str, str],
    lang: Language = "en",
) -> str | None:
    """The runs over their doses with the fitted line; an arm outside the doses is a dashed level, never dose 0.

    Args:
        response: of one model, attribution and metric.
        levels: its doses.
        analysis: reads the design, run means and the reference's mean.
        arm_names: label -> name for people.
        lang: of what is said to those who do not see the figure.

    Returns:
        An SVG 180 mm wide, or None where no dose has a mean.
    """
    if not any(level.mean is not None for level in levels):
        return None
    design = analysis.design
    cell = (response.model, response.attribution, response.metric)
    runs = [run for run in analysis.run_means if (run.model, run.attribution, run.metric) == cell]
    baseline = _baseline(response, analysis)
    facts = design.metrics[response.metric]
    percent = 100.0 if facts.unit == "percent" else 1.0
    with sheet.style():
        figure, paper = sheet.page(sheet.FULL_MM, _HEAD_MM + _PLOT_MM + _FOOT_MM)
        width = sheet.FULL_MM - _LEFT_MM - _RIGHT_MM
        axes = sheet.panel(figure, _LEFT_MM, _HEAD_MM, width=width, height=_PLOT_MM)
        doses = [level.dose for level in levels]
        room = (max(doses) - min(doses)) * 0.08
        x = (min(doses) - room, max(doses) + room)
        y = _limits(response, levels, [run.value for run in runs if run.arm in response.arms], baseline)
        _draw_line(axes, response)
        for level in levels:
            values = [run.value for run in runs if run.arm == level.arm and run.value is not None]
            _draw_level(axes, level, values, design.arms.index(level.arm), room)
        if baseline is not None:
            axes.plot(x, [baseline, baseline], color=INK, ls=(0.0, (4.0, 2.5)), lw=0.9, zorder=1)
            at = _HEAD_MM + _PLOT_MM * (y[1] - baseline) / (y[1] - y[0])
            name = sheet.fit(names.arm(arm_names, design.reference), _RIGHT_MM - 3.0, size=7.0, lines=2)
            sheet.write(paper, _LEFT_MM + width + 2.0, at, name, size=7.0, colour=SECONDARY)
        axes.set_xlim(*x)
        axes.set_ylim(*y)
        axes.set_xticks(doses, [f"{numbers.plain(each)} {response.unit}".strip() for each in doses])
        scale.ticks(axes.yaxis, y, n=6, scale=percent)
        unit = ", %" if facts.unit == "percent" else ""
        title = names.metric(design.metrics, response.metric) + names.arrow(facts.higher_is_better) + unit
        title = sheet.fit(title, width, size=7.8, weight="semibold")
        sheet.write(paper, _LEFT_MM, 3.0, title, size=7.8, weight="semibold")
        name = sheet.fit(response.name, width)
        sheet.note(paper, _LEFT_MM + width / 2, _HEAD_MM + _PLOT_MM + 7.4, name, ha="center")
        return sheet.svg(figure, "dose", say("label.dose", lang))


def _baseline(response: DoseResponse, analysis: Analysis) -> float | None:
    """The reference's mean where it is no dose."""
    design = analysis.design
    if design.dose is None or design.reference in design.dose.arms:
        return None
    place = (design.reference, response.model, response.attribution, response.metric)
    found = (mean.mean for mean in analysis.means if (mean.arm, mean.model, mean.attribution, mean.metric) == place)
    return next(found, None)


def _limits(
    response: DoseResponse, levels: Sequence[DoseLevel], values: Sequence[float | None], baseline: float | None
) -> tuple[float, float]:
    bounds = [end for level in levels for end in (level.mean, level.mean_low, level.mean_high)]
    return scale.span([*values, *bounds, *response.line_low, *response.line_high, baseline])


def _draw_line(axes: Axes, response: DoseResponse) -> None:
    if response.line:
        axes.fill_between(response.line_doses, response.line_low, response.line_high, color=BAND, lw=0, zorder=0)
        axes.plot(response.line_doses, response.line, color=INK, lw=1.0, zorder=2)


def _draw_level(axes: Axes, level: DoseLevel, values: Sequence[float], place: int, room: float) -> None:
    """Interval and bar at the dose, the runs beside it."""
    look = style(place)
    if level.mean_low is not None and level.mean_high is not None:
        axes.plot([level.dose] * 2, [level.mean_low, level.mean_high], color=look.colour, lw=1.0, zorder=3)
    if level.mean is not None:
        ends = [level.dose - 0.28 * room, level.dose + 0.28 * room]
        axes.plot(ends, [level.mean, level.mean], color=look.colour, lw=1.8, zorder=3)
    for k, value in enumerate(values):
        shift = 0.42 + (0.0 if len(values) == 1 else 0.34 * k / (len(values) - 1))
        draw_mark(axes, level.dose + shift * room, value, look, size=4.2)
