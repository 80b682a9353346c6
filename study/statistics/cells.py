"""The score table as arrays: one block of runs x images for each model, attribution and metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
        replaced: [R] undefined values of each run that count as the metric's worst; empty where none may.
        listed: fewest and most images that a run lists, where only those in common are kept.
    """

    runs: tuple[RunStatus, ...]
    images: Integers
    values: Floats
    version: int
    replaced: tuple[int, ...] = ()
    listed: tuple[int, int] | None = None

    def rows(self, arm: str) -> Integers:
        """Rows of one arm."""
        return np.array([row for row, run in enumerate(self.runs) if run.arm == arm], dtype=np.int64)


@dataclass(frozen=True)
class Predictions:
    """Class probabilities of one model's runs on the labelled test images.

    Attributes:
        runs: [R]. images: [n] indices into `Images`. probabilities: [R, n, K].
        labels: [n] class index, or [n, K] 0 or 1 where an image may have several classes or none.
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

    Columns of names may be categories, which is what tables of many rows should have: their rows are then handled
    as small numbers and no text is touched.

    Raises:
        StudyError: a cell occurs twice, an image has two clusters, or the arms list different images.
    """
    counted = {run.run_id: run for run in design.runs if run.state == "done" and not run.diverged}
    scores = _kept(scores, counted)
    if predictions is not None and len(predictions):
        kept = predictions["run_id"].isin(counted)
        if "label" in predictions:
            kept &= predictions["label"] >= 0
        if "split" in predictions:
            kept &= predictions["split"] == "test"
        predictions = predictions[kept]
    images = _images(scores, predictions)
    order = {run_id: (design.arms.index(run.arm), run.seed) for run_id, run in counted.items()}
    ranked = sorted(counted.values(), key=lambda run: order[run.run_id])
    common = design.rules.images == "common"
    blocks = _blocks(scores, images, ranked, common=common) if len(scores) else {}
    probabilities: Mapping[str, Predictions] = {}
    if predictions is not None and len(predictions):
        probabilities = _probabilities(predictions, images, ranked, common=common)
    return Cells(images, blocks, probabilities)


def _kept(scores: pd.DataFrame, counted: Mapping[str, RunStatus]) -> pd.DataFrame:
    """Rows of these runs; the very table where that is all of them."""
    if not len(scores):
        return scores
    codes, names = coded(scores["run_id"])
    known = np.array([name in counted for name in names], dtype=bool)
    return scores if known.all() else scores[known[codes]]


def coded(column: pd.Series) -> tuple[NDArray[np.signedinteger[Any]], tuple[str, ...]]:
    """Place of each row's name, -1 for none, and the names; not all of them need to occur."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes), tuple(map(str, column.cat.categories))
    codes, names = pd.factorize(column)
    spoken = tuple(map(str, names))
    if len(set(spoken)) == len(spoken):
        return codes, spoken
    distinct = {name: place for place, name in enumerate(dict.fromkeys(spoken))}
    places = np.array([*(distinct[name] for name in spoken), -1], dtype=np.int64)
    return places[codes], tuple(distinct)


def first_rows(codes: NDArray[np.signedinteger[Any]], size: int) -> Integers:
    """[size] the first row of each code, the number of rows where a code does not occur."""
    first = np.full(size, len(codes), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1, dtype=np.int64)  # of equal places the last is assigned
    return first


def _images(scores: pd.DataFrame, predictions: pd.DataFrame | None) -> Images:
    """Images in the order of first appearance, those of the scores first."""
    found: dict[str, str] = {}
    for table in (scores, predictions):
        if table is not None and len(table):
            for image, cluster in _clusters(table):
                if found.setdefault(image, cluster) != cluster:
                    raise StudyError(f"scores: image {image!r} has more than one cluster; each has exactly one")
    # Numbered by name, so that resampled sets do not depend on the order of the table's rows.
    codes = pd.factorize(np.array(list(found.values()), dtype=object), sort=True)[0] if found else np.zeros(0)
    return Images(tuple(found), codes.astype(np.int64))


def _clusters(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(image, cluster) of each image of a table; the image itself where no cluster is known."""
    codes, names = coded(table["image_id"])
    cluster, clusters = coded(table["cluster"])
    first = first_rows(codes, len(names))
    rows = np.sort(first[first < len(codes)])
    own = cluster[first[codes]] if len(rows) else cluster
    odd = np.flatnonzero(own != cluster)
    if len(odd):
        image = names[codes[odd[0]]]
        raise StudyError(f"scores: image {image!r} has more than one cluster; each has exactly one")
    return [
        (names[codes[row]], clusters[cluster[row]] if cluster[row] >= 0 else names[codes[row]]) for row in rows.tolist()
    ]


def _blocks(scores: pd.DataFrame, images: Images, ranked: list[RunStatus], *, common: bool) -> dict[Key, Block]:
    place = {run.run_id: row for row, run in enumerate(ranked)}
    group, keys, first = _groups(scores)
    shape = (len(keys), len(ranked), len(images.ids))
    cell = group.astype(np.int64)
    cell *= shape[1]
    cell += _codes(scores["run_id"], place)
    cell *= shape[2]
    cell += _codes(scores["image_id"], {image: i for i, image in enumerate(images.ids)})
    present = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape)
    if (present > 1).any():
        _refuse_duplicate(present, list(keys), ranked, images)
    values = np.full(shape, np.nan)
    values.ravel()[cell] = scores["value"].to_numpy(dtype=np.float64)
    values[np.isinf(values)] = np.nan
    version = scores["metric_version"].to_numpy()[first].astype(np.int64)
    return {
        key: _block(key, present[k] > 0, values[k], ranked=ranked, version=int(version[k]), common=common)
        for k, key in enumerate(keys)
    }


def _groups(scores: pd.DataFrame) -> tuple[NDArray[np.signedinteger[Any]], list[Key], Integers]:
    """Code of each row's (model, attribution, metric), these, and the first row of each."""
    columns = [coded(scores[name]) for name in ("model", "attribution", "metric")]
    columns[1] = columns[1][0], (*columns[1][1], "")  # the place -1 of an absent attribution is the last name's
    sizes = [len(names) for _, names in columns]
    joint: Any = np.zeros(len(scores), dtype=np.int32)
    for (codes, _), size in zip(columns, sizes, strict=True):
        joint *= np.int32(size)
        joint += np.where(codes < 0, size - 1, codes) if (codes < 0).any() else codes
    first = first_rows(joint, int(np.prod(sizes)))
    occurring = np.flatnonzero(first < len(scores))
    occurring = occurring[np.argsort(first[occurring])]
    place = np.zeros(len(first), dtype=np.int32)
    place[occurring] = np.arange(len(occurring))
    at = zip(*np.unravel_index(occurring, sizes), strict=True)
    keys = [(columns[0][1][m], columns[1][1][a], columns[2][1][k]) for m, a, k in at]
    return place[joint], keys, first[occurring]


def _codes(column: pd.Series, place: Mapping[str, int]) -> NDArray[np.integer[Any]]:
    """The place of each row's name; every name that occurs has one."""
    codes, names = coded(column)
    return np.asarray(np.array([place.get(name, -1) for name in names], dtype=np.int32)[codes])


def _block(
    key: tuple[str, ...],
    present: NDArray[np.bool_],
    values: Floats,
    *,
    ranked: list[RunStatus],
    version: int,
    common: bool,
) -> Block:
    """One block, with the rows and columns that occur; every run must list the same images, or those in common stay."""
    rows = np.flatnonzero(present.any(axis=1))
    listed = present[rows]
    differ = not (listed == listed[0]).all()
    if differ and not common:
        odd = int(rows[np.flatnonzero((listed != listed[0]).any(axis=1))[0]])
        raise StudyError(
            f"scores of {' / '.join(filter(None, key))}: runs list different images: {ranked[int(rows[0])].run_id} has "
            f"{int(listed[0].sum())}, {ranked[odd].run_id} has {int(present[odd].sum())}, "
            f"{int((listed[0] & present[odd]).sum())} in common; measure the same test images in every run, "
            "or set analysis.images to common"
        )
    images = np.flatnonzero(listed.all(axis=0))
    counts = listed.sum(axis=1)
    whole = len(rows) == len(values) and len(images) == values.shape[1]
    return Block(
        tuple(ranked[int(row)] for row in rows),
        images,
        values if whole else values[np.ix_(rows, images)],
        version,
        listed=(int(counts.min()), int(counts.max())) if differ else None,
    )


def _refuse_duplicate(present: Integers, keys: list[tuple[str, ...]], ranked: list[RunStatus], images: Images) -> None:
    k, row, column = (int(index[0]) for index in np.nonzero(present > 1))
    raise StudyError(
        f"scores: {int((present > 1).sum())} cells occur more than once, the first is run {ranked[row].run_id}, "
        f"image {images.ids[column]}, {' / '.join(filter(None, keys[k]))}; there is exactly one value for a cell"
    )


def _probabilities(
    table: pd.DataFrame, images: Images, ranked: list[RunStatus], *, common: bool
) -> dict[str, Predictions]:
    names = _numbered(table, "p_")
    truth = ["label"] if "label" in table else _numbered(table, "y_")
    table = table.assign(image_id=table["image_id"].astype(str), run_id=table["run_id"].astype(str))
    if table.duplicated(["run_id", "image_id"]).any():
        again = table[table.duplicated(["run_id", "image_id"])].iloc[0]
        raise StudyError(f"predictions: run {again['run_id']} has image {again['image_id']} more than once")
    place = {image: i for i, image in enumerate(images.ids)}
    found: dict[str, Predictions] = {}
    for model, part in table.groupby("model", sort=False, observed=True):
        groups = {str(run_id): group for run_id, group in part.groupby("run_id", sort=False)}
        runs = tuple(run for run in ranked if run.run_id in groups)
        columns = {run_id: _codes(group["image_id"], place).astype(np.int64) for run_id, group in groups.items()}
        listed = np.sort(columns[runs[0].run_id])
        for run in runs:
            if not common and not np.array_equal(np.sort(columns[run.run_id]), listed):
                raise StudyError(
                    f"predictions: {run.run_id} and {runs[0].run_id} list different images; predict the same test "
                    "images in every run, or set analysis.images to common"
                )
            listed = np.intersect1d(listed, columns[run.run_id])
        order = {run_id: np.argsort(codes)[np.isin(np.sort(codes), listed)] for run_id, codes in columns.items()}
        ordered = [groups[run.run_id].iloc[order[run.run_id]] for run in runs]
        used = [name for name in names if not part[name].isna().all()]
        probabilities = np.stack([group[used].to_numpy(dtype=np.float64) for group in ordered])
        labels = ordered[0][truth].to_numpy(dtype=np.int64)
        found[str(model)] = Predictions(runs, listed, labels[:, 0] if "label" in table else labels, probabilities)
    return found


def _numbered(table: pd.DataFrame, prefix: str) -> list[str]:
    """The columns `p_0`, `p_1` ... of a prefix, in the order of their numbers."""
    return sorted(
        (name for name in table.columns if name.startswith(prefix)), key=lambda name: int(name[len(prefix) :])
    )
