"""Does the same recipe explain alike: how similar the maps of different runs are, and what may be said of retraining.

There is a value for every pair of runs and image. Pairs share runs: ten pairs of five seeds are not ten observations.
For these models each image counts by its mean over pairs. For training again the variance has two parts: runs, by the
jackknife that leaves out one run with all its pairs (both sides where arms are compared, and added), and images, by the
covariance of pairs that share no run. With fewer than four runs the jackknife rests on next to nothing and is not made.

Reference: Efron and Stein, Annals of Statistics 1981 (the jackknife of statistics of pairs errs upwards).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from study.errors import StudyError
from study.records import Design, RunAgreement, RunStatus
from study.registry import ATTRIBUTIONS
from study.statistics.companions import t_test
from study.statistics.floats import Floats, Integers, number
from study.statistics.influence import compact, of_mean
from study.statistics.missing import COMPLETE_SHARE, available_mean, pretraining_groups, shares_one_pretraining
from study.statistics.notes import sentences
from study.statistics.primary import ArmFigures
from study.statistics.resampling import units
from study.statistics.sentences import Note, note

AGREEMENT_COLUMNS = ("model", "arm_a", "arm_b", "attribution", "run_a", "run_b", "image_id", "cluster", "value")
"""Columns of the table of agreement, one row per pair of runs and image; NaN = undefined."""
FEWEST_RUNS = 4
"""Runs of each arm from which on the jackknife over runs is made."""
NOISE = 1e-12
"""A standard error below this is rounding: agreement lies between -1 and 1."""


class Pairs(NamedTuple):
    """Pairs of replication units of two arms.

    Attributes:
        values: [P, n] agreement; NaN = undefined.
        sides: incidence [P, S] of the units, one array per side that is retrained on its own.
        n_units: units of either arm.
    """

    values: Floats
    sides: tuple[NDArray[np.bool_], ...]
    n_units: tuple[int, int]


class Retrained(NamedTuple):
    """The jackknife's answer; `df` after Satterthwaite."""

    se: float
    df: float
    v_run: float
    v_case: float


class Cube(NamedTuple):
    """Agreement of one model and attribution: `values` [R, R, n], symmetric, NaN on the diagonal."""

    runs: tuple[RunStatus, ...]
    clusters: Integers
    values: Floats


def agreements(design: Design, table: pd.DataFrame | None) -> tuple[RunAgreement, ...]:
    """Agreement within every arm and between every two arms, for each model and attribution.

    Args:
        design: orders the result; runs that diverged or are no part of it are left out.
        table: columns `AGREEMENT_COLUMNS`, either order of the runs; pairs of a run with itself are dropped.

    Returns:
        In the order of models, attributions and arms; arms without a run that has maps are absent. Empty for no table.

    Raises:
        StudyError: a column is missing, a pair has two values for an image, or an image has two clusters.
    """
    if table is None or not len(table):
        return ()
    absent = [name for name in AGREEMENT_COLUMNS if name not in table]
    if absent:
        raise StudyError(f"agreement: no column {', '.join(absent)}; wanted {', '.join(AGREEMENT_COLUMNS)}")
    found: list[RunAgreement] = []
    for model in design.models:
        for attribution in (*design.attributions, *design.controls):
            part = table[(table["model"] == model) & (table["attribution"] == attribution)]
            if len(part):
                cube = _cube(design, part, model)
                names = combinations_with_replacement(design.arms, 2)
                found += [made for arms in names for made in _agreement(design, cube, (model, attribution), arms)]
    return tuple(found)


def retrained(figures: ArmFigures, sides: tuple[NDArray[np.bool_], ...]) -> Retrained:
    """Variance of the mean over pairs, if runs were trained again and images were new.

    v_run = sum over sides of (S - 1) / S * sum_u (theta without u - their mean)^2, where theta without unit u is the
    mean over pairs without it. v_case = mean of sum_g h[p, g] h[q, g] over ordered pairs (p, q) that share no unit.

    Args:
        figures: [P] mean over images of each pair, and influence [P, G].
        sides: incidence [P, S_k] of units in pairs; every unit must leave pairs behind.
    """
    parts = []
    for incidence in sides:
        n_units = incidence.shape[1]
        without = np.array([figures.figures[~incidence[:, u]].mean() for u in range(n_units)])
        parts.append((n_units - 1) / n_units * float(((without - without.mean()) ** 2).sum()))
    shared = np.logical_or.reduce([incidence @ incidence.T for incidence in sides])
    v_case = float((figures.influence @ figures.influence.T)[~shared].mean())
    total = sum(parts) + max(v_case, 0.0)
    below = sum(part**2 / (incidence.shape[1] - 1) for part, incidence in zip(parts, sides, strict=True))
    below += max(v_case, 0.0) ** 2 / (figures.influence.shape[1] - 1)
    return Retrained(float(np.sqrt(total)), total**2 / below if below > 0 else float("nan"), sum(parts), v_case)


def _cube(design: Design, part: pd.DataFrame, model: str) -> Cube:
    wanted = [run for run in design.runs if run.model == model and run.state == "done" and not run.diverged]
    listed = set(part["run_a"].astype(str)) | set(part["run_b"].astype(str))
    runs = tuple(run for run in wanted if run.run_id in listed)
    names = pd.Index([run.run_id for run in runs], dtype="str")
    a, b = (names.get_indexer(pd.Index(part[name].astype(str))).astype(np.int64) for name in ("run_a", "run_b"))
    images, ids = pd.factorize(part["image_id"].astype(str))
    pairs = pd.DataFrame({"image": images, "cluster": part["cluster"].to_numpy()}).drop_duplicates()
    if len(pairs) > len(ids):
        twice = ids[int(pairs["image"][pairs["image"].duplicated()].iloc[0])]
        raise StudyError(f"agreement: image {twice!r} has more than one cluster; each has exactly one")
    low, high, value = np.minimum(a, b), np.maximum(a, b), part["value"].to_numpy(dtype=np.float64)
    kept = (low >= 0) & (low != high)
    flat = (low * len(runs) + high)[kept] * len(ids) + images[kept]
    if len(np.unique(flat)) < len(flat):
        raise StudyError(f"agreement of {model}: a pair of runs has more than one value for an image")
    values = np.full((len(runs), len(runs), len(ids)), np.nan)
    values[low[kept], high[kept], images[kept]] = value[kept]
    values[high[kept], low[kept], images[kept]] = value[kept]
    clusters = np.zeros(len(ids), dtype=np.int64)
    clusters[pairs["image"].to_numpy()] = pd.factorize(pairs["cluster"].astype(str))[0]
    return Cube(runs, clusters, values)


def _agreement(design: Design, cube: Cube, names: tuple[str, str], arms: tuple[str, str]) -> Iterator[RunAgreement]:
    rows = [[row for row, run in enumerate(cube.runs) if run.arm == arm] for arm in arms]
    if not all(rows):
        return
    pairs = _pairs(design, cube, rows, same=arms[0] == arms[1])
    defined = np.isfinite(pairs.values)
    applicable = defined.any(axis=0)
    full = defined.all(axis=0) & applicable
    kept = full if full.sum() >= COMPLETE_SHARE * applicable.sum() else applicable
    codes = compact(cube.clusters[kept])
    n_clusters = int(codes.max(initial=-1)) + 1
    status = _status(pairs, n_clusters)
    fields: dict[str, Any] = {
        "n_runs_a": pairs.n_units[0],
        "n_runs_b": pairs.n_units[1],
        "n_pairs": len(pairs.values),
        "n_images": int(kept.sum()),
        "n_clusters": n_clusters,
        "n_undefined": int((~defined).sum()),
    }
    if status not in ("agreement_no_pair", "no_data"):
        values = available_mean(pairs.values[:, kept], defined[:, kept])
        fields |= _numbers(values, of_mean(values, codes, weight=design.weight), pairs, status, design.alpha)
        if n_clusters > 1 and fields["se_models"] is None:
            status = "agreement_constant"
    model, attribution = names
    notes = _notes(cube, attribution, arms, rows, fields, status)
    yield RunAgreement(model, attribution, arms[0], arms[1], status, **fields, **sentences(notes))


def _status(pairs: Pairs, n_clusters: int) -> str:
    if not len(pairs.values):
        return "agreement_no_pair"
    if not n_clusters:
        return "no_data"
    if n_clusters < 2:
        return "insufficient_n"
    return "ok" if min(pairs.n_units) >= FEWEST_RUNS else "agreement_models_only"


def _pairs(design: Design, cube: Cube, rows: list[list[int]], *, same: bool) -> Pairs:
    """Pairs of replication units: runs, or pretraining runs where an arm has several."""
    groups = [[[own[i] for i in group] for group in _groups(cube, own)] for own in rows]
    sizes = len(groups[0]), len(groups[1])
    if same:
        places = [(i, j) for i in range(sizes[0]) for j in range(i + 1, sizes[0])]
    else:
        places = [(i, j) for i in range(sizes[0]) for j in range(sizes[1])]
    n_images = cube.values.shape[2]
    values = [_mean(cube.values[np.ix_(groups[0][i], groups[1][j])].reshape(-1, n_images)) for i, j in places]
    first, second = (np.array([place[k] for place in places], dtype=np.int64) for k in (0, 1))
    return Pairs(
        np.stack(values) if values else np.zeros((0, n_images)),
        _sides(design, cube, groups, (first, second), same=same),
        sizes,
    )


def _groups(cube: Cube, rows: list[int]) -> list[list[int]]:
    return pretraining_groups(tuple(cube.runs[row] for row in rows))


def _sides(
    design: Design, cube: Cube, groups: list[list[list[int]]], places: tuple[Integers, Integers], *, same: bool
) -> tuple[NDArray[np.bool_], ...]:
    """Which units each pair holds. Paired seeds of two arms are one side: a seed leaves both arms at once."""
    alone = all(len(group) == 1 for own in groups for group in own)
    if not same and design.seeding == "paired" and alone:
        seeds = [np.array([cube.runs[group[0]].seed for group in own], dtype=np.int64) for own in groups]
        listed = np.union1d(*seeds)
        return (_incidence(seeds[0][places[0]], listed) | _incidence(seeds[1][places[1]], listed),)
    first, second = (_incidence(at, np.arange(len(own))) for at, own in zip(places, groups, strict=True))
    return (first | second,) if same else (first, second)


def _incidence(at: Integers, listed: Integers) -> NDArray[np.bool_]:
    return np.asarray(at[:, None] == listed)


def _mean(values: Floats) -> Floats:
    """[n] mean over rows of what is finite, NaN where nothing is."""
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    total = np.where(finite, values, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _numbers(values: Floats, figures: ArmFigures, pairs: Pairs, status: str, alpha: float) -> dict[str, Any]:
    """The estimate, and intervals for as many questions as the runs allow."""
    estimate, n_clusters = float(figures.figures.mean()), figures.influence.shape[1]
    fields: dict[str, Any] = {
        "estimate": estimate,
        "lowest_pair": float(figures.figures.min()),
        "highest_pair": float(figures.figures.max()),
        "sd_images": float(values.mean(axis=0).std(ddof=1)) if values.shape[1] > 1 else None,
        "se_models": None,
    }
    if n_clusters < 2:
        return fields
    se = float(np.sqrt((figures.influence.mean(axis=0) ** 2).sum()))
    if se <= NOISE:
        return fields
    test = t_test(estimate, se, n_clusters - 1, alpha=alpha)
    fields |= {"se_models": se, "df_models": float(n_clusters - 1)}
    fields |= {"ci_models_low": max(test.ci_low, -1.0), "ci_models_high": min(test.ci_high, 1.0)}
    if status != "ok":
        return fields
    again = retrained(figures, pairs.sides)
    half = float(stats.t.ppf(1 - alpha / 2, again.df)) * again.se
    return fields | {
        "se": again.se,
        "df": number(again.df),
        "v_run": again.v_run,
        "v_case": again.v_case,
        "ci_low": max(estimate - half, -1.0),
        "ci_high": min(estimate + half, 1.0),
    }


def _notes(
    cube: Cube, attribution: str, arms: tuple[str, str], rows: list[list[int]], fields: dict[str, Any], status: str
) -> list[Note]:
    found: list[Note] = []
    unit = units(fields["n_clusters"] < fields["n_images"])
    short = {arm: fields[f"n_runs_{side}"] for arm, side in zip(arms, "ab", strict=True)}
    if status == "agreement_models_only":
        found += [note(status, runs=n, least=FEWEST_RUNS) for n in dict.fromkeys(short.values()) if n < FEWEST_RUNS]
    elif status == "agreement_no_pair":
        found += [note(status, arm=arm, runs=n) for arm, n in short.items() if n < FEWEST_RUNS]
    elif status == "agreement_constant":
        found.append(note(status, value=f"{fields['estimate']:.3f}"))
    elif status == "insufficient_n":
        found.append(note(status, n=fields["n_clusters"], **unit))
    if fields["n_undefined"]:
        found.append(note("agreement_undefined", n=fields["n_undefined"], total=fields["n_pairs"] * len(cube.clusters)))
    for arm, own in zip(dict.fromkeys(arms), rows, strict=False):
        if shares_one_pretraining(tuple(cube.runs[row] for row in own)):
            found.append(note("conditional_on_pretraining", arm=arm))
    name = attribution.partition("[")[0]
    if name in ATTRIBUTIONS and ATTRIBUTIONS[name].random:
        found.append(note("agreement_random"))
    return found
