"""Tables out of the store: what the finished stages of a study say, one row per cell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.records import LearningCurve, Plan, Run
from study.store import Store

CurveTable = Mapping[tuple[str, str], Mapping[str, NDArray[np.float64]]]
SCORE_COLUMNS = (
    *("run_id", "arm", "model", "seed", "image_id", "cluster"),
    *("attribution", "metric", "metric_version", "value", "reason"),
)


@dataclass(frozen=True)
class Scores:
    """Everything measured, as tables.

    Attributes:
        scores: one row per run, image, attribution and metric; NaN with a reason = undefined.
        predictions: one row per run and test image: label and probabilities `p_0` ...
        curves: (run id, attribution) -> deletion curves, rows in the order of the test films.
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    curves: CurveTable


def gather(plan: Plan, store: Store) -> Scores:
    """Read every published score, prediction and curve of the plan; what is absent is left out."""
    scores = [table for run in plan.runs for table in _scores(run, plan, store)]
    predictions = [_predictions(run, store) for run in plan.runs if store.has(run.predict)]
    curves = {
        (run.run_id, attribution): _curves(store, key)
        for run in plan.runs
        for attribution, key in run.perturb.items()
        if store.has(key)
    }
    return Scores(
        scores=pd.concat(scores, ignore_index=True) if scores else pd.DataFrame(columns=list(SCORE_COLUMNS)),
        predictions=pd.concat(predictions, ignore_index=True) if predictions else pd.DataFrame(),
        curves=curves,
    )


def learning_curves(plan: Plan, store: Store) -> tuple[LearningCurve, ...]:
    """Histories of the training stages of every run, first to last."""
    return tuple(
        LearningCurve(run.run_id, run.arm, run.model, run.seed, f"{place + 1} {stage.kind}", *_history(store, key))
        for run in plan.runs
        for place, key in enumerate(run.training)
        if store.has(key)
        for stage in [plan.stages[key]]
    )


def read_facts(store: Store, key: str) -> dict[str, Any]:
    """The `facts.json` of a published training stage."""
    facts: dict[str, Any] = json.loads((store.folder(key) / "facts.json").read_text(encoding="utf8"))
    return facts


def _scores(run: Run, plan: Plan, store: Store) -> Iterator[pd.DataFrame]:
    for (attribution, metric), key in run.measure.items():
        if not store.has(key):
            continue
        table = pd.read_parquet(store.folder(key) / "scores.parquet")
        version = plan.stages[key].recipe["version"]
        named = _named(table, run).assign(attribution=attribution, metric=metric, metric_version=version)
        yield named[list(SCORE_COLUMNS)]


def _predictions(run: Run, store: Store) -> pd.DataFrame:
    table = pd.read_parquet(store.folder(run.predict) / "predictions.parquet")
    return _named(table[table["split"] == "test"].drop(columns="split"), run)


def _named(table: pd.DataFrame, run: Run) -> pd.DataFrame:
    return table.assign(run_id=run.run_id, arm=run.arm, model=run.model, seed=run.seed)


def _curves(store: Store, key: str) -> dict[str, NDArray[np.float64]]:
    with np.load(store.folder(key) / "curves.npz") as stored:
        return {name: stored[name] for name in ("deletion_morf", "deletion_lerf", "fractions")}


def _history(store: Store, key: str) -> tuple[Sequence[int], Mapping[str, Sequence[float | None]], Mapping[str, Any]]:
    rows = json.loads((store.folder(key) / "history.json").read_text(encoding="utf8"))
    names = dict.fromkeys(name for row in rows for name in row if name != "epoch")
    series = {name: [row.get(name) for row in rows] for name in names}
    return [row["epoch"] for row in rows], series, read_facts(store, key)
