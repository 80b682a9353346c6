"""Images for the gallery, chosen by rule, with the maps of every arm.

For the first primary contrast of each model: the images with the largest gains, those around
the median and those with the largest losses of the per-image difference (averaged over runs),
ties by image id; behind them the images that the notes name. The map shown is the protocol's first seed, the
value is the average over runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from study.errors import DataError
from study.records import Analysis, Contrast, Dataset, GalleryMap, GalleryRow, ImageDifference, Plan, Run
from study.registry import ATTRIBUTIONS
from study.store import Store

PER_RULE = 2
SOME = 3
"""Image ids that a message names as examples."""
Rule = Literal["gain", "median", "loss", "hand"]


def gallery(
    analysis: Analysis,
    scores: pd.DataFrame,
    plan: Plan,
    store: Store,
    datasets: Mapping[str, Dataset],
    *,
    by_hand: Sequence[str] = (),
) -> tuple[GalleryRow, ...]:
    """Rows for every model, gains first; empty where no primary contrast has image differences.

    Args:
        datasets: key of the data stage -> its films.
        by_hand: further images, shown whatever their difference.
    """
    first: dict[str, Contrast] = {}
    for contrast in analysis.design.contrasts:
        if contrast.family == "primary" and contrast.attribution:
            first.setdefault(contrast.model, contrast)
    return tuple(
        row
        for contrast in first.values()
        for row in _rows(contrast, analysis, scores, plan, store, datasets, by_hand=by_hand)
    )


def check_picked(picked: Sequence[str], target: Dataset, notes: Path) -> None:
    """Refuse images of the notes that have no maps.

    Raises:
        DataError: with the images that are meant, or some that there are.
    """
    known = [target.image_ids[row] for row in target.explained]
    for image_id in (image_id for image_id in picked if image_id not in known):
        near = difflib.get_close_matches(image_id, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known[:SOME])}, …"
        raise DataError(f"{notes}: by_hand: no test image with maps is called '{image_id}'; {hint}")


def choose(differences: Sequence[ImageDifference], *, higher_is_better: bool | None) -> list[tuple[Rule, str]]:
    """Which images to show, as (rule, image id): gains, middle, losses; never one twice."""
    sign = -1.0 if higher_is_better is False else 1.0
    ranked = sorted(differences, key=lambda row: (-sign * row.difference, row.image_id))
    if len(ranked) < 3 * PER_RULE:
        return [("median", row.image_id) for row in ranked]
    middle = (len(ranked) - PER_RULE) // 2
    chosen: list[tuple[Rule, str]] = [("gain", row.image_id) for row in ranked[:PER_RULE]]
    chosen += [("median", row.image_id) for row in ranked[middle : middle + PER_RULE]]
    return chosen + [("loss", row.image_id) for row in ranked[-PER_RULE:]]


def display_map(raw: NDArray[np.float32], size: tuple[int, int], *, rectified: bool) -> NDArray[np.float32]:
    """[H, W] in [0, 1]: negative part cut, bilinear to (H, W), min-max; zeros where the map is flat."""
    positive = np.maximum(raw, 0) if rectified else raw
    picture = Image.fromarray(positive.astype(np.float32), mode="F").resize(size[::-1], Image.Resampling.BILINEAR)
    values = np.maximum(np.asarray(picture, dtype=np.float32), 0)
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return scaled.astype(np.float32)


def _rows(
    contrast: Contrast,
    analysis: Analysis,
    scores: pd.DataFrame,
    plan: Plan,
    store: Store,
    datasets: Mapping[str, Dataset],
    *,
    by_hand: Sequence[str],
) -> list[GalleryRow]:
    differences = {d.image_id: d for d in analysis.image_differences if d.contrast_id == contrast.contrast_id}
    facts = analysis.design.metrics[contrast.metric]
    runs = _first_runs(contrast.model, analysis, plan, store)
    cells = scores[
        (scores["model"] == contrast.model)
        & (scores["attribution"] == contrast.attribution)
        & (scores["metric"] == contrast.metric)
    ]
    means = cells.groupby(["arm", "image_id"])["value"].mean()
    rows = []
    chosen = choose(list(differences.values()), higher_is_better=facts.higher_is_better)
    for rule, image_id in [*chosen, *(("hand", image_id) for image_id in by_hand)]:
        dataset, row = _film(image_id, next(iter(runs.values())), plan, datasets)
        maps = tuple(
            GalleryMap(arm, _map(run, contrast.attribution, plan, store, dataset, row), _value(means, arm, image_id))
            for arm, run in runs.items()
        )
        rows.append(
            GalleryRow(
                image_id=image_id,
                model=contrast.model,
                rule=rule,
                contrast_id=contrast.contrast_id,
                difference=differences[image_id].difference if image_id in differences else None,
                label=dataset.classes[dataset.targets[row]],
                image=eight_bit(dataset.images[row]),
                boxes=dataset.boxes[row],
                maps=maps,
            )
        )
    return rows


def _first_runs(model: str, analysis: Analysis, plan: Plan, store: Store) -> dict[str, Run]:
    """Arm -> the run of the lowest seed whose maps exist, in the protocol's order of arms."""
    found: dict[str, Run] = {}
    for arm in analysis.design.arms:
        for run in plan.runs:
            complete = all(store.has(key) for key in run.explain.values())
            if run.arm == arm and run.model == model and complete:
                found.setdefault(arm, run)
    return found


def _film(image_id: str, run: Run, plan: Plan, datasets: Mapping[str, Dataset]) -> tuple[Dataset, int]:
    dataset = datasets[plan.stages[run.predict].parents["data"]]
    return dataset, dataset.image_ids.index(image_id)


def _map(run: Run, attribution: str, plan: Plan, store: Store, dataset: Dataset, row: int) -> NDArray[np.float32]:
    raw, rectified = stored_map(run, attribution, plan, store, dataset, row)
    return display_map(raw, dataset.images.shape[1:], rectified=rectified)


def stored_map(
    run: Run, attribution: str, plan: Plan, store: Store, dataset: Dataset, row: int
) -> tuple[NDArray[np.float32], bool]:
    """A film's raw map, and whether its negative part means nothing."""
    key = run.explain[attribution]
    place = int(np.flatnonzero(dataset.explained == row)[0])
    maps, scale = (np.load(store.folder(key) / f"{name}.npy", mmap_mode="r") for name in ("maps", "scale"))
    raw = maps[place].astype(np.float32) * scale[place]
    return raw, ATTRIBUTIONS[plan.stages[key].recipe["attribution"]].rectified


def _value(means: pd.Series, arm: str, image_id: str) -> float | None:
    value = means.get((arm, image_id))
    return None if value is None or np.isnan(value) else float(value)


def eight_bit(film: NDArray[Any]) -> NDArray[np.uint8]:
    """A film as 8-bit grey."""
    return (film >> 8).astype(np.uint8) if film.dtype == np.uint16 else film.astype(np.uint8)
