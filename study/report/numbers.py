"""How numbers are written: one function per kind of number, used as Jinja filters.

Decisions are made on unrounded values elsewhere; formatting comes last. Differences carry
their sign with U+2212, a value that rounds to zero loses it, and a bound that would round
onto a threshold gets more digits, so that no printed number contradicts a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

MINUS = "−"
MISSING = "–"
Unit = Literal["fraction", "percent"]

_SCALE: dict[str, tuple[float, int]] = {"fraction": (1.0, 3), "percent": (100.0, 1)}
_MOST_DIGITS = 6


def fixed(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """`0.488`, or `+0.044` / `−0.004` when signed; `–` when undefined."""
    if value is None:
        return MISSING
    text = f"{abs(value):,.{digits}f}"
    if not float(text.replace(",", "")):
        return text
    sign = MINUS if value < 0 else "+" if signed else ""
    return sign + text


def level(value: float | None, unit: Unit = "fraction") -> str:
    """A metric's value: three decimals, or times 100 with one decimal for `percent`."""
    scale, digits = _SCALE[unit]
    return fixed(None if value is None else value * scale, digits)


def difference(value: float | None, unit: Unit = "fraction") -> str:
    """A signed difference in the metric's unit."""
    scale, digits = _SCALE[unit]
    return fixed(None if value is None else value * scale, digits, signed=True)


def bound(value: float | None, unit: Unit = "fraction", *, thresholds: Iterable[float] = (0.0,)) -> str:
    """A signed limit of an interval, with more digits where it would round onto a threshold."""
    if value is None:
        return MISSING
    scale, digits = _SCALE[unit]
    near = [threshold * scale for threshold in thresholds if threshold != value]
    value *= scale
    while digits < _MOST_DIGITS and any(round(value, digits) == round(threshold, digits) for threshold in near):
        digits += 1
    return fixed(value, digits, signed=True)


def probability(value: float | None) -> str:
    """`0.930`, with more digits where it would round to 0 or 1."""
    return bound(value, thresholds=(0.0, 1.0)).removeprefix("+")


def limits(margin: float | None) -> tuple[float, ...]:
    """The thresholds that decide a verdict: zero, and the margin on both sides."""
    return (0.0,) if margin is None else (0.0, margin, -margin)


def plain(value: float | None) -> str:
    """A number as its author wrote it (a margin, a level): no padding, no rounding."""
    return MISSING if value is None else f"{value:.10g}".replace("-", MINUS)


def margin(value: float | None, unit: Unit = "fraction") -> str:
    """A margin in the metric's unit, as its author wrote it: `0.02`, or `2` for percent."""
    return plain(None if value is None else value * _SCALE[unit][0])


def p_value(value: float | None, *, alpha: float = 0.05) -> str:
    """`0.357` or `< 0.001`; never `0.000`, and never rounded onto the level."""
    if value is None:
        return MISSING
    if value < 0.001:
        return "< 0.001"
    digits = 3
    while digits < _MOST_DIGITS and value != alpha and round(value, digits) == alpha:
        digits += 1
    return f"{value:.{digits}f}"


def p_relation(value: float | None, *, alpha: float = 0.05) -> str:
    """`= 0.357` or `< 0.001`, for use behind the letter p."""
    text = p_value(value, alpha=alpha)
    return text if text.startswith("<") else f"= {text}"


def count(value: int | None) -> str:
    """A count in full, thousands with a comma."""
    return MISSING if value is None else f"{value:,}"


def share(value: float | None) -> str:
    """A share as whole percent."""
    return MISSING if value is None else f"{value * 100:.0f}%"


def seconds(value: float) -> str:
    """A duration for people: `42 s`, `12 min`, `4.1 h`."""
    if value < 90:
        return f"{value:.0f} s"
    if value < 5400:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:,.1f} h"
