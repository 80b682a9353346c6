"""One mark per run and a bar at their mean: what retraining alone does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from study.records import Design, MetricFacts, RunMean
from study.report.colours import style
from study.report.figures import names, scale, sheet
from study.report.figures.key import arm_key, arm_key_mm, draw_mark
from study.report.figures.wording import Language, say

_PANELS = 4
_PLOT_MM = 31.0
_HEAD_MM = 8.5
_LEFT_MM, _BETWEEN_MM = 10.5, 11.5


class Cell(NamedTuple):
    """What one panel shows."""

    model: str
    attribution: str
    metric: str


def runs(
    run_means: Sequence[RunMean],
    metrics: Mapping[str, MetricFacts],
    design: Design,
    arm_names: Mapping[str, str],
    lang: Language = "en",
) -> str | None:
    """Up to four panels with one mark per run, a bar at the mean and a cross for a run without a value.

    Shown are the primary metric for each model, then metrics that exist per run (AUC), then the others in
    the given order; give fewer `run_means` to choose other panels.

    Args:
        run_means: of any arms, models, attributions and metrics; controls are not drawn.
        metrics: facts by label.
        design: order of arms and models, and which runs were lost.
        arm_names: label -> name for people.
        lang: of the words; `both` is drawn in English.

    Returns:
        An SVG 180 mm wide, or None without any value.
    """
    cells = _cells(run_means, metrics, design)
    if not cells:
        return None
    with sheet.style():
        key_mm = arm_key_mm(design.arms, arm_names, width=sheet.FULL_MM - _LEFT_MM, lines=False)
        figure, paper = sheet.page(sheet.FULL_MM, _HEAD_MM + _PLOT_MM + 3.5 + key_mm)
        width = (sheet.FULL_MM - 1.5 - _LEFT_MM - _BETWEEN_MM * (_PANELS - 1)) / _PANELS
        for i, cell in enumerate(cells):
            left = _LEFT_MM + i * (width + _BETWEEN_MM)
            values = {
                run.run_id: run.value for run in run_means if Cell(run.model, run.attribution, run.metric) == cell
            }
            facts = metrics.get(cell.metric)
            axes = sheet.panel(figure, left, _HEAD_MM, width=width, height=_PLOT_MM)
            lost = draw_runs(axes, values, design, model=cell.model, facts=facts)
            _head(paper, cell, metrics, (left, width), lost=say("no run", lang) if lost else "")
        arm_key(
            paper,
            design.arms,
            arm_names,
            left=_LEFT_MM,
            top=_HEAD_MM + _PLOT_MM + 3.0,
            width=sheet.FULL_MM - _LEFT_MM,
            lines=False,
        )
        return sheet.svg(figure, "runs", say("label.runs", lang))


def _cells(run_means: Sequence[RunMean], metrics: Mapping[str, MetricFacts], design: Design) -> list[Cell]:
    """The panels, most important first."""
    primary = {(each.attribution, each.metric) for each in design.contrasts if each.family == "primary"}
    found = dict.fromkeys(
        Cell(run.model, run.attribution, run.metric)
        for run in run_means
        if run.value is not None and run.attribution not in design.controls
    )

    def rank(cell: Cell) -> tuple[int, int]:
        per_run = cell.metric in metrics and metrics[cell.metric].per_run
        kind = 0 if (cell.attribution, cell.metric) in primary else 1 if per_run else 2
        return kind, design.models.index(cell.model) if cell.model in design.models else len(design.models)

    return sorted(found, key=rank)[:_PANELS]


def _head(
    paper: Axes, cell: Cell, metrics: Mapping[str, MetricFacts], place: tuple[float, float], *, lost: str
) -> None:
    left, width = place
    facts = metrics.get(cell.metric)
    unit = ", %" if facts is not None and facts.unit == "percent" else ""
    title = names.metric(metrics, cell.metric) + names.arrow(facts.higher_is_better if facts else None) + unit
    room = width - (sheet.width_of(lost, size=6.4) + 1.5 if lost else 0)
    sheet.write(paper, left, 2.2, sheet.fit(title, room, size=7.8, weight="semibold"), size=7.8, weight="semibold")
    if lost:
        sheet.note(paper, left + width, 2.2, lost, size=6.4, ha="right")
    where = cell.model + (f", {names.attribution(cell.attribution)}" if cell.attribution else "")
    room = min(width + 5, sheet.FULL_MM - left)
    fitting = (
        where if sheet.width_of(where, size=sheet.SMALL) <= room else sheet.fit(cell.model, room, size=sheet.SMALL)
    )
    sheet.note(paper, left, 5.9, fitting)  # the caption names the attribution


def draw_runs(
    axes: Axes, values: Mapping[str, float | None], design: Design, *, model: str, facts: MetricFacts | None
) -> bool:
    """The panel of one model and metric; True when a planned run has no value."""
    known = [value for value in values.values() if value is not None]
    low, high = scale.span(known, pad=0.16)
    lost = False
    for i, arm in enumerate(design.arms):
        look = style(i)
        planned = [run for run in design.runs if run.arm == arm and run.model == model]
        xs = _spread(i, len(planned))
        mine: list[float] = []
        for x, run in zip(xs, planned, strict=True):
            value = values.get(run.run_id)
            if value is None:
                axes.plot([x], [low + 0.05 * (high - low)], "x", ms=4.2, color="#111111", mew=1.0, zorder=4)
                lost = True
                continue
            draw_mark(axes, x, value, look, size=4)
            mine.append(value)
        if mine:
            axes.plot([i - 0.34, i + 0.34], [sum(mine) / len(mine)] * 2, color=look.colour, lw=1.2, zorder=2)
    axes.set_xlim(-0.6, len(design.arms) - 0.4)
    axes.set_xticks([])
    axes.set_ylim(low, high)
    scale.ticks(axes.yaxis, (low, high), n=4, scale=100.0 if facts is not None and facts.unit == "percent" else 1.0)
    return lost


def _spread(centre: int, n: int) -> list[float]:
    if n <= 1:
        return [float(centre)] * n
    return [centre - 0.24 + 0.48 * k / (n - 1) for k in range(n)]
