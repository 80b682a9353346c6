"""Findings as files: JSON that a person can read, parquet for programmes, and back without loss."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from study.errors import StoreError
from study.records import (
    Analysis,
    Components,
    Contrast,
    CurveSummary,
    Design,
    Finding,
    ImageDifference,
    Mean,
    MetricFacts,
    RunMean,
    RunStatus,
    SeedDifference,
)

SCHEMA = 1
TABLES: Mapping[str, type[Any]] = {
    "findings": Finding,
    "means": Mean,
    "run_means": RunMean,
    "components": Components,
    "seed_differences": SeedDifference,
    "curves": CurveSummary,
}
"""Parts of an analysis kept in findings.json; the first four are also written as parquet."""

R = TypeVar("R")


def write_findings(analysis: Analysis, folder: Path) -> None:
    """Write findings.json, and one parquet file per table, into `folder` (made if absent).

    A number that does not exist is null, never NaN: JSON with NaN in it is refused.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {name: [dataclasses.asdict(row) for row in getattr(analysis, name)] for name in TABLES}
    content = {"schema": SCHEMA, "design": _design_as_data(analysis.design), "notes": analysis.notes, **tables}
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1)
    (folder / "findings.json").write_text(text + "\n", encoding="utf8")
    for name in ("findings", "means", "run_means", "components"):
        _write_table(getattr(analysis, name), TABLES[name], folder / f"{name}.parquet")
    _write_table(analysis.image_differences, ImageDifference, folder / "image_differences.parquet")


def read_findings(folder: Path) -> Analysis:
    """The analysis that `write_findings` wrote, equal to it.

    Raises:
        StoreError: the files are absent or of another schema.
    """
    path = folder / "findings.json"
    if not path.is_file():
        raise StoreError(f"{path}: not there; `study report` writes it when a study has run")
    content = json.loads(path.read_text(encoding="utf8"))
    if content.get("schema") != SCHEMA:
        raise StoreError(
            f"{path}: schema {content.get('schema')}, this version reads {SCHEMA}; analyse the study again"
        )
    images = pd.read_parquet(folder / "image_differences.parquet")
    return Analysis(
        design=_design_from_data(content["design"]),
        image_differences=tuple(ImageDifference(*row) for row in images.itertuples(index=False, name=None)),
        notes=tuple(content["notes"]),
        findings=_rows(Finding, content["findings"]),
        means=_rows(Mean, content["means"]),
        run_means=_rows(RunMean, content["run_means"]),
        components=_rows(Components, content["components"]),
        seed_differences=_rows(SeedDifference, content["seed_differences"]),
        curves=_rows(CurveSummary, content["curves"]),
    )


def _write_table(rows: Sequence[Any], kind: type[Any], path: Path) -> None:
    names = [part.name for part in dataclasses.fields(kind)]
    columns = {name: [getattr(row, name) for row in rows] for name in names}
    pd.DataFrame(columns, columns=names).to_parquet(path, index=False)


def _rows(kind: type[R], rows: Sequence[Mapping[str, Any]]) -> tuple[R, ...]:
    """Records from plain data; lists become tuples, as they were."""
    return tuple(kind(**{name: _tupled(value) for name, value in row.items()}) for row in rows)


def _tupled(value: Any) -> Any:
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value


def _design_as_data(design: Design) -> dict[str, Any]:
    data = dataclasses.asdict(dataclasses.replace(design, metrics={}))
    data["metrics"] = {name: dataclasses.asdict(facts) for name, facts in design.metrics.items()}
    return data


def _design_from_data(data: Mapping[str, Any]) -> Design:
    plain = {name: _tupled(value) for name, value in data.items() if name not in ("metrics", "contrasts", "runs")}
    metrics = {name: _rows(MetricFacts, [facts])[0] for name, facts in data["metrics"].items()}
    contrasts, runs = _rows(Contrast, data["contrasts"]), _rows(RunStatus, data["runs"])
    return Design(metrics=metrics, contrasts=contrasts, runs=runs, **plain)
