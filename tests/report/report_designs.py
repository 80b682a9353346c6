"""Made-up studies with two factors and with doses: invented scores through the real statistics, for layout only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from report_builder import Made, made_up

from study.records import (
    Analysis,
    ArmChain,
    Contrast,
    Design,
    Dose,
    Factorial,
    MetricFacts,
    ReportInput,
    RunStatus,
)
from study.registry import METRICS, RUN_METRICS
from study.statistics import analyse

TWO = Factorial(
    ("pretraining_films", "masking"),
    (("chest", "shoulder"), ("random", "center")),
    ("chest_random", "chest_center", "shoulder_random", "shoulder_center"),
)
DOSE = Dose("mask ratio", "%", ("mae_25", "mae_50", "mae_75", "mae_90"), (25.0, 50.0, 75.0, 90.0))
FACTOR_LEVELS = {
    "baseline": 0.44,
    "chest_random": 0.48,
    "chest_center": 0.49,
    "shoulder_random": 0.50,
    "shoulder_center": 0.58,
}
DOSE_LEVELS = {"baseline": 0.45, "mae_25": 0.47, "mae_50": 0.52, "mae_75": 0.55, "mae_90": 0.545}


@dataclass(frozen=True)
class Invented:
    """Knobs of a study with a design."""

    levels: Mapping[str, float]
    factorial: Factorial | None = None
    dose: Dose | None = None
    models: tuple[str, ...] = ("vit_small",)
    n_seeds: int = 4
    images: int = 40
    margin: float | None = 0.03
    run_sd: float = 0.008
    lost: tuple[tuple[str, int], ...] = ()
    metrics: tuple[str, ...] = ("ehr", "insertion", "deletion")
    pairs: tuple[tuple[str, str], ...] = ()


def scores(made: Invented) -> pd.DataFrame:
    """Crossed values around each arm's level; `deletion` mirrors them, since lower is better there."""
    rng = np.random.default_rng(7)
    frames = []
    for model in made.models:
        for metric in made.metrics:
            film = rng.normal(0, 0.08, made.images)
            for arm, level in made.levels.items():
                own = rng.normal(0, 0.02, made.images)
                for seed in range(made.n_seeds):
                    value = level + film + own + rng.normal(0, made.run_sd) + rng.normal(0, 0.03, made.images)
                    if (arm, seed) in made.lost:
                        continue
                    frames.append(
                        pd.DataFrame(
                            {
                                "run_id": f"{arm}-{model}-seed{seed}",
                                "arm": arm,
                                "model": model,
                                "seed": seed,
                                "image_id": [f"i{i:03d}" for i in range(made.images)],
                                "cluster": [f"i{i:03d}" for i in range(made.images)],
                                "attribution": "gradcam",
                                "metric": metric,
                                "metric_version": 1,
                                "value": 1 - value if metric == "deletion" else value,
                                "reason": "",
                            }
                        )
                    )
    return pd.concat(frames, ignore_index=True)


def design(made: Invented) -> Design:
    """The study's design; contrasts are `made.pairs`, else every arm against the first."""
    arms = tuple(made.levels)
    facts: dict[str, MetricFacts] = {name: METRICS[name].facts(name) for name in made.metrics}
    pairs = made.pairs or tuple((arm, arms[0]) for arm in arms[1:])
    return Design(
        study="made_up",
        arms=arms,
        reference=arms[0],
        models=made.models,
        seeds=tuple(range(made.n_seeds)),
        seeding="nested",
        contrasts=tuple(_contrasts(made, pairs)),
        metrics=facts | dict(RUN_METRICS),
        attributions=("gradcam",),
        controls=(),
        runs=tuple(
            RunStatus(
                f"{arm}-{model}-seed{seed}",
                arm,
                model,
                seed,
                "failed" if (arm, seed) in made.lost else "done",
                "loss was not finite in epoch 31" if (arm, seed) in made.lost else "",
            )
            for arm in arms
            for model in made.models
            for seed in range(made.n_seeds)
        ),
        resamples=100,
        factorial=made.factorial,
        dose=made.dose,
    )


def _contrasts(made: Invented, pairs: tuple[tuple[str, str], ...]) -> Iterator[Contrast]:
    for place, metric in enumerate(made.metrics):
        for model in made.models:
            for treatment, control in pairs:
                yield Contrast(
                    f"{treatment}-vs-{control}.{model}.{metric}",
                    f"{treatment} vs {control}",
                    "secondary" if place else "primary",
                    treatment,
                    control,
                    model,
                    "gradcam",
                    metric,
                    None if place else made.margin,
                )


def analysed(made: Invented) -> Analysis:
    """The invented scores through the statistics."""
    return analyse(design(made), scores(made))


def report_of(made: Invented, **changes: Any) -> ReportInput:
    """A whole `ReportInput` around the analysis; facts are those of the made-up study."""
    base = made_up(Made(arms=tuple(made.levels), models=made.models, failed=False, gallery=False))
    chains = tuple(
        ArmChain(arm, (("mae", arm.replace("_", " ")), ("finetune", "shoulder")), ("a1b2c3", "d4e5f6"))
        for arm in made.levels
    )
    facts = replace(base.facts, chains=chains)
    return replace(base, facts=facts, analysis=analysed(made), learning=(), methods=(), **changes)


def two_factors(**changes: Any) -> Invented:
    """Four arms of two factors and a baseline outside them; primary contrasts are the simple effects of the first."""
    pairs = ((TWO.arms[2], TWO.arms[0]), (TWO.arms[3], TWO.arms[1]))
    return replace(Invented(FACTOR_LEVELS, factorial=TWO, pairs=pairs), **changes)


def four_doses(**changes: Any) -> Invented:
    """Four doses and a baseline that is none."""
    return replace(Invented(DOSE_LEVELS, dose=DOSE), **changes)
