"""Adjusted p-values over families that the protocol declared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from statsmodels.stats.multitest import multipletests

METHODS = {
    "holm": "holm",
    "bh": "fdr_bh",
    "by": "fdr_by",
    "hochberg": "simes-hochberg",
    "hommel": "hommel",
    "bonferroni": "bonferroni",
}
"""Our names of the corrections, and statsmodels' names."""


def adjust(p_values: Sequence[float | None], method: str = "holm") -> list[float | None]:
    """Adjusted p in the order given; m counts every declared test.

    A test that could not be computed keeps its place in m and gets None back: in a step-wise
    procedure it is the last one, so it is put in as p = 1. (Libraries treat NaN each in its own way.)

    Args:
        p_values: raw p, None where the test could not be computed.
        method: one of `METHODS`.

    Returns:
        Adjusted p, capped at 1, monotone in the raw p.
    """
    if not p_values:
        return []
    filled = np.array([1.0 if p is None else p for p in p_values])
    adjusted = multipletests(filled, method=METHODS[method])[1]
    return [None if p is None else float(min(a, 1.0)) for p, a in zip(p_values, adjusted, strict=True)]
