"""Learning curves: a panel per stage and model, a band over the runs of each arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from study.records import Design, LearningCurve
from study.registry import TRAININGS
from study.report.colours import style
from study.report.figures import names, scale, sheet
from study.report.figures.key import arm_key, arm_key_mm, draw_line
from study.report.figures.wording import Language, say

_COLUMNS = 3
_HEAD_MM, _PLOT_MM, _FOOT_MM = 9.5, 28.0, 10.0
_LEFT_MM, _BETWEEN_MM, _RIGHT_MM = 11.5, 13.0, 3.0

Floats = NDArray[np.float64]


class Panel(NamedTuple):
    """One stage of one model."""

    model: str
    stage: str


def learning_curves(
    learning: Sequence[LearningCurve], design: Design, arm_names: Mapping[str, str], lang: Language = "en"
) -> str | None:
    """Loss per epoch: median over runs as a line, lowest to highest run as a band.

    Args:
        learning: histories of any arms, models and stages. Drawn is the first series with `loss` in its
            name, else the first one; the name stands on the axis.
        design: order of arms and models.
        arm_names: label -> name for people.
        lang: of the words; `both` is drawn in English.

    Returns:
        An SVG 180 mm wide, or None without histories. Panels that do not fit on a page are counted.
    """
    learning = [each for each in learning if each.arm in design.arms and len(each.epochs) and _series(each)]
    panels = _panels(learning, design)
    if not panels:
        return None
    width = (sheet.FULL_MM - _LEFT_MM - _RIGHT_MM - _BETWEEN_MM * (_COLUMNS - 1)) / _COLUMNS
    row_mm = _HEAD_MM + _PLOT_MM + _FOOT_MM
    with sheet.style():
        key_mm = arm_key_mm(design.arms, arm_names, width=sheet.FULL_MM - _LEFT_MM)
        most = _COLUMNS * max(1, int((sheet.TALLEST_MM - key_mm - 4) // row_mm))
        shown = panels[:most]
        rows = -(-len(shown) // _COLUMNS)
        more_mm = 4.0 if len(panels) > most else 0.5
        figure, paper = sheet.page(sheet.FULL_MM, rows * row_mm + key_mm + more_mm)
        for i, panel in enumerate(shown):
            left = _LEFT_MM + i % _COLUMNS * (width + _BETWEEN_MM)
            top = i // _COLUMNS * row_mm
            mine = [each for each in learning if Panel(each.model, each.stage) == panel]
            _write_heads(paper, panel, _series(mine[0]), (left, top, width), lang)
            axes = sheet.panel(figure, left, top + _HEAD_MM, width=width, height=_PLOT_MM)
            draw_learning(axes, mine, design).set_xlabel(say("epoch", lang))
        arm_key(paper, design.arms, arm_names, left=_LEFT_MM, top=rows * row_mm, width=sheet.FULL_MM - _LEFT_MM)
        if len(panels) > most:
            more = say("more panels", lang, n=str(len(panels) - most))
            sheet.note(paper, _LEFT_MM, paper.get_ylim()[0] - 2, more)
        return sheet.svg(figure, "learning", say("label.learning", lang))


def _panels(learning: Sequence[LearningCurve], design: Design) -> list[Panel]:
    """Models in the protocol's order; stages as they first appear, the supervised ones last."""
    found = list(dict.fromkeys(Panel(each.model, each.stage) for each in learning))
    place = {model: i for i, model in enumerate(design.models)}

    def rank(panel: Panel) -> tuple[int, bool]:
        supervised = panel.stage in TRAININGS and TRAININGS[panel.stage].supervised
        return place.get(panel.model, len(place)), supervised

    return sorted(found, key=rank)


def _series(curve: LearningCurve) -> str:
    """Name of what is drawn."""
    return next((name for name in curve.series if "loss" in name), next(iter(curve.series), ""))


def _write_heads(paper: Axes, panel: Panel, series: str, place: tuple[float, float, float], lang: Language) -> None:
    left, top, width = place
    title = _title(panel.stage, lang)
    sheet.write(paper, left, top + 2.8, sheet.fit(title, width, weight="semibold"), weight="semibold")
    sheet.note(paper, left, top + 6.3, sheet.fit(panel.model, width, size=sheet.SMALL))
    middle = top + _HEAD_MM + _PLOT_MM / 2
    label = sheet.fit(say("loss", lang) if series == "loss" else series.replace("_", " "), _PLOT_MM)
    sheet.write(paper, left - _LEFT_MM + 2.1, middle, label, ha="center", rotation=90)


def _title(stage: str, lang: Language) -> str:
    """`2 Rotation proxy task` of `2 rotation`: the kind may have its place in the chain before it."""
    place, blank, kind = stage.rpartition(" ")
    return place + blank + names.stage(kind, lang)


def draw_learning(axes: Axes, curves: Sequence[LearningCurve], design: Design) -> Axes:
    """One stage of one model: line and band per arm."""
    ends: list[float] = []
    across: list[float] = []
    for i, arm in enumerate(design.arms):
        epochs, values = _table([each for each in curves if each.arm == arm])
        if not len(epochs):
            continue
        look = style(i)
        low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
        axes.fill_between(epochs, low, high, color=look.colour, alpha=0.16, lw=0, zorder=1)
        draw_line(axes, epochs.tolist(), np.nanmedian(values, axis=0).tolist(), i)
        ends += [*low.tolist(), *high.tolist()]
        across += [float(epochs[0]), float(epochs[-1])]
    limits = scale.span(ends)
    axes.set_ylim(*limits)
    scale.ticks(axes.yaxis, limits, n=5)
    first, last = min(across, default=0.0), max(across, default=1.0)
    sides = (first, last) if last > first else (first - 0.5, first + 0.5)
    axes.set_xlim(*sides)
    scale.ticks(axes.xaxis, sides, n=5)
    return axes


def _table(curves: Sequence[LearningCurve]) -> tuple[Floats, Floats]:
    """Epochs in which any run has a finite value, and [runs, epochs] values, NaN where a run has none."""
    found: list[Mapping[int, float]] = []
    for each in curves:
        pairs = zip(each.epochs, each.series.get(_series(each), ()), strict=False)
        found.append({epoch: float(v) for epoch, v in pairs if v is not None and math.isfinite(v)})
    epochs = sorted({epoch for run in found for epoch in run})
    values = np.array([[run.get(epoch, math.nan) for epoch in epochs] for run in found], dtype=np.float64)
    return np.array(epochs, dtype=np.float64), values
