"""Which attribution method a metric prefers: mean ranks over films, Friedman's test, Nemenyi's critical difference.

Films (patients, where a patient has several) are the blocks, and runs are averaged before anything is ranked, so a
ranking speaks of these trained models on films like these. Training again may change the maps and with them the
order; nothing here asks that. Controls are ranked too: a metric that does not put a method above a map drawn by
chance cannot recommend it.

Reference: Demsar, JMLR 2006; Krippendorff's alpha over blocks as in Tomsett et al., AAAI 2020.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.records import Design, Ranking
from study.statistics.cells import Cells
from study.statistics.components import agreement_on_order
from study.statistics.floats import Floats, Integers, number, rounded
from study.statistics.influence import cluster_totals, compact
from study.statistics.missing import pretraining_groups
from study.statistics.notes import sentences
from study.statistics.omnibus import critical_difference, friedman
from study.statistics.resampling import units
from study.statistics.sentences import note

LEAST_DEFINED = 0.5
"""A method with a value in less than this share of the cells is left out, so that it empties no ranking."""
FEW_BLOCKS = 10
"""With fewer blocks the chi-squared and studentised range distributions are rough."""


class Blocks(NamedTuple):
    """Values of the ranked methods, without a hole.

    Attributes:
        methods: [A] labels. left_out: labels of those not ranked.
        values: [A, n] means over runs, then over the films of a cluster.
        n_runs: runs (pretraining runs, where an arm has several) that have a value. n_films: films used.
    """

    methods: tuple[str, ...]
    left_out: tuple[str, ...]
    values: Floats
    n_runs: int
    n_films: int


def rankings(design: Design, cells: Cells) -> tuple[Ranking, ...]:
    """Every model, arm and per-image metric that has a direction and at least two methods with values.

    Returns:
        In the order of models, arms and metrics; a combination without a block that has a value for every ranked
        method is absent.
    """
    return tuple(
        made
        for model in design.models
        for arm in design.arms
        for metric, facts in design.metrics.items()
        if facts.higher_is_better is not None and not facts.per_run
        for made in _ranking(design, cells, (model, arm, metric))
    )


def rank_groups(average_ranks: Sequence[float], difference: float) -> tuple[tuple[int, ...], ...]:
    """The bars of a critical difference diagram.

    Args:
        average_ranks: [A] 1 = best.
        difference: critical difference.

    Returns:
        Maximal sets of at least two neighbours in rank whose first and last differ by less than `difference`, as
        indices into `average_ranks`, best first; none where every neighbour is told apart.
    """
    order = sorted(range(len(average_ranks)), key=lambda i: average_ranks[i])
    found: list[tuple[int, ...]] = []
    for start, first in enumerate(order):
        bar = tuple(i for i in order[start:] if average_ranks[i] - average_ranks[first] < difference)
        if len(bar) > 1 and not (found and set(bar) <= set(found[-1])):
            found.append(bar)
    return tuple(found)


def blocks(design: Design, cells: Cells, model: str, arm: str, metric: str) -> Blocks:
    """One value per method and block.

    A cell (run, film) counts where every ranked method has a value, so that each method is averaged over the same
    models and films.
    """
    labels, runs, values = _stack(design, cells, (model, arm, metric))
    clusters = cells.images.clusters
    kept = _rankable(values, clusters) if values.size else np.zeros(len(labels), dtype=np.bool_)
    left_out = tuple(label for label, keep in zip(labels, kept, strict=True) if not keep)
    methods = tuple(label for label, keep in zip(labels, kept, strict=True) if keep)
    values = values[kept]
    common = np.isfinite(values).all(axis=0) if len(methods) else np.zeros(values.shape[1:], dtype=bool)
    films = np.flatnonzero(common.any(axis=0))
    by_run = _over_runs(np.where(common, values, np.nan)[:, :, films], runs)
    n_runs = int(np.isfinite(by_run).any(axis=(0, 2)).sum()) if by_run.size else 0
    codes = compact(clusters[films])
    if not len(films):
        return Blocks(methods, left_out, np.zeros((len(methods), 0)), 0, 0)
    by_block = cluster_totals(_mean(by_run, axis=1), codes) / np.bincount(codes)
    return Blocks(methods, left_out, by_block, n_runs, len(films))


def _stack(design: Design, cells: Cells, key: tuple[str, str, str]) -> tuple[list[str], list[list[int]], Floats]:
    """Labels measured in this arm, rows of the arm's runs that share a pretraining, and values [A, R, n]."""
    model, arm, metric = key
    found = {
        label: cells.blocks[model, label, metric]
        for label in (*design.attributions, *design.controls)
        if (model, label, metric) in cells.blocks
    }
    names = {run.run_id: run for block in found.values() for run in block.runs if run.arm == arm}
    runs = tuple(names[run.run_id] for run in design.runs if run.run_id in names)
    place = {run.run_id: row for row, run in enumerate(runs)}
    values = np.full((len(found), len(runs), len(cells.images.ids)), np.nan)
    for a, block in enumerate(found.values()):
        rows = block.rows(arm)
        at = np.array([place[block.runs[int(row)].run_id] for row in rows], dtype=np.int64)
        values[a][np.ix_(at, block.images)] = block.values[rows]
    return list(found), pretraining_groups(runs) if runs else [], values


def _rankable(values: Floats, clusters: Integers) -> NDArray[np.bool_]:
    """[A] methods with values in enough cells, fewer where those that remain have no cell in common."""
    share = _share_defined(values, clusters)
    kept = share >= LEAST_DEFINED
    while kept.any() and not np.isfinite(values[kept]).all(axis=0).any():
        kept[np.flatnonzero(kept & (share == share[kept].min()))[-1]] = False
    return np.asarray(kept)


def _share_defined(values: Floats, clusters: Integers) -> Floats:
    """[A] share of the cells (run, film) with a value, of those in which any method has one; mean over blocks."""
    defined = np.isfinite(values)
    codes = compact(clusters)
    applicable = cluster_totals(defined.any(axis=0, keepdims=True).sum(axis=1, dtype=np.float64), codes)
    counted = applicable[0] > 0
    found = cluster_totals(defined.sum(axis=1, dtype=np.float64), codes)
    return np.asarray((found[:, counted] / applicable[:, counted]).mean(axis=1) if counted.any() else found[:, 0])


def _over_runs(values: Floats, groups: list[list[int]]) -> Floats:
    """[A, S, n]: fine-tuning runs averaged inside each pretraining run, NaN where none has a value."""
    if not groups:
        return values
    return np.stack([_mean(values[:, group], axis=1) for group in groups], axis=1)


def _mean(values: Floats, axis: int) -> Floats:
    """Mean of what is finite, NaN where nothing is."""
    count = np.isfinite(values).sum(axis=axis)
    total = np.where(np.isfinite(values), values, 0.0).sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _ranking(design: Design, cells: Cells, key: tuple[str, str, str]) -> Iterator[Ranking]:
    model, arm, metric = key
    found = blocks(design, cells, model, arm, metric)
    n_methods, n_blocks = found.values.shape
    if n_methods < 2 or not n_blocks:
        return
    values = rounded(found.values)
    test = friedman(-values.T if design.metrics[metric].higher_is_better else values.T)
    difference = critical_difference(n_methods, n_blocks, design.alpha) if n_blocks > 1 else None
    yield Ranking(
        model,
        arm,
        metric,
        attributions=found.methods,
        average_ranks=tuple(test.average_ranks.tolist()),
        means=tuple(found.values.mean(axis=1).tolist()),
        n_blocks=n_blocks,
        n_runs=found.n_runs,
        chi2=number(test.chi2) if n_blocks > 1 else None,
        p_value=number(test.p_value) if n_blocks > 1 else None,
        critical_difference=difference,
        groups=_named(found.methods, rank_groups(test.average_ranks.tolist(), difference)) if difference else (),
        above_control=_above_control(design, found.methods, test.average_ranks, difference),
        alpha=agreement_on_order(values) if n_blocks > 1 else None,
        left_out=found.left_out,
        **_sentences(found, n_blocks),
    )


def _named(methods: Sequence[str], bars: Sequence[Sequence[int]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(methods[i] for i in bar) for bar in bars)


def _above_control(
    design: Design, methods: Sequence[str], ranks: Floats, difference: float | None
) -> Mapping[str, tuple[str, ...]]:
    """The controls told apart from each explanation, and worse; none where nothing can be told apart."""
    place = dict(zip(methods, ranks.tolist(), strict=True))
    controls = [label for label in design.controls if label in place]
    return {
        label: tuple(c for c in controls if difference is not None and place[c] - place[label] >= difference)
        for label in methods
        if label not in design.controls
    }


def _sentences(found: Blocks, n_blocks: int) -> dict[str, Any]:
    unit = units(n_blocks < found.n_films)
    notes = [note("ranks_these_models", n=n_blocks, runs=found.n_runs, **unit)]
    if found.left_out:
        notes.append(note("methods_left_out", methods=", ".join(found.left_out), **unit))
    if n_blocks < FEW_BLOCKS:
        notes.append(note("few_blocks", n=n_blocks, **unit))
    return sentences(notes)
