"""Boxes and arrows for diagrams, in millimetres on the paper."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Polygon

from study.report.figures import sheet

_LINE = "#333333"
_HEAD_MM = 1.5
_LARGER = 0.7
"""By how much a title is larger than the lines below it."""
_EVERY = 10_000
"""More lines than a text ever has."""


class Box(NamedTuple):
    """A rectangle, from its upper left corner."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.top + self.height

    @property
    def middle(self) -> tuple[float, float]:
        """Centre."""
        return self.left + self.width / 2, self.top + self.height / 2


def draw_box(paper: Axes, box: Box, *, fill: str = "#ffffff", edge: str = "#555555", line: float = 0.7) -> Axes:
    """A rectangle with slightly rounded corners."""
    shape = f"round,pad=0,rounding_size={min(1.0, box.height / 3)}"
    place = (box.left, box.top), box.width, box.height
    paper.add_patch(FancyBboxPatch(*place, boxstyle=shape, facecolor=fill, edgecolor=edge, linewidth=line))
    return paper


class Words(NamedTuple):
    """What stands in a box: a semibold title and smaller lines below it, wrapped, nothing cut."""

    title: str
    below: str
    size: float

    @property
    def height(self) -> float:
        """Of both, in millimetres."""
        return sheet.height_of(self.title, self.size + _LARGER) + self._lower

    @property
    def _lower(self) -> float:
        return sheet.height_of(self.below, self.size) if self.below else 0.0


def wrapped(title: str, below: str, width: float, *, size: float = 6.5, tallest: float | None = None) -> Words:
    """The words on as many lines as they need in a box of this width, text at this size.

    With `tallest`, in millimetres, only as many as that height holds, but a line of each at least.
    """
    room, lines = width - 2.4, _EVERY if tallest is None else int(tallest // sheet.height_of("", size + _LARGER))
    upper = sheet.fit(title, room, size=size + _LARGER, weight="semibold", lines=max(1, lines - 1 if below else lines))
    lower = sheet.fit(below, room, size=size, lines=max(1, lines - upper.count("\n") - 1))
    return Words(upper, lower, size)


def write_words(paper: Axes, box: Box, words: Words) -> Axes:
    """Wrapped words, centred in the box as one block."""
    x, y = box.middle
    size = words.size + _LARGER
    upper = sheet.height_of(words.title, size)
    y -= words.height / 2
    sheet.write(paper, x, y + upper / 2, words.title, size=size, weight="semibold", ha="center")
    if words.below:
        middle = y + upper + (words.height - upper) / 2
        sheet.note(paper, x, middle, words.below, size=words.size, ha="center", colour="#444444")
    return paper


def label_box(paper: Axes, box: Box, title: str, below: str = "", *, lines: int = 2) -> Axes:
    """A semibold line and smaller ones below it, centred in the box as one block."""
    room = box.width - 2.4
    title = sheet.fit(title, room, size=7.2, weight="semibold", lines=2)
    upper = sheet.height_of(title, 7.2)
    left = int((box.height - 0.4 - upper) // sheet.height_of("", 6.5))
    below = sheet.fit(below, room, size=6.5, lines=min(lines, left)) if left > 0 else ""
    lower = sheet.height_of(below, 6.5) if below else 0.0
    x, y = box.middle
    y -= (upper + lower) / 2
    sheet.write(paper, x, y + upper / 2, title, size=7.2, weight="semibold", ha="center")
    if below:
        sheet.note(paper, x, y + upper + lower / 2, below, size=6.5, ha="center", colour="#444444")
    return paper


def arrow_across(paper: Axes, x0: float, x1: float, y: float, *, dashed: bool = False) -> Axes:
    """A horizontal arrow to the right."""
    style = (0.0, (2.0, 2.0)) if dashed else "-"
    paper.plot([x0, x1 - _HEAD_MM * 0.7], [y, y], color=_LINE, lw=0.8, ls=style)
    return _head(paper, (x1, y), (x1 - _HEAD_MM, y - 0.8), (x1 - _HEAD_MM, y + 0.8))


def arrow_down(paper: Axes, x: float, y0: float, y1: float) -> Axes:
    """A vertical arrow downwards."""
    paper.plot([x, x], [y0, y1 - _HEAD_MM * 0.7], color=_LINE, lw=0.8)
    return _head(paper, (x, y1), (x - 0.8, y1 - _HEAD_MM), (x + 0.8, y1 - _HEAD_MM))


def _head(paper: Axes, *corners: tuple[float, float]) -> Axes:
    paper.add_patch(Polygon(corners, closed=True, facecolor=_LINE, edgecolor="none"))
    return paper
