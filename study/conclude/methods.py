"""One image under every attribution method: the gallery of a study that compares methods.

For each model: of the reference arm's first finished run, the test films of which it is surest, those
around the median and those of which it is least sure (probability of the label; films with a box where
there are any; ties by image id).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pandas as pd

from study.conclude.gallery import display_map, eight_bit, stored_map
from study.records import Dataset, MethodMap, MethodRow, Plan, Run
from study.registry import ATTRIBUTIONS
from study.store import Store

FEWEST = 4
"""Attributions, controls not counted, from which on a gallery of methods is worth its page."""

Rule = Literal["surest", "median", "least_sure"]


def method_gallery(
    plan: Plan, store: Store, reference: str, predictions: pd.DataFrame, datasets: Mapping[str, Dataset]
) -> tuple[MethodRow, ...]:
    """Three rows per model; empty where fewer than four attributions were asked for.

    Args:
        predictions: of the test films, as `gather` reads them.
        datasets: key of the data stage -> its films.
    """
    first: dict[str, Run] = {}
    for run in plan.runs:
        explaining = [key for key in run.explain.values() if not _is_control(plan, key)]
        complete = all(store.has(key) for key in run.explain.values())
        if run.arm == reference and len(explaining) >= FEWEST and complete:
            first.setdefault(run.model, run)
    return tuple(row for run in first.values() for row in _rows(run, plan, store, predictions, datasets))


def chosen(probabilities: pd.Series) -> list[tuple[Rule, str]]:
    """The surest, the median and the least sure film, never one twice; `probabilities` by image id."""
    ranked = sorted(probabilities.items(), key=lambda pair: (-pair[1], pair[0]))
    names = [str(image_id) for image_id, _ in ranked]
    if len(names) < 3:
        return [("median", name) for name in names]
    return [("surest", names[0]), ("median", names[len(names) // 2]), ("least_sure", names[-1])]


def _is_control(plan: Plan, key: str) -> bool:
    return ATTRIBUTIONS[plan.stages[key].recipe["attribution"]].control


def _rows(
    run: Run, plan: Plan, store: Store, predictions: pd.DataFrame, datasets: Mapping[str, Dataset]
) -> list[MethodRow]:
    dataset = datasets[plan.stages[run.predict].parents["data"]]
    places = {image_id: row for row, image_id in enumerate(dataset.image_ids)}
    own = predictions[predictions["run_id"] == run.run_id].set_index("image_id")
    targets = dataset.targets
    own = own[[bool(targets[places[image_id]] >= 0) for image_id in own.index]]
    sure = pd.Series({i: float(row[f"p_{targets[places[str(i)]]}"]) for i, row in own.iterrows()})
    boxed = sure[[len(dataset.boxes[places[image_id]]) > 0 for image_id in sure.index]]
    return [
        _row(rule, image_id, run, plan=plan, store=store, dataset=dataset, probability=float(sure[image_id]))
        for rule, image_id in chosen(boxed if len(boxed) >= 3 else sure)
    ]


def _row(
    rule: Rule, image_id: str, run: Run, *, plan: Plan, store: Store, dataset: Dataset, probability: float
) -> MethodRow:
    row = dataset.image_ids.index(image_id)
    size = dataset.images.shape[1:]
    maps = []
    for attribution in run.explain:
        raw, rectified = stored_map(run, attribution, plan, store, dataset, row)
        maps.append(MethodMap(attribution, display_map(raw, size, rectified=rectified)))
    return MethodRow(
        image_id=image_id,
        run_id=run.run_id,
        rule=rule,
        probability=probability,
        label=dataset.classes[dataset.targets[row]],
        image=eight_bit(dataset.images[row]),
        boxes=dataset.boxes[row],
        maps=tuple(maps),
    )
