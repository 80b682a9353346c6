"""The forest plot of the secondary contrasts: one panel per question, metrics as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.records import Finding, MetricFacts
from study.report import numbers
from study.report.colours import INK, model_style
from study.report.figures import names, scale, sheet
from study.report.figures.contrast import fit_contrast
from study.report.figures.key import model_key
from study.report.figures.wording import Language, say

_LABELS_MM = 38.0, 62.0
"""Room for the labels of rows: at least, at most."""
_LABEL_SIZE = 6.3
_COLUMNS = 3, 4
"""Panels side by side; four where that saves a band."""
_WIDEST_MM = 96.0
_BETWEEN_MM = 4.0
_TITLE_MM, _AXIS_MM, _KEY_MM, _MORE_MM = 8.0, 9.4, 5.0, 4.0

Cell = tuple[str, str]
Panel = tuple[str, str, str]


@dataclass(frozen=True)
class Block:
    """Rows that share an axis: one direction, one kind of range."""

    higher_is_better: bool | None
    cells: tuple[Cell, ...]


def secondary_forest(
    findings: Sequence[Finding],
    metrics: Mapping[str, MetricFacts],
    arm_names: Mapping[str, str],
    lang: Language = "en",
) -> str | None:
    """All secondary contrasts: estimates with 95% intervals, right is better, no verdicts.

    Rows are attribution and metric; metrics where lower is better stand in a block of their own with
    the axis reversed, and so does every metric without bounds. Models are told by marks.

    Args:
        findings: all findings; those of the secondary family are drawn.
        metrics: facts by label.
        arm_names: label -> name for people.
        lang: of the words; `both` is drawn in English.

    Returns:
        An SVG 180 mm wide, or None without secondary findings. Rows that do not fit on a page are
        counted at its foot.
    """
    secondary = [finding for finding in findings if finding.family == "secondary"]
    if not secondary:
        return None
    panels = list(dict.fromkeys((each.question, each.treatment, each.control) for each in secondary))
    models = list(dict.fromkeys(finding.model for finding in secondary))
    across = _across(len(panels))
    bands = [panels[start : start + across] for start in range(0, len(panels), across)]
    cells = list(dict.fromkeys((finding.attribution, finding.metric) for finding in secondary))
    blocks, bands, left_out = _that_fit(_blocks(cells, metrics), bands, _row_mm(len(models)))
    asked = names.questions(finding.question for finding in findings)
    with sheet.style():
        labels = {cell: names.cell(metrics, *cell) for block in blocks for cell in block.cells}
        labels_mm = _labels_mm(labels.values())
        height = len(bands) * _band_mm(blocks, len(models)) + _KEY_MM
        figure, paper = sheet.page(sheet.FULL_MM, height + (_MORE_MM if left_out else 0.0))
        for i, band in enumerate(bands):
            top = i * _band_mm(blocks, len(models))
            _titles(paper, band, top, asked, places=_places(len(band), labels_mm), arm_names=arm_names)
            _draw_band(
                figure,
                paper,
                band,
                blocks=blocks,
                findings=secondary,
                models=models,
                labels=labels,
                labels_mm=labels_mm,
                top=top,
                lang=lang,
            )
        if len(models) > 1:
            model_key(paper, models, left=labels_mm, y=height - _KEY_MM / 2)
        if left_out:
            rows = say("more rows", lang, n=str(left_out))
            sheet.note(paper, labels_mm, height + _MORE_MM / 2, rows)
        return sheet.svg(figure, "secondary", say("label.secondary", lang))


def _row_mm(n_models: int) -> float:
    return max(3.8, 2.3 * n_models + 0.6)


def _across(n_panels: int) -> int:
    """Panels side by side: three, or four where that needs fewer bands."""
    few, many = _COLUMNS
    return many if -(-n_panels // many) < -(-n_panels // few) else few


def _labels_mm(labels: Iterable[str]) -> float:
    """Room for the longest label on one line, within limits."""
    least, most = _LABELS_MM
    longest = max((sheet.width_of(sheet.drawable(label), size=_LABEL_SIZE) for label in labels), default=0.0)
    return min(most, max(least, longest + 2.5))


def _band_mm(blocks: Sequence[Block], n_models: int) -> float:
    return _TITLE_MM + sum(len(block.cells) * _row_mm(n_models) + _AXIS_MM for block in blocks)


def _blocks(cells: Iterable[Cell], metrics: Mapping[str, MetricFacts]) -> list[Block]:
    """Higher-is-better first; unbounded metrics alone, or they would squash the others."""
    grouped: dict[tuple[int, str], list[Cell]] = {}
    for cell in cells:
        facts = metrics.get(cell[1])
        rank = {True: 0, False: 1, None: 2}[facts.higher_is_better if facts else None]
        alone = cell[1] if facts is not None and None in facts.bounds else ""
        grouped.setdefault((rank, alone), []).append(cell)
    direction = (True, False, None)
    return [Block(direction[rank], tuple(grouped[rank, alone])) for rank, alone in sorted(grouped)]


def _that_fit(
    blocks: list[Block], bands: list[list[Panel]], row_mm: float
) -> tuple[list[Block], list[list[Panel]], int]:
    """As many bands and rows as a page holds, and how many intervals per model were left out."""
    n_cells, n_panels = sum(len(block.cells) for block in blocks), sum(len(band) for band in bands)
    room = sheet.TALLEST_MM - _KEY_MM - _MORE_MM
    fixed = _TITLE_MM + len(blocks) * _AXIS_MM
    kept_bands = max(1, min(len(bands), int(room // (fixed + n_cells * row_mm)))) if n_cells else 1
    rows = int((room / kept_bands - fixed) // row_mm)
    kept: list[Block] = []
    for block in blocks:
        if rows > 0:
            kept.append(Block(block.higher_is_better, block.cells[:rows]))
        rows -= len(block.cells)
    shown = sum(len(band) for band in bands[:kept_bands]) * sum(len(block.cells) for block in kept)
    return kept, bands[:kept_bands], n_panels * n_cells - shown


def _places(n: int, labels_mm: float) -> list[tuple[float, float]]:
    """Left edge and width of n panels, in millimetres."""
    room = sheet.FULL_MM - labels_mm - 3.0
    width = min(_WIDEST_MM, (room - _BETWEEN_MM * (n - 1)) / n)
    return [(labels_mm + i * (width + _BETWEEN_MM), width) for i in range(n)]


def _titles(
    paper: Axes,
    band: Sequence[Panel],
    top: float,
    asked: Mapping[str, str],
    *,
    places: Sequence[tuple[float, float]],
    arm_names: Mapping[str, str],
) -> None:
    for (question, treatment, control), (left, width) in zip(band, places, strict=True):
        title = fit_contrast(
            f"{asked[question]} {names.arm(arm_names, treatment)}", names.arm(arm_names, control), width
        )
        sheet.write(paper, left, top + _TITLE_MM - 1.2, title, weight="semibold", va="bottom")


def _draw_band(
    figure: Figure,
    paper: Axes,
    band: Sequence[Panel],
    *,
    blocks: Sequence[Block],
    findings: Sequence[Finding],
    models: Sequence[str],
    labels: Mapping[Cell, str],
    labels_mm: float,
    top: float,
    lang: Language,
) -> None:
    y, row_mm = top + _TITLE_MM, _row_mm(len(models))
    for block in blocks:
        height = len(block.cells) * row_mm
        here = [each for each in findings if (each.attribution, each.metric) in block.cells]
        limits = scale.around_zero(_extremes(here), share=0.12)
        for i, cell in enumerate(block.cells):
            lines = 2 if row_mm > sheet.height_of("\n", _LABEL_SIZE) else 1
            label = sheet.fit(labels[cell], labels_mm - 1.5, size=_LABEL_SIZE, lines=lines)
            sheet.write(paper, labels_mm - 1.5, y + (i + 0.5) * row_mm, label, size=_LABEL_SIZE, ha="right")
        for panel, (left, width) in zip(band, _places(len(band), labels_mm), strict=True):
            axes = sheet.panel(figure, left, y, width=width, height=height)
            mine = [each for each in here if (each.question, each.treatment, each.control) == panel]
            draw_panel(axes, mine, block, models, lang)
            axes.set_xlim(*(reversed(limits) if block.higher_is_better is False else limits))
            scale.ticks(axes.xaxis, limits, n=6, signed=True, room=width)
        y += height + _AXIS_MM


def _extremes(findings: Iterable[Finding]) -> Iterable[float | None]:
    for finding in findings:
        yield from (finding.ci_low, finding.ci_high, finding.estimate, finding.estimate_models)


def draw_panel(
    axes: Axes, findings: Sequence[Finding], block: Block, models: Sequence[str], lang: Language = "en"
) -> Axes:
    """One question: a row per attribution and metric, in it one interval per model."""
    axes.axvline(0, color=INK, lw=0.8, zorder=1)
    for i in range(0, len(block.cells), 2):
        axes.axhspan(i - 0.5, i + 0.5, color="#f4f4f4", lw=0, zorder=0)
    for finding in findings:
        i, m = block.cells.index((finding.attribution, finding.metric)), models.index(finding.model)
        y = i + (m - (len(models) - 1) / 2) * 0.72 / max(1, len(models))
        estimate = finding.estimate if finding.estimate is not None else finding.estimate_models
        if estimate is None:
            sheet.note(axes, 0.97, y, numbers.MISSING, ha="right", transform=axes.get_yaxis_transform())
            continue
        if finding.ci_low is not None and finding.ci_high is not None:
            axes.plot([finding.ci_low, finding.ci_high], [y, y], color="#333333", lw=1.1, zorder=2)
        look = model_style(m)
        axes.plot([estimate], [y], marker=look.marker, ms=3.8, mfc=look.face, mec=INK, mew=0.8, zorder=3)
    axes.set_ylim(len(block.cells) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    words = {True: "higher is better", False: "lower is better", None: "difference"}
    axes.set_xlabel(say(words[block.higher_is_better], lang), labelpad=1.5)
    return axes
