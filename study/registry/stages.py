"""Training stages, their maskings, data formats, and the versions of the steps that no protocol names."""

from __future__ import annotations

from collections.abc import Mapping

from study.registry.entries import Entry, Format, Registry, Training

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

STEP_VERSIONS: Mapping[str, int] = {"predict": 1, "perturb": 1, "mask": 1, "cascade": 1, "dissect": 1}
"""Versions of the evaluation steps that no protocol names; raise one when its numbers change."""
