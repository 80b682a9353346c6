"""Any number of arms on the same images without a hole.

Which cells are used is the rule of `missing.share`; figures of runs are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from study.records import Contrast, Design, RunStatus
from study.statistics.cells import Block, Cells
from study.statistics.comparison import find_block, may_pair
from study.statistics.floats import Floats, Integers
from study.statistics.influence import compact, of_mean
from study.statistics.means import RunFigures
from study.statistics.missing import arm_values, available_mean, pretraining_groups, rows_of_pairs, share
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


def _of_block(block: Block, arms: Arms, design: Design, cells: Cells) -> Together:
    listed = [tuple(block.runs[int(row)] for row in block.rows(arm)) for arm in arms]
    paired = may_pair(design, listed)
    cut = share(block, arms, paired=paired)
    clusters = compact(cells.images.clusters[block.images[cut.kept]])
    has_data = bool(len(cut.kept)) and all(cut.runs)
    others = [arm for arm in design.arms if arm not in arms] if has_data and _may_pool(design, paired) else []
    return Together(
        "",
        arms,
        cut.runs,
        tuple(of_mean(arm, clusters, weight=design.weight) for arm in cut.values) if has_data else (),
        tuple(side for arm in others for side in _lent(block, arm, cut.kept, clusters, design.weight)),
        np.stack([arm.mean(axis=0) for arm in cut.values]) if has_data else None,
        cut.values if has_data else (),
        clusters,
        len(cut.kept),
        len(block.images),
        cut.n_applicable,
        cut.n_undefined,
        cut.complete,
        cut.share_complete,
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


def _of_figures(source: RunFigures, arms: Arms, design: Design, cells: Cells) -> Together:
    rows = [_grouped(source, arm) for arm in arms]
    listed = [tuple(run for run in source.runs if run.arm == arm) for arm in arms]
    paired = may_pair(design, listed)
    if paired:
        rows = [[arm[row] for row in chosen] for arm, chosen in zip(rows, rows_of_pairs(listed), strict=True)]
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
