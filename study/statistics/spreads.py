"""How far runs and images scatter the differences of arms: what the next study is planned with.

Everything is read off the run figures f and influence vectors h of the primary analysis (Obuchowski and Rockette),
so one definition serves means, AUC and patients. With C[r, q] = sum_g h[r, g] h[q, g] over G clusters, K_aa its mean
over pairs of different runs of arm a, and K_ab over pairs of runs of two arms:

    residual / G         = mean of C[r, r] - K_aa            (weighted with the S_a - 1)
    run                  = pooled variance of f - residual / G
    2 arm_by_cluster / G = K_aa + K_bb - 2 K_ab              (mean over pairs of arms)

For a mean metric on complete and equally repeated arms these are the components from ANOVA mean squares.
Paired seeds: the same of the differences D[s] of two arms, halved, and averaged over pairs of arms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

from study.records import Design, RunStatus, Seeding, Spread
from study.rng import numpy_generator
from study.statistics.cells import Block, Cells
from study.statistics.influence import compact, of_mean
from study.statistics.means import RunFigures, blocks_of
from study.statistics.missing import arm_values, pretraining_groups
from study.statistics.planning import Draws, Pilot, simulated, smallest_detectable
from study.statistics.primary import ArmFigures

FEWEST_RUNS = 3
"""Runs per arm from which on their spread is used to plan another study."""
MOST_SIMULATED = 5
"""Up to this many runs per arm the closed form is too optimistic (with 5 by up to .03), and studies are simulated."""
STUDIES = 10_000
"""Studies simulated for one plan; the binomial error is at most .005."""


class Parts(NamedTuple):
    """Raw components of the difference of two arms and the degrees of freedom of the first."""

    run: float
    arm_by_cluster: float
    residual: float
    df_runs: int

    @property
    def variances(self) -> tuple[float, float, float]:
        """The three components."""
        return self.run, self.arm_by_cluster, self.residual


def nested_parts(arms: Sequence[ArmFigures]) -> Parts:
    """Components from two arms or more with two runs each at least, on the same G >= 2 clusters."""
    n_clusters = arms[0].influence.shape[1]
    df = np.array([len(arm.figures) - 1 for arm in arms])
    own = [float((arm.influence**2).sum(axis=1).mean()) for arm in arms]
    means = np.stack([arm.influence.mean(axis=0) for arm in arms])  # [T, G]
    within = [_off_diagonal(arm.influence) for arm in arms]
    residual = float(((np.array(own) - within) * df).sum() / df.sum())
    spread = sum(float(((arm.figures - arm.figures.mean()) ** 2).sum()) for arm in arms) / int(df.sum())
    between = [float(means[a] @ means[b]) for a, b in combinations(range(len(arms)), 2)]
    case = float(np.mean(within) - np.mean(between))
    return Parts(spread - residual, case * n_clusters, residual * n_clusters, int(df.sum()))


def paired_parts(arms: Sequence[ArmFigures]) -> Parts:
    """As above, of arms whose runs stand in the same order of seeds: what the runs of a pair do not share."""
    n_clusters, n_pairs = arms[0].influence.shape[1], len(arms[0].figures)
    found = []
    for treatment, control in combinations(arms, 2):
        pairs = treatment - control
        case = _off_diagonal(pairs.influence)
        residual = float((pairs.influence**2).sum(axis=1).mean()) - case
        found.append((float(pairs.figures.var(ddof=1)) - residual, case * n_clusters, residual * n_clusters))
    run, case, residual = np.mean(found, axis=0) / 2
    return Parts(float(run), float(case), float(residual), (len(arms) - 1) * (n_pairs - 1))


def _off_diagonal(influence: np.typing.NDArray[np.float64]) -> float:
    """Mean of h[r] @ h[q] over pairs of different rows of [S, G]."""
    n_runs = len(influence)
    return float(((influence.sum(axis=0) ** 2).sum() - (influence**2).sum()) / (n_runs * (n_runs - 1)))


def pilot_of(spread: Spread, nested: Spread | None = None) -> Pilot:
    """Standard deviations to plan with; negative components count as 0.

    Args:
        spread: of the design that is planned.
        nested: where `spread` is of pairs, the same metric's nested row: it says how much luck pairs share.
    """
    shared = max(nested.run, 0.0) - max(spread.run, 0.0) if nested and spread.seeding == "paired" else 0.0
    parts = (spread.run, spread.arm_by_cluster, spread.residual, shared)
    run, case, residual, seed = (float(np.sqrt(max(part, 0.0))) for part in parts)
    return Pilot(run, case, residual, seed)


@lru_cache(maxsize=8)
def draws_of(seeds: int) -> Draws:
    """The same simulated luck for every plan with `seeds` runs per arm, in the command and in the report."""
    return Draws.of(seeds, STUDIES, numpy_generator("power", seeds))


def spreads(design: Design, cells: Cells, figures: Sequence[RunFigures] = ()) -> tuple[Spread, ...]:
    """One row (with paired seeds two) for every model, attribution that is no control, and metric.

    Left out are metrics with fewer than two arms of two runs, or two clusters, with every value.

    Args:
        figures: what runs have one of; those that are no figure of test images are left out.
    """
    rows = [
        (key, side)
        for key, block in blocks_of(design, cells).items()
        if key[1] not in design.controls
        for side in (_block_arms(design, cells, block),)
    ]
    rows += [((part.model, "", part.metric), _figure_arms(design, part)) for part in figures if part.n_images]
    return tuple(row for key, arms in rows for row in _rows(design, key, arms))


class _Arms(NamedTuple):
    """Arms with two runs or more, the seeds of their runs, and the images behind them."""

    figures: list[ArmFigures]
    seeds: list[tuple[int, ...]]
    n_images: int


def _block_arms(design: Design, cells: Cells, block: Block) -> _Arms:
    """Arms of a mean metric on the images that have a value in all of their runs."""
    found = [arm_values(block, arm) for arm in design.arms]
    found = [(runs, values) for runs, values in found if len(runs) >= 2]
    if not found:
        return _Arms([], [], 0)
    full = np.all([np.isfinite(values).all(axis=0) for _, values in found], axis=0)
    if full.sum() < 2:
        return _Arms([], [], 0)
    clusters = compact(cells.images.clusters[block.images[full]])
    figures = [of_mean(values[:, full], clusters, weight=design.weight) for _, values in found]
    return _Arms(figures, [_seeds(runs) for runs, _ in found], int(full.sum()))


def _figure_arms(design: Design, part: RunFigures) -> _Arms:
    """Arms of a figure such as AUC; fine-tuning runs of one pretraining run are averaged where there are several."""
    figures, seeds = [], []
    for arm in design.arms:
        rows = [row for row, run in enumerate(part.runs) if run.arm == arm]
        groups = [[rows[i] for i in group] for group in pretraining_groups(tuple(part.runs[row] for row in rows))]
        values = [part.values.figures[group].mean() for group in groups]
        influence = [part.values.influence[group].mean(axis=0) for group in groups]
        if len(groups) >= 2 and np.isfinite(values).all() and np.isfinite(influence).all():
            figures.append(ArmFigures(np.array(values), np.stack(influence)))
            seeds.append(_seeds(tuple(part.runs[group[0]] for group in groups)))
    return _Arms(figures, seeds, part.n_images)


def _seeds(runs: Sequence[RunStatus]) -> tuple[int, ...]:
    return tuple(run.seed for run in runs)


def _rows(design: Design, key: tuple[str, str, str], arms: _Arms) -> Iterator[Spread]:
    if len(arms.figures) < 2 or arms.figures[0].influence.shape[1] < 2:
        return
    n_clusters = arms.figures[0].influence.shape[1]
    parts = nested_parts(arms.figures)
    n_runs = min(len(arm.figures) for arm in arms.figures)
    nested = Spread(
        *key, "nested", len(arms.figures), n_runs, parts.df_runs, arms.n_images, n_clusters, *parts.variances
    )
    if design.seeding == "nested":
        yield replace(nested, smallest_difference=_smallest(design, nested, pilot_of(nested)))
        return
    yield nested
    shared = sorted(set.intersection(*(set(seeds) for seeds in arms.seeds)))
    if len(shared) >= 2:
        rows = [[seeds.index(seed) for seed in shared] for seeds in arms.seeds]
        pairs = [ArmFigures(a.figures[at], a.influence[at]) for a, at in zip(arms.figures, rows, strict=True)]
        parts = paired_parts(pairs)
        paired = Spread(
            *key, "paired", len(pairs), len(shared), parts.df_runs, arms.n_images, n_clusters, *parts.variances
        )
        yield replace(paired, smallest_difference=_smallest(design, paired, pilot_of(paired, nested)))


def _smallest(design: Design, spread: Spread, pilot: Pilot) -> float | None:
    primary = {(c.model, c.attribution, c.metric) for c in design.contrasts if c.family == "primary"}
    if (spread.model, spread.attribution, spread.metric) not in primary:
        return None
    if spread.n_runs < FEWEST_RUNS or not (pilot.sd_run or pilot.sd_arm_image or pilot.sd_residual):
        return None
    return smallest_difference(
        pilot, seeds=spread.n_runs, images=spread.n_clusters, alpha=design.alpha, seeding=spread.seeding
    )


def smallest_difference(
    pilot: Pilot, *, seeds: float, images: float, alpha: float = 0.05, seeding: Seeding = "nested"
) -> float:
    """The true difference found in four of five studies: simulated up to `MOST_SIMULATED` runs, else closed form."""
    if seeds <= MOST_SIMULATED:
        return simulated(pilot, draws_of(int(seeds)), images=images, seeding=seeding).smallest_detectable(alpha=alpha)
    return smallest_detectable(pilot, seeds=seeds, images=images, alpha=alpha, seeding=seeding)
