"""What was planned, lost and analysed: runs and images side by side."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from matplotlib.axes import Axes

from study.records import Analysis, Finding
from study.report import numbers
from study.report.figures import names, sheet
from study.report.figures.boxes import Box, arrow_across, arrow_down, draw_box, label_box
from study.report.figures.wording import Language, say

_STATES = ("failed", "blocked", "missing")
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


def flow(analysis: Analysis, lang: Language = "en") -> str | None:
    """Runs and images from planned to analysed, with losses and their reasons; at the foot the maps.

    Args:
        analysis: reads the planned runs, the primary findings and the counts of undefined values.
        lang: of the words; `both` is drawn in English.

    Returns:
        An SVG 87 mm wide, or None where no run was planned.
    """
    if not analysis.design.runs:
        return None
    lost_runs, lost_images = _lost_runs(analysis, lang), _lost_images(analysis, lang)
    gap = max(6.0, 2.5 + _LOSSES_MM * max(len(lost_runs), len(lost_images)))
    with sheet.style():
        height = _TOP_MM + 2 * _BOX_MM + gap + 6.5 + _FOOT_MM + _TOP_MM
        figure, paper = sheet.page(sheet.HALF_MM, height)
        runs, images = _run_words(analysis, lang), _image_words(analysis, lang)
        x_images = sheet.HALF_MM - _WIDE_MM
        for x, column, losses in ((0.5, runs, lost_runs), (x_images, images, lost_images)):
            _draw_column(paper, x, column, losses, gap=gap)
        bottom = _TOP_MM + 2 * _BOX_MM + gap
        for x in (0.5, x_images):
            arrow_down(paper, x + _COLUMN_MM / 2, bottom, bottom + 6.5)
        foot = Box(0.5, bottom + 6.5, sheet.HALF_MM - 1.0, _FOOT_MM)
        draw_box(paper, foot)
        label_box(paper, foot, *_product_words(analysis, lang))
        return sheet.svg(figure, "flow", say("label.flow", lang))


def _primary(analysis: Analysis) -> list[Finding]:
    found = [finding for finding in analysis.findings if finding.family == "primary"]
    return found or list(analysis.findings)


def _lost_runs(analysis: Analysis, lang: Language = "en") -> list[Loss]:
    """Runs that did not finish, by state and reason; what is beyond three kinds in one line."""
    kinds = Counter((run.state, run.reason) for run in analysis.design.runs if run.state != "done")
    counted = kinds.most_common()
    shown = counted if len(counted) <= _MOST_LOSSES else counted[: _MOST_LOSSES - 1]
    losses = [
        Loss(say(state, lang, n=str(n)) if state in _STATES else f"{n} {state}", reason) for (state, reason), n in shown
    ]
    rest = counted[len(shown) :]
    if rest:
        losses.append(
            Loss(say("more lost", lang, n=str(sum(n for _, n in rest))), say("other reasons", lang, n=str(len(rest))))
        )
    return losses


def _lost_images(analysis: Analysis, lang: Language) -> list[Loss]:
    losses = [each.n_images_listed - each.n_images for each in _primary(analysis)]
    if not losses or max(losses) <= 0:
        return []
    low, high = min(losses), max(losses)
    amount = _span(low, high, lang)
    return [Loss(say("not used", lang, n=amount), say("no value", lang))]


def _span(low: int, high: int, lang: Language) -> str:
    if low == high:
        return numbers.count(low)
    return say("to.plain", lang, low=numbers.count(low), high=numbers.count(high))


Words = tuple[tuple[str, str], tuple[str, str]]


def _run_words(analysis: Analysis, lang: Language) -> Words:
    design = analysis.design
    done = sum(run.state == "done" for run in design.runs)
    n_arms = len(design.arms)
    arms = say("one arm", lang) if n_arms == 1 else say("arms", lang, n=str(n_arms))
    size = f"{arms} × {len(design.models)} × {len(design.seeds)}"
    planned = say("runs planned", lang, n=numbers.count(len(design.runs))), size
    return planned, (say("runs finished", lang, n=numbers.count(done)), "")


def _image_words(analysis: Analysis, lang: Language) -> Words:
    primary = _primary(analysis)
    listed = _listed(analysis)
    used = sorted({each.n_images for each in primary})
    clusters = max((each.n_clusters for each in primary), default=0)
    amount = _span(used[0], used[-1], lang) if used else numbers.count(listed)
    patients = say("patients", lang, n=numbers.count(clusters)) if clusters else ""
    return (say("test images", lang, n=numbers.count(listed)), ""), (say("images", lang, n=amount), patients)


def _listed(analysis: Analysis) -> int:
    """Number of test images; from the means where nothing was compared."""
    listed = [each.n_images_listed for each in _primary(analysis)] or [each.n_images for each in analysis.means]
    return max(listed, default=0)


def _product_words(analysis: Analysis, lang: Language) -> tuple[str, str]:
    """Number of maps, and how many values of the primary metric are undefined."""
    design = analysis.design
    done = sum(run.state == "done" for run in design.runs)
    images = _listed(analysis)
    maps = done * images * len(design.attributions)
    parts_of = {"runs": str(done), "images": numbers.count(images), "methods": str(len(design.attributions))}
    count = say("maps", lang, n=numbers.count(maps), **parts_of)
    cells = dict.fromkeys((each.attribution, each.metric) for each in _primary(analysis))
    parts = []
    for cell in list(cells)[:1]:
        undefined = sum(each.n_undefined for each in analysis.means if (each.attribution, each.metric) == cell)
        parts.append(say("undefined", lang, metric=names.metric(design.metrics, cell[1]), n=numbers.count(undefined)))
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
