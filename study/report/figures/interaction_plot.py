"""Two factors of two levels: the four arms with lines that would be parallel, and the seven effects on one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from study.records import Analysis, Factorial, FactorialEffect
from study.report.colours import BAND, INK, MODELS_ONLY, SECONDARY, style
from study.report.figures import names, scale, sheet
from study.report.figures.key import draw_mark
from study.report.figures.wording import Language, say

_HEAD_MM, _PLOT_MM, _FOOT_MM = 8.5, 43.0, 8.5
_LEFT_MM, _CELLS_MM, _LEVEL_MM = 11.0, 52.0, 21.0
_LABEL_MM, _ROW_MM = 45.0, 5.7
_DASHES = ("-", (0.0, (4.0, 2.0)))


def interaction(
    effects: Sequence[FactorialEffect],
    analysis: Analysis,
    labels: Sequence[str],
    level_names: Mapping[str, str],
    lang: Language = "en",
) -> str | None:
    """One mark per run and a bar at the mean of each arm; a line joins the arms of one level of the first factor.

    Beside it every effect with its 95 % and 90 % interval (retraining and new images), or that of these models where an
    arm has one run; effects that answer the question are filled.

    Args:
        effects: of one model, attribution and metric, in the order in which they are to be listed.
        analysis: reads the design and the run means.
        labels: one per effect.
        level_names: level -> name for people.
        lang: of what is said to those who do not see the figure.

    Returns:
        An SVG 180 mm wide, or None where no arm has a mean.
    """
    design = analysis.design.factorial
    first = next((effect for effect in effects if effect.effect == "interaction"), None)
    if design is None or first is None or len(first.means) != 4:
        return None
    with sheet.style():
        figure, paper = sheet.page(sheet.FULL_MM, _HEAD_MM + _PLOT_MM + _FOOT_MM)
        axes = sheet.panel(figure, _LEFT_MM, _HEAD_MM, width=_CELLS_MM, height=_PLOT_MM)
        spread = _draw_cells(axes, first, analysis, design)
        _name_levels(paper, first, design, level_names, spread)
        facts = analysis.design.metrics[first.metric]
        unit = ", %" if facts.unit == "percent" else ""
        title = names.metric(analysis.design.metrics, first.metric) + names.arrow(facts.higher_is_better) + unit
        title = sheet.fit(title, _CELLS_MM, size=7.8, weight="semibold")
        sheet.write(paper, _LEFT_MM, 3.0, title, size=7.8, weight="semibold")
        for x, level in enumerate(design.levels[1]):
            at = _LEFT_MM + _CELLS_MM * (x + 0.45) / 1.9
            name = sheet.fit(level_names.get(level, level), _CELLS_MM / 2, size=7.2)
            sheet.write(paper, at, _HEAD_MM + _PLOT_MM + 2.4, name, size=7.2, ha="center")
        factor = sheet.fit(level_names.get(design.factors[1], design.factors[1]), _CELLS_MM)
        sheet.note(paper, _LEFT_MM + _CELLS_MM / 2, _HEAD_MM + _PLOT_MM + 6.0, factor, ha="center")
        left = _LEFT_MM + _CELLS_MM + _LEVEL_MM + _LABEL_MM
        width = sheet.FULL_MM - left - 2.0
        right = sheet.panel(figure, left, _HEAD_MM, width=width, height=_ROW_MM * len(effects) + 1.0)
        percent = 100.0 if facts.unit == "percent" else 1.0
        _draw_effects(right, effects, width=width, percent=percent)
        for row, label in enumerate(labels):
            text = sheet.fit(label, _LABEL_MM - 3.0, size=7.2)
            weight: sheet.Weight = "semibold" if row == 0 or effects[row].headline else "regular"
            y = _HEAD_MM + (row + 0.5) * _ROW_MM
            sheet.write(
                paper,
                left - 2.0,
                y,
                sheet.fit(text, _LABEL_MM - 3.0, size=7.2, weight=weight),
                size=7.2,
                ha="right",
                weight=weight,
            )
        return sheet.svg(figure, "interaction", say("label.interaction", lang))


def _draw_cells(axes: Axes, effect: FactorialEffect, analysis: Analysis, design: Factorial) -> tuple[float, float]:
    """The left panel; returns its limits."""
    cell = (effect.model, effect.attribution, effect.metric)
    runs = [run for run in analysis.run_means if (run.model, run.attribution, run.metric) == cell]
    places = {arm: (i // 2, i % 2) for i, arm in enumerate(design.arms)}
    means = dict(zip(effect.arms, effect.means, strict=True))
    every = [run.value for run in runs if run.arm in places]
    low, high = scale.span([*every, *effect.means], pad=0.08)
    for line in (0, 1):
        ends = [means[arm] for arm in design.arms[2 * line : 2 * line + 2]]
        if None not in ends:
            axes.plot([0, 1], [end for end in ends if end is not None], color=INK, ls=_DASHES[line], lw=0.9, zorder=1)
    for arm, (line, x) in places.items():
        look = style(analysis.design.arms.index(arm))
        values = [run.value for run in runs if run.arm == arm and run.value is not None]
        centre = x + (line - 0.5) * 0.2
        mean = means[arm]
        if mean is not None:
            axes.plot([x - 0.26, x + 0.26], [mean, mean], color=look.colour, lw=1.6, zorder=2)
        for k, value in enumerate(values):
            shift = 0.0 if len(values) == 1 else -0.07 + 0.14 * k / (len(values) - 1)
            draw_mark(axes, centre + shift, value, look, size=4.2)
    axes.set_xlim(-0.45, 1.45)
    axes.set_xticks([0, 1], [])
    axes.set_ylim(low, high)
    percent = 100.0 if analysis.design.metrics[effect.metric].unit == "percent" else 1.0
    scale.ticks(axes.yaxis, (low, high), n=6, scale=percent)
    return low, high


def _name_levels(
    paper: Axes,
    effect: FactorialEffect,
    design: Factorial,
    level_names: Mapping[str, str],
    limits: tuple[float, float],
) -> None:
    """The first factor's levels at the right ends of their lines, apart from each other."""
    low, high = limits
    means = dict(zip(effect.arms, effect.means, strict=True))
    found: list[tuple[float, int]] = []
    for line in (0, 1):
        end = means[design.arms[2 * line + 1]]
        if end is not None:
            found.append((_HEAD_MM + _PLOT_MM * (high - end) / (high - low), line))
    found.sort()
    if len(found) == 2 and found[1][0] - found[0][0] < 4.2:
        middle = (found[0][0] + found[1][0]) / 2
        found = [(middle - 2.1, found[0][1]), (middle + 2.1, found[1][1])]
    x = _LEFT_MM + _CELLS_MM + 0.5
    for y, line in found:
        level = design.levels[0][line]
        paper.plot([x, x + 4.5], [y, y], color=INK, ls=_DASHES[line], lw=0.9)
        name = sheet.fit(level_names.get(level, level), _LEVEL_MM - 6.0, size=7.0)
        sheet.write(paper, x + 5.5, y, name, size=7.0, colour=SECONDARY)


def _draw_effects(axes: Axes, effects: Sequence[FactorialEffect], *, width: float, percent: float) -> None:
    """The right panel: thin 95 % and thick 90 % intervals, the margin as a band."""
    ends: list[float | None] = []
    for effect in effects:
        ends += [*_interval(effect), effect.estimate]
    margin = effects[0].margin
    limits = scale.around_zero([*ends, *((-margin, margin) if margin is not None else ())], share=0.05)
    if margin is not None:
        axes.axvspan(-margin, margin, color=BAND, lw=0, zorder=0)
    axes.axvline(0, color="#333333", lw=0.7, zorder=1)
    for row, effect in enumerate(effects):
        y = row + 0.5
        low, high = _interval(effect)
        if low is not None and high is not None:
            colour = MODELS_ONLY if effect.ci_low is None else INK
            axes.plot([low, high], [y, y], color=colour, lw=1.1, zorder=2)
        if effect.ci90_low is not None and effect.ci90_high is not None:
            axes.plot([effect.ci90_low, effect.ci90_high], [y, y], color=INK, lw=2.8, zorder=2)
        if effect.estimate is not None:
            face = INK if effect.headline or effect.effect == "interaction" else "#ffffff"
            axes.plot([effect.estimate], [y], "s", ms=4.4, mfc=face, mec=INK, mew=0.9, zorder=4)
    axes.set_ylim(len(effects) + 0.15, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlim(*limits)
    scale.ticks(axes.xaxis, limits, n=6, signed=True, scale=percent, room=width)


def _interval(effect: FactorialEffect) -> tuple[float | None, float | None]:
    if effect.ci_low is not None:
        return effect.ci_low, effect.ci_high
    return effect.ci_models_low, effect.ci_models_high
