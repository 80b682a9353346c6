"""A small made-up study as the tables that statistics read; the truth is in the arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.records import Contrast, Design, Finding, MetricFacts, RunStatus
from study.statistics import analyse

FACTS = MetricFacts("ehr", "EHR", higher_is_better=True, bounds=(0.0, 1.0), version=3)


@dataclass(frozen=True)
class Truth:
    """Standard deviations of the crossed model."""

    run: float = 0.02
    arm_image: float = 0.05
    residual: float = 0.08
    image: float = 0.12


def crossed_values(
    rng: np.random.Generator, *, arms: int = 2, runs: int = 3, images: int = 40, truth: Truth | None = None
) -> NDArray[np.float64]:
    """[arms, runs, images] values of the crossed model around .5, no arm better."""
    truth = truth or Truth()
    values = 0.5 + rng.normal(0, truth.image, images) + rng.normal(0, truth.arm_image, (arms, 1, images))
    values = values + rng.normal(0, truth.run, (arms, runs, 1))
    return np.asarray(values + rng.normal(0, truth.residual, (arms, runs, images)))


def score_rows(values: Mapping[str, Any], metric: str = "ehr", clusters: list[str] | None = None) -> pd.DataFrame:
    """The score table of arm -> [S, n] values; run `arm-vit-seedS`, image `i0000`, `i0001`, ...."""
    frames = []
    for arm, matrix in values.items():
        for seed, row in enumerate(np.asarray(matrix, dtype=float)):
            images = [f"i{i:04d}" for i in range(len(row))]
            frame = pd.DataFrame({"image_id": images, "cluster": clusters or images, "value": row})
            named = {"run_id": f"{arm}-vit-seed{seed}", "arm": arm, "model": "vit", "seed": seed}
            frames.append(frame.assign(**named, attribution="gradcam", metric=metric, metric_version=3, reason=""))
    return pd.concat(frames, ignore_index=True)


def prediction_rows(scores: Mapping[str, Any], labels: Any) -> pd.DataFrame:
    """Predictions of arm -> [S, n] probabilities of class 1."""
    frames = []
    for arm, matrix in scores.items():
        for seed, row in enumerate(np.asarray(matrix, dtype=float)):
            images = [f"i{i:04d}" for i in range(len(row))]
            frame = pd.DataFrame({"image_id": images, "cluster": images, "label": labels, "p_0": 1 - row, "p_1": row})
            frames.append(frame.assign(run_id=f"{arm}-vit-seed{seed}", arm=arm, model="vit", seed=seed))
    return pd.concat(frames, ignore_index=True)


def design_of(arms: tuple[str, ...] = ("baseline", "mae"), *, n_seeds: int = 3, **changes: Any) -> Design:
    """A design with one primary contrast of the first two arms, none of a single arm."""
    one = [Contrast("c", "q", "primary", arms[1], arms[0], "vit", "gradcam", "ehr")] if len(arms) > 1 else []
    base = Design(
        study="toy",
        arms=arms,
        reference=arms[0],
        models=("vit",),
        seeds=tuple(range(n_seeds)),
        seeding="nested",
        contrasts=tuple(one),
        metrics={"ehr": FACTS},
        attributions=("gradcam",),
        controls=(),
        runs=tuple(RunStatus(f"{arm}-vit-seed{s}", arm, "vit", s, "done") for arm in arms for s in range(n_seeds)),
        resamples=300,
    )
    return replace(base, **changes)


def finding_of(values: Mapping[str, Any], clusters: list[str] | None = None, **changes: Any) -> Finding:
    """The one finding about arm -> [S, n] values (baseline first)."""
    n_seeds = max(len(matrix) for matrix in values.values())
    arms = tuple(values)
    design = design_of(arms, n_seeds=n_seeds, **changes)
    if "runs" not in changes:
        runs = tuple(
            RunStatus(f"{arm}-vit-seed{s}", arm, "vit", s, "done") for arm in arms for s in range(len(values[arm]))
        )
        design = replace(design, runs=runs)
    return analyse(design, score_rows(values, clusters=clusters)).findings[0]
