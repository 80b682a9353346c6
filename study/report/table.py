"""A table as data: the page, the LaTeX file and the terminal print the same one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from study.report.terms import Text, same

Kind = Literal["number", "word", "code"]
State = Literal["", "ok", "part", "no"]


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: what is printed; `strong` comes before it in bold.
        value: unrounded, for sorting; None sorts as text.
        dagger: a † behind the text; `room` keeps its width free where there is none.
        detail: a second line in small print.
        kind: numbers stand right, words left, code in a fixed width.
        state: a mark before the text: done, partly, not done.
    """

    text: Text
    strong: str = ""
    value: float | None = None
    dagger: bool = False
    room: bool = False
    kind: Kind = "number"
    state: State = ""
    detail: Text = field(default=same(""))

    @property
    def plain(self) -> Text:
        """Text with its bold part and dagger, for outputs without a style."""
        return same(self.strong) + self.text + same("†" if self.dagger else "")


@dataclass(frozen=True)
class Head:
    """A head cell over `span` columns, aligned like its column."""

    text: Text
    kind: Kind = "number"
    span: int = 1


@dataclass(frozen=True)
class Mark:
    """The mark of an arm: a character and its colour."""

    character: str
    colour: str


@dataclass(frozen=True)
class Line:
    """One row: its head, the mark of its arm if it is one, its cells, and a second line under its head."""

    head: Text
    cells: tuple[Cell, ...]
    mark: Mark | None = None
    code: bool = False
    detail: Text = field(default=same(""))


@dataclass(frozen=True)
class Group:
    """Rows under one label (a model, a contrast); sorting stays inside."""

    label: Text | None
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """Caption above, three rules, groups of rows, notes below.

    Attributes:
        key: unique in the report, in letters and hyphens.
        spans: an upper row of heads over several columns; empty without one.
        heads: one per column, the first over the rows' heads.
        print_lines: how many rows fit in print; the page shows all.
    """

    key: str
    caption: Text
    heads: tuple[Head, ...]
    groups: tuple[Group, ...]
    notes: tuple[Text, ...] = ()
    spans: tuple[Head, ...] = ()
    sortable: bool = True
    compact: bool = False
    print_lines: int | None = None
    rest: str = field(default="contrasts.csv")

    @property
    def n_lines(self) -> int:
        """Rows without the labels of groups."""
        return sum(len(group.lines) for group in self.groups)

    def first(self, count: int) -> tuple[Group, ...]:
        """The first `count` rows, in their groups."""
        left, kept = count, []
        for group in self.groups:
            if left <= 0:
                break
            kept.append(Group(group.label, group.lines[:left]))
            left -= len(group.lines)
        return tuple(kept)


def word(text: Text | str) -> Cell:
    """A cell of words."""
    return Cell(same(text) if isinstance(text, str) else text, kind="word")


def number(text: Text | str, value: float | None = None) -> Cell:
    """A cell of one number or interval, sorted by its unrounded value."""
    return Cell(same(text) if isinstance(text, str) else text, value=value)


def word_head(text: Text) -> Head:
    """A head over a column of words."""
    return Head(text, kind="word")
