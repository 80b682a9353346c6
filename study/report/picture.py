"""A figure of the report with the sentence under it."""

from __future__ import annotations

from dataclasses import dataclass

from study.report.terms import Text


@dataclass(frozen=True)
class Picture:
    """A figure with its caption; `svg` is one element, text as text.

    `beside` are more of its kind in the same row, which has room for `across` of them.
    """

    key: str
    svg: str
    caption: Text
    beside: tuple[str, ...] = ()
    across: int = 1

    @property
    def panels(self) -> tuple[str, ...]:
        """All its elements, from left to right."""
        return (self.svg, *self.beside)


def one(key: str, svg: str | None, caption: Text) -> tuple[Picture, ...]:
    """The figure, or nothing where there is nothing to draw."""
    return () if svg is None else (Picture(key, svg, caption),)
