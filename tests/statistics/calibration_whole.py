"""Simulated studies through the whole of `analyse`: many studies as the metrics, or the models, of one study."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from calibration_models import Floats, Setting, analysed, studies
from stats_study import FACTS, design_of, score_rows

from study.records import Contrast, MetricFacts, RunStatus
from study.statistics import analyse

AUC = MetricFacts("auc", "AUC", higher_is_better=True, bounds=(0.0, 1.0), version=1, per_run=True)


def both_ways(setting: Setting, count: int, *, seed: int) -> tuple[Floats, Floats]:
    """p of `count` studies through the vectorised functions, and of the same studies through `analyse`."""
    made = next(studies(setting, count, seed=seed))
    arms = {"baseline": made.control, "mae": made.treatment}
    whole = _by_model(setting, arms, count) if setting.kind == "auc" else _by_metric(setting, arms, count)
    return analysed(setting, made).p_value, whole


def _by_metric(setting: Setting, arms: dict[str, Floats], count: int) -> Floats:
    names = [f"m{study}" for study in range(count)]
    patients = [f"p{code}" for code in setting.clusters] if setting.per_patient > 1 else None
    rows = [
        score_rows({arm: values[:, :, study] for arm, values in arms.items()}, metric=name, clusters=patients)
        for study, name in enumerate(names)
    ]
    contrasts = tuple(Contrast(name, "q", "exploratory", "mae", "baseline", "vit", "gradcam", name) for name in names)
    design = design_of(
        n_seeds=setting.runs,
        contrasts=contrasts,
        metrics={name: replace(FACTS, name=name) for name in names},
        runs=_runs(arms, ["vit"]),
        seeding="paired" if setting.paired else "nested",
    )
    return np.array([finding.p_value for finding in analyse(design, pd.concat(rows)).findings], dtype=float)


def _by_model(setting: Setting, arms: dict[str, Floats], count: int) -> Floats:
    models = [f"v{study}" for study in range(count)]
    images = [f"i{place}" for place in range(setting.images)]
    facts = {"image_id": images, "cluster": [f"p{code}" for code in setting.clusters], "label": setting.labels}
    rows = []
    for arm, values in arms.items():
        for run, study in np.ndindex(values.shape[0], count):
            names = {"arm": arm, "model": models[study], "seed": run, "run_id": f"{arm}-{models[study]}-seed{run}"}
            chance = 1 / (1 + np.exp(-values[run, :, study]))
            rows.append(pd.DataFrame({**facts, "p_0": 1 - chance, "p_1": chance}).assign(**names))
    contrasts = tuple(Contrast(model, "q", "exploratory", "mae", "baseline", model, "", "auc") for model in models)
    design = design_of(
        n_seeds=setting.runs,
        contrasts=contrasts,
        metrics={"auc": AUC},
        models=tuple(models),
        runs=_runs(arms, models),
        resamples=50,
    )
    none = score_rows({"mae": np.zeros((1, 1))}).iloc[:0]
    return np.array([finding.p_value for finding in analyse(design, none, pd.concat(rows)).findings], dtype=float)


def _runs(arms: dict[str, Floats], models: list[str]) -> tuple[RunStatus, ...]:
    return tuple(
        RunStatus(f"{arm}-{model}-seed{run}", arm, model, run, "done")
        for arm, values in arms.items()
        for model in models
        for run in range(len(values))
    )
