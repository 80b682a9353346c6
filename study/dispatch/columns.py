"""Text in columns and lines of a terminal, where a Hangul syllable is two columns wide."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

GAP, INDENT = "  ", "  "
LEAST = 12
"""No name is cut to fewer columns."""


def aligned(rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """One line per row, each column as wide as its widest cell; the first is cut where the lines would be too long.

    Args:
        rows: of equal length.
        width: columns of the terminal; None for any.
    """
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    if width is not None:
        others = len(INDENT) + sum(len(GAP) + each for each in widths[1:])
        widths[0] = min(widths[0], max(LEAST, width - others))
    return [INDENT + GAP.join(map(fitted, row, widths)).rstrip() for row in rows]


def breadth(rows: Sequence[Sequence[str]]) -> int:
    """Columns that `aligned` needs when nothing is cut."""
    return max(map(cell_len, aligned(rows)))


def fitted(text: str, size: int) -> str:
    """The text in exactly `size` columns, cut with an ellipsis or filled with blanks."""
    return set_cell_size(text, size) if cell_len(text) <= size else f"{set_cell_size(text, size - 1)}…"


def wrapped(parts: Sequence[str], width: int | None, *, separator: str = " · ") -> list[str]:
    """The parts in as few lines as fit into `width` columns; one line without a width. No part is broken."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{separator}{part}" if lines else part
        if lines and width is not None and cell_len(longer) > width:
            lines.append(part)
        else:
            lines[-1:] = [longer]
    return lines
