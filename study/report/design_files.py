"""Two-factor and dose-response results for machines: members of results.json, and their CSV files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from study.records import Analysis, DoseLevel, DoseResponse, FactorialEffect

Results = Mapping[str, Any]
SPANNED = (
    "estimate",
    "ci_low",
    "ci_high",
    "ci_models_low",
    "ci_models_high",
    "ci_images_low",
    "ci_images_high",
    "margin",
)
_FILES: Mapping[str, tuple[str, type[Any]]] = {
    "factorial.csv": ("factorial", FactorialEffect),
    "dose_response.csv": ("doses", DoseResponse),
    "dose_levels.csv": ("dose_levels", DoseLevel),
}
_LONG = ("sentences_en", "sentences_ko", "line_doses", "line", "line_low", "line_high")


def members(analysis: Analysis) -> dict[str, Any]:
    """What results.json has of designs: the designs, the effects, the lines and the doses.

    `change` of a line is its slope, limits and margin times the range of doses, in the metric's unit.
    """
    return {
        "factors": analysis.design.factorial,
        "dose": analysis.design.dose,
        "factorial": analysis.factorial,
        "doses": [{**asdict(row), "change": _change(row)} for row in analysis.doses],
        "dose_levels": analysis.dose_levels,
    }


def _change(row: DoseResponse) -> Mapping[str, float | None]:
    span = row.doses[-1] - row.doses[0]
    return {name: None if (value := getattr(row, name)) is None else value * span for name in SPANNED}


def files(results: Results) -> Mapping[str, tuple[Sequence[str], Iterable[Sequence[Any]]]]:
    """File -> head and rows, of what there is; several values of one cell are joined by a semicolon."""
    return {
        file: (head, [[_joined(row[name]) for name in head] for row in results[member]])
        for file, (member, kind) in _FILES.items()
        if results[member]
        for head in [[field.name for field in fields(kind) if field.name not in _LONG]]
    }


def _joined(value: Any) -> Any:
    return "; ".join(str(item) for item in value) if isinstance(value, list | tuple) else value
