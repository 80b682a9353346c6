"""Adjusted p-values over families that the protocol declared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from study.statistics.floats import Floats

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
    adjusted = _adjusted(filled, method)
    return [None if p is None else float(min(a, 1.0)) for p, a in zip(p_values, adjusted, strict=True)]


def _adjusted(p_values: Floats, method: str) -> Floats:
    """The three that reports use without statsmodels, which collects garbage on every call: 0.1 s and more."""
    if method in ("bh", "by"):
        return np.asarray(stats.false_discovery_control(p_values, method=method))
    if method == "holm":
        order = np.argsort(p_values)
        adjusted = np.empty(len(p_values))
        adjusted[order] = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
        return adjusted
    return np.asarray(multipletests(p_values, method=METHODS[method])[1])
