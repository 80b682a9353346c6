"""The forest plot of the primary contrasts: estimate, intervals, seeds and words in one picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.records import Finding, MetricFacts, SeedDifference
from study.report import numbers
from study.report.colours import BAND, FAINT, INK, MODELS_ONLY, SECONDARY, VERDICT_FILL, model_style
from study.report.figures import names, scale, sheet
from study.report.figures.contrast import fit_contrast
from study.report.figures.wording import Language, say
from study.report.terms import TERMS

_PLOT_LEFT, _PLOT_WIDTH = 61.5, 45.0
_QUESTION, _CONTRAST, _MODEL = 0.0, 6.3, 42.6
_DELTA_RIGHT, _CI_LEFT, _P_RIGHT, _VERDICT_LEFT = 117.5, 119.5, 155.0, 157.0
_HEAD, _FOOT, _PITCH, _GAP = 5.5, 10.2, 7.6, 3.4
_LEAST_PITCH = 4.4


class Judged(Protocol):
    """What the figure reads of a verdict: how the marker is filled, and the short words."""

    @property
    def mark(self) -> str:
        """`black`, `grey`, `white` or `none`."""

    @property
    def short(self) -> Any:
        """A string, or a text with `en` and `ko`."""


@dataclass(frozen=True)
class Row:
    """One line of the forest, placed."""

    finding: Finding
    seeds: tuple[float, ...]
    mark: str
    words: str
    y: float
    first: bool


@dataclass(frozen=True)
class Block:
    """Rows that share an axis: one metric on one attribution."""

    metric: MetricFacts | None
    title: str
    rows: tuple[Row, ...]
    top: float
    height: float
    pitch: float


def forest(
    findings: Sequence[Finding],
    seed_differences: Sequence[SeedDifference],
    verdicts: Mapping[str, Judged],
    arm_names: Mapping[str, str],
    metrics: Mapping[str, MetricFacts],
    lang: Language = "en",
) -> str | None:
    """All primary contrasts, one row per contrast and model, grouped by question.

    Thin black with caps: 95% interval; thick: 90%; marker filled by verdict; small circles below:
    one per seed; grey above: 95% interval for these trained models only. Better is to the right:
    the axis of a lower-is-better metric is reversed and no value changes its sign.

    Args:
        findings: all findings; those of the primary family are drawn, in their order.
        seed_differences: drawn where their contrast is.
        verdicts: by contrast id.
        arm_names: label -> name for people.
        metrics: facts by label.
        lang: language of the heads and verdicts; `both` is drawn in English.

    Returns:
        An SVG 180 mm wide, or None without primary findings.
    """
    primary = [finding for finding in findings if finding.family == "primary"]
    if not primary:
        return None
    seeds: dict[str, list[float]] = {}
    for each in seed_differences:
        seeds.setdefault(each.contrast_id, []).append(each.difference)
    with sheet.style():
        blocks = _blocks(primary, seeds, verdicts, metrics=metrics, lang=lang)
        figure, paper = sheet.page(sheet.FULL_MM, blocks[-1].top + blocks[-1].height + _FOOT)
        asked = names.questions(finding.question for finding in primary)
        models = list(dict.fromkeys(finding.model for finding in primary))
        for block in blocks:
            if len(blocks) > 1:
                sheet.write(paper, 0, block.top - _HEAD + 1.5, block.title, weight="semibold", va="bottom")
            draw_words(paper, block, asked, arm_names, lang=lang)
            draw_intervals(_plot(figure, block), block, models, lang)
        return sheet.svg(figure, "forest", say("label.forest", lang))


def _blocks(
    findings: Sequence[Finding],
    seeds: Mapping[str, Sequence[float]],
    verdicts: Mapping[str, Judged],
    *,
    metrics: Mapping[str, MetricFacts],
    lang: Language,
) -> list[Block]:
    """Rows at their places, in millimetres; a pitch that lets all of them stand on one page."""
    cells = list(dict.fromkeys((finding.attribution, finding.metric) for finding in findings))
    breaks = len({(finding.attribution, finding.metric, finding.question) for finding in findings}) - len(cells)
    room = sheet.TALLEST_MM - len(cells) * (_HEAD + _FOOT + 4) - breaks * _GAP
    pitch = max(_LEAST_PITCH, min(_PITCH, room / len(findings)))
    blocks: list[Block] = []
    top = _HEAD + (4.0 if len(cells) > 1 else 0.0)
    for attribution, metric in cells:
        here = [each for each in findings if (each.attribution, each.metric) == (attribution, metric)]
        rows, y = [], pitch * 0.5
        for i, finding in enumerate(here):
            y += _GAP if i and finding.question != here[i - 1].question else 0.0
            verdict = verdicts.get(finding.contrast_id)
            mark, words = (verdict.mark, _in(lang, verdict.short)) if verdict else ("none", numbers.MISSING)
            first = not i or _group(finding) != _group(here[i - 1])
            rows.append(Row(finding, tuple(seeds.get(finding.contrast_id, ())), mark, words, y, first))
            y += pitch
        title = names.cell(metrics, attribution, metric)
        blocks.append(Block(metrics.get(metric), title, tuple(rows), top, y - pitch * 0.5 + 1.5, pitch))
        top += blocks[-1].height + _FOOT + _HEAD + 4.0
    return blocks


def _group(finding: Finding) -> tuple[str, str, str]:
    return finding.question, finding.treatment, finding.control


def _in(lang: Language, words: Any) -> str:
    return words if isinstance(words, str) else str(words.ko if lang == "ko" else words.en)


def _plot(figure: Figure, block: Block) -> Axes:
    axes = sheet.panel(figure, _PLOT_LEFT, block.top, width=_PLOT_WIDTH, height=block.height)
    axes.set_ylim(block.height, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    return axes


def draw_intervals(axes: Axes, block: Block, models: Sequence[str], lang: Language) -> Axes:
    """The middle of the forest: margin band, zero, and per row its intervals, marker and seeds."""
    limits = scale.around_zero(_extremes(block.rows))
    reverse = block.metric is not None and block.metric.higher_is_better is False
    axes.set_xlim(*(reversed(limits) if reverse else limits))
    axes.axvline(0, color=INK, lw=0.8, zorder=1)
    _band(axes, block)
    for row in block.rows:
        draw_row(axes, row, model_style(models.index(row.finding.model)).marker, pitch=block.pitch, lang=lang)
    _axis(axes, block, limits, lang)
    return axes


def _band(axes: Axes, block: Block) -> None:
    """The margin: through the whole plot where all rows share one, else behind each row."""
    shared = len({row.finding.margin for row in block.rows}) == 1
    for row in block.rows:
        margin = row.finding.margin
        if margin is None:
            continue
        y = (0.0, block.height) if shared else (row.y - block.pitch / 2, row.y + block.pitch / 2)
        axes.fill_between((-margin, margin), *y, color=BAND, lw=0, zorder=0)
        if shared:
            return


def _extremes(rows: Iterable[Row]) -> Iterable[float | None]:
    for row in rows:
        finding = row.finding
        yield from (finding.ci_low, finding.ci_high, finding.ci_models_low, finding.ci_models_high, *row.seeds)
        yield from (finding.estimate, finding.margin, None if finding.margin is None else -finding.margin)


def draw_row(axes: Axes, row: Row, marker: str, *, pitch: float, lang: Language) -> Axes:
    """One finding: intervals of both kinds, marker by verdict, a circle per seed."""
    finding, cap = row.finding, 0.12 * pitch
    estimate = finding.estimate if finding.estimate is not None else finding.estimate_models
    if estimate is None:
        reason = sheet.fit(_reason(finding, lang), _PLOT_WIDTH, size=6.4, lines=2)
        paper_white = {"facecolor": "#ffffff", "edgecolor": "none", "pad": 0.8}
        placing = {"transform": axes.get_yaxis_transform(), "bbox": paper_white}
        sheet.note(axes, 0.5, row.y, reason, size=6.4, ha="center", **placing)
        return axes
    if finding.ci_low is not None and finding.ci_high is not None:
        axes.plot([finding.ci_low, finding.ci_high], [row.y, row.y], color=INK, lw=1, zorder=3)
        for end in (finding.ci_low, finding.ci_high):
            axes.plot([end, end], [row.y - cap, row.y + cap], color=INK, lw=1, zorder=3)
    if finding.ci90_low is not None and finding.ci90_high is not None:
        axes.plot([finding.ci90_low, finding.ci90_high], [row.y, row.y], color=INK, lw=3.2, zorder=3)
    if finding.ci_models_low is not None and finding.ci_models_high is not None:
        above = [row.y - 0.30 * pitch] * 2
        axes.plot([finding.ci_models_low, finding.ci_models_high], above, color=MODELS_ONLY, lw=1.6, zorder=2)
    below = [row.y + 0.33 * pitch] * len(row.seeds)
    axes.plot(row.seeds, below, "o", ms=2.6, mfc="none", mec="#666666", mew=0.6, zorder=2)
    fill = VERDICT_FILL.get(row.mark, "#ffffff")
    edge = FAINT if row.mark == "none" else "#111111"
    axes.plot([estimate], [row.y], marker=marker, ms=5.6, mfc=fill, mec=edge, mew=0.9, zorder=5)
    return axes


def _reason(finding: Finding, lang: Language) -> str:
    sentences = finding.sentences_ko if lang == "ko" else finding.sentences_en
    return sentences[0] if sentences else finding.status.replace("_", " ")


def _axis(axes: Axes, block: Block, limits: tuple[float, float], lang: Language) -> None:
    """Ticks, what is measured, and which way is better."""
    metric = block.metric
    percent = metric is not None and metric.unit == "percent"
    scale.ticks(axes.xaxis, limits, n=6, signed=True, scale=100.0 if percent else 1.0, room=_PLOT_WIDTH)
    title = block.title.rpartition(", ")[2]
    range_text = _range(metric, percent, lang)
    axes.set_xlabel(sheet.fit(say("difference in", lang, metric=title) + range_text, 95, lines=1))
    known = metric is not None and metric.higher_is_better is not None
    left, right = ("worse", "better") if known else ("lower", "higher")
    middle = (0 - limits[0]) / (limits[1] - limits[0]) * _PLOT_WIDTH
    middle = _PLOT_WIDTH - middle if axes.xaxis_inverted() else middle
    for side, text, ha in ((-0.6, f"← {say(left, lang)}", "right"), (0.6, f"{say(right, lang)} →", "left")):
        placing = {"transform": axes.transAxes, "va": "bottom", "ha": ha}
        sheet.note(axes, (middle + side) / _PLOT_WIDTH, 1 + 0.8 / block.height, text, **placing)


def _range(metric: MetricFacts | None, percent: bool, lang: Language) -> str:
    if metric is None or None in metric.bounds:
        return ""
    low, high = (f"{(bound or 0.0) * (100 if percent else 1):g}" for bound in metric.bounds)
    return f" ({metric.title}: {low}{say('to', lang)}{high}{' %' if percent else ''})".replace("-", numbers.MINUS)


def draw_words(
    paper: Axes, block: Block, asked: Mapping[str, str], arm_names: Mapping[str, str], *, lang: Language
) -> Axes:
    """The columns left and right of the plot, so that the figure can be quoted alone."""
    y = block.top - 0.8
    heads = TERMS["col.delta"], TERMS["col.ci"], TERMS["col.p_adj"]
    places = ((_DELTA_RIGHT, "right"), (_CI_LEFT, "left"), (_P_RIGHT, "right"))
    for (x, ha), head in zip(places, heads, strict=True):
        sheet.note(paper, x, y, _in(lang, head), ha=ha, va="bottom")
    sheet.note(paper, _VERDICT_LEFT, y, say("verdict", lang), va="bottom")
    shown: set[str] = set()
    for row in block.rows:
        finding, y = row.finding, block.top + row.y
        if finding.question not in shown:
            sheet.write(paper, _QUESTION, y, asked[finding.question], weight="bold")
            shown.add(finding.question)
        lines = 2 if block.pitch >= 6.4 else 1
        if row.first:
            sides = names.arm(arm_names, finding.treatment), names.arm(arm_names, finding.control)
            words = fit_contrast(*sides, _MODEL - _CONTRAST - 1.5, lines=lines)
            sheet.write(paper, _CONTRAST, y, words, weight="semibold")
        sheet.write(paper, _MODEL, y, sheet.fit(finding.model, _PLOT_LEFT - _MODEL - 1, lines=lines))
        _numbers(paper, row, y, metric=block.metric, lang=lang)
        words = sheet.fit(row.words, sheet.FULL_MM - _VERDICT_LEFT, weight="semibold", lines=lines)
        sheet.write(paper, _VERDICT_LEFT, y, words, weight="semibold")
    return paper


def _numbers(paper: Axes, row: Row, y: float, *, metric: MetricFacts | None, lang: Language) -> None:
    """Estimate, interval and p; the interval for these models, in grey, where it is the only one."""
    finding = row.finding
    unit = metric.unit if metric else "fraction"
    limits = numbers.limits(finding.margin)
    estimate = finding.estimate if finding.estimate is not None else finding.estimate_models
    sheet.write(paper, _DELTA_RIGHT, y, numbers.difference(estimate, unit), ha="right")
    low, high, colour = finding.ci_low, finding.ci_high, INK
    if low is None or high is None:
        low, high, colour = finding.ci_models_low, finding.ci_models_high, SECONDARY
    if low is None or high is None:
        sheet.write(paper, _CI_LEFT, y, numbers.MISSING, colour=SECONDARY)
    else:
        ends = (numbers.bound(end, unit, thresholds=limits) for end in (low, high))
        sheet.write(paper, _CI_LEFT, y, say("to", lang).join(ends), colour=colour)
    sheet.write(paper, _P_RIGHT, y, numbers.p_value(finding.p_adjusted), ha="right")
