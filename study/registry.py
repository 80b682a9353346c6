"""Everything a protocol can name, as tables one can read.

A line holds where the object lives and the facts that other stations need to know of it
(direction, bounds, needs, families, version). The facts stand here and nowhere else, so
that checking a protocol, planning it, analysing scores and writing the report never import
torch; the object itself is imported on first use by `load`.

To add something: one file with the function, one line here. `tests/laws/` picks it up.
Raise `version` when the numbers change: it is part of every key.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from study.records import Family, MetricFacts

Need = Literal["boxes", "curves", "masked"]
BOTH: tuple[Family, ...] = ("vit", "cnn")


@dataclass(frozen=True)
class Entry:
    """A line of a registry: `path` is `module:object`, `version` counts changes of numbers."""

    path: str
    title: str
    version: int = 1


@dataclass(frozen=True)
class Metric(Entry):
    """A per-image metric: `(ExplainedBatch, **parameters) -> [B] float64`, NaN = undefined."""

    higher_is_better: bool | None = None
    bounds: tuple[float | None, float | None] = (0.0, 1.0)
    needs: tuple[Need, ...] = ()
    group: Literal["agreement", "faithfulness", "masking"] = "faithfulness"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    undefined: str = ""

    def facts(self, label: str) -> MetricFacts:
        """The part of this line that tables and verdicts need, under the score table's name."""
        return MetricFacts(
            name=label,
            title=self.title,
            higher_is_better=self.higher_is_better,
            bounds=self.bounds,
            version=self.version,
            undefined=self.undefined,
        )


@dataclass(frozen=True)
class Attribution(Entry):
    """An attribution method: raw signed maps [B, h, w] for images and targets.

    `rectified`: negative values carry no meaning (CAMs) and are cut before upsampling.
    `control`: not an explanation but a yardstick; shown in the controls of every report.
    `random`: reads its per-image seeds.
    """

    families: tuple[Family, ...] = BOTH
    rectified: bool = False
    control: bool = False
    random: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Training(Entry):
    """A stage of a chain. `settings` is the class in `study.protocol.stages` that describes it."""

    settings: str = ""
    supervised: bool = False
    families: tuple[Family, ...] = BOTH


@dataclass(frozen=True)
class Format(Entry):
    """A data format. `settings` is the class in `study.protocol.data` that describes it."""

    settings: str = ""


E = TypeVar("E", bound=Entry)


class Registry(Mapping[str, E]):
    """Names as written in a protocol, each with its line."""

    def __init__(self, noun: str, entries: Mapping[str, E]) -> None:
        self.noun = noun
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> E:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def load(self, name: str) -> Any:
        """The object behind `name`; imports its module on first use."""
        module, _, attribute = self._entries[name].path.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def unknown(self, name: str) -> str:
        """The sentence for a name that is not here, with the nearest one that is."""
        return unknown(self.noun, name, self._entries)


def unknown(noun: str, name: str, known: Mapping[str, Any] | list[str] | tuple[str, ...]) -> str:
    """`'centre' is not a known masking; did you mean 'center'?` and the list of what is known."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"'{name}' is not a known {noun}{hint}\nknown: {', '.join(sorted(known))}"


TRAININGS: Registry[Training] = Registry(
    "training stage",
    {
        "mae": Training("study.train.mae:mae", "Masked autoencoder", settings="MaeSettings"),
        "rotation": Training("study.train.rotation:rotation", "Rotation proxy task", settings="RotationSettings"),
        "finetune": Training(
            "study.train.finetune:finetune", "Fine-tuning", settings="FinetuneSettings", supervised=True
        ),
    },
)

MASKINGS: Registry[Entry] = Registry(
    "masking",
    {
        "random": Entry("study.train.masking:random", "every patch equally likely"),
        "center": Entry("study.train.masking:center", "patches near the centre more likely"),
    },
)

FORMATS: Registry[Format] = Registry(
    "data format",
    {
        "phantom": Format("study.data.phantom:PHANTOM", "procedural radiographs", settings="PhantomSettings"),
        "csv": Format("study.data.csv:CSV", "a manifest.csv beside a folder of images", settings="CsvSettings"),
    },
)

ATTRIBUTIONS: Registry[Attribution] = Registry(
    "attribution",
    {
        "gradcam": Attribution("study.explain.gradcam:gradcam", "Grad-CAM", rectified=True, parameters={"layer": None}),
        "integrated_gradients": Attribution(
            "study.explain.integrated_gradients:integrated_gradients",
            "Integrated gradients",
            parameters={"steps": 25, "rule": "gausslegendre"},
            choices={"rule": ("gausslegendre", "midpoint", "trapezoid", "right")},
        ),
        "smoothgrad": Attribution(
            "study.explain.smoothgrad:smoothgrad",
            "SmoothGrad",
            random=True,
            parameters={"samples": 25, "noise": 0.15},
        ),
        "control_random": Attribution(
            "study.explain.controls:random_map", "Random map", rectified=True, control=True, random=True
        ),
        "control_center": Attribution(
            "study.explain.controls:center_prior",
            "Centre prior",
            rectified=True,
            control=True,
            parameters={"sigma": 0.5},
        ),
        "control_fakecam": Attribution("study.explain.controls:fake_cam", "Fake-CAM", rectified=True, control=True),
    },
)

_CURVE: dict[str, Any] = {
    "needs": ("curves",),
    "parameters": {"baseline": "zero", "steps": 16},
    "choices": {"baseline": ("zero", "mean", "blur")},
    "undefined": "the map is constant, so pixels have no order",
}

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
            **(
                _CURVE
                | {"undefined": "the map is constant, or the film does not raise the target above the blank image"}
            ),
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
            needs=("masked",),
            group="masking",
            undefined="coherency is undefined",
        ),
    },
)

RUN_METRICS: Mapping[str, MetricFacts] = {
    "auc": MetricFacts(
        "auc", "AUC", True, (0.0, 1.0), 1, per_run=True, unit="percent", undefined="the test films hold one class only"
    ),
    "accuracy": MetricFacts("accuracy", "Accuracy", True, (0.0, 1.0), 1, per_run=True, unit="percent"),
}
"""Metrics made from a run's predictions by the statistics (`auc` is the macro mean over classes)."""

STEP_VERSIONS: Mapping[str, int] = {"predict": 1, "perturb": 1, "mask": 1}
"""Versions of the evaluation steps that no protocol names; raise one when its numbers change."""

MODELS: Mapping[str, Family] = {"vit_phantom": "vit", "densenet_phantom": "cnn"}
"""Small models of our own; every other name is looked up in timm."""

_TIMM_FAMILIES: Mapping[str, Family] = {
    "vit_": "vit",
    "deit": "vit",
    "densenet": "cnn",
    "resnet": "cnn",
    "resnext": "cnn",
    "vgg": "cnn",
    "efficientnet": "cnn",
    "convnext": "cnn",
}


def model_family(name: str) -> Family | None:
    """The family of a model name, or None for a name that neither we nor timm's families know."""
    if name in MODELS:
        return MODELS[name]
    return next((family for prefix, family in _TIMM_FAMILIES.items() if name.startswith(prefix)), None)
