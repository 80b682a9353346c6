"""Tables out of the store: what the finished stages of a study say, one row per cell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
RUN_COLUMNS = ("run_id", "arm", "model", "seed", "metric", "value")
CROSS_COLUMNS = (
    *("run_id", "arm", "model", "seed", "image_id", "cluster"),
    *("attribution", "metric", "evaluator", "value"),
)


@dataclass(frozen=True)
class Scores:
    """Everything measured, as tables.

    Attributes:
        scores: one row per run, image, attribution and metric; NaN with a reason = undefined.
        predictions: one row per run and test image: label and probabilities `p_0` ...
        curves: (run id, attribution) -> deletion curves, rows in the order of the test films.
        run_scores: one row per run and figure that exists per run only, such as its number of concepts.
        cross: one row per run, attribution, metric, image and judge (`evaluator`): the map of one arm scored
            on the model of another.
        agreement: one row per pair of runs, attribution and image: how alike their maps are.
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    curves: CurveTable
    run_scores: pd.DataFrame
    cross: pd.DataFrame
    agreement: pd.DataFrame = field(default_factory=pd.DataFrame)


def gather(plan: Plan, store: Store) -> Scores:
    """Read every published score, prediction and curve of the plan; what is absent is left out."""
    scores = [table for run in plan.runs for table in _scores(run, plan, store)]
    predictions = [_predictions(run, store) for run in plan.runs if store.has(run.predict)]
    cross = [table for run in plan.runs for table in _cross(run, store)]
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
        run_scores=pd.DataFrame([row for run in plan.runs for row in _concepts(run, store)], columns=list(RUN_COLUMNS)),
        cross=pd.concat(cross, ignore_index=True) if cross else pd.DataFrame(columns=list(CROSS_COLUMNS)),
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
        if store.has(key):
            table = pd.read_parquet(store.folder(key) / "scores.parquet")
        elif key in run.crossing and all(store.has(own) for own in run.stages):
            table = _unjudged(run, store)
        else:
            continue
        version = plan.stages[key].recipe["version"]
        named = _named(table, run).assign(attribution=attribution, metric=metric, metric_version=version)
        yield named[list(SCORE_COLUMNS)]


def _unjudged(run: Run, store: Store) -> pd.DataFrame:
    """Rows of a finished run whose judges do not all exist."""
    films = explained_films(run, store)[["image_id", "cluster"]]
    return films.assign(value=np.nan, reason="the model of another arm with this seed is missing")


def _cross(run: Run, store: Store) -> Iterator[pd.DataFrame]:
    """The columns of the judges as rows; `cross0` is the first arm that the plan lists for the metric."""
    for (attribution, metric), key in run.measure.items():
        arms = [arm for other, label, arm in run.cross if (other, label) == (attribution, metric)]
        if not arms or not store.has(key):
            continue
        table = pd.read_parquet(store.folder(key) / "scores.parquet")
        for place, arm in enumerate(arms):
            named = _named(table, run).assign(attribution=attribution, metric=metric, evaluator=arm)
            yield named.assign(value=table[f"cross{place}"])[list(CROSS_COLUMNS)]


def _concepts(run: Run, store: Store) -> Iterator[dict[str, Any]]:
    """What the dissection of the run's classifier counted, layer by layer."""
    if run.dissect is None or not store.has(run.dissect):
        return
    layers = json.loads((store.folder(run.dissect) / "concepts.json").read_text(encoding="utf8"))
    who = {"run_id": run.run_id, "arm": run.arm, "model": run.model, "seed": run.seed}
    for layer, found in layers.items():
        for name in ("unique_detectors", "detectors"):
            yield {**who, "metric": f"{name}[layer={layer}]", "value": float(found[f"n_{name}"])}


def explained_films(run: Run, store: Store) -> pd.DataFrame:
    """The rows of the run's predictions that belong to its maps, in their order."""
    table = _tested(run, store)
    return table[table["target"] >= 0] if "target" in table else table


def _predictions(run: Run, store: Store) -> pd.DataFrame:
    return _named(_tested(run, store), run)


def _tested(run: Run, store: Store) -> pd.DataFrame:
    table = pd.read_parquet(store.folder(run.predict) / "predictions.parquet")
    return table[table["split"] == "test"].drop(columns="split")


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
