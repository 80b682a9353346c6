"""Which runs and images a comparison rests on, and what is done about the cells that are not there."""

from __future__ import annotations

from dataclasses import dataclass

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


def compare(block: Block, treatment: str, control: str, *, paired: bool) -> Compared:
    """The cells of two arms that the primary analysis uses.

    Images where the metric never applies leave both arms. If at least 90 % of the others have all
    cells, only those are used; otherwise per-image means over the available cells in common
    (same seed if paired, any if nested).
    """
    runs_t, values_t = arm_values(block, treatment)
    runs_c, values_c = arm_values(block, control)
    if paired:
        seeds = [run.seed for run in runs_t if run.seed in {other.seed for other in runs_c}]
        at_t = [[run.seed for run in runs_t].index(seed) for seed in seeds]
        at_c = [[run.seed for run in runs_c].index(seed) for seed in seeds]
        runs_t, values_t = tuple(runs_t[i] for i in at_t), values_t[at_t]
        runs_c, values_c = tuple(runs_c[i] for i in at_c), values_c[at_c]
    finite_t, finite_c = np.isfinite(values_t), np.isfinite(values_c)
    applicable = np.isfinite(block.values).any(axis=0)
    common_t, common_c = (finite_t & finite_c,) * 2 if paired else (finite_t, finite_c)
    usable = common_t.any(axis=0) & common_c.any(axis=0)
    full = finite_t.all(axis=0) & finite_c.all(axis=0) & usable
    complete = bool(full.sum() >= COMPLETE_SHARE * applicable.sum())
    kept = full if complete else usable
    undefined = int((~finite_t[:, applicable]).sum() + (~finite_c[:, applicable]).sum())
    return Compared(
        runs_t,
        runs_c,
        available_mean(values_t[:, kept], common_t[:, kept]),
        available_mean(values_c[:, kept], common_c[:, kept]),
        block.images[kept],
        len(block.images),
        int(applicable.sum()),
        undefined,
        complete,
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
