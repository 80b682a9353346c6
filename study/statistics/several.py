"""Any number of arms on the same images without a hole: the rule of `missing` for more than two.

Images on which the metric never applies leave all arms. If at least 90 % of the others have all cells of these arms,
only those are used, else per-image means over the available cells in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.records import Contrast, Design, RunStatus
from study.statistics.cells import Block, Cells
from study.statistics.comparison import FEWEST_PAIRS, find_block
from study.statistics.floats import Floats, Integers
from study.statistics.influence import compact, of_mean
from study.statistics.means import RunFigures
from study.statistics.missing import COMPLETE_SHARE, arm_values, available_mean, pretraining_groups
from study.statistics.pooled import FEWEST_ARMS
from study.statistics.primary import ArmFigures
from study.statistics.run_contrasts import averaged

Arms = tuple[str, ...]


Source = Block | RunFigures | None
"""Where the numbers of one model, attribution and metric come from."""


@dataclass(frozen=True)
class Together:
    """Several arms, ready for the primary analysis.

    Attributes:
        metric: label of a metric that has one figure per run, empty for a mean over images.
        arms: labels. runs: of each arm, fine-tuning runs of one pretraining averaged; same seeds in the same order
            if paired.
        sides: figures of each arm. others: figures of the other arms, where they lend their run variance.
        by_image: [arms, n] each image averaged over runs; None for figures per run.
        values: the cells of each arm [S, n]; empty for figures per run.
        clusters: [n] codes of the images used.
        n_listed, n_applicable, n_undefined, complete: as in `missing.Compared`.
        share_complete: share of the applicable images that have every cell.
        paired: whether seeds are analysed as pairs. may_pool: whether one run variance for all arms was asked for.
    """

    metric: str
    arms: Arms
    runs: tuple[tuple[RunStatus, ...], ...]
    sides: tuple[ArmFigures, ...]
    others: tuple[ArmFigures, ...]
    by_image: Floats | None
    values: tuple[Floats, ...]
    clusters: Integers
    n_images: int
    n_listed: int
    n_applicable: int
    n_undefined: int
    complete: bool
    share_complete: float
    paired: bool
    may_pool: bool = False

    @property
    def n_clusters(self) -> int:
        """Clusters of the images used."""
        return len(np.unique(self.clusters))

    @property
    def pools(self) -> bool:
        """Whether one run variance for all arms is used."""
        return self.may_pool and len(self.sides) + len(self.others) >= FEWEST_ARMS

    @property
    def patients(self) -> bool:
        """Whether some cluster holds more than one of the images used."""
        return self.n_clusters < self.n_images

    @property
    def fewest(self) -> int:
        """Runs of the arm that has fewest."""
        return min(len(runs) for runs in self.runs)

    @property
    def empty(self) -> bool:
        """Whether an arm has no run, or the arms no image in common."""
        return not self.n_images or not self.fewest


def source_of(cells: Cells, contrast: Contrast, figures: Sequence[RunFigures]) -> Source:
    """The block of a contrast's model, attribution and metric, or the figures of runs made from the predictions."""
    block = find_block(cells, (contrast.model, contrast.attribution, contrast.metric))
    if block is not None or contrast.attribution:
        return block
    named = (contrast.model, contrast.metric)
    return next((part for part in figures if part.n_images and (part.model, part.metric) == named), None)


def together(source: Source, arms: Arms, design: Design, cells: Cells) -> Together:
    """These arms on the images that they have in common."""
    if isinstance(source, Block):
        return _of_block(source, arms, design, cells)
    if isinstance(source, RunFigures):
        return _of_figures(source, arms, design, cells)
    nothing = np.zeros(0, dtype=np.int64)
    return Together("", arms, ((),) * len(arms), (), (), None, (), nothing, 0, 0, 0, 0, True, 0.0, False)


def common_seeds(runs: Sequence[tuple[RunStatus, ...]]) -> list[int]:
    """Seeds finished in every arm, in the order of the first."""
    others = [{run.seed for run in arm} for arm in runs[1:]]
    return [run.seed for run in runs[0] if all(run.seed in seeds for seeds in others)]


def may_pair(design: Design, runs: Sequence[tuple[RunStatus, ...]]) -> bool:
    """`comparison.may_pair` for any number of arms."""
    if design.seeding != "paired":
        return False
    collapsed = any(1 < len(pretraining_groups(arm)) < len(arm) for arm in runs)
    return not collapsed and len(common_seeds(runs)) >= FEWEST_PAIRS


def _rows_of_pairs(runs: Sequence[tuple[RunStatus, ...]]) -> list[list[int]]:
    """Rows of each arm's common seeds, in one order."""
    seeds = common_seeds(runs)
    return [[[run.seed for run in arm].index(seed) for seed in seeds] for arm in runs]


def _of_block(block: Block, arms: Arms, design: Design, cells: Cells) -> Together:
    listed = [tuple(block.runs[int(row)] for row in block.rows(arm)) for arm in arms]
    found = [arm_values(block, arm) for arm in arms]
    runs, values = [part[0] for part in found], [part[1] for part in found]
    paired = may_pair(design, listed)
    if paired:
        pairs = _rows_of_pairs(runs)
        runs = [tuple(arm[row] for row in rows) for arm, rows in zip(runs, pairs, strict=True)]
        values = [arm[rows] for arm, rows in zip(values, pairs, strict=True)]
    finite = [np.isfinite(arm) for arm in values]
    common = [np.logical_and.reduce(finite)] * len(arms) if paired else finite
    applicable = np.isfinite(block.values).any(axis=0)
    usable = _every([arm.any(axis=0) for arm in common])
    full = _every([arm.all(axis=0) for arm in finite]) & usable
    complete = bool(full.sum() >= COMPLETE_SHARE * applicable.sum())
    kept = full if complete else usable
    used = tuple(available_mean(arm[:, kept], there[:, kept]) for arm, there in zip(values, common, strict=True))
    clusters = compact(cells.images.clusters[block.images[kept]])
    has_data = bool(kept.any()) and all(runs)
    others = [arm for arm in design.arms if arm not in arms] if has_data and _may_pool(design, paired) else []
    return Together(
        "",
        arms,
        tuple(runs),
        tuple(of_mean(arm, clusters, weight=design.weight) for arm in used) if has_data else (),
        tuple(side for arm in others for side in _lent(block, arm, np.flatnonzero(kept), clusters, design.weight)),
        np.stack([arm.mean(axis=0) for arm in used]) if has_data else None,
        used if has_data else (),
        clusters,
        int(kept.sum()),
        len(block.images),
        int(applicable.sum()),
        int(sum((~arm[:, applicable]).sum() for arm in finite)),
        complete,
        float(full.sum() / max(int(applicable.sum()), 1)),
        paired,
        _may_pool(design, paired),
    )


def _may_pool(design: Design, paired: bool) -> bool:
    return design.rules.pool_run_variance and not paired


def _lent(block: Block, arm: str, at: Integers, clusters: Integers, weight: str) -> Iterator[ArmFigures]:
    """An arm that has no weight, on the same images; none where it lacks a value of one, or has one run."""
    runs, values = arm_values(block, arm)
    available = np.isfinite(values[:, at])
    if len(runs) > 1 and available.any(axis=0).all() and available.any(axis=1).all():
        yield of_mean(available_mean(values[:, at], available), clusters, weight=weight)


def _every(parts: Sequence[Any]) -> NDArray[np.bool_]:
    return np.asarray(np.logical_and.reduce(parts))


def _of_figures(source: RunFigures, arms: Arms, design: Design, cells: Cells) -> Together:
    rows = [_grouped(source, arm) for arm in arms]
    listed = [tuple(run for run in source.runs if run.arm == arm) for arm in arms]
    paired = may_pair(design, listed)
    if paired:
        rows = [[arm[row] for row in chosen] for arm, chosen in zip(rows, _rows_of_pairs(listed), strict=True)]
    sides = tuple(averaged(source.values, arm) for arm in rows) if all(rows) else ()
    others = [arm for arm in design.arms if arm not in arms] if sides and _may_pool(design, paired) else []
    lent = [averaged(source.values, groups) for arm in others if len(groups := _grouped(source, arm)) > 1]
    n = source.n_images
    predictions = cells.predictions[source.model]
    return Together(
        source.metric,
        arms,
        tuple(tuple(source.runs[group[0]] for group in arm) for arm in rows),
        sides,
        tuple(side for side in lent if np.isfinite(side.figures).all() and np.isfinite(side.influence).all()),
        None,
        (),
        compact(cells.images.clusters[predictions.images]),
        *(n, n, n, 0),
        complete=True,
        share_complete=1.0,
        paired=paired,
        may_pool=_may_pool(design, paired),
    )


def _grouped(source: RunFigures, arm: str) -> list[list[int]]:
    """Rows of the arm's runs, those of one pretraining run together."""
    at = [row for row, run in enumerate(source.runs) if run.arm == arm]
    groups = pretraining_groups(tuple(source.runs[row] for row in at)) if at else []
    return [[at[member] for member in group] for group in groups]
