"""What the made-up study of the report's tests asks for: its knobs, metrics, runs and contrasts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from study.records import Contrast, Design, MetricFacts, RunStatus
from study.registry import METRICS, RUN_METRICS, concept_facts

ARMS = ("baseline", "mae_random", "mae_center", "proxy")
QUESTIONS = {
    "mae_random": "Does chest-MAE pretraining move attributions into the human box?",
    "mae_center": "Is center masking different from the baseline?",
    "proxy": "Does a shoulder proxy step add to it?",
}
NAMES = (
    *("ehr", "energy_pg", "insertion", "deletion", "deletion_lerf"),
    *("average_drop", "coherency", "complexity", "adcc"),
)


@dataclass(frozen=True)
class Made:
    """Knobs of the made-up study."""

    arms: tuple[str, ...] = ARMS
    models: tuple[str, ...] = ("vit_small", "densenet121")
    seeds: tuple[int, ...] = (11, 12, 13)
    images: int = 60
    margin: float | None = 0.02
    metrics: tuple[str, ...] = NAMES
    failed: bool = True
    undefined: bool = False
    primary: str = "ehr"
    gallery: bool = True
    methods: bool = False
    languages: tuple[Any, ...] = ("en", "ko")
    attributions: tuple[str, ...] = ("gradcam", "integrated_gradients")
    controls: tuple[str, ...] = ("control_random", "control_center", "control_fakecam")
    classes: tuple[str, ...] = ("normal", "loose")
    concept_layers: tuple[int, ...] = ()
    cross: tuple[str, ...] = ()


def metric_facts(made: Made) -> dict[str, MetricFacts]:
    facts = {name: METRICS[name.partition("[")[0]].facts(name) for name in made.metrics}
    facts |= dict(RUN_METRICS)
    if len(made.classes) > 2:
        labels = [f"auc[class={name}]" for name in made.classes]
        facts |= {label: replace(RUN_METRICS["auc"], name=label) for label in labels}
    concepts = [fact for layer in made.concept_layers for fact in concept_facts(layer)]
    return facts | {fact.name: fact for fact in concepts} | {name: METRICS[name].facts(name) for name in made.cross}


def _runs(made: Made) -> Iterator[RunStatus]:
    for model in made.models:
        for arm in made.arms:
            for seed in made.seeds:
                lost = made.failed and (arm, model, seed) == (made.arms[-1], made.models[-1], made.seeds[-1])
                yield RunStatus(
                    f"{arm}-{model}-seed{seed}",
                    arm,
                    model,
                    seed,
                    "failed" if lost else "done",
                    reason="loss was not finite in epoch 31" if lost else "",
                )


def study_design(made: Made) -> Design:
    contrasts = []
    for model in made.models:
        for arm in made.arms[1:]:
            for attribution in made.attributions:
                for metric in made.metrics:
                    primary = attribution == made.attributions[0] and metric == made.primary
                    contrasts.append(
                        Contrast(
                            f"{arm}-{model}-{attribution}-{metric}",
                            QUESTIONS.get(arm, f"Does {arm} change the primary metric?"),
                            "primary" if primary else "secondary",
                            arm,
                            made.arms[0],
                            model,
                            attribution,
                            metric,
                            made.margin if primary else None,
                        )
                    )
    return Design(
        study="made_up",
        arms=made.arms,
        reference=made.arms[0],
        models=made.models,
        seeds=made.seeds,
        seeding="nested",
        contrasts=tuple(contrasts),
        metrics=metric_facts(made),
        attributions=made.attributions,
        controls=made.controls,
        runs=tuple(_runs(made)),
        classes=made.classes,
    )
