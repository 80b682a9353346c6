"""Arm means and run means: of metrics that are means over images, of figures made from predictions, of measured ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.errors import StudyError
from study.records import Design, Mean, RunMean, RunStatus
from study.statistics.auc import logit_interval
from study.statistics.cells import Block, Cells, Key
from study.statistics.classification import IMAGE_METRICS, image_block, run_figures
from study.statistics.floats import Floats, number
from study.statistics.influence import compact, of_mean
from study.statistics.missing import alone, pretraining_groups
from study.statistics.primary import ArmFigures, crossed

RUN_SCORE_COLUMNS = ("run_id", "metric", "value")


@dataclass(frozen=True)
class RunFigures:
    """A metric of one model that has one figure per run and is no mean over images.

    Attributes:
        runs: [S]. values: figures [S], NaN = undefined, and influence [S, G], G = 0 where nothing is known of how
            images move them. n_images: images each figure is made of, 0 where they are not test images.
    """

    model: str
    metric: str
    runs: tuple[RunStatus, ...]
    values: ArmFigures
    n_images: int


def blocks_of(design: Design, cells: Cells) -> dict[Key, Block]:
    """Every block of the design's metrics, in its order, those made from predictions included."""
    found: dict[Key, Block] = {}
    for model in design.models:
        for attribution in ("", *design.attributions, *design.controls):
            for metric in design.metrics:
                key = (model, attribution, metric)
                if key in cells.blocks:
                    found[key] = cells.blocks[key]
                elif metric in IMAGE_METRICS and not attribution and model in cells.predictions:
                    made = image_block(metric, cells.predictions[model])
                    assert made is not None
                    found[key] = made
    return found


def figures_of(design: Design, cells: Cells, run_scores: pd.DataFrame | None = None) -> tuple[RunFigures, ...]:
    """Per-run figures of the design's metrics: those made from the predictions, then those measured elsewhere.

    Args:
        design: only metrics that it describes are made.
        cells: of the study.
        run_scores: one row per run and metric: `run_id, arm, model, seed, metric, value`; NaN = undefined.

    Raises:
        StudyError: a run has two values of a metric, or a column is missing.
    """
    found = []
    for model in design.models:
        if model in cells.predictions:
            predictions = cells.predictions[model]
            made = run_figures(cells, model, design.classes)
            found += [
                RunFigures(model, metric, predictions.runs, figures, len(predictions.images))
                for metric, figures in made.items()
                if metric in design.metrics
            ]
    return (*found, *_measured(design, run_scores))


def _measured(design: Design, run_scores: pd.DataFrame | None) -> Iterator[RunFigures]:
    if run_scores is None or not len(run_scores):
        return
    values = _by_run(run_scores)
    for model in design.models:
        runs = [run for run in design.runs if run.model == model and run.state == "done" and not run.diverged]
        for metric in design.metrics:
            having = [run for arm in design.arms for run in runs if run.arm == arm and (run.run_id, metric) in values]
            if having:
                figures = np.array([values[run.run_id, metric] for run in having])
                yield RunFigures(model, metric, tuple(having), ArmFigures(figures, np.zeros((len(having), 0))), 0)


def _by_run(run_scores: pd.DataFrame) -> Mapping[tuple[str, str], float]:
    absent = [name for name in RUN_SCORE_COLUMNS if name not in run_scores]
    if absent:
        raise StudyError(f"run scores: no column {', '.join(absent)}; wanted {', '.join(RUN_SCORE_COLUMNS)}")
    again = run_scores[run_scores.duplicated(["run_id", "metric"])]
    if len(again):
        raise StudyError(
            f"run scores: run {again['run_id'].iloc[0]} has more than one value of {again['metric'].iloc[0]}"
        )
    names = zip(run_scores["run_id"].astype(str), run_scores["metric"].astype(str), strict=True)
    return dict(zip(names, run_scores["value"].astype(np.float64).tolist(), strict=True))


# ------------------------------------------------------------------------- arm means


def means(design: Design, cells: Cells, figures: tuple[RunFigures, ...] = ()) -> tuple[Mean, ...]:
    """Mean of every arm, model, attribution (controls too) and metric, spreads named apart."""
    found = [
        _block_mean(design, cells, block, (arm, *key))
        for key, block in blocks_of(design, cells).items()
        for arm in design.arms
        if len(block.rows(arm))
    ]
    return (*found, *(mean for part in figures for mean in _figure_means(design, part)))


def _block_mean(design: Design, cells: Cells, block: Block, names: tuple[str, str, str, str]) -> Mean:
    arm, model, attribution, metric = names
    n_undefined = int(np.isnan(block.values[block.rows(arm)]).sum())
    n_undefined += sum(block.replaced[row] for row in block.rows(arm)) if block.replaced else 0
    runs, values, images = alone(block, arm)
    if not (len(runs) and len(images)):
        return Mean(arm, model, attribution, metric, 0, 0, n_undefined, *(None,) * 7)
    side = of_mean(values, compact(cells.images.clusters[images]), weight=design.weight)
    low, high = _single_arm(side, design.alpha)
    sd_images = float(values.mean(axis=0).std(ddof=1)) if len(images) > 1 else None
    return Mean(
        *names, len(runs), len(images), n_undefined, *_spread(side.figures, sd_images), low, high, *_range(side.figures)
    )


def _figure_means(design: Design, part: RunFigures) -> Iterator[Mean]:
    """Means over runs; an arm with a run whose figure is undefined has none where all runs saw the same images."""
    for arm in design.arms:
        rows = [row for row, run in enumerate(part.runs) if run.arm == arm]
        undefined = [row for row in rows if np.isnan(part.values.figures[row])]
        names = (arm, part.model, "", part.metric)
        if rows and (len(undefined) == len(rows) or (undefined and part.n_images)):
            yield Mean(*names, 0, 0, max(part.n_images, 1) * len(rows), *(None,) * 7)
        elif rows:
            side = _averaged(part, [row for row in rows if row not in undefined])
            limits = _limits(side, part.metric, design.alpha)
            n_undefined = len(undefined)
            counts = len(side.figures), part.n_images, n_undefined
            yield Mean(*names, *counts, *_spread(side.figures, None), *limits, *_range(side.figures))


def _averaged(part: RunFigures, rows: list[int]) -> ArmFigures:
    """Figures of one arm; fine-tuning runs of one pretraining run are averaged where there are several."""
    groups = [[rows[i] for i in group] for group in pretraining_groups(tuple(part.runs[row] for row in rows))]
    figures = np.array([part.values.figures[group].mean() for group in groups])
    return ArmFigures(figures, np.stack([part.values.influence[group].mean(axis=0) for group in groups]))


def _limits(side: ArmFigures, metric: str, alpha: float) -> tuple[float | None, float | None]:
    """AUC on the logit scale; the calibration error's cut at 0, which nothing can be below."""
    if metric == "ece":
        low, high = _single_arm(side, alpha)
        return None if low is None else max(low, 0.0), None if high is None else min(high, 1.0)
    return _single_arm(side, alpha, logit=True)


def _spread(figures: Floats, sd_images: float | None) -> tuple[float, float | None, float | None]:
    return float(figures.mean()), float(figures.std(ddof=1)) if len(figures) > 1 else None, sd_images


def _range(figures: Floats) -> tuple[float, float]:
    return float(figures.min()), float(figures.max())


def _single_arm(side: ArmFigures, alpha: float, *, logit: bool = False) -> tuple[float | None, float | None]:
    """Interval of one arm's mean for retraining and new images; None where it does not exist."""
    if len(side.figures) < 2 or side.influence.shape[1] < 2 or not np.isfinite(side.influence).all():
        return None, None
    result = crossed((side,), (1.0,), alpha=alpha)
    if logit and float(result.se) > 0:
        limits = logit_interval(float(result.estimate), float(result.se), df=float(result.df), alpha=alpha)
        return number(limits[0]), number(limits[1])
    return number(float(result.ci_low)), number(float(result.ci_high))


# ------------------------------------------------------------------------- run means


def run_means(design: Design, cells: Cells, figures: tuple[RunFigures, ...] = ()) -> tuple[RunMean, ...]:
    """Every run's value of every metric: mean over its defined images, or the figure itself."""
    found = []
    for (_, attribution, metric), block in blocks_of(design, cells).items():
        for row, (run, values) in enumerate(zip(block.runs, block.values, strict=True)):
            defined = np.isfinite(values)
            n = int(defined.sum())
            value = float(values[defined].mean()) if n else None
            replaced = block.replaced[row] if block.replaced else 0
            lost = len(values) - n + replaced
            found.append(_run_mean(run, (attribution, metric), value, n_images=n - replaced, n_undefined=lost))
    for part in figures:
        for run, figure in zip(part.runs, part.values.figures, strict=True):
            lost = int(np.isnan(figure)) if not part.n_images else 0
            found.append(_run_mean(run, ("", part.metric), number(figure), n_images=part.n_images, n_undefined=lost))
    return tuple(found)


def _run_mean(
    run: RunStatus, names: tuple[str, str], value: float | None, *, n_images: int, n_undefined: int
) -> RunMean:
    return RunMean(run.run_id, run.arm, run.model, run.seed, *names, value, n_images, n_undefined)
