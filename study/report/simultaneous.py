"""Simultaneous intervals: where they stand in place of the plain ones, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from study.records import Finding
from study.report.terms import TERMS, Text, same


def at_once(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether some contrast has a simultaneous interval."""
    return any(row.get("ci_simultaneous_low") is not None for row in rows)


def interval_head(rows: Sequence[Mapping[str, Any]]) -> Text:
    """Head of the column of main intervals."""
    return TERMS["col.ci.simultaneous" if at_once(rows) else "col.ci"]


def simultaneous_caption(rows: Sequence[Mapping[str, Any]]) -> Text:
    """What a caption of a figure adds where its intervals are simultaneous."""
    return TERMS["fig.simultaneous"] if at_once(rows) else same("")


def with_simultaneous(finding: Finding) -> Finding:
    """The finding with its simultaneous interval in the place of the plain one, for figures."""
    low, high = finding.ci_simultaneous_low, finding.ci_simultaneous_high
    if low is None or high is None:
        return finding
    if finding.ci_low is None:
        return replace(finding, ci_models_low=low, ci_models_high=high)
    return replace(finding, ci_low=low, ci_high=high)
