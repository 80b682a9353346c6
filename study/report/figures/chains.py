"""The arms as chains of stages: what differs from the reference, and what all share."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from matplotlib.axes import Axes

from study.records import ArmChain
from study.report.colours import style
from study.report.figures import names, sheet
from study.report.figures.boxes import Box, Words, arrow_across, draw_box, wrapped, write_words
from study.report.figures.key import draw_mark
from study.report.figures.wording import Language, say

_NAMES_MM, _GAP_MM, _PAD_MM = 38.0, 2.4, 2.6
_LEAST_MM = 7.6
"""Height of a box with one line."""
_SHARED_FOOT_MM = 6.5
_BETWEEN_MM = 6.0
_WIDEST_MM = 40.0
_SIZES = (6.5, 6.0, 5.5, 5.0)
"""Of the text in boxes, largest first: the first with which all arms stand on one page."""


@dataclass(frozen=True)
class Grid:
    """Chains laid out: `cells[arm]` maps a column to the short text of the stage there."""

    kinds: tuple[str, ...]
    cells: Mapping[str, Mapping[int, str]]

    def shared(self, column: int) -> bool:
        """Whether every arm has the same stage here, and there is more than one arm."""
        texts = {cells.get(column) for cells in self.cells.values()}
        return len(self.cells) > 1 and len(texts) == 1 and None not in texts


@dataclass(frozen=True)
class Layout:
    """Where everything stands, in millimetres, and what is written in the boxes.

    Attributes:
        lefts, width: of the columns.
        heads: titles of the columns, wrapped; `head` is their height.
        rows: top and height of the boxes of each arm.
        names: of the arms, wrapped.
        words: of every box, by arm and column.
        bottom: of the last row.
    """

    lefts: Sequence[float]
    width: float
    heads: Sequence[str]
    head: float
    rows: Mapping[str, tuple[float, float]]
    names: Mapping[str, str]
    words: Mapping[str, Mapping[int, Words]]
    bottom: float


def design_chains(
    chains: Sequence[ArmChain], reference: str, arm_names: Mapping[str, str], lang: Language = "en"
) -> str | None:
    """Rows are arms, columns stages; a heavy outline is what differs from the reference.

    A dashed arrow skips a stage that other arms have; a stage that all arms share is one grey box.
    Boxes grow with their words and nothing is cut, unless so many or so wordy arms exceed a page even
    in the smallest text: then all rows are equally high and the words end where their boxes do.

    Args:
        chains: in the protocol's order.
        reference: label of the arm that the others are compared with.
        arm_names: label -> name for people.
        lang: of the words; `both` is drawn in English.

    Returns:
        An SVG 180 mm wide, or None without arms.
    """
    if not chains:
        return None
    grid = _grid(chains)
    with sheet.style():
        layout = _fitting(grid, arm_names, lang)
        figure, paper = sheet.page(sheet.FULL_MM, layout.bottom)
        _draw_heads(paper, layout)
        for i, chain in enumerate(chains):
            top, height = layout.rows[chain.arm]
            draw_mark(paper, 2.0, top + height / 2, style(i), size=6.0)
            sheet.write(paper, 4.8, top + height / 2, layout.names[chain.arm], weight="semibold")
            _draw_chain(paper, grid, layout, chain.arm, reference)
        _draw_shared(paper, grid, layout, lang)
        return sheet.svg(figure, "design", say("label.design", lang))


def _grid(chains: Sequence[ArmChain]) -> Grid:
    """Columns in an order in which every chain finds its stages from left to right."""
    kinds: list[str] = []
    for chain in chains:
        kinds = _merged(kinds, [kind for kind, _ in chain.stages])
    return Grid(tuple(kinds), {chain.arm: _placed(chain, kinds) for chain in chains})


def _merged(kinds: list[str], chain: list[str]) -> list[str]:
    """The shortest sequence that holds both, as far as matching blocks find it."""
    merged: list[str] = []
    for action, a0, a1, b0, b1 in SequenceMatcher(None, kinds, chain, autojunk=False).get_opcodes():
        merged += kinds[a0:a1]
        if action in ("insert", "replace"):
            merged += chain[b0:b1]
    return merged


def _placed(chain: ArmChain, kinds: Sequence[str]) -> dict[int, str]:
    """Stages in their columns: the last one as far right as it goes, the others as far left."""
    places: dict[int, str] = {}
    at = 0
    for i, (kind, text) in enumerate(chain.stages):
        last = i == len(chain.stages) - 1
        columns = [column for column in range(at, len(kinds)) if kinds[column] == kind]
        column = columns[-1] if last else columns[0]
        places[column] = text
        at = column + 1
    return places


def _fitting(grid: Grid, arm_names: Mapping[str, str], lang: Language) -> Layout:
    """The layout with the largest text that fits on a page, else that with the smallest."""
    for size in _SIZES:
        layout = _laid_out(grid, arm_names, lang, size)
        if layout.bottom <= sheet.TALLEST_MM:
            return layout
    row_mm = (sheet.TALLEST_MM - layout.head - _PAD_MM - 1) / len(grid.cells)
    return _laid_out(grid, arm_names, lang, _SIZES[-1], row_mm=row_mm)


def _laid_out(
    grid: Grid, arm_names: Mapping[str, str], lang: Language, size: float, row_mm: float | None = None
) -> Layout:
    gap = _GAP_MM if row_mm is None else min(_GAP_MM, row_mm * 0.15)
    pad = _PAD_MM if row_mm is None else 0.4
    tallest = None if row_mm is None else row_mm - gap - pad
    columns = range(len(grid.kinds))
    width = min(_WIDEST_MM, (sheet.FULL_MM - _NAMES_MM - 1 + _BETWEEN_MM) / len(columns) - _BETWEEN_MM)
    heads = [f"{i + 1} {names.stage(grid.kinds[i], lang)}" for i in columns]
    heads = [sheet.fit(head, width + _BETWEEN_MM - 1, weight="semibold", lines=3) for head in heads]
    head = max(sheet.height_of(text) for text in heads) + 2.2
    spoken = {
        arm: sheet.fit(
            names.arm(arm_names, arm),
            _NAMES_MM - 6.5,
            weight="semibold",
            lines=99 if row_mm is None else max(1, int(row_mm // sheet.height_of(""))),
        )
        for arm in grid.cells
    }
    words = {
        arm: {
            column: _words(
                (grid.kinds[column], text),
                width,
                lang=lang,
                size=size,
                tallest=None if grid.shared(column) else tallest,
            )
            for column, text in cells.items()
        }
        for arm, cells in grid.cells.items()
    }
    rows, y = {}, head + _PAD_MM
    for arm, cells in words.items():
        own = [cell.height + pad for column, cell in cells.items() if not grid.shared(column)]
        height = max([_LEAST_MM, sheet.height_of(spoken[arm]) + 0.6, *own]) if row_mm is None else row_mm - gap
        rows[arm] = (y, height)
        y += height + gap
    tall = [
        cells[column].height + _SHARED_FOOT_MM for cells in words.values() for column in cells if grid.shared(column)
    ]
    bottom = max([y - gap + 0.6, *(head + _PAD_MM + height for height in tall)])
    lefts = [_NAMES_MM + i * (width + _BETWEEN_MM) for i in columns]
    return Layout(lefts, width, heads, head, rows, spoken, words, bottom)


def _words(stage: tuple[str, str], width: float, *, lang: Language, size: float, tallest: float | None) -> Words:
    """`chest` in semibold, `random 75 %, 30 epochs` below; the kind's title where nothing is said of the stage."""
    kind, text = stage
    said = names.stage_text(text, lang)
    ends = [said.index(sign) for sign in (", ", ": ") if sign in said]
    end = min(ends, default=len(said))
    return wrapped(said[:end] or names.stage(kind, lang), said[end + 2 :], width, size=size, tallest=tallest)


def _draw_heads(paper: Axes, layout: Layout) -> None:
    for left, head in zip(layout.lefts, layout.heads, strict=True):
        middle = left + layout.width / 2
        sheet.write(paper, middle, layout.head / 2, head, weight="semibold", ha="center")
    paper.plot([0, sheet.FULL_MM], [layout.head + 0.4] * 2, color="#bbbbbb", lw=0.6)


def _draw_chain(paper: Axes, grid: Grid, layout: Layout, arm: str, reference: str) -> None:
    """One row: its boxes and the arrows between them."""
    top, height = layout.rows[arm]
    y = top + height / 2
    cells = grid.cells[arm]
    columns = sorted(cells)
    for column in columns:
        if grid.shared(column):
            continue
        differs = cells[column] != grid.cells.get(reference, {}).get(column)
        box = Box(layout.lefts[column], top, layout.width, height)
        draw_box(paper, box, edge="#111111" if differs else "#999999", line=1.3 if differs else 0.7)
        write_words(paper, box, layout.words[arm][column])
    if columns and columns[0] > 0 and len(grid.cells) > 1:
        arrow_across(paper, _NAMES_MM - 1.0, layout.lefts[columns[0]], y, dashed=True)
    for before, after in itertools.pairwise(columns):
        if not (grid.shared(before) and grid.shared(after)):
            start = layout.lefts[before] + layout.width
            arrow_across(paper, start, layout.lefts[after], y, dashed=after - before > 1)


def _draw_shared(paper: Axes, grid: Grid, layout: Layout, lang: Language) -> None:
    """Stages that all arms have, each one tall grey box."""
    top = layout.head + _PAD_MM
    shared = [column for column in range(len(grid.kinds)) if grid.shared(column)]
    for column in shared:
        box = Box(layout.lefts[column], top, layout.width, layout.bottom - 0.6 - top)
        draw_box(paper, box, fill="#f2f2f2", edge="#999999")
        write_words(paper, box._replace(height=box.height - 3.0), next(iter(layout.words.values()))[column])
        below = box.middle[0], box.bottom - 2.4
        sheet.note(paper, *below, say("same for all", lang), size=6.4, weight="semibold", ha="center")
        if column - 1 in shared:
            start = layout.lefts[column - 1] + layout.width
            arrow_across(paper, start, layout.lefts[column], box.middle[1])
