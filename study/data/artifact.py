"""The files of a prepared dataset: images.npy, table.parquet, facts.json and perhaps parts.npy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from study.errors import DataError
from study.records import Dataset, Findings, NoLabels, Quarantined, Split

IMAGES, PARTS, TABLE, FACTS = "images.npy", "parts.npy", "table.parquet", "facts.json"
SPLITS: tuple[Split, ...] = get_args(Split)
CHUNK_BYTES = 1 << 24


@dataclass(frozen=True)
class Films:
    """Everything of a dataset but its pixels, one entry per film in stored order.

    Attributes:
        image_ids, splits, clusters, boxes: as in `study.records.Dataset`.
        labels: index into `classes`, -1 where unlabelled. Not kept where there are `findings`.
        columns: further columns of the table, kept for whoever opens it.
    """

    image_ids: Sequence[str]
    labels: Sequence[int]
    classes: tuple[str, ...]
    splits: Sequence[str]
    clusters: Sequence[str]
    boxes: Sequence[NDArray[np.int32]]
    part_names: tuple[str, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    findings: Findings | None = None


def new_array(path: Path, *, shape: tuple[int, ...], dtype: DTypeLike) -> np.memmap[Any, Any]:
    """An array file of zeros that is written film by film, never held in memory as a whole."""
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape)


def finish(films: Films, *, name: str, out: Path) -> None:
    """Write the table and the facts beside the images that are already in `out`.

    Raises:
        DataError: every film that would be trained on is blank.
    """
    images = np.load(out / IMAGES, mmap_mode="r")
    seen = np.flatnonzero(np.isin(np.asarray(films.splits, dtype=object), ("train", "unlabelled")))
    mean, std = moments(images, seen)
    if std == 0:
        raise DataError(f"data '{name}': every film for training is blank (grey {mean:.3f} everywhere)")
    facts = {
        "name": name,
        "classes": films.classes,
        "mean": mean,
        "std": std,
        "part_names": films.part_names,
        "quarantined": [asdict(file) for file in films.quarantined],
        "facts": films.facts,
    }
    (out / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf8")
    columns = {
        "image_id": list(films.image_ids),
        **_label_columns(films),
        "split": list(films.splits),
        "cluster": list(films.clusters),
        "boxes": [json.dumps(boxes.tolist()) for boxes in films.boxes],
        **films.columns,
    }
    pd.DataFrame(columns).to_parquet(out / TABLE, index=False)


def load(folder: Path) -> Dataset:
    """The dataset in a prepared folder; its images are memory mapped and read-only."""
    stored = json.loads((folder / FACTS).read_text(encoding="utf8"))
    table = pd.read_parquet(folder / TABLE)
    parts = folder / PARTS
    return Dataset(
        name=stored["name"],
        images=np.load(folder / IMAGES, mmap_mode="r"),
        image_ids=tuple(table["image_id"]),
        labels=table["label"].to_numpy(dtype=np.int64) if "label" in table else cast("Any", NoLabels(stored["name"])),
        classes=tuple(stored["classes"]),
        splits=tuple(table["split"]),
        clusters=tuple(table["cluster"]),
        boxes=tuple(np.asarray(json.loads(text), dtype=np.int32).reshape(-1, 4) for text in table["boxes"]),
        mean=np.nan if stored["mean"] is None else stored["mean"],
        std=np.nan if stored["std"] is None else stored["std"],
        parts=np.load(parts, mmap_mode="r") if parts.exists() else None,
        part_names=tuple(stored["part_names"]),
        quarantined=tuple(Quarantined(**file) for file in stored["quarantined"]),
        facts=stored["facts"],
        findings=None if "label" in table else _findings(table, len(stored["classes"])),
    )


def _label_columns(films: Films) -> dict[str, Any]:
    """One label per film, or the findings of each and the one that is its target."""
    if films.findings is None:
        return {"label": np.asarray(films.labels, dtype=np.int64)}
    present = [json.dumps(np.flatnonzero(row).tolist()) for row in films.findings.present]
    return {"findings": present, "target": films.findings.targets}


def _findings(table: pd.DataFrame, n_findings: int) -> Findings:
    present = np.zeros((len(table), n_findings), dtype=np.bool_)
    for row, text in zip(present, table["findings"], strict=True):
        row[json.loads(text)] = True
    return Findings(present, table["target"].to_numpy(dtype=np.int64))


def moments(images: NDArray[Any], rows: NDArray[np.int64]) -> tuple[float | None, float | None]:
    """Mean and standard deviation of all pixels of these films on the scale [0, 1]; None without films.

    Summed as integers, so the result does not depend on the order or on the chunks.
    """
    if not len(rows):
        return None, None
    white = np.iinfo(images.dtype).max
    total = squares = 0
    for chunk in _chunks(rows, images):
        pixels = images[chunk].astype(np.uint64)
        total += int(pixels.sum())
        squares += int((pixels * pixels).sum())
    count = len(rows) * images[0].size
    variance = (squares * count - total * total) / count**2
    return total / count / white, float(np.sqrt(variance)) / white


def _chunks(rows: NDArray[np.int64], images: NDArray[Any]) -> Iterable[NDArray[np.int64]]:
    per_chunk = max(1, CHUNK_BYTES // (images[0].size * 8))
    return (rows[start : start + per_chunk] for start in range(0, len(rows), per_chunk))
