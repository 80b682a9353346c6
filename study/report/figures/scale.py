"""Axes that say their numbers as the report does: few ticks, signs on differences, U+2212."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from study.report import numbers
from study.report.figures import sheet

_OVERHANG_MM = 1.7


def span(values: Iterable[float | None], *, pad: float = 0.06) -> tuple[float, float]:
    """Lowest and highest of the finite values, a little apart from them; (-1, 1) without any."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return -1.0, 1.0
    low, high = min(finite), max(finite)
    room = (high - low) * pad or abs(high) * pad or 1e-3
    return low - room, high + room


def around_zero(values: Iterable[float | None], *, share: float = 0.22) -> tuple[float, float]:
    """Like `span` with 0 inside, at least `share` of the whole away from either end."""
    low, high = span([0.0, *values])
    low, high = min(low, 0.0), max(high, 0.0)
    room = share / (1 - share)
    return min(low, -high * room), max(high, -low * room)


def ticks(
    axis: Axis,
    limits: tuple[float, float],
    *,
    n: int = 5,
    signed: bool = False,
    scale: float = 1.0,
    room: float | None = None,
) -> None:
    """At most n + 1 round ticks inside the limits, written in the metric's unit.

    Args:
        axis: to be marked; its limits stay as they are.
        limits: in the unit of the records, either order.
        n: of intervals, at most.
        signed: for differences: `+0.02`, `−0.02` and a plain `0`.
        scale: 100 for metrics shown in percent.
        room: length of a horizontal axis in millimetres: ticks whose labels would touch are thinned.
    """
    low, high = (end * scale for end in sorted(limits))
    for bins in range(n, 0, -1):
        places, labels = _marked(low, high, bins, signed=signed)
        if room is None or _apart(places, labels, room / (high - low)):
            break
    if room is not None:
        labels = _inside(places, labels, (low, high), room)
    axis.set_ticks([place / scale for place in places], labels)


def _marked(low: float, high: float, n: int, *, signed: bool) -> tuple[list[float], list[str]]:
    """Round places inside the limits, and how they are written."""
    tolerance = 1e-9 * (high - low)
    every = MaxNLocator(nbins=n, steps=[1, 2, 4, 5, 10]).tick_values(low, high)
    places = [float(place) for place in every if low - tolerance <= place <= high + tolerance]
    step = min((b - a for a, b in itertools.pairwise(places)), default=1.0)
    return places, [_label(place, _digits(step), signed=signed) for place in places]


def _apart(places: list[float], labels: list[str], mm_per_unit: float) -> bool:
    """Whether neighbouring labels leave a gap between them."""
    widths = [sheet.width_of(label) for label in labels]
    return all(
        (places[i + 1] - places[i]) * mm_per_unit > (widths[i] + widths[i + 1]) / 2 + 1.2
        for i in range(len(places) - 1)
    )


def _inside(places: list[float], labels: list[str], limits: tuple[float, float], room: float) -> list[str]:
    """No label where it would reach further out of the axis than neighbouring panels are apart."""
    low, high = limits
    ends = [min(place - low, high - place) * room / (high - low) for place in places]
    return [
        label if sheet.width_of(label) / 2 - end <= _OVERHANG_MM else ""
        for label, end in zip(labels, ends, strict=True)
    ]


def _digits(step: float) -> int:
    """Decimals that tell neighbouring ticks apart."""
    for digits in range(7):
        if abs(round(step, digits) - step) < 1e-9 * max(1.0, abs(step)):
            return digits
    return 6


def _label(place: float, digits: int, *, signed: bool) -> str:
    if signed and abs(place) < 1e-12:
        return "0"
    return numbers.fixed(place, digits, signed=signed)
