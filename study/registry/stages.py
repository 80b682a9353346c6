"""Training stages, their maskings, data formats, and the versions of the steps that no protocol names."""

from __future__ import annotations

from collections.abc import Mapping

from study.registry.entries import Entry, Format, Registry, Training

TRAININGS: Registry[Training] = Registry(
    "training stage",
    {
        "mae": Training("study.train.mae:mae", "Masked autoencoder", settings="MaeSettings", version=2),
        "rotation": Training("study.train.rotation:rotation", "Rotation proxy task", settings="RotationSettings"),
        "jigsaw": Training("study.train.jigsaw:jigsaw", "Jigsaw proxy task", settings="JigsawSettings"),
        "exemplar": Training("study.train.exemplar:exemplar", "Exemplar proxy task", settings="ExemplarSettings"),
        "supervised": Training(
            "study.train.supervised:supervised",
            "Supervised pretraining",
            settings="SupervisedSettings",
            labelled=True,
        ),
        "weights": Training("study.train.given:given", "Given weights", settings="WeightsSettings", given=True),
        "finetune": Training(
            "study.train.finetune:finetune", "Fine-tuning", settings="FinetuneSettings", supervised=True
        ),
        "linear_probe": Training(
            "study.train.probe:linear_probe", "Linear probe", settings="LinearProbeSettings", supervised=True
        ),
    },
)

MASKINGS: Registry[Entry] = Registry(
    "masking",
    {
        "random": Entry("study.train.masking:random", "every patch equally likely"),
        "center": Entry("study.train.masking:center", "patches near the centre more likely"),
        "edge": Entry("study.train.masking:edge", "patches far from the centre more likely"),
        "block": Entry("study.train.blocks:block", "rectangles of patches"),
        "grid": Entry("study.train.masking:grid", "all patches but those of a lattice"),
    },
)


def tile_side(image_size: int, tiles: int, patch_size: int | None) -> int:
    """Side of a jigsaw tile in pixels: three quarters of its cell, for a ViT a whole number of patches.

    0 where no patch fits into a cell.
    """
    cell = image_size // tiles
    if patch_size is None:
        return cell * 3 // 4
    return cell * 3 // 4 // patch_size * patch_size or cell // patch_size * patch_size


def lattice_spacing(ratio: float) -> int | None:
    """The whole s > 1 for which `ratio`, to three digits, is 1 - 1 / s^2 (masking `grid`), or None."""
    spacing = round((1 - ratio) ** -0.5)
    return spacing if spacing > 1 and abs(1 - spacing**-2 - ratio) < 5e-4 else None


FORMATS: Registry[Format] = Registry(
    "data format",
    {
        "phantom": Format("study.data.phantom:PHANTOM", "procedural radiographs", settings="PhantomSettings"),
        "csv": Format("study.data.csv:CSV", "a manifest.csv beside a folder of images", settings="CsvSettings"),
        "imagefolder": Format(
            "study.data.imagefolder:IMAGEFOLDER", "a folder per class", settings="ImagefolderSettings"
        ),
        "coco": Format("study.data.coco:COCO", "boxes in COCO's JSON", settings="CocoSettings"),
        "voc": Format("study.data.voc:VOC", "boxes in Pascal VOC's XML", settings="VocSettings"),
        "yolo": Format("study.data.yolo:YOLO", "boxes in YOLO's text files", settings="YoloSettings"),
        "nih14": Format("study.data.nih14:NIH14", "NIH ChestX-ray14 as downloaded", settings="Nih14Settings"),
        "dicom": Format("study.data.dicom:DICOM", "a folder of DICOM files", settings="DicomSettings"),
        "masks": Format("study.data.masks:MASKS", "films with binary masks beside them", settings="MasksSettings"),
    },
)

STEP_VERSIONS: Mapping[str, int] = {"predict": 1, "perturb": 1, "mask": 1, "cascade": 1, "dissect": 1}
"""Versions of the evaluation steps that no protocol names; raise one when its numbers change."""
