"""Which runs and images a comparison rests on, and what is done about the cells that are not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from study.records import RunStatus
from study.statistics.cells import Block
from study.statistics.floats import Floats, Integers

COMPLETE_SHARE = 0.9
"""Images with all cells are used alone if at least this share of the applicable ones remains."""

MISSING_BY_ARM = 0.01
"""Below this p the arms are said to differ in how often the metric is undefined."""


@dataclass(frozen=True)
class Compared:
    """Two arms on the same images, without a hole.

    Where cells are missing and too few images are complete, `values` hold for each image the arm's
    mean over available runs plus deviations of the runs (`available_mean`).

    Attributes:
        treatment_runs, control_runs: same seeds in the same order if paired.
        treatment, control: [S, n], [S', n] values.
        images: [n] indices into the study's images.
        n_listed: images in the score table; n_applicable: with a value in any arm of the block.
        n_undefined: cells of these runs without a value, images that never apply left out.
        complete: True where only images with all cells are used.
        paired: whether the runs are paired.
    """

    treatment_runs: tuple[RunStatus, ...]
    control_runs: tuple[RunStatus, ...]
    treatment: Floats
    control: Floats
    images: Integers
    n_listed: int
    n_applicable: int
    n_undefined: int
    complete: bool
    paired: bool

    @property
    def differences(self) -> Floats:
        """[n] treatment minus control, each image averaged over runs."""
        return np.asarray(self.treatment.mean(axis=0) - self.control.mean(axis=0))


class Shared(NamedTuple):
    """Some arms on the same images, without a hole.

    Attributes:
        runs: of each arm; same seeds in the same order if paired.
        values: of each arm, [S, n].
        kept: [n] columns of the block.
        n_applicable, n_undefined, complete: as in `Compared`.
        share_complete: share of the applicable images that have every cell.
    """

    runs: tuple[tuple[RunStatus, ...], ...]
    values: tuple[Floats, ...]
    kept: Integers
    n_applicable: int
    n_undefined: int
    complete: bool
    share_complete: float


def pretraining_groups(runs: tuple[RunStatus, ...]) -> list[list[int]]:
    """Rows that share a pretraining run, where an arm repeated its pretraining at least twice.

    The replication unit is the outermost thing that was repeated: fine-tuning runs of one
    pretraining run are averaged. With a single pretraining run every run stays its own.
    """
    keys = [run.pretrain_key or run.run_id for run in runs]
    distinct = list(dict.fromkeys(keys))
    if len(distinct) < 2:
        return [[row] for row in range(len(runs))]
    return [[row for row, key in enumerate(keys) if key == wanted] for wanted in distinct]


def shares_one_pretraining(runs: tuple[RunStatus, ...]) -> bool:
    """Whether several runs of an arm rest on one pretraining run."""
    return len(runs) > 1 and runs[0].pretrain_key is not None and len({run.pretrain_key for run in runs}) == 1


def available_mean(values: Floats, available: NDArray[np.bool_]) -> Floats:
    """[S, n] without holes, whose means over runs are the image's means over available runs.

    Deviations of available runs from those means are enlarged to keep the residual's share, and each
    run is shifted so that the spread of run means is that of run effects fitted to the available
    cells: deviations from incomplete image means alone would understate the luck of runs.
    Without a missing cell this returns `values`.
    """
    if available.all():
        return values
    n_runs = len(values)
    count = available.sum(axis=0)
    kept = np.where(available, values, 0.0)
    mean = kept.sum(axis=0) / count
    filled = mean + np.where(available, (values - mean) * (n_runs / count), 0.0)
    share = (available / count).mean(axis=1)  # of each run in the overall mean
    spread = run_effects(values, available) * np.sqrt(n_runs * (share**2).sum())
    return np.asarray(filled + (spread - (filled.mean(axis=1) - filled.mean()))[:, None])


def run_effects(values: Floats, available: NDArray[np.bool_]) -> Floats:
    """[S] least-squares run effects, mean 0, of the additive model run + image on available cells."""
    count = available.sum(axis=0)
    kept = np.where(available, values, 0.0)
    residual = np.where(available, values - kept.sum(axis=0) / count, 0.0)
    together = available.astype(np.float64)
    normal = np.diag(together.sum(axis=1)) - (together / count) @ together.T
    effects = np.linalg.pinv(normal) @ residual.sum(axis=1)
    return np.asarray(effects - effects.mean())


def arm_values(block: Block, arm: str) -> tuple[tuple[RunStatus, ...], Floats]:
    """Runs of an arm that have any value, and their values [S, n], pretraining runs averaged."""
    rows = block.rows(arm)
    rows = rows[np.isfinite(block.values[rows]).any(axis=1)] if len(rows) else rows
    runs = tuple(block.runs[int(row)] for row in rows)
    values = block.values[rows]
    groups = pretraining_groups(runs)
    if len(groups) < len(runs):
        values = np.stack([_nan_mean(values[group]) for group in groups])
        runs = tuple(runs[group[0]] for group in groups)
    return runs, values


def common_seeds(runs: Sequence[tuple[RunStatus, ...]]) -> list[int]:
    """Seeds finished in every arm, in the order of the first."""
    others = [{run.seed for run in arm} for arm in runs[1:]]
    return [run.seed for run in runs[0] if all(run.seed in seeds for seeds in others)]


def rows_of_pairs(runs: Sequence[tuple[RunStatus, ...]]) -> list[list[int]]:
    """Rows of each arm's common seeds, in one order."""
    seeds = common_seeds(runs)
    return [[[run.seed for run in arm].index(seed) for seed in seeds] for arm in runs]


def share(block: Block, arms: Sequence[str], *, paired: bool) -> Shared:
    """The cells of these arms that the primary analysis uses.

    Images where the metric never applies leave all arms. If at least 90 % of the others have all
    cells, only those are used; otherwise per-image means over the available cells in common
    (same seed if paired, any if nested).
    """
    found = [arm_values(block, arm) for arm in arms]
    runs, values = [part[0] for part in found], [part[1] for part in found]
    if paired:
        pairs = rows_of_pairs(runs)
        runs = [tuple(arm[row] for row in rows) for arm, rows in zip(runs, pairs, strict=True)]
        values = [arm[rows] for arm, rows in zip(values, pairs, strict=True)]
    finite = [np.isfinite(arm) for arm in values]
    common = [np.logical_and.reduce(finite)] * len(arms) if paired else finite
    applicable = np.isfinite(block.values).any(axis=0)
    usable = _every([arm.any(axis=0) for arm in common])
    full = _every([arm.all(axis=0) for arm in finite]) & usable
    complete = bool(full.sum() >= COMPLETE_SHARE * applicable.sum())
    kept = full if complete else usable
    return Shared(
        tuple(runs),
        tuple(available_mean(arm[:, kept], there[:, kept]) for arm, there in zip(values, common, strict=True)),
        np.flatnonzero(kept),
        int(applicable.sum()),
        int(sum((~arm[:, applicable]).sum() for arm in finite)),
        complete,
        float(full.sum() / max(int(applicable.sum()), 1)),
    )


def compare(block: Block, treatment: str, control: str, *, paired: bool) -> Compared:
    """The cells of two arms that the primary analysis uses, by the rule of `share`."""
    cut = share(block, (treatment, control), paired=paired)
    runs, values = cut.runs, cut.values
    return Compared(
        runs[0],
        runs[1],
        values[0],
        values[1],
        block.images[cut.kept],
        len(block.images),
        cut.n_applicable,
        cut.n_undefined,
        cut.complete,
        paired,
    )


def alone(block: Block, arm: str) -> tuple[tuple[RunStatus, ...], Floats, Integers]:
    """Runs of one arm, their values [S, n] without a hole, and the images [n]; the same 90 % rule."""
    runs, values = arm_values(block, arm)
    available = np.isfinite(values)
    usable = available.any(axis=0) if len(runs) else np.zeros(values.shape[1], dtype=bool)
    full = available.all(axis=0) & usable
    kept = full if full.sum() >= COMPLETE_SHARE * usable.sum() else usable
    return runs, available_mean(values[:, kept], available[:, kept]), block.images[kept]


def missing_by_arm(block: Block, treatment: str, control: str) -> float | None:
    """Sign test of per-image shares of undefined cells between the arms; None where nothing is undefined."""
    shares = []
    for arm in (treatment, control):
        _, values = arm_values(block, arm)
        if not len(values):
            return None
        shares.append(np.isnan(values).mean(axis=0))
    difference = shares[0] - shares[1]
    n_nonzero = int((difference != 0).sum())
    if n_nonzero == 0:
        return None
    return float(stats.binomtest(int((difference > 0).sum()), n_nonzero).pvalue)


def undefined_as(block: Block, value: float) -> Block:
    """The block with undefined cells of applicable images set to `value` (the worst one)."""
    applicable = np.isfinite(block.values).any(axis=0)
    values = np.where(np.isnan(block.values) & applicable, value, block.values)
    return Block(block.runs, block.images, values, block.version)


def _nan_mean(values: Floats) -> Floats:
    count = np.isfinite(values).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(np.isfinite(values), values, 0.0).sum(axis=0) / count)


def _every(parts: Sequence[Any]) -> NDArray[np.bool_]:
    return np.asarray(np.logical_and.reduce(parts))
