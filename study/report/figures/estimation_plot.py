"""Image by image: every image between the two arms, and all their differences on an axis of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from study.report.verdict import judge

_HEAD_MM, _PLOT_MM, _FOOT_MM = 6.0, 82.0, 10.0
_LEFT_MM, _PAIR_MM, _GAP_MM, _DIFFERENCE_MM = 11.5, 31.0, 4.0, 27.0
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


def estimation(finding: Finding, analysis: Analysis, arm_names: Mapping[str, str]) -> str | None:
    """Images as faint lines between the arms, a mark per run; beside them the paired differences.

    The right side shows the shape of the image differences and their dots, a circle per seed, the estimate
    (filled by its verdict) with 95% and 90% interval, the interval for these models in grey, and the margin as a band.

    Args:
        finding: a primary one.
        analysis: reads the image differences, run means and seed differences of that contrast.
        arm_names: label -> name for people.

    Returns:
        An SVG 87 mm wide, or None where the contrast has no image differences.
    """
    pairs = _pairs(finding, analysis)
    if pairs is None:
        return None
    facts = analysis.design.metrics.get(finding.metric)
    with sheet.style():
        figure, paper = sheet.page(sheet.HALF_MM, _HEAD_MM + _PLOT_MM + _FOOT_MM)
        left = sheet.panel(figure, _LEFT_MM, _HEAD_MM, width=_PAIR_MM, height=_PLOT_MM)
        draw_pairs(left, pairs)
        title = names.metric(analysis.design.metrics, finding.metric) + (" (%)" if pairs.scale > 1 else "")
        label = sheet.fit(title + names.arrow(facts.higher_is_better if facts else None), _PLOT_MM)
        sheet.write(paper, 2.1, _HEAD_MM + _PLOT_MM / 2, label, ha="center", rotation=90)
        for place, arm in ((0, finding.control), (1, finding.treatment)):
            name = sheet.fit(names.arm(arm_names, arm), _PAIR_MM / 2 + 1.0, size=7.0, lines=2)
            x = _LEFT_MM + _PAIR_MM * (place + 0.45) / 1.9
            sheet.write(paper, x, _HEAD_MM + _PLOT_MM + 1.8, name, size=7.0, ha="center", va="top")
        start = _LEFT_MM + _PAIR_MM + _GAP_MM
        draw_difference(sheet.panel(figure, start, _HEAD_MM, width=_DIFFERENCE_MM, height=_PLOT_MM), pairs)
        sheet.write(paper, _LEFT_MM, 2.4, sheet.fit(finding.model, _PAIR_MM, weight="semibold"), weight="semibold")
        sheet.write(paper, start + _DIFFERENCE_MM / 2, 2.4, "difference", ha="center")
        if finding.p_improve_images is not None:
            words = f"{numbers.share(finding.p_improve_images)} of images\n{_way(finding.higher_is_better)}"
            y = _HEAD_MM + _PLOT_MM + 1.8
            sheet.note(paper, start + _DIFFERENCE_MM / 2, y, words, ha="center", va="top")
        return sheet.svg(figure, "estimation", "Every image in both arms, and the differences with their intervals")


def _way(higher_is_better: bool | None) -> str:
    return "higher" if higher_is_better is None else "better"


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
