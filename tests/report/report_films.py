"""Made-up films and maps for the galleries of the report's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from report_design import Made

from study.records import Analysis, GalleryMap, GalleryRow, MethodMap, MethodRow

Rule = Literal["surest", "median", "least_sure"]


def gallery(made: Made, analysis: Analysis) -> Iterator[GalleryRow]:
    size = 64
    y, x = np.mgrid[0:size, 0:size]
    rng = np.random.default_rng(7)
    for model in made.models:
        contrast = next((f for f in analysis.findings if f.family == "primary" and f.model == model), None)
        rows = [d for d in analysis.image_differences if contrast and d.contrast_id == contrast.contrast_id]
        if not rows:
            return
        rows.sort(key=lambda row: -row.difference)
        middle = len(rows) // 2
        chosen = [*rows[:2], *rows[middle : middle + 2], *rows[-2:]]
        for row, rule in zip(chosen, ("gain", "gain", "median", "median", "loss", "loss"), strict=True):
            film = (40 + 150 * np.exp(-((x - 34) ** 2 + (y - 30) ** 2) / 260)).astype(np.uint8)
            maps = []
            for arm in made.arms:
                cx, cy = rng.uniform(18, 48, 2)
                blob = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 60).astype(np.float32)
                maps.append(GalleryMap(arm, blob, float(rng.uniform(0.3, 0.7))))
            yield GalleryRow(
                row.image_id,
                model,
                rule,  # type: ignore[arg-type]
                row.contrast_id,
                row.difference,
                "loose",
                film,
                np.array([[20, 16, 46, 44]], dtype=np.int32),
                tuple(maps),
            )


def method_gallery(made: Made, *, size: tuple[int, int] = (64, 64)) -> Iterator[MethodRow]:
    """Three films per model, under every map of the reference arm's first run; each map is another blob."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    rng = np.random.default_rng(9)
    for model in made.models:
        for place, rule in enumerate(get_args(Rule)):
            film = (40 + 150 * np.exp(-((x - 34) ** 2 + (y - 30) ** 2) / 260)).astype(np.uint8)
            yield MethodRow(
                f"img_{place:03d}",
                f"{made.arms[0]}-{model}-seed{made.seeds[0]}",
                rule,
                (0.99996, 0.8125, 0.125)[place],
                made.classes[-1],
                film,
                np.array([[20, 16, 46, 44]], dtype=np.int32),
                tuple(MethodMap(label, _blob(x, y, rng)) for label in (*made.attributions, *made.controls)),
            )


def _blob(x: NDArray[np.int_], y: NDArray[np.int_], rng: np.random.Generator) -> NDArray[np.float32]:
    cx, cy = rng.uniform(18, 48, 2)
    return np.asarray(np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 60), dtype=np.float32)
