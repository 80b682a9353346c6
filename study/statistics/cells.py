"""The score table as arrays: one block of runs x images for each model, attribution and metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.errors import StudyError
from study.records import Design, RunStatus
from study.statistics.floats import Floats, Integers

Key = tuple[str, str, str]
"""(model, attribution, metric); the attribution of a per-run metric is empty."""


@dataclass(frozen=True)
class Images:
    """Every test image of the study, in the order of first appearance, and its cluster's code."""

    ids: tuple[str, ...]
    clusters: Integers

    @property
    def n_clusters(self) -> int:
        """How many clusters (patients, or images where no patient is known) there are."""
        return int(self.clusters.max(initial=-1)) + 1

    @property
    def has_patients(self) -> bool:
        """Whether some cluster holds more than one image."""
        return self.n_clusters < len(self.ids)


@dataclass(frozen=True)
class Block:
    """Cells of one model, attribution and metric.

    Attributes:
        runs: [R] the runs that have a row, in the design's order of arms, then by seed.
        images: [n] indices into `Images` of the images listed.
        values: [R, n] NaN = undefined.
        version: of the metric.
    """

    runs: tuple[RunStatus, ...]
    images: Integers
    values: Floats
    version: int

    def rows(self, arm: str) -> Integers:
        """Rows of one arm."""
        return np.array([row for row, run in enumerate(self.runs) if run.arm == arm], dtype=np.int64)


@dataclass(frozen=True)
class Predictions:
    """Class probabilities of one model's runs on the labelled test images.

    Attributes:
        runs: [R]. images: [n] indices into `Images`. labels: [n]. probabilities: [R, n, K].
    """

    runs: tuple[RunStatus, ...]
    images: Integers
    labels: Integers
    probabilities: Floats


@dataclass(frozen=True)
class Cells:
    """All scores of a study."""

    images: Images
    blocks: Mapping[Key, Block]
    predictions: Mapping[str, Predictions]


def gather(design: Design, scores: pd.DataFrame, predictions: pd.DataFrame | None) -> Cells:
    """Arrays out of the tables; diverged and unknown runs are left out.

    Raises:
        StudyError: a cell occurs twice, an image has two clusters, or the arms list different images.
    """
    counted = {run.run_id: run for run in design.runs if run.state == "done" and not run.diverged}
    scores = scores[scores["run_id"].isin(counted)] if len(scores) else scores
    if predictions is not None and len(predictions):
        kept = predictions["run_id"].isin(counted) & (predictions["label"] >= 0)
        if "split" in predictions:
            kept &= predictions["split"] == "test"
        predictions = predictions[kept]
    images = _images(scores, predictions)
    order = {run_id: (design.arms.index(run.arm), run.seed) for run_id, run in counted.items()}
    ranked = sorted(counted.values(), key=lambda run: order[run.run_id])
    blocks = _blocks(scores, images, ranked) if len(scores) else {}
    probabilities = {} if predictions is None or not len(predictions) else _probabilities(predictions, images, ranked)
    return Cells(images, blocks, probabilities)


def _images(scores: pd.DataFrame, predictions: pd.DataFrame | None) -> Images:
    tables = [table[["image_id", "cluster"]] for table in (scores, predictions) if table is not None and len(table)]
    if not tables:
        return Images((), np.zeros(0, dtype=np.int64))
    pairs = pd.concat([table.drop_duplicates() for table in tables])
    pairs["cluster"] = pairs["cluster"].where(pairs["cluster"].notna(), pairs["image_id"])
    pairs = pairs.astype(str).drop_duplicates()
    twice = pairs[pairs["image_id"].duplicated()]
    if len(twice):
        raise StudyError(f"scores: image {twice['image_id'].iloc[0]!r} has more than one cluster; each has exactly one")
    codes = pd.factorize(pairs["cluster"])[0]
    return Images(tuple(pairs["image_id"]), codes.astype(np.int64))


def _blocks(scores: pd.DataFrame, images: Images, ranked: list[RunStatus]) -> dict[Key, Block]:
    place = {run.run_id: row for row, run in enumerate(ranked)}
    rows = _codes(scores["run_id"], place)
    columns = _codes(scores["image_id"].astype(str), {image: i for i, image in enumerate(images.ids)})
    names = [scores["model"], scores["attribution"].fillna(""), scores["metric"]]
    group, keys = pd.MultiIndex.from_arrays(names).factorize()
    shape = (len(keys), len(ranked), len(images.ids))
    flat = (group.astype(np.int64) * shape[1] + rows) * shape[2] + columns
    present = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)
    if (present > 1).any():
        _refuse_duplicate(present, list(keys), ranked, images)
    values = np.full(shape, np.nan)
    values.ravel()[flat] = scores["value"].to_numpy(dtype=np.float64)
    values[np.isinf(values)] = np.nan
    version = np.zeros(len(keys), dtype=np.int64)
    version[group] = scores["metric_version"].to_numpy(dtype=np.int64)
    return {
        (str(key[0]), str(key[1]), str(key[2])): _block(
            key, present[k] > 0, values[k], ranked=ranked, version=int(version[k])
        )
        for k, key in enumerate(keys)
    }


def _codes(column: pd.Series, place: Mapping[str, int]) -> Integers:
    codes, names = pd.factorize(column)
    return np.array([place[str(name)] for name in names], dtype=np.int64)[codes]


def _block(
    key: tuple[str, ...], present: NDArray[np.bool_], values: Floats, *, ranked: list[RunStatus], version: int
) -> Block:
    """One block, with the rows and columns that occur; every run must list the same images."""
    rows = np.flatnonzero(present.any(axis=1))
    listed = present[rows]
    if not (listed == listed[0]).all():
        odd = int(rows[np.flatnonzero((listed != listed[0]).any(axis=1))[0]])
        raise StudyError(
            f"scores of {' / '.join(filter(None, key))}: runs list different images: {ranked[int(rows[0])].run_id} has "
            f"{int(listed[0].sum())}, {ranked[odd].run_id} has {int(present[odd].sum())}, "
            f"{int((listed[0] & present[odd]).sum())} in common; measure the same test images in every run"
        )
    images = np.flatnonzero(listed[0])
    return Block(tuple(ranked[int(row)] for row in rows), images, values[np.ix_(rows, images)], version)


def _refuse_duplicate(present: Integers, keys: list[tuple[str, ...]], ranked: list[RunStatus], images: Images) -> None:
    k, row, column = (int(index[0]) for index in np.nonzero(present > 1))
    raise StudyError(
        f"scores: {int((present > 1).sum())} cells occur more than once, the first is run {ranked[row].run_id}, "
        f"image {images.ids[column]}, {' / '.join(filter(None, keys[k]))}; there is exactly one value for a cell"
    )


def _probabilities(table: pd.DataFrame, images: Images, ranked: list[RunStatus]) -> dict[str, Predictions]:
    names = sorted((name for name in table.columns if name.startswith("p_")), key=lambda name: int(name[2:]))
    table = table.assign(image_id=table["image_id"].astype(str))
    if table.duplicated(["run_id", "image_id"]).any():
        again = table[table.duplicated(["run_id", "image_id"])].iloc[0]
        raise StudyError(f"predictions: run {again['run_id']} has image {again['image_id']} more than once")
    place = {image: i for i, image in enumerate(images.ids)}
    found: dict[str, Predictions] = {}
    for model, part in table.groupby("model", sort=False):
        groups = {str(run_id): group for run_id, group in part.groupby("run_id", sort=False)}
        runs = tuple(run for run in ranked if run.run_id in groups)
        columns = {run_id: _codes(group["image_id"], place) for run_id, group in groups.items()}
        listed = np.sort(columns[runs[0].run_id])
        for run in runs:
            if not np.array_equal(np.sort(columns[run.run_id]), listed):
                raise StudyError(f"predictions: {run.run_id} and {runs[0].run_id} list different images")
        ordered = [groups[run.run_id].iloc[np.argsort(columns[run.run_id])] for run in runs]
        used = [name for name in names if not part[name].isna().all()]
        probabilities = np.stack([group[used].to_numpy(dtype=np.float64) for group in ordered])
        found[str(model)] = Predictions(runs, listed, ordered[0]["label"].to_numpy(dtype=np.int64), probabilities)
    return found
