"""Maps of one arm judged by models of another: the means behind a matrix of arms against evaluators.

Every arm's maps are scored on the same evaluators, so that what an evaluator makes of occluded pixels is the same for
all of them. The diagonal, where an arm judges itself, is kept where it was measured.

Reference: Won, Bae and Kim, Neural Networks 2025, arXiv:2303.14608, in our reading (metrics.md section 5).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.errors import StudyError
from study.records import CrossMean, Design
from study.statistics.cells import Block, Cells, Key, gather
from study.statistics.influence import compact, of_mean
from study.statistics.missing import alone

CROSS_COLUMNS = (
    *("run_id", "arm", "model", "seed", "attribution", "evaluator"),
    *("image_id", "cluster", "metric", "value"),
)
"""Columns of the table of cross scores, one row per run, evaluator, attribution, image and metric."""


def cross_means(design: Design, cross: pd.DataFrame | None) -> tuple[CrossMean, ...]:
    """Mean over images, then over runs, of every arm's maps on every evaluator.

    Runs that diverged or are no part of the design are left out, as makers of maps and as evaluators, fine-tuning runs of one pretraining are averaged, and
    images without a value in some run are treated as in the means of an arm (`missing.alone`).

    Args:
        design: its models, arms, attributions and controls order the result.
        cross: columns `CROSS_COLUMNS`, NaN = undefined; None or empty where no cross score was measured.

    Returns:
        One row per model, attribution, metric, arm and evaluator that has a row in the table.

    Raises:
        StudyError: a column is missing, an evaluator is no arm, a cell occurs twice, or runs list different images.
    """
    if cross is None or not len(cross):
        return ()
    _check(design, cross)
    cross = cross[_judged(design, cross)]
    parts = {
        str(evaluator): gather(design, part.assign(metric_version=0), None)
        for evaluator, part in cross.groupby("evaluator", sort=False)
    }
    metrics = dict.fromkeys(str(name) for name in cross["metric"])
    return tuple(
        made
        for model in design.models
        for attribution in (*design.attributions, *design.controls)
        for metric in metrics
        for arm in design.arms
        for evaluator in design.arms
        if evaluator in parts
        for made in _mean(design, parts[evaluator], (model, attribution, metric), (arm, evaluator))
    )


def _check(design: Design, cross: pd.DataFrame) -> None:
    absent = [name for name in CROSS_COLUMNS if name not in cross]
    if absent:
        raise StudyError(f"cross scores: no column {', '.join(absent)}; wanted {', '.join(CROSS_COLUMNS)}")
    unknown = sorted(set(cross["evaluator"].astype(str)) - set(design.arms))
    if unknown:
        raise StudyError(f"cross scores: evaluator {unknown[0]!r} is no arm; known: {', '.join(design.arms)}")


def _judged(design: Design, cross: pd.DataFrame) -> NDArray[np.bool_]:
    """[rows] whether the evaluator's own run counts: a model that diverged judges nobody."""
    lost = {(run.arm, run.model, run.seed) for run in design.runs if run.state != "done" or run.diverged}
    names = zip(cross["evaluator"].astype(str), cross["model"].astype(str), cross["seed"], strict=True)
    return np.array([name not in lost for name in names], dtype=np.bool_)


def _mean(design: Design, cells: Cells, key: Key, arms: tuple[str, str]) -> Iterator[CrossMean]:
    model, attribution, metric = key
    block: Block | None = cells.blocks.get(key)
    if block is None or not len(block.rows(arms[0])):
        return
    runs, values, images = alone(block, arms[0])
    if not (len(runs) and len(images)):
        yield CrossMean(model, attribution, metric, *arms, mean=None, sd_runs=None, n_runs=0, n_images=0)
        return
    figures = of_mean(values, compact(cells.images.clusters[images]), weight=design.weight).figures
    yield CrossMean(
        model,
        attribution,
        metric,
        *arms,
        mean=float(figures.mean()),
        sd_runs=float(np.std(figures, ddof=1)) if len(figures) > 1 else None,
        n_runs=len(runs),
        n_images=len(images),
    )
