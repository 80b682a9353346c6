"""Image by image: every image between the two arms, and all their differences on an axis of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

from study.records import Analysis, Finding
from study.report import numbers
from study.report.colours import BAND, FAINT, INK, MODELS_ONLY, VERDICT_FILL, style
from study.report.figures import names, scale, sheet
from study.report.figures.key import draw_mark
from study.report.figures.wording import Language, say
from study.report.verdict import judge

_HEAD_MM, _FOOT_MM = 6.0, 9.0
_LABEL_SIZE = 6.8
_LEFT_MM, _RIGHT_MM = 11.5, 11.5
"""Room for the numbers of either axis."""
_GAP_MM = 0.06
"""Between the two panels, as a share of the width."""
_PAIR = 0.55
"""Share of the images' panel in what is left."""
_MANY = 1500
"""More images than this are drawn as pixels inside the SVG."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """What one estimation plot draws: values of the images in both arms, of runs, of seeds."""

    finding: Finding
    treatment: Floats
    control: Floats
    difference: Floats
    runs: Mapping[str, Sequence[float]]
    seeds: Sequence[float]
    styles: Mapping[str, int]
    fill: str
    scale: float


def estimation(
    finding: Finding,
    analysis: Analysis,
    arm_names: Mapping[str, str],
    lang: Language = "en",
    *,
    title: str = "",
    across: Literal[2, 3] = 2,
    plot_mm: float = 62.0,
) -> str | None:
    """Images as faint lines between the arms, a mark per run; beside them the paired differences.

    The right side shows the shape of the image differences and their dots, a circle per seed, the estimate
    (filled by its verdict) with 95% and 90% interval, the interval for these models in grey, and the margin as a band.

    Args:
        finding: a primary one.
        analysis: reads the image differences, run means and seed differences of that contrast.
        arm_names: label -> name for people.
        lang: of the words; `both` is drawn in English.
        title: over the plot; the model's name without one.
        across: how many of these figures stand side by side.
        plot_mm: height of the panels.

    Returns:
        An SVG 87 or 58 mm wide, or None where the contrast has no image differences.
    """
    pairs = _pairs(finding, analysis)
    if pairs is None:
        return None
    facts = analysis.design.metrics.get(finding.metric)
    full = sheet.HALF_MM if across == 2 else sheet.THIRD_MM
    room = full - _LEFT_MM - _RIGHT_MM
    gap_mm = _GAP_MM * room
    pair_mm = (room - gap_mm) * _PAIR
    difference_mm = room - gap_mm - pair_mm
    with sheet.style():
        labels = [_label(arm_names, arm, full / 2) for arm in (finding.control, finding.treatment)]
        foot_mm = max(_FOOT_MM, 3.2 + sum(sheet.height_of(label, _LABEL_SIZE) for label in labels))
        figure, paper = sheet.page(full, _HEAD_MM + plot_mm + foot_mm)
        left = sheet.panel(figure, _LEFT_MM, _HEAD_MM, width=pair_mm, height=plot_mm)
        draw_pairs(left, pairs)
        measured = names.metric(analysis.design.metrics, finding.metric) + (" (%)" if pairs.scale > 1 else "")
        label = sheet.fit(measured + names.arrow(facts.higher_is_better if facts else None), plot_mm)
        sheet.write(paper, 2.1, _HEAD_MM + plot_mm / 2, label, ha="center", rotation=90)
        start = _LEFT_MM + pair_mm + gap_mm
        draw_difference(sheet.panel(figure, start, _HEAD_MM, width=difference_mm, height=plot_mm), pairs)
        _heads(paper, title or finding.model, say("difference", lang), full=full, middle=start + difference_mm / 2)
        _legend(paper, labels, [pairs.styles[arm] for arm in (finding.control, finding.treatment)], _HEAD_MM + plot_mm)
        if finding.p_improve_images is not None:
            way = "share higher" if finding.higher_is_better is None else "share better"
            words = say(way, lang, share=numbers.share(finding.p_improve_images))
            y = _HEAD_MM + plot_mm + 1.8
            sheet.note(paper, start + difference_mm / 2, y, words, ha="center", va="top")
        return sheet.svg(figure, "estimation", say("label.estimation", lang))


def _label(arm_names: Mapping[str, str], arm: str, width: float) -> str:
    return sheet.fit(names.arm(arm_names, arm), width - 4.0, size=_LABEL_SIZE, lines=2)


def _legend(paper: Axes, labels: Sequence[str], places: Sequence[int], top: float) -> None:
    """Below the images' panel the mark and name of either arm, from left to right as above."""
    y = top + 1.8
    for label, place in zip(labels, places, strict=True):
        height = sheet.height_of(label, _LABEL_SIZE)
        draw_mark(paper, 1.4, y + sheet.height_of("", _LABEL_SIZE) / 2, style(place), size=4.2)
        sheet.write(paper, 3.2, y, label, size=_LABEL_SIZE, va="top")
        y += height + 0.2


def _heads(paper: Axes, title: str, other: str, *, full: float, middle: float) -> None:
    """The title on the left; over the differences what they are, where the title leaves room for it."""
    start = middle - sheet.width_of(other) / 2
    title = sheet.fit(title, full - 1.0, weight="semibold")
    sheet.write(paper, 0.0, 2.4, title, weight="semibold")
    if sheet.width_of(title, weight="semibold") + 2.0 < start:
        sheet.write(paper, middle, 2.4, other, ha="center")


def _pairs(finding: Finding, analysis: Analysis) -> Pairs | None:
    """The records of this contrast, as arrays."""
    images = [each for each in analysis.image_differences if each.contrast_id == finding.contrast_id]
    if not images:
        return None
    arms = (finding.control, finding.treatment)
    cell = (finding.model, finding.attribution, finding.metric)
    mine = [each for each in analysis.run_means if (each.model, each.attribution, each.metric) == cell]
    known = analysis.design.arms
    facts = analysis.design.metrics.get(finding.metric)
    return Pairs(
        finding,
        np.array([each.treatment for each in images]),
        np.array([each.control for each in images]),
        np.array([each.difference for each in images]),
        {arm: [each.value for each in mine if each.arm == arm and each.value is not None] for arm in arms},
        [each.difference for each in analysis.seed_differences if each.contrast_id == finding.contrast_id],
        {arm: known.index(arm) if arm in known else 0 for arm in arms},
        VERDICT_FILL.get(judge(finding, alpha=analysis.design.alpha).mark, "#ffffff"),
        100.0 if facts is not None and facts.unit == "percent" else 1.0,
    )


def draw_pairs(axes: Axes, pairs: Pairs) -> Axes:
    """The two arms: a faint line per image, a mark per run, a bar at the mean."""
    finding = pairs.finding
    ends = np.stack([pairs.control, pairs.treatment], axis=1)
    lines = [[(0.0, a), (1.0, b)] for a, b in ends[np.isfinite(ends).all(axis=1)]]
    alpha = float(np.clip(60 / len(ends), 0.15, 0.6))
    cloud = LineCollection(lines, colors=FAINT, linewidths=0.35, alpha=alpha, zorder=1)
    cloud.set_rasterized(len(lines) > _MANY)
    axes.add_collection(cloud)
    sides = ((0, finding.control, finding.mean_control), (1, finding.treatment, finding.mean_treatment))
    for x, arm, mean in sides:
        look = style(pairs.styles[arm])
        if mean is not None:
            axes.plot([x - 0.3, x + 0.3], [mean, mean], color=look.colour, lw=1.5, zorder=3)
        values = pairs.runs[arm]
        for k, value in enumerate(values):
            shift = 0.0 if len(values) == 1 else -0.18 + 0.36 * k / (len(values) - 1)
            draw_mark(axes, x + shift, value, look, size=4.6)
    axes.set_xlim(-0.45, 1.45)
    axes.set_xticks([0, 1], [])
    low, high = scale.span([*ends.ravel().tolist(), *(value for values in pairs.runs.values() for value in values)])
    axes.set_ylim(low, high)
    scale.ticks(axes.yaxis, (low, high), n=9, scale=pairs.scale)
    return axes


def draw_difference(axes: Axes, pairs: Pairs) -> Axes:
    """The paired differences: shape and dots of the images, seeds, estimate and its intervals."""
    finding = pairs.finding
    known = pairs.difference[np.isfinite(pairs.difference)]
    limits = scale.around_zero([*known.tolist(), *pairs.seeds, finding.ci_low, finding.ci_high], share=0.05)
    if finding.margin is not None:
        axes.axhspan(-finding.margin, finding.margin, color=BAND, lw=0, zorder=0)
    axes.axhline(0, color="#333333", lw=0.7, zorder=1)
    _draw_shape(axes, known, limits)
    jitter = 0.17 + 0.2 * (np.arange(len(known)) * 0.6180339887 % 1 - 0.5)
    axes.plot(jitter, known, "o", ms=1.3, mfc="#777777", mec="none", alpha=0.7, zorder=2, rasterized=len(known) > _MANY)
    axes.plot([0.48] * len(pairs.seeds), pairs.seeds, "o", ms=2.8, mfc="none", mec="#444444", mew=0.6, zorder=3)
    _bar(axes, 0.70, (finding.ci_low, finding.ci_high), width=1.1, colour=INK)
    _bar(axes, 0.70, (finding.ci90_low, finding.ci90_high), width=3.0, colour=INK)
    _bar(axes, 0.94, (finding.ci_models_low, finding.ci_models_high), width=1.8, colour=MODELS_ONLY)
    estimate = finding.estimate if finding.estimate is not None else finding.estimate_models
    if estimate is not None:
        axes.plot([0.70], [estimate], "s", ms=4.4, mfc=pairs.fill, mec="#111111", mew=0.9, zorder=4)
    axes.set_xlim(-0.95, 1.1)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_visible(False)
    axes.spines["right"].set_visible(True)
    axes.yaxis.tick_right()
    axes.set_ylim(*limits)
    scale.ticks(axes.yaxis, limits, n=7, signed=True, scale=pairs.scale)
    return axes


def _draw_shape(axes: Axes, values: Floats, limits: tuple[float, float]) -> None:
    """Kernel density to the left of the dots; nothing where all values are alike."""
    if len(values) < 3 or np.ptp(values) < 1e-9:
        return
    grid = np.linspace(*limits, 160)
    density = gaussian_kde(values)(grid)
    axes.fill_betweenx(grid, -0.85 * density / density.max(), 0, color="#d9d9d9", lw=0, zorder=1)


def _bar(axes: Axes, x: float, ends: tuple[float | None, float | None], *, width: float, colour: str) -> None:
    if ends[0] is not None and ends[1] is not None:
        axes.plot([x, x], [ends[0], ends[1]], color=colour, lw=width, zorder=3)
