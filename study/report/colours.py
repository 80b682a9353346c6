"""Colours, marks and line patterns: one per arm in all figures and tables.

Taken from the Okabe-Ito set and ordered so that the first four differ by at least 11 L*:
distinct for colour-blind readers and in grey. Colour is never the only difference, verdicts
are told by fill, models by the shape and fill of a mark, and red and green mean nothing.
Nothing here needs matplotlib: tables and styles read it too.

Reference: Okabe and Ito, Color Universal Design, 2008.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Dash = str | tuple[float, tuple[float, ...]]

TEXT = "#1d1d1d"
SECONDARY = "#5a5a5a"
ACCENT = "#0b4a78"
INK = "#222222"
"""Bars, outlines and marks that belong to no arm."""
HAIRLINE = "#dddddd"
BAND = "#ececec"
"""The margin, behind everything."""
MODELS_ONLY = "#9a9a9a"
"""Intervals that hold for these trained models only."""
FAINT = "#8a8a8a"

VERDICT_FILL: Mapping[str, str] = {"black": "#111111", "grey": "#8a8a8a", "white": "#ffffff"}

PALETTE = ("#222222", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7")
_DASHES: tuple[Dash, ...] = ("-", (0.0, (5.0, 1.5)), (0.0, (1.2, 1.2)), (0.0, (5.0, 1.2, 1.2, 1.2)))
_MARKS = (("●", "o"), ("■", "s"), ("▲", "^"), ("◆", "D"), ("▼", "v"), ("×", "X"))
_OPEN_MARKS = (("○", "o"), ("□", "s"), ("△", "^"), ("◇", "D"), ("▽", "v"), ("+", "P"))


@dataclass(frozen=True)
class ArmStyle:
    """How an arm looks wherever it appears.

    Attributes:
        colour: hexadecimal.
        mark_text: the mark as a character of the report's font.
        marker: the same mark for matplotlib.
        dash: line style for matplotlib.
        filled: False for the marks of arms 7 to 12, which repeat the colours.
    """

    colour: str
    mark_text: str
    marker: str
    dash: Dash
    filled: bool = True

    @property
    def face(self) -> str:
        """Fill of the mark: the arm's colour, or white for open marks."""
        return self.colour if self.filled else "#ffffff"


@dataclass(frozen=True)
class ModelStyle:
    """How a model is marked where arms are not: shape and fill, never colour."""

    marker: str
    filled: bool

    @property
    def face(self) -> str:
        """Fill of the mark: ink, or white for open marks."""
        return INK if self.filled else "#ffffff"


_MODELS = (ModelStyle("s", True), ModelStyle("o", False), ModelStyle("D", True), ModelStyle("^", False))


def style(index: int) -> ArmStyle:
    """Style of the arm at this place of the protocol, counted from 0.

    The first six are filled, the next six open with the same colours; from the thirteenth on
    marks come back with other colours, so that no two of 72 arms look alike.
    """
    turn, place = divmod(index, 12)
    marks = _MARKS if place < 6 else _OPEN_MARKS
    mark_text, marker = marks[place % 6]
    colour = PALETTE[(place + turn) % 6]
    return ArmStyle(colour, mark_text, marker, _DASHES[index % 4], filled=place < 6)


def model_style(index: int) -> ModelStyle:
    """Style of the model at this place of the protocol, counted from 0; repeats after four."""
    return _MODELS[index % len(_MODELS)]
