"""Real films beside the checkout, laid out anew as coco, yolo, voc and dicom: the same dataset every time."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from film_kit import named, prepared, same, write_coco, write_voc, write_yolo
from PIL import Image

from study.data.decode import IMAGE_FILES
from study.protocol.data import CocoSettings, CsvSettings, FilmSettings, VocSettings, YoloSettings
from study.records import Dataset

pytestmark = pytest.mark.shared

SETS: dict[str, dict[str, Any]] = {
    "fracatlas-mini": {"split": {"given": "ignore"}},
    "cxr-lungs": {"classes": ("other-pneumonia", "covid-19")},
}


def source(shared: Path, name: str) -> Path:
    folder = shared / "data" / name
    if not (folder / "manifest.csv").is_file():
        pytest.skip(f"no {name} in ../shared/data: its films cannot be laid out anew")
    return folder


def copied(layout: str, folder: Path, target: Path) -> None:
    """The films as links, their boxes as this layout writes them."""
    (target / "images").mkdir(parents=True)
    described = []
    with (folder / "manifest.csv").open(encoding="utf8", newline="") as file:
        for row in csv.DictReader(file):
            path = folder / "images" / row["image"]
            os.symlink(path, target / "images" / row["image"])
            described.append((row["image"], IMAGE_FILES.header(path).size, json.loads(row["boxes"] or "[]")))
    if layout == "coco":
        write_coco(
            target / "all.json", [(name, size, [("box", box) for box in boxes]) for name, size, boxes in described]
        )
    for name, size, boxes in described:
        if layout == "voc" and boxes:
            write_voc(target / "Annotations" / f"{Path(name).stem}.xml", size, [("box", box) for box in boxes])
        if layout == "yolo" and boxes:
            write_yolo(target / "labels" / f"{Path(name).stem}.txt", size, [(0, box) for box in boxes])


KINDS: dict[str, type[FilmSettings]] = {"coco": CocoSettings, "voc": VocSettings, "yolo": YoloSettings}


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_each_layout_gives_the_dataset_of_the_manifest(name: str, shared: Path, tmp_path: Path) -> None:
    folder = source(shared, name)
    (tmp_path / "csv").symlink_to(folder)
    expected = prepared(CsvSettings(manifest="csv", **SETS[name]), tmp_path, image_size=64)
    for layout, kind in KINDS.items():
        copied(layout, folder, tmp_path / layout)
        settings = kind(folder=layout, labels="csv/manifest.csv", **SETS[name])  # type: ignore[call-arg]
        same(expected, prepared(settings, tmp_path, image_size=64))


@pytest.mark.slow
def test_fractures_are_labelled_by_their_boxes_alone(shared: Path, tmp_path: Path) -> None:
    folder = source(shared, "fracatlas-mini")
    (tmp_path / "csv").symlink_to(folder)
    copied("yolo", folder, tmp_path / "yolo")
    (tmp_path / "yolo" / "data.yaml").write_text("names: [fracture]\n")
    expected: Dataset = prepared(CsvSettings(manifest="csv", split={"given": "ignore"}), tmp_path)  # type: ignore[arg-type]
    boxed = prepared(YoloSettings(folder="yolo", no_box="normal"), tmp_path)
    assert named(boxed) == named(expected)
    assert np.array_equal(boxed.images, expected.images)
    assert boxed.classes == ("normal", "fracture")


@pytest.mark.slow
def test_turned_copies_of_real_films_have_their_boxes_where_they_were(shared: Path, tmp_path: Path) -> None:
    """A film stored on its side with an EXIF mark, with boxes of the stored or of the shown pixels: one dataset."""
    folder = source(shared, "fracatlas-mini")
    for drawn in ("stored", "shown"):
        films = []
        with (folder / "manifest.csv").open(encoding="utf8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["label"] == "fracture"][:12]
        (tmp_path / drawn / "images").mkdir(parents=True)
        for row in rows:
            with Image.open(folder / "images" / row["image"]) as image:
                upright = image.convert("L")
            width, height = upright.size
            exif = Image.Exif()
            exif[0x0112] = 6
            name = f"{Path(row['image']).stem}.png"
            upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / drawn / "images" / name, exif=exif)
            boxes = json.loads(row["boxes"])
            if drawn == "stored":
                boxes = [(y0, width - x1, y1, width - x0) for x0, y0, x1, y1 in boxes]
            size = (height, width) if drawn == "stored" else (width, height)
            films.append((name, size, [("fracture", box) for box in boxes]))
        write_coco(tmp_path / drawn / "all.json", films)
    stored, shown = (
        prepared(CocoSettings(folder=drawn, split={"val": 0.3}), tmp_path) for drawn in ("stored", "shown")
    )  # type: ignore[arg-type]
    assert np.array_equal(stored.images, shown.images)
    for ours, theirs in zip(stored.boxes, shown.boxes, strict=True):
        assert np.abs(ours - theirs).max() <= 1
