"""Floats with care: what counts as zero, and how a number that does not exist is written."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SIGNIFICANT_DIGITS = 12
"""`exactly equal` means equal after rounding to this many digits of the metric's scale."""


def rounded(values: Floats, scale: float | None = None) -> Floats:
    """`values` rounded to 12 significant digits of `scale`, so that .55 - .50 equals .66 - .61.

    Args:
        values: any shape, any unit.
        scale: largest magnitude of the metric's values; taken from `values` where None.

    Returns:
        Same shape; NaN stays NaN.
    """
    finite = np.abs(values[np.isfinite(values)])
    largest = scale if scale is not None else float(finite.max(initial=0.0))
    if largest == 0 or not np.isfinite(largest):
        return values.copy()
    decimals = SIGNIFICANT_DIGITS - 1 - int(np.floor(np.log10(largest)))
    return np.round(values, decimals) + 0.0  # + 0.0: no negative zero


def magnitude(*arrays: Floats) -> float:
    """The largest absolute finite value of all arrays, 0 where there is none."""
    return max((float(np.abs(array[np.isfinite(array)]).max(initial=0.0)) for array in arrays), default=0.0)


def number(value: float | np.floating | None) -> float | None:
    """`value` as a plain float, None where it is NaN or infinite: findings never hold NaN."""
    if value is None or not np.isfinite(value):
        return None
    return float(value)
