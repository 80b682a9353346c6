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
    CrossMean,
    CurveSummary,
    Design,
    Dose,
    DoseLevel,
    DoseResponse,
    Factorial,
    FactorialEffect,
    Finding,
    ImageDifference,
    Mean,
    MetricFacts,
    MetricReliability,
    Omnibus,
    Ranking,
    Rules,
    RunAgreement,
    RunMean,
    RunStatus,
    SeedDifference,
    Spread,
)
from study.statistics.cross import CROSS_COLUMNS

SCHEMA = 1
PAIRS = "agreement_pairs.parquet"
"""Agreement of every two runs on every image, as `analyse` was given it."""
TABLES: Mapping[str, type[Any]] = {
    "findings": Finding,
    "means": Mean,
    "run_means": RunMean,
    "components": Components,
    "seed_differences": SeedDifference,
    "curves": CurveSummary,
    "rankings": Ranking,
    "cross": CrossMean,
    "omnibus": Omnibus,
    "agreement": RunAgreement,
    "reliability": MetricReliability,
    "spreads": Spread,
    "factorial": FactorialEffect,
    "doses": DoseResponse,
    "dose_levels": DoseLevel,
}
"""Parts of an analysis kept in findings.json."""
PARQUET: Mapping[str, str] = {
    "findings": "findings",
    "means": "means",
    "run_means": "run_means",
    "components": "components",
    "cross": "cross_means",
    "omnibus": "omnibus",
    "agreement": "agreement",
    "reliability": "reliability",
    "factorial": "factorial",
    "doses": "dose_response",
    "dose_levels": "dose_levels",
}
"""Parts also written as parquet, and the name of the file."""

R = TypeVar("R")


def write_findings(
    analysis: Analysis, folder: Path, *, cross: pd.DataFrame | None = None, agreement: pd.DataFrame | None = None
) -> None:
    """Write findings.json, and one parquet file per table, into `folder` (made if absent).

    A number that does not exist is null, never NaN: JSON with NaN in it is refused. `rankings.parquet` has one row
    per model, arm, metric and attribution, those left out last and without a rank.

    Args:
        analysis: what `analyse` returned.
        folder: where to.
        cross: the table that `analyse` was given; all of it, arms by evaluators by images, goes to cross.parquet.
        agreement: the table that `analyse` was given; all of it goes to `PAIRS`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {name: [dataclasses.asdict(row) for row in getattr(analysis, name)] for name in TABLES}
    content = {"schema": SCHEMA, "design": _design_as_data(analysis.design), "notes": analysis.notes, **tables}
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1)
    (folder / "findings.json").write_text(text + "\n", encoding="utf8")
    for name, file in PARQUET.items():
        _write_table(getattr(analysis, name), TABLES[name], folder / f"{file}.parquet")
    _ranking_rows(analysis).to_parquet(folder / "rankings.parquet", index=False)
    if cross is not None and len(cross):
        cross[list(CROSS_COLUMNS)].to_parquet(folder / "cross.parquet", index=False)
    if agreement is not None and len(agreement):
        agreement.to_parquet(folder / PAIRS, index=False)
    _write_table(analysis.image_differences, ImageDifference, folder / "image_differences.parquet")


def read_findings(folder: Path) -> Analysis:
    """The analysis that `write_findings` wrote, equal to it.

    Raises:
        StoreError: the files are absent or of another schema. Files written before there were rankings and cross
            scores are read as having none.
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
        components=_rows(Components, [_present(row) for row in content["components"]]),
        seed_differences=_rows(SeedDifference, content["seed_differences"]),
        curves=_rows(CurveSummary, content["curves"]),
        rankings=_rows(Ranking, content.get("rankings", ())),
        cross=_rows(CrossMean, content.get("cross", ())),
        omnibus=_rows(Omnibus, content.get("omnibus", ())),
        agreement=_rows(RunAgreement, content.get("agreement", ())),
        reliability=_rows(MetricReliability, content.get("reliability", ())),
        spreads=_rows(Spread, content.get("spreads", ())),
        factorial=_rows(FactorialEffect, content.get("factorial", ())),
        doses=_rows(DoseResponse, content.get("doses", ())),
        dose_levels=_rows(DoseLevel, content.get("dose_levels", ())),
    )


def _write_table(rows: Sequence[Any], kind: type[Any], path: Path) -> None:
    names = [part.name for part in dataclasses.fields(kind)]
    columns = {name: [getattr(row, name) for row in rows] for name in names}
    pd.DataFrame(columns, columns=names).to_parquet(path, index=False)


RANKING_COLUMNS: Mapping[str, str] = {
    **dict.fromkeys(("model", "arm", "metric", "attribution"), "str"),
    "control": "bool",
    **dict.fromkeys(("average_rank", "mean"), "float64"),
    **dict.fromkeys(("n_blocks", "n_runs"), "int64"),
    **dict.fromkeys(("chi2", "p_value", "critical_difference", "alpha"), "float64"),
    "above_control": "str",
    "left_out": "bool",
}


def _ranking_rows(analysis: Analysis) -> pd.DataFrame:
    """One row per method of each ranking; `above_control` lists labels with a semicolon between them."""
    rows = [
        {
            **{name: getattr(ranking, name) for name in RANKING_COLUMNS if hasattr(ranking, name)},
            "attribution": label,
            "control": label in analysis.design.controls,
            "average_rank": rank,
            "mean": mean,
            "above_control": "; ".join(ranking.above_control.get(label, ())),
            "left_out": rank is None,
        }
        for ranking in analysis.rankings
        for label, rank, mean in (
            *zip(ranking.attributions, ranking.average_ranks, ranking.means, strict=True),
            *((label, None, None) for label in ranking.left_out),
        )
    ]
    return pd.DataFrame(rows, columns=list(RANKING_COLUMNS)).astype(dict(RANKING_COLUMNS))


def _rows(kind: type[R], rows: Sequence[Mapping[str, Any]]) -> tuple[R, ...]:
    """Records from plain data; lists become tuples, as they were."""
    return tuple(kind(**{name: _tupled(value) for name, value in row.items()}) for row in rows)


def _present(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Components as they are now: files of before call the agreement on the order of arms `alpha`."""
    return {"order_of_arms" if name == "alpha" else name: value for name, value in row.items()}


def _tupled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _tupled(item) for name, item in value.items()}
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value


def _design_as_data(design: Design) -> dict[str, Any]:
    data = dataclasses.asdict(dataclasses.replace(design, metrics={}))
    data["metrics"] = {name: dataclasses.asdict(facts) for name, facts in design.metrics.items()}
    return data


def _design_from_data(data: Mapping[str, Any]) -> Design:
    records = ("metrics", "contrasts", "runs", "factorial", "dose", "rules")
    plain = {name: _tupled(value) for name, value in data.items() if name not in records}
    metrics = {name: _rows(MetricFacts, [facts])[0] for name, facts in data["metrics"].items()}
    contrasts, runs = _rows(Contrast, data["contrasts"]), _rows(RunStatus, data["runs"])
    factorial = next(iter(_rows(Factorial, [data["factorial"]] if data.get("factorial") else [])), None)
    dose = next(iter(_rows(Dose, [data["dose"]] if data.get("dose") else [])), None)
    rules = Rules(**data.get("rules", {}))
    return Design(metrics=metrics, contrasts=contrasts, runs=runs, factorial=factorial, dose=dose, rules=rules, **plain)
