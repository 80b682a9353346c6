"""Assumptions behind one contrast, as pictures: shape, dependence on the level, number of images."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.stats import norm

from study.records import Analysis, Finding, ImageDifference
from study.report.colours import FAINT, INK, SECONDARY
from study.report.figures import names, scale, sheet
from study.report.figures.wording import Language, say

_HEAD_MM, _PLOT_MM, _FOOT_MM = 6.0, 27.0, 9.5
_LEFT_MM, _BETWEEN_MM, _RIGHT_MM = 14.0, 16.0, 2.0
_FEWEST = 5
_MANY = 1500

Floats = NDArray[np.float64]


def checks(finding: Finding, analysis: Analysis, lang: Language = "en") -> str | None:
    """Q-Q plot of the image differences, difference against mean, and estimate against number of images.

    Images enter the third panel in an order made from their ids, so that neither classes nor the order of
    files decide its course; its band is the pointwise 95% interval over images.

    Args:
        finding: a primary one.
        analysis: reads its image differences.
        lang: of the words; `both` is drawn in English.

    Returns:
        An SVG 180 mm wide, or None with fewer than five images.
    """
    images = [each for each in analysis.image_differences if each.contrast_id == finding.contrast_id]
    images = [each for each in images if np.isfinite(each.difference)]
    if len(images) < _FEWEST:
        return None
    facts = analysis.design.metrics.get(finding.metric)
    unit = 100.0 if facts is not None and facts.unit == "percent" else 1.0
    title = names.metric(analysis.design.metrics, finding.metric)
    with sheet.style():
        figure, paper = sheet.page(sheet.FULL_MM, _HEAD_MM + _PLOT_MM + _FOOT_MM)
        width = (sheet.FULL_MM - _LEFT_MM - _RIGHT_MM - 2 * _BETWEEN_MM) / 3
        lefts = [_LEFT_MM + i * (width + _BETWEEN_MM) for i in range(3)]
        panels = [sheet.panel(figure, left, _HEAD_MM, width=width, height=_PLOT_MM) for left in lefts]
        draw_quantiles(panels[0], images, unit)
        draw_levels(panels[1], images, unit)
        draw_accumulation(panels[2], images, finding, unit, lang)
        heads = [say(f"checks.{key}", lang) for key in ("quantiles", "levels", "counts")]
        feet = say("checks.normal", lang), say("checks.mean", lang, metric=title), say("checks.images", lang)
        for left, axes, head, foot in zip(lefts, panels, heads, feet, strict=True):
            sheet.write(paper, left, 2.4, head, size=7.8, weight="semibold")
            axes.set_xlabel(sheet.fit(foot, width))
            label = sheet.fit(f"Δ {title}", _PLOT_MM)
            sheet.write(paper, left - _LEFT_MM + 2.1, _HEAD_MM + _PLOT_MM / 2, label, ha="center", rotation=90)
        return sheet.svg(figure, "checks", say("label.checks", lang))


def _differences(images: Sequence[ImageDifference]) -> Floats:
    return np.array([each.difference for each in images])


def _dots(axes: Axes, x: Floats, y: Floats) -> None:
    axes.plot(x, y, "o", ms=1.8, mfc="#333333", mec="none", alpha=0.8, rasterized=len(x) > _MANY)


def draw_quantiles(axes: Axes, images: Sequence[ImageDifference], unit: float) -> Axes:
    """Sorted differences against normal quantiles at (i - 1/2) / n, with the line of their mean and SD."""
    values = np.sort(_differences(images))
    quantiles = norm.ppf((np.arange(len(values)) + 0.5) / len(values))
    _dots(axes, quantiles, values)
    line = values.mean() + values.std(ddof=1) * quantiles[[0, -1]]
    axes.plot(quantiles[[0, -1]], line, color=FAINT, lw=0.8)
    _frame(axes, quantiles, np.concatenate([values, line]), unit)
    scale.ticks(axes.xaxis, axes.get_xlim(), n=6)
    return axes


def draw_levels(axes: Axes, images: Sequence[ImageDifference], unit: float) -> Axes:
    """Difference against the mean of both arms, with the mean difference and 1.96 SD around it."""
    differences = _differences(images)
    means = np.array([(each.treatment + each.control) / 2 for each in images])
    _dots(axes, means, differences)
    spread = 1.96 * differences.std(ddof=1)
    axes.axhline(differences.mean(), color="#111111", lw=0.9)
    for end in (-spread, spread):
        axes.axhline(differences.mean() + end, color=FAINT, lw=0.7, ls="--")
    ends = differences.mean() + np.array([-spread, spread])
    _frame(axes, means, np.concatenate([differences, ends]), unit)
    scale.ticks(axes.xaxis, axes.get_xlim(), scale=unit)
    return axes


def draw_accumulation(
    axes: Axes, images: Sequence[ImageDifference], finding: Finding, unit: float, lang: Language = "en"
) -> Axes:
    """Mean difference of the first n images with its interval over images, and the margin."""
    shuffled = sorted(images, key=lambda each: hashlib.sha256(each.image_id.encode()).digest())
    values = _differences(shuffled)
    counts = np.unique(np.linspace(_FEWEST, len(values), 60).round().astype(np.int64))
    means = np.array([values[:n].mean() for n in counts])
    errors = np.array([values[:n].std(ddof=1) / np.sqrt(n) for n in counts])
    low, high = means - 1.96 * errors, means + 1.96 * errors
    axes.fill_between(counts, low, high, color="#d5d5d5", lw=0)
    axes.plot(counts, means, color="#111111", lw=1)
    axes.axhline(0, color=INK, lw=0.6)
    shown = np.concatenate([low, high, [0.0]])
    if finding.margin is not None:
        for margin in (-finding.margin, finding.margin):
            axes.axhline(margin, color=SECONDARY, lw=0.7, ls=":")
        shown = np.concatenate([shown, [-finding.margin, finding.margin]])
        far = finding.margin if means[-1] < 0 else -finding.margin
        placing = {"ha": "right", "va": "bottom", "transform": axes.get_yaxis_transform()}
        sheet.note(axes, 0.99, far, say("margin", lang), size=6.4, **placing)
    _frame(axes, counts.astype(np.float64), shown, unit)
    scale.ticks(axes.xaxis, (max(0.0, axes.get_xlim()[0]), axes.get_xlim()[1]))
    return axes


def _frame(axes: Axes, x: Floats, y: Floats, unit: float) -> None:
    axes.set_xlim(*scale.span(x.tolist(), pad=0.05))
    limits = scale.span(y.tolist(), pad=0.08)
    axes.set_ylim(*limits)
    scale.ticks(axes.yaxis, limits, n=4, signed=True, scale=unit)
