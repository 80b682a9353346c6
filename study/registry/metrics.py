"""Metrics: those of maps, one value per image, and those of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.records import MetricFacts
from study.registry.entries import Metric, Registry

_BOXES: dict[str, Any] = {"needs": ("boxes",), "group": "agreement"}
_CURVE: dict[str, Any] = {
    "needs": ("curves",),
    "parameters": {"baseline": "zero", "steps": 16},
    "choices": {"baseline": ("zero", "mean", "blur")},
    "undefined": "the map is constant, so pixels have no order",
}
_TILES: dict[str, Any] = {
    **_CURVE,
    "parameters": {"baseline": "zero", "steps": 16, "tile": 8},
    "undefined": "all tiles carry equal heat, so they have no order",
}
_ROAD: dict[str, Any] = {
    "needs": ("curves",),
    "parameters": {"steps": 10},
    "curve": {"baseline": "road"},
    "undefined": "the map is constant, so pixels have no order",
}
_CROSS: dict[str, Any] = {
    **_CURVE,
    "needs": ("cross",),
    "parameters": {"baseline": "zero", "steps": 16, "evaluators": "others"},
}
_SANITY: dict[str, Any] = {
    "needs": ("cascade",),
    "group": "sanity",
    "undefined": "the map is constant before or after the weights were redrawn",
}
_NO_EVIDENCE = "the map is constant, or the film does not raise the target above the blank image"

METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "ehr": Metric(
            "study.measure.ehr:ehr",
            "EHR",
            higher_is_better=True,
            needs=("boxes",),
            group="agreement",
            undefined="the image has no box, or no heat reaches the threshold",
        ),
        "ehr_count": Metric(
            "study.measure.ehr:ehr_count",
            "EHR (count)",
            higher_is_better=True,
            needs=("boxes",),
            group="agreement",
            undefined="the image has no box, or no heat reaches the threshold",
        ),
        "energy_pg": Metric(
            "study.measure.energy_pg:energy_pg",
            "EnergyPG",
            higher_is_better=True,
            needs=("boxes",),
            group="agreement",
            undefined="the image has no box, or the map is zero everywhere",
        ),
        "energy_pg_excess": Metric(
            "study.measure.energy_pg:energy_pg_excess",
            "EnergyPG − area",
            higher_is_better=True,
            bounds=(-1.0, 1.0),
            needs=("boxes",),
            group="agreement",
            undefined="the image has no box, or the map is zero everywhere",
        ),
        "insertion": Metric(
            "study.measure.insertion_deletion:insertion",
            "Insertion",
            higher_is_better=True,
            **_CURVE,
        ),
        "insertion_lerf": Metric(
            "study.measure.insertion_deletion:insertion_lerf",
            "Insertion, LeRF",
            higher_is_better=False,
            **_CURVE,
        ),
        "deletion": Metric(
            "study.measure.insertion_deletion:deletion",
            "Deletion",
            higher_is_better=False,
            **_CURVE,
        ),
        "deletion_lerf": Metric(
            "study.measure.insertion_deletion:deletion_lerf",
            "Deletion, LeRF",
            higher_is_better=True,
            **_CURVE,
        ),
        "faithfulness_gap": Metric(
            "study.measure.faithfulness_gap:faithfulness_gap",
            "LeRF − MoRF gap, normalised",
            higher_is_better=True,
            bounds=(None, None),
            version=2,
            **(_CURVE | {"undefined": _NO_EVIDENCE}),
        ),
        "average_drop": Metric(
            "study.measure.confidence:average_drop",
            "Average drop",
            higher_is_better=False,
            needs=("masked",),
            group="masking",
            undefined="the target's probability is zero",
        ),
        "average_increase": Metric(
            "study.measure.confidence:average_increase",
            "Average increase",
            higher_is_better=True,
            needs=("masked",),
            group="masking",
            undefined="the map is not finite",
        ),
        "coherency": Metric(
            "study.measure.adcc:coherency",
            "Coherency",
            higher_is_better=True,
            true_zero=False,  # a correlation moved to 0 .. 1
            needs=("masked",),
            group="masking",
            undefined="one of the two maps is constant",
        ),
        "complexity": Metric(
            "study.measure.adcc:complexity",
            "Complexity",
            higher_is_better=False,
            group="masking",
            undefined="the map is not finite",
        ),
        "adcc": Metric(
            "study.measure.adcc:adcc",
            "ADCC",
            higher_is_better=True,
            true_zero=False,  # holds a correlation
            needs=("masked",),
            group="masking",
            undefined="coherency is undefined",
        ),
        "pointing_game": Metric(
            "study.measure.pointing_game:pointing_game",
            "Pointing game",
            higher_is_better=True,
            undefined="the image has no box, or the map is constant",
            **_BOXES,
        ),
        "relevance_rank_accuracy": Metric(
            "study.measure.relevance_rank:relevance_rank_accuracy",
            "Relevance rank accuracy",
            higher_is_better=True,
            undefined="the image has no box, or the map is constant",
            **_BOXES,
        ),
        "iou": Metric(
            "study.measure.iou:iou",
            "IoU at mean + 1 SD",
            higher_is_better=True,
            undefined="the image has no box, or the map is constant",
            **_BOXES,
        ),
        "degradation": Metric(
            "study.measure.tiles:degradation",
            "Degradation score",
            higher_is_better=True,
            bounds=(None, None),
            **(_TILES | {"undefined": _NO_EVIDENCE}),
        ),
        "selectivity": Metric(
            "study.measure.tiles:selectivity",
            "Selectivity",
            higher_is_better=False,
            **_TILES,
        ),
        "region_perturbation": Metric(
            "study.measure.tiles:region_perturbation",
            "Region perturbation (AOPC)",
            higher_is_better=True,
            bounds=(-1.0, 1.0),
            **_TILES,
        ),
        "road": Metric(
            "study.measure.road:road",
            "ROAD, (LeRF − MoRF) / 2",
            higher_is_better=True,
            bounds=(-0.5, 0.5),
            **_ROAD,
        ),
        "road_morf": Metric(
            "study.measure.road:road_morf",
            "ROAD, MoRF",
            higher_is_better=False,
            bounds=(-1.0, 1.0),
            **_ROAD,
        ),
        "road_lerf": Metric(
            "study.measure.road:road_lerf",
            "ROAD, LeRF",
            higher_is_better=True,
            bounds=(-1.0, 1.0),
            **_ROAD,
        ),
        "cross_insertion": Metric(
            "study.measure.cross:cross_insertion",
            "Insertion on other models",
            higher_is_better=True,
            **_CROSS,
        ),
        "cross_deletion": Metric(
            "study.measure.cross:cross_deletion",
            "Deletion on other models",
            higher_is_better=False,
            **_CROSS,
        ),
        "cross_gap": Metric(
            "study.measure.cross:cross_gap",
            "LeRF − MoRF gap on other models",
            higher_is_better=True,
            bounds=(None, None),
            **(_CROSS | {"undefined": _NO_EVIDENCE}),
        ),
        "infidelity": Metric(
            "study.measure.infidelity:infidelity",
            "Infidelity",
            higher_is_better=False,
            bounds=(0.0, None),
            random=True,
            parameters={"samples": 16, "noise": 0.2, "normalize": True},
            undefined="the map is zero everywhere, or the film has no contrast",
        ),
        "max_sensitivity": Metric(
            "study.measure.max_sensitivity:max_sensitivity",
            "Max-sensitivity",
            higher_is_better=False,
            bounds=(0.0, None),
            random=True,
            group="sanity",
            parameters={"samples": 10, "radius": 0.02},
            undefined="the map is zero everywhere",
        ),
        "class_sensitivity": Metric(
            "study.measure.class_sensitivity:class_sensitivity",
            "Class sensitivity",
            higher_is_better=True,
            bounds=(0.0, 2.0),
            true_zero=False,  # 1 minus a correlation
            group="sanity",
            undefined="one of the two maps is constant",
        ),
        "randomisation_spearman": Metric(
            "study.measure.cascade:randomisation_spearman",
            "Randomisation, Spearman",
            higher_is_better=False,
            bounds=(-1.0, 1.0),
            **_SANITY,
        ),
        "randomisation_ssim": Metric(
            "study.measure.cascade:randomisation_ssim",
            "Randomisation, SSIM",
            higher_is_better=False,
            bounds=(-1.0, 1.0),
            **_SANITY,
        ),
        "randomisation_hog": Metric(
            "study.measure.cascade:randomisation_hog",
            "Randomisation, HOG",
            higher_is_better=False,
            bounds=(-1.0, 1.0),
            **_SANITY,
        ),
        "sparseness": Metric(
            "study.measure.sparseness:sparseness",
            "Sparseness (Gini)",
            higher_is_better=True,
            group="masking",
            undefined="the map is zero everywhere",
        ),
        "entropy": Metric(
            "study.measure.sparseness:entropy",
            "Entropy",
            higher_is_better=False,
            bounds=(0.0, None),
            group="masking",
            undefined="the map is zero everywhere",
        ),
    },
)

RUN_METRICS: Mapping[str, MetricFacts] = {
    "auc": MetricFacts(
        "auc", "AUC", True, (0.0, 1.0), 1, per_run=True, unit="percent", undefined="the test films hold one class only"
    ),
    "accuracy": MetricFacts("accuracy", "Accuracy", True, (0.0, 1.0), 1, per_run=True, unit="percent", true_zero=True),
    "ece": MetricFacts("ece", "Calibration error (ECE)", False, (0.0, 1.0), 1, per_run=True, true_zero=True),
    "brier": MetricFacts("brier", "Brier score", False, (0.0, 2.0), 1, per_run=True, true_zero=True),
}
"""Metrics made from a run's predictions by the statistics.

`auc` is the macro mean over classes; `ece` the expected calibration error over 15 equal-width bins of the most probable
class; `brier` the squared distance from the label summed over classes.
"""


def class_auc_facts(classes: Sequence[str], *, several: bool = False) -> dict[str, MetricFacts]:
    """Facts of the one-against-rest AUC of every class, by the label that the statistics give it.

    Args:
        classes: names in the order of the predictions.
        several: whether an image may have several of them, or none.

    Returns:
        `auc[class=<name>]` -> facts; empty for two classes or fewer that exclude each other, where `auc` says it all.
    """
    labels = {name: f"auc[class={name}]" for name in classes} if several or len(classes) > 2 else {}
    undefined = "the test films hold none of this class, or nothing else"
    return {
        label: MetricFacts(
            label, f"AUC, {name}", True, (0.0, 1.0), 1, per_run=True, unit="percent", undefined=undefined
        )
        for name, label in labels.items()
    }


def concept_facts(layer: int) -> tuple[MetricFacts, MetricFacts]:
    """What network dissection says of one layer of a run: distinct concepts, and units that detect one."""
    undefined = "the network was not dissected"
    return (
        MetricFacts(
            f"unique_detectors[layer={layer}]", "Concepts", True, (0.0, None), 1, per_run=True, undefined=undefined
        ),
        MetricFacts(
            f"detectors[layer={layer}]",
            "Units that detect one",
            True,
            (0.0, None),
            1,
            per_run=True,
            undefined=undefined,
        ),
    )
