"""Films written by tests: each with a bright rectangle where its box is, so that a box can be seen on its pixels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from study import data
from study.conclude.facts import dataset_facts
from study.protocol.data import FilmSettings
from study.records import Dataset
from study.report.data_words import DATA_NAMED, NAMES, NOT_TOLD

Box = tuple[int, int, int, int]
SIZES = ((120, 80), (80, 120), (100, 100), (90, 61))
BOXES: tuple[Box, ...] = ((12, 8, 40, 30), (30, 50, 70, 90), (60, 10, 95, 45), (5, 20, 85, 55))


def marked(size: tuple[int, int], box: Box | None, *, seed: int = 0) -> NDArray[np.uint8]:
    """A dark, noisy film of width x height with a bright rectangle."""
    pixels = np.random.default_rng(seed).integers(0, 60, size[::-1]).astype(np.uint8)
    if box is not None:
        x0, y0, x1, y1 = box
        pixels[y0:y1, x0:x1] = 255
    return pixels


def save(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    """Write a film, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def prepared(settings: FilmSettings, root: Path, *, image_size: int = 40) -> Dataset:
    """The dataset of these settings."""
    out = root / f"out{sum(1 for _ in root.glob('out*'))}"
    out.mkdir()
    data.prepare("films", settings.model_dump(mode="json"), image_size=image_size, root=root, out=out)
    dataset = data.load(out)
    assert unspoken(dataset_facts(dataset)) == set()
    return dataset


def unspoken(facts: Mapping[str, Any]) -> set[str]:
    """Names of facts, inner ones too, for which the report has no Korean word."""
    inner = [facts[key] for key in facts.keys() - DATA_NAMED if isinstance(facts[key], Mapping)]
    names = {key for group in (facts, *inner) for key in group}
    return names - NAMES.keys() - NOT_TOLD


def digest(settings: FilmSettings, root: Path) -> str:
    """Of the films of these settings."""
    return data.digest(settings.model_dump(mode="json"), root=root)


def bright(dataset: Dataset, row: int) -> list[int]:
    """Bounding box of the film's bright pixels in its square."""
    image = dataset.images[row] / np.iinfo(dataset.images.dtype).max
    ys, xs = np.nonzero(image > 0.6)
    return [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1]


def assert_boxes_lie_on_bright_pixels(dataset: Dataset, *, least: int = 1) -> None:
    """Every box is that of its film's bright rectangle, to a pixel."""
    boxed = [row for row, boxes in enumerate(dataset.boxes) if len(boxes)]
    assert len(boxed) >= least
    for row in boxed:
        [box] = dataset.boxes[row].tolist()
        assert np.abs(np.array(bright(dataset, row)) - box).max() <= 1, dataset.image_ids[row]


def same(first: Dataset, second: Dataset) -> None:
    """Same films: ids, pixels, labels by name, boxes, splits, patients."""
    assert first.image_ids == second.image_ids
    assert first.images.dtype == second.images.dtype
    assert np.array_equal(first.images, second.images)
    assert [box.tolist() for box in first.boxes] == [box.tolist() for box in second.boxes]
    assert named(first) == named(second)
    assert first.splits == second.splits
    assert first.clusters == second.clusters
    assert (first.mean, first.std) == (second.mean, second.std)


def named(dataset: Dataset) -> list[str]:
    """Labels by name, "" where there is none."""
    return [dataset.classes[label] if label >= 0 else "" for label in dataset.labels]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """A manifest or a table of labels."""
    lines = [",".join(columns)]
    for row in rows:
        cells = [row.get(column, "") for column in columns]
        texts = [json.dumps(cell) if isinstance(cell, list) else str(cell) for cell in cells]
        lines.append(",".join('"' + text.replace('"', '""') + '"' for text in texts))
    path.write_text("\n".join(lines) + "\n", encoding="utf8")


def write_coco(path: Path, films: Sequence[tuple[str, tuple[int, int], Sequence[tuple[str, Sequence[float]]]]]) -> None:
    """COCO's JSON for (file name, size, (category, corners) pairs)."""
    names = sorted({category for _, _, boxes in films for category, _ in boxes})
    content: dict[str, Any] = {
        "images": [
            {"id": k, "file_name": name, "width": size[0], "height": size[1]} for k, (name, size, _) in enumerate(films)
        ],
        "categories": [{"id": k + 7, "name": name} for k, name in enumerate(names)],
        "annotations": [
            {"image_id": k, "category_id": names.index(category) + 7, "bbox": [x0, y0, x1 - x0, y1 - y0]}
            for k, (_, _, boxes) in enumerate(films)
            for category, (x0, y0, x1, y1) in boxes
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf8")


def write_voc(
    path: Path, size: tuple[int, int], boxes: Sequence[tuple[str, Sequence[float]]], *, first: int = 1
) -> None:
    """One XML file; corners are half open from 0 and written from `first`, ends included where that is 1."""
    objects = "".join(
        f"<object><name>{category}</name><bndbox><xmin>{x0 + first}</xmin><ymin>{y0 + first}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for category, (x0, y0, x1, y1) in boxes
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"<annotation><filename>{path.stem}.png</filename><size><width>{size[0]}</width><height>{size[1]}</height>"
        f"<depth>1</depth></size>{objects}</annotation>",
        encoding="utf8",
    )


def write_yolo(path: Path, size: tuple[int, int], boxes: Sequence[tuple[int, Sequence[float]]]) -> None:
    """One text file of centres and sizes, as shares."""
    width, height = size
    lines = [
        f"{number} {(x0 + x1) / 2 / width!r} {(y0 + y1) / 2 / height!r} {(x1 - x0) / width!r} {(y1 - y0) / height!r}"
        for number, (x0, y0, x1, y1) in boxes
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf8")
