"""The tables of `study power`: seeds down, images across, chances as whole percent, differences in metric units."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator

from study.conclude.power import Planned
from study.statistics.power import Cell, Chances
from study.statistics.spreads import MOST_SIMULATED, STUDIES

WIDTH = 80
"""Columns of a terminal."""
UNLIMITED = "∞"
AXES = "(retraining and new images; down: seeds, one run of each arm; across: images)"
"""What chance means in a grid of chances, and what its rows and columns are."""
Value = Callable[[Cell], str]


def tables(planned: Planned) -> Iterator[str]:
    """Every table of the page."""
    question = planned.question
    if question.delta is not None:
        yield _table(
            planned,
            f"Chance in percent to find a true difference of {question.delta:g}, alpha {question.alpha:g}",
            lambda side: _percent(side.power),
        )
    digits = _decimals(planned)
    yield _table(
        planned,
        f"Smallest true difference found in 4 of 5 studies, metric units, alpha {question.alpha:g}",
        lambda side: _fixed(side.smallest, digits),
    )
    if question.delta is not None and question.m > 1:
        yield _table(
            planned,
            f"Chance in percent at the strictest step of {planned.asked.adjustment} (m = {planned.asked.m}), "
            f"{strictest(planned)}",
            lambda side: _percent(side.power_adjusted),
        )
    if question.margin is not None:
        yield _table(
            planned,
            f"Chance in percent to show that equal arms differ by less than {question.margin:g} (equivalence)",
            lambda side: _percent(side.equivalent),
        )
    yield _costs(planned)


MOST_DECIMALS = 6


def _decimals(planned: Planned) -> int:
    """Decimals with which the smallest number of a design that can be bought has two significant digits."""
    least = min(cell.expected.smallest for cell in planned.cells if finite(cell))
    return max(1 - math.floor(math.log10(least)), 0) if least > 0 else 3


def _fixed(value: float, digits: int) -> str:
    """Fixed decimals, unless they would be too many or all 0."""
    text = f"{value:.{digits}f}"
    return text if digits <= MOST_DECIMALS and float(text) else number(value)


def _costs(planned: Planned) -> str:
    """Hours of every design, or where none was timed the runs, which images do not change."""
    runs = {cell.seeds: cell.runs for cell in planned.cells if finite(cell)}
    words = ", ".join(f"{_mark(s, planned.start[0])} seeds {n:.0f}" for s, n in runs.items())
    lines = textwrap.wrap(f"Runs of the whole study: {words}", WIDTH)
    if planned.now.hours is not None:
        most = max(cell.hours or 0.0 for cell in planned.cells)
        unit, factor = ("Hours", 1) if most >= 1 else ("Minutes", 60)
        lines += ["", f"{unit} of the whole study, one stage at a time, as fast as the pilot"]
        lines += _matrix(planned, lambda cell: _short(factor * (cell.hours or 0.0)), unlimited=False)
    return "\n".join(lines)


def _table(planned: Planned, title: str, text: Callable[[Chances], str]) -> str:
    """One quantity under the expected luck of runs and, where a pilot tells it, under its upper limit."""
    head = [*textwrap.wrap(title, WIDTH), AXES]
    expected = _matrix(planned, lambda cell: text(cell.expected))
    if planned.question.upper is None:
        return "\n".join([*head, *expected])
    upper = _matrix(planned, lambda cell: text(cell.upper) if cell.upper else "")
    heads = "luck of runs as estimated", "at its upper 80% limit"
    width = max(len(line) for line in [*expected, heads[0]])
    if width + 3 + max(len(line) for line in [*upper, heads[1]]) <= WIDTH:
        rows = zip((heads[0], *expected), (heads[1], *upper), strict=True)
        body = [f"{left:<{width}}   {right}".rstrip() for left, right in rows]
    else:
        body = [heads[0], *expected, heads[1], *upper]
    return "\n".join([*head, *body])


def _matrix(planned: Planned, value: Value, *, unlimited: bool = True) -> list[str]:
    """Seeds down, images across; the protocol's own design is starred."""
    cells = {(cell.seeds, cell.images): cell for cell in planned.cells if unlimited or finite(cell)}
    images = sorted({n for _, n in cells})
    own = planned.start[1] if planned.images_known else None
    rows = [["seeds", *(_mark(n, own) for n in images)]]
    for s in sorted({s for s, _ in cells}):
        row = [value(cells[s, n]) if (s, n) in cells else "" for n in images]
        rows.append([_mark(s, planned.start[0]), *row])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [" ".join(f"{text:>{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def strictest(planned: Planned) -> str:
    """The level that the smallest p of the family must beat."""
    question = planned.question
    return f"alpha / {question.m:.3g} = {question.alpha / question.m:.3g}"


def key(planned: Planned) -> str:
    """What stars, the unlimited axis and simulation mean."""
    own = "seeds and images" if planned.images_known else "seeds"
    whose = "the finished study's" if planned.source.own else "the protocol's own"
    lines = [f"*  {whose} {own}; {UNLIMITED}  any number: what no more of this axis can change"]
    if not planned.images_known:
        lines.append("The protocol does not say how many test images it has; --images chooses the columns.")
    simulated = [cell for cell in planned.cells if cell.simulated]
    if simulated:
        sides = [side for cell in simulated for side in (cell.expected, cell.upper) if side]
        error = 100 * max(max(side.error, side.error_adjusted, side.error_equivalent) for side in sides)
        lines.append(
            f"Up to {MOST_SIMULATED} seeds: {STUDIES:,} simulated studies each"
            + (f", binomial error of a chance at most {error:.1f} points" if error else "")
            + "; more seeds: closed form."
        )
    if any(cell.seeds < 4 for cell in simulated):
        lines[-1] += (
            " With 2 or 3 seeds more images may lower a chance a little: the test then rests on the spread of very few "
            "runs."
        )
    return "\n".join(line for text in lines for line in textwrap.wrap(text, WIDTH))


def finite(cell: Cell) -> bool:
    """Whether a design can be bought."""
    return math.isfinite(cell.seeds) and math.isfinite(cell.images)


def _mark(size: float, own: float | None) -> str:
    return ("*" if size == own else "") + (UNLIMITED if math.isinf(size) else f"{size:.0f}")


def size(seeds: float, images: float) -> str:
    """A design in words."""
    return f"{seeds:.0f} seeds x {images:.0f} images"


def number(value: float) -> str:
    """Three significant digits."""
    return f"{value:#.3g}" if value else "0"


def _percent(share: float | None) -> str:
    """Whole percent, never 100: no number of seeds and images makes sure."""
    if share is None:
        return ""
    if 0 < share < 0.005:
        return "<1"
    return ">99" if share >= 0.995 else f"{100 * share:.0f}"


def duration(hours: float | None) -> str:
    """A duration; nothing where it is not known."""
    if hours is None:
        return ""
    if hours < 1:
        return f"{hours * 60:.0f} min" if hours * 60 >= 2 else f"{hours * 3600:.0f} s"
    return f"{hours:,.0f} h" if hours >= 100 else f"{hours:.3g} h"


def paid(hours: float | None) -> str:
    """A duration in brackets."""
    return f" ({duration(hours)})" if hours is not None else ""


def cost(cell: Cell) -> str:
    """Runs, and hours where known."""
    runs = f"{cell.runs:.0f} runs"
    return f"{runs}, {duration(cell.hours)}" if cell.hours is not None else runs


def _short(time: float) -> str:
    return f"{time:,.0f}" if time >= 10 else f"{time:.1f}" if time >= 1 else f"{time:.2g}"
