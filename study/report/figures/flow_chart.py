"""What was planned, lost and analysed: runs and images side by side."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from matplotlib.axes import Axes

from study.records import Analysis, Finding
from study.report import numbers
from study.report.figures import names, sheet
from study.report.figures.boxes import Box, arrow_across, arrow_down, draw_box, label_box

_STATES = {"failed": "failed", "blocked": "not started", "missing": "not run"}
_LOSSES_MM = 10.4
_BOX_MM = 9.4
_MOST_LOSSES = 3
_COLUMN_MM, _SIDE_MM, _WIDE_MM = 26.5, 27.0, 43.0
_FOOT_MM = 12.4
_TOP_MM = 0.5


class Loss(NamedTuple):
    """What was lost, and why."""

    what: str
    why: str


def flow(analysis: Analysis) -> str | None:
    """Runs and images from planned to analysed, with losses and their reasons; at the foot the maps.

    Args:
        analysis: reads the planned runs, the primary findings and the counts of undefined values.

    Returns:
        An SVG 87 mm wide, or None where no run was planned.
    """
    if not analysis.design.runs:
        return None
    lost_runs, lost_images = _lost_runs(analysis), _lost_images(analysis)
    gap = max(6.0, 2.5 + _LOSSES_MM * max(len(lost_runs), len(lost_images)))
    with sheet.style():
        height = _TOP_MM + 2 * _BOX_MM + gap + 6.5 + _FOOT_MM + _TOP_MM
        figure, paper = sheet.page(sheet.HALF_MM, height)
        runs, images = _run_words(analysis), _image_words(analysis)
        x_images = sheet.HALF_MM - _WIDE_MM
        for x, column, losses in ((0.5, runs, lost_runs), (x_images, images, lost_images)):
            _draw_column(paper, x, column, losses, gap=gap)
        bottom = _TOP_MM + 2 * _BOX_MM + gap
        for x in (0.5, x_images):
            arrow_down(paper, x + _COLUMN_MM / 2, bottom, bottom + 6.5)
        foot = Box(0.5, bottom + 6.5, sheet.HALF_MM - 1.0, _FOOT_MM)
        draw_box(paper, foot)
        label_box(paper, foot, *_product_words(analysis))
        return sheet.svg(figure, "flow", "Flow of runs and images: planned, lost, analysed")


def _primary(analysis: Analysis) -> list[Finding]:
    found = [finding for finding in analysis.findings if finding.family == "primary"]
    return found or list(analysis.findings)


def _lost_runs(analysis: Analysis) -> list[Loss]:
    """Runs that did not finish, by state and reason; what is beyond three kinds in one line."""
    kinds = Counter((run.state, run.reason) for run in analysis.design.runs if run.state != "done")
    counted = kinds.most_common()
    shown = counted if len(counted) <= _MOST_LOSSES else counted[: _MOST_LOSSES - 1]
    losses = [Loss(f"{n} {_STATES.get(state, state)}", reason) for (state, reason), n in shown]
    rest = counted[len(shown) :]
    if rest:
        losses.append(Loss(f"{sum(n for _, n in rest)} more lost", f"{len(rest)} other reasons"))
    return losses


def _lost_images(analysis: Analysis) -> list[Loss]:
    losses = [each.n_images_listed - each.n_images for each in _primary(analysis)]
    if not losses or max(losses) <= 0:
        return []
    low, high = min(losses), max(losses)
    amount = numbers.count(high) if low == high else f"{numbers.count(low)} to {numbers.count(high)}"
    return [Loss(f"{amount} not used", "no value in every arm")]


Words = tuple[tuple[str, str], tuple[str, str]]


def _run_words(analysis: Analysis) -> Words:
    design = analysis.design
    done = sum(run.state == "done" for run in design.runs)
    arms = "1 arm" if len(design.arms) == 1 else f"{len(design.arms)} arms"
    size = f"{arms} × {len(design.models)} × {len(design.seeds)}"
    planned = f"{numbers.count(len(design.runs))} runs planned", size
    return planned, (f"{numbers.count(done)} runs finished", "")


def _image_words(analysis: Analysis) -> Words:
    primary = _primary(analysis)
    listed = _listed(analysis)
    used = sorted({each.n_images for each in primary})
    clusters = max((each.n_clusters for each in primary), default=0)
    amount = (
        " to ".join(numbers.count(n) for n in dict.fromkeys((used[0], used[-1]))) if used else numbers.count(listed)
    )
    patients = f"{numbers.count(clusters)} patients" if clusters else ""
    return (f"{numbers.count(listed)} test images", ""), (f"{amount} images", patients)


def _listed(analysis: Analysis) -> int:
    """Number of test images; from the means where nothing was compared."""
    listed = [each.n_images_listed for each in _primary(analysis)] or [each.n_images for each in analysis.means]
    return max(listed, default=0)


def _product_words(analysis: Analysis) -> tuple[str, str]:
    """Number of maps, and how many values of the primary metric are undefined."""
    design = analysis.design
    done = sum(run.state == "done" for run in design.runs)
    images = _listed(analysis)
    maps = done * images * len(design.attributions)
    count = f"{done} × {numbers.count(images)} × {len(design.attributions)} methods = {numbers.count(maps)} maps"
    cells = dict.fromkeys((each.attribution, each.metric) for each in _primary(analysis))
    parts = []
    for cell in list(cells)[:1]:
        undefined = sum(each.n_undefined for each in analysis.means if (each.attribution, each.metric) == cell)
        parts.append(f"{names.metric(design.metrics, cell[1])} undefined {numbers.count(undefined)} times, counted")
    return count, "; ".join(parts)


def _draw_column(paper: Axes, x: float, words: Words, losses: list[Loss], *, gap: float) -> None:
    """Planned, the losses beside the arrow, and what is left."""
    planned = Box(x, _TOP_MM, _COLUMN_MM, _BOX_MM)
    left = Box(x, _TOP_MM + _BOX_MM + gap, _COLUMN_MM, _BOX_MM)
    for box, (title, below) in zip((planned, left), words, strict=True):
        draw_box(paper, box)
        label_box(paper, box, title, below, lines=1)
    middle = x + _COLUMN_MM / 2
    arrow_down(paper, middle, planned.bottom, left.top)
    for i, loss in enumerate(losses):
        box = Box(middle + 2.8, planned.bottom + 1.2 + i * _LOSSES_MM, _SIDE_MM - 1, _LOSSES_MM - 1.0)
        arrow_across(paper, middle, box.left, box.middle[1])
        draw_box(paper, box, fill="#f2f2f2")
        label_box(paper, box, loss.what, loss.why, lines=2)
