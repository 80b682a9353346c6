"""How alike the maps of different runs are: rank correlations of the stored maps, pair by pair and image by image.

Maps are compared as the methods made them, signed and at their own size, before anything was cut or stretched. Films:
all test films up to 200, else 200 spread evenly over their list. Ranks do not depend on a map's scale, so the stored
half-precision values are ranked as they are. What was computed for the same maps before is taken from the last report.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.conclude.gather import explained_films
from study.records import Plan, Run
from study.registry import ATTRIBUTIONS
from study.statistics import AGREEMENT_COLUMNS
from study.store import Store

VERSION = 1
"""Raise it when values change for equal maps."""
MOST_FILMS = 200
CHUNK_VALUES = 4_000_000
"""Values ranked at a time, so that the memory needed does not grow with the study."""


def agreement(plan: Plan, store: Store, before: Path | None = None) -> pd.DataFrame:
    """Agreement of every two runs of a model, arms apart or the same.

    Args:
        plan: controls are left out: they know nothing of the run. Methods that draw at random are kept, and the
            statistics say so.
        store: runs without maps are left out.
        before: what an earlier call returned, as parquet; used where the maps are the same.

    Returns:
        Columns `AGREEMENT_COLUMNS` and `maps`, a digest of the maps that a row rests on. NaN where a map of the pair is
        flat or not finite.
    """
    known = _known(before)
    found = []
    for (model, attribution), runs in _groups(plan, store).items():
        digest = _digest([run.explain[attribution] for run in runs], [run.run_id for run in runs])
        cached = known.get(digest)
        found.append(_table(runs, model, attribution, store, digest) if cached is None else cached)
    columns = [*AGREEMENT_COLUMNS, "maps"]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def spread(n: int) -> NDArray[np.int64]:
    """Places of the films that are compared, of `n` in a list: all, or `MOST_FILMS` evenly from first to last."""
    if n <= MOST_FILMS:
        return np.arange(n)
    return np.asarray(np.linspace(0, n - 1, MOST_FILMS).round().astype(np.int64))


def correlations(maps: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Spearman's rank correlation of every two runs' maps of the same films.

    Args:
        maps: [R] arrays [n, h, w] of one shape, any scale.

    Returns:
        [R, R, n] in [-1, 1], 1 on the diagonal; NaN where either map is constant or not finite.
    """
    n_films, size = len(maps[0]), int(np.prod(maps[0].shape[1:]))
    step = max(1, CHUNK_VALUES // max(1, len(maps) * size))
    found = np.full((len(maps), len(maps), n_films), np.nan)
    for start in range(0, n_films, step):
        here = slice(start, start + step)
        stacked = np.stack([np.asarray(own[here]).reshape(-1, size) for own in maps], axis=1)  # [b, R, P]
        ranked = standardised(stacked.reshape(-1, size)).reshape(stacked.shape)
        found[:, :, here] = np.moveaxis(ranked @ ranked.swapaxes(1, 2), 0, 2)
    return np.asarray(np.clip(found, -1.0, 1.0))


def standardised(values: NDArray[Any]) -> NDArray[np.float64]:
    """[N, P] ranks of each row, ties sharing their mean, with mean 0 and length 1; NaN for a row without spread."""
    size = values.shape[1]
    plain = values + values.dtype.type(0)  # no negative zero: it sorts apart from zero as bits
    order = np.argsort(plain, axis=1)
    ascending = np.take_along_axis(plain, order, axis=1)
    rises = np.ones(values.shape, dtype=np.bool_)
    rises[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    first = np.flatnonzero(rises)
    count = np.diff(first, append=values.size)
    shared = np.repeat(first % size + (count - 1) / 2, count).reshape(values.shape)
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, shared, axis=1)
    ranks -= (size - 1) / 2
    length = np.sqrt(np.einsum("np,np->n", ranks, ranks))
    usable = (length > 0) & np.isfinite(values).all(axis=1)
    ranks /= np.where(usable, length, np.nan)[:, None]
    return ranks


def _groups(plan: Plan, store: Store) -> dict[tuple[str, str], list[Run]]:
    """(model, attribution) -> runs whose maps are there, at least two."""
    found: dict[tuple[str, str], list[Run]] = {}
    for run in plan.runs:
        for attribution, key in run.explain.items():
            explains = not ATTRIBUTIONS[plan.stages[key].recipe["attribution"]].control
            if explains and store.has(key) and store.has(run.predict):
                found.setdefault((run.model, attribution), []).append(run)
    return {names: runs for names, runs in found.items() if len(runs) > 1}


def _digest(keys: Sequence[str], run_ids: Sequence[str]) -> str:
    content = json.dumps([VERSION, MOST_FILMS, list(keys), list(run_ids)])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _known(before: Path | None) -> dict[str, pd.DataFrame]:
    if before is None or not before.is_file():
        return {}
    table = pd.read_parquet(before)
    return {str(digest): part for digest, part in table.groupby("maps", sort=False)}


def _table(runs: Sequence[Run], model: str, attribution: str, store: Store, digest: str) -> pd.DataFrame:
    films = explained_films(runs[0], store)
    chosen = spread(len(films))
    stored = [np.load(store.folder(run.explain[attribution]) / "maps.npy", mmap_mode="r") for run in runs]
    found = correlations([maps[chosen] for maps in stored])
    ids, clusters = (films[name].to_numpy()[chosen] for name in ("image_id", "cluster"))
    rows = [
        pd.DataFrame(
            {
                "arm_a": a.arm,
                "arm_b": b.arm,
                "run_a": a.run_id,
                "run_b": b.run_id,
                "image_id": ids,
                "cluster": clusters,
                "value": found[i, j],
            }
        )
        for i, a, j, b in _pairs(runs)
    ]
    return pd.concat(rows, ignore_index=True).assign(model=model, attribution=attribution, maps=digest)


def _pairs(runs: Sequence[Run]) -> Iterator[tuple[int, Run, int, Run]]:
    for i, a in enumerate(runs):
        for j in range(i + 1, len(runs)):
            yield i, a, j, runs[j]
