"""Checked tables as the frames that the statistics read: names as categories, so that a row is a few bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.conclude.outside.checking import combined, first_rows, numbered
from study.conclude.outside.reading import Codes, Column, Table
from study.protocol import AnalysisFile, OutsideStudy, TableFacts, planned_seeds
from study.records import RunStatus

Run = tuple[str, str, int]
"""(arm, model, seed)."""


def with_model(table: Table, name: str) -> None:
    """Give the table a model where it has no column of them."""
    table.keys.setdefault("model", Column((name,), np.zeros(table.n_rows, dtype=np.int8)))


def same_seeds(table: Table) -> None:
    """Write each seed in one way (`1.0` as `1`), so that a run has one name."""
    column = table.keys["seed"]
    spoken = [str(number) for number in numbered(column)]
    names = tuple(dict.fromkeys(spoken))
    place = np.array([names.index(name) for name in spoken], dtype=column.codes.dtype)
    table.keys["seed"] = Column(names, place[column.codes] if len(place) else column.codes)


def share_clusters(table: Table, other: Table) -> None:
    """Where only one of two tables names clusters, give the other those of the same images."""
    for lacking, having in ((table, other), (other, table)):
        if "cluster" not in lacking.keys and "cluster" in having.keys:
            named = _cluster_names(having)
            own = [named.get(image, "") for image in lacking.keys["image_id"].names]
            names = tuple(dict.fromkeys(own))
            place = np.array([names.index(name) for name in own], dtype=np.int32)
            lacking.keys["cluster"] = Column(names, place[lacking.keys["image_id"].codes])


def check_clusters(table: Table, other: Table) -> None:
    """Complain about images of `table` whose cluster is another one in `other`."""
    if "cluster" not in table.keys or "cluster" not in other.keys:
        return
    named, images = _cluster_names(other), table.keys["image_id"]
    for image, cluster in _cluster_names(table).items():
        if cluster != named.get(image, cluster):
            text = f"image {image} has the cluster '{cluster}' here and '{named[image]}' in {other.path.name}"
            table.complaints.add("cluster", text, np.flatnonzero(images.codes == images.names.index(image)))
            return


def _cluster_names(table: Table) -> dict[str, str]:
    """Image -> its cluster, as its first row says."""
    images, clusters = table.keys["image_id"], table.keys["cluster"]
    first = first_rows(images.codes, len(images.names))
    return {
        name: clusters.names[clusters.codes[row]]
        for name, row in zip(images.names, first.tolist(), strict=True)
        if row < table.n_rows
    }


def facts_of(table: Table, classes: int) -> TableFacts:
    """What the analysis file is checked against; names that are complained about anyway are left out."""
    names = {key: tuple(name for name in table.keys[key].names if name) for key in table.keys}
    seeds = [number for number in numbered(table.keys["seed"]) if number is not None]
    return TableFacts(
        arms=names["arm"],
        models=names["model"],
        seeds=tuple(dict.fromkeys(seeds)),
        attributions=names["attribution"],
        metrics=names["metric"],
        classes=classes,
    )


def runs_of(table: Table) -> dict[int, Run]:
    """Code of each run that occurs, as `combined` makes it, -> its arm, model and seed."""
    columns = [table.keys[name] for name in ("arm", "model", "seed")]
    codes, size = combined(columns)
    seeds = numbered(columns[2])
    found: dict[int, Run] = {}
    for code in np.flatnonzero(first_rows(codes, size) < table.n_rows):
        arm, model, seed = np.unravel_index(int(code), [len(column.names) for column in columns])
        number = seeds[int(seed)]
        assert number is not None
        found[int(code)] = (columns[0].names[int(arm)], columns[1].names[int(model)], number)
    return found


def run_id(run: Run) -> str:
    """`mae_random/vit_s/0`."""
    return "/".join(map(str, run))


def statuses(study: OutsideStudy, table: Table) -> tuple[RunStatus, ...]:
    """One per planned run, those in the table done; without a plan, those in the table."""
    found = runs_of(table)
    pretrained = _pretrained(table, found)
    seeds = () if study.planned is None else planned_seeds(study.planned, [run[2] for run in found.values()])
    planned = [(arm, model, seed) for arm in study.arms for model in study.models for seed in seeds]
    present = set(found.values())
    order = {arm: place for place, arm in enumerate(study.arms)}
    listed = sorted({*planned, *present}, key=lambda run: (order[run[0]], study.models.index(run[1]), run[2]))
    return tuple(
        RunStatus(
            run_id(run),
            *run,
            state="done" if run in present else "missing",
            pretrain_key=pretrained.get(run),
        )
        for run in listed
    )


def _pretrained(table: Table, found: dict[int, Run]) -> dict[Run, str]:
    """The pretraining run of each run, where the table names one."""
    if "pretrain_run" not in table.keys:
        return {}
    codes, size = combined([table.keys[name] for name in ("arm", "model", "seed")])
    first = first_rows(codes, size)
    column = table.keys["pretrain_run"]
    named = {run: column.names[column.codes[first[code]]] for code, run in found.items()}
    return {run: name for run, name in named.items() if name}


def score_frame(table: Table, file: AnalysisFile) -> pd.DataFrame:
    """The columns that the statistics read of the score table."""
    frame = _frame(table, ("arm", "model", "image_id", "attribution", "metric"))
    return frame.assign(metric_version=_versions(table, file), value=table.numbers["value"])


def prediction_frame(table: Table) -> pd.DataFrame:
    """The columns that the statistics read of the predictions."""
    frame = _frame(table, ("arm", "model", "image_id"))
    labels = np.array([-1 if number is None else number for number in numbered(table.keys["label"])], dtype=np.int64)
    return frame.assign(label=labels[table.keys["label"].codes], **table.numbers)


def _frame(table: Table, names: Sequence[str]) -> pd.DataFrame:
    columns = {name: categories(table.keys[name].codes, table.keys[name].names) for name in names}
    return pd.DataFrame(
        {
            "run_id": _run_ids(table),
            **columns,
            "seed": categories(table.keys["seed"].codes, numbered(table.keys["seed"])),
            "cluster": _clusters(table),
        },
        copy=False,
    )


def categories(codes: Codes, names: Sequence[Any]) -> pd.Categorical[Any]:
    """Names by their place in a list."""
    made: pd.Categorical[Any] = pd.Categorical.from_codes(codes, pd.Index(names))
    return made


def _run_ids(table: Table) -> pd.Categorical[Any]:
    codes, size = combined([table.keys[name] for name in ("arm", "model", "seed")])
    found = runs_of(table)
    place = np.zeros(size, dtype=np.int32)
    names = list(dict.fromkeys(run_id(run) for run in found.values()))
    for code, run in found.items():
        place[code] = names.index(run_id(run))
    return categories(place[codes], names)


def _clusters(table: Table) -> pd.Categorical[Any]:
    """The cluster of each row, the image itself where none is named."""
    images = table.keys["image_id"]
    if "cluster" not in table.keys:
        return categories(images.codes, images.names)
    clusters = table.keys["cluster"]
    if "" not in clusters.names:
        return categories(clusters.codes, clusters.names)
    names = list(dict.fromkeys((*(name for name in clusters.names if name), *images.names)))
    place = {name: at for at, name in enumerate(names)}
    own = np.array([place.get(name, -1) for name in clusters.names], dtype=np.int32)[clusters.codes]
    alone = np.array([place[name] for name in images.names], dtype=np.int32)[images.codes]
    return categories(np.where(own < 0, alone, own), names)


def _versions(table: Table, file: AnalysisFile) -> np.typing.NDArray[np.int16]:
    """The metric's version of each row: of the table where it says, else of the file or the registry."""
    metric = table.keys["metric"]
    facts = [file.facts_of(name) for name in metric.names]
    declared = np.array([1 if one is None else one.version for one in facts], dtype=np.int16)[metric.codes]
    if "metric_version" not in table.keys:
        return declared
    column = table.keys["metric_version"]
    given = np.array([number or 0 for number in numbered(column)], dtype=np.int16)[column.codes]
    return np.where(given > 0, given, declared)
