"""The arms as chains of stages: what differs from the reference, and what all share."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from matplotlib.axes import Axes

from study.records import ArmChain
from study.registry import TRAININGS
from study.report.colours import style
from study.report.figures import names, sheet
from study.report.figures.boxes import Box, arrow_across, draw_box, label_box
from study.report.figures.key import draw_mark

_NAMES_MM, _HEAD_MM, _ROW_MM, _GAP_MM = 38.0, 8.0, 16.6, 3.2
_TWO_LINES_MM = 12.5
_BETWEEN_MM = 6.0
_WIDEST_MM = 40.0


@dataclass(frozen=True)
class Grid:
    """Chains laid out: `cells[arm]` maps a column to the short text of the stage there."""

    kinds: tuple[str, ...]
    cells: Mapping[str, Mapping[int, str]]

    def shared(self, column: int) -> bool:
        """Whether every arm has the same stage here, and there is more than one arm."""
        texts = {cells.get(column) for cells in self.cells.values()}
        return len(self.cells) > 1 and len(texts) == 1 and None not in texts


def design_chains(chains: Sequence[ArmChain], reference: str, arm_names: Mapping[str, str]) -> str | None:
    """Rows are arms, columns stages; a heavy outline is what differs from the reference.

    A dashed arrow skips a stage that other arms have; a stage that all arms share is one grey box.

    Args:
        chains: in the protocol's order.
        reference: label of the arm that the others are compared with.
        arm_names: label -> name for people.

    Returns:
        An SVG 180 mm wide, or None without arms.
    """
    if not chains:
        return None
    grid = _grid(chains)
    row_mm = min(_ROW_MM, (sheet.TALLEST_MM - _HEAD_MM) / len(chains))
    with sheet.style():
        figure, paper = sheet.page(sheet.FULL_MM, _HEAD_MM + len(chains) * row_mm)
        width = min(_WIDEST_MM, (sheet.FULL_MM - _NAMES_MM - 1 + _BETWEEN_MM) / len(grid.kinds) - _BETWEEN_MM)
        lefts = [_NAMES_MM + i * (width + _BETWEEN_MM) for i in range(len(grid.kinds))]
        _draw_heads(paper, grid, lefts, width)
        for i, chain in enumerate(chains):
            y = _HEAD_MM + (i + 0.5) * row_mm
            draw_mark(paper, 2.0, y, style(i), size=6.0)
            name = sheet.fit(names.arm(arm_names, chain.arm), _NAMES_MM - 6.5, weight="semibold", lines=2)
            sheet.write(paper, 4.8, y, name, weight="semibold")
            _draw_chain(
                paper,
                grid,
                chain.arm,
                reference,
                lefts=lefts,
                row=Box(0.0, y - (row_mm - _GAP_MM) / 2, width, row_mm - _GAP_MM),
            )
        _draw_shared(paper, grid, lefts, width=width, height=len(chains) * row_mm)
        return sheet.svg(figure, "design", "Arms as chains of training stages")


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


def _title(kind: str) -> str:
    return TRAININGS[kind].title if kind in TRAININGS else kind


def _draw_heads(paper: Axes, grid: Grid, lefts: Sequence[float], width: float) -> None:
    for i, (left, kind) in enumerate(zip(lefts, grid.kinds, strict=True)):
        head = sheet.fit(f"{i + 1} {_title(kind)}", width + _BETWEEN_MM - 1, weight="semibold", lines=1)
        sheet.write(paper, left + width / 2, 2.6, head, weight="semibold", ha="center")
    paper.plot([0, sheet.FULL_MM], [5.4, 5.4], color="#bbbbbb", lw=0.6)


def _draw_chain(paper: Axes, grid: Grid, arm: str, reference: str, *, lefts: Sequence[float], row: Box) -> None:
    """One row: its boxes, each as large as `row` and as high on the paper, and arrows between them."""
    y, width = row.middle[1], row.width
    cells = grid.cells[arm]
    columns = sorted(cells)
    for column in columns:
        if grid.shared(column):
            continue
        differs = cells[column] != grid.cells.get(reference, {}).get(column)
        box = row._replace(left=lefts[column])
        draw_box(paper, box, edge="#111111" if differs else "#999999", line=1.3 if differs else 0.7)
        label_box(paper, box, _title(grid.kinds[column]), cells[column], lines=2 if row.height > _TWO_LINES_MM else 1)
    if columns and columns[0] > 0 and len(grid.cells) > 1:
        arrow_across(paper, _NAMES_MM - 1.0, lefts[columns[0]], y, dashed=True)
    for before, after in itertools.pairwise(columns):
        if not (grid.shared(before) and grid.shared(after)):
            arrow_across(paper, lefts[before] + width, lefts[after], y, dashed=after - before > 1)


def _draw_shared(paper: Axes, grid: Grid, lefts: Sequence[float], *, width: float, height: float) -> None:
    """Stages that all arms have, each one tall grey box."""
    shared = [column for column in range(len(grid.kinds)) if grid.shared(column)]
    for column in shared:
        box = Box(lefts[column], _HEAD_MM, width, height - 1.5)
        draw_box(paper, box, fill="#f2f2f2", edge="#999999")
        text = next(iter(grid.cells.values()))[column]
        label_box(paper, box, _title(grid.kinds[column]), text, lines=4)
        sheet.note(paper, box.middle[0], box.bottom - 3, "same for all", size=6.4, weight="semibold", ha="center")
        if column - 1 in shared:
            arrow_across(paper, lefts[column - 1] + width, lefts[column], box.middle[1])
