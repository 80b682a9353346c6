"""What tables and pictures show beside the contrasts: arm means, run means, components, single images and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats

from study.records import Components, Design, ImageDifference, Mean, RunMean, RunStatus, SeedDifference
from study.statistics.auc import logit_interval, mean_auc
from study.statistics.cells import Block, Cells, Key, Predictions
from study.statistics.comparison import Draft, accuracy_block
from study.statistics.components import VarianceComponents, mean_squares, variance_components
from study.statistics.floats import Floats, number
from study.statistics.influence import compact, of_mean
from study.statistics.missing import alone, pretraining_groups
from study.statistics.primary import ArmFigures, crossed


def blocks_of(design: Design, cells: Cells) -> dict[Key, Block]:
    """Every block of the design's metrics, in its order, accuracy included; AUC has none."""
    found: dict[Key, Block] = {}
    for model in design.models:
        for attribution in ("", *design.attributions, *design.controls):
            for metric in design.metrics:
                key = (model, attribution, metric)
                if key in cells.blocks:
                    found[key] = cells.blocks[key]
                elif metric == "accuracy" and not attribution and model in cells.predictions:
                    found[key] = accuracy_block(cells.predictions[model])
    return found


def means(design: Design, cells: Cells) -> tuple[Mean, ...]:
    """Mean of every arm, model, attribution (controls too) and metric, spreads named apart."""
    found = [
        _block_mean(design, cells, block, (arm, *key))
        for key, block in blocks_of(design, cells).items()
        for arm in design.arms
        if len(block.rows(arm))
    ]
    if "auc" in design.metrics:
        for model in design.models:
            if model in cells.predictions:
                found.extend(_auc_means(design, cells, model))
    return tuple(found)


def _block_mean(design: Design, cells: Cells, block: Block, names: tuple[str, str, str, str]) -> Mean:
    arm, model, attribution, metric = names
    n_undefined = int(np.isnan(block.values[block.rows(arm)]).sum())
    runs, values, images = alone(block, arm)
    if not (len(runs) and len(images)):
        return Mean(arm, model, attribution, metric, 0, 0, n_undefined, *(None,) * 7)
    side = of_mean(values, compact(cells.images.clusters[images]), weight=design.weight)
    low, high = _single_arm(side, design.alpha)
    sd_images = float(values.mean(axis=0).std(ddof=1)) if len(images) > 1 else None
    return Mean(
        *names, len(runs), len(images), n_undefined, *_spread(side.figures, sd_images), low, high, *_range(side.figures)
    )


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


def _auc_means(design: Design, cells: Cells, model: str) -> Iterator[Mean]:
    predictions = cells.predictions[model]
    everything = _all_auc(cells, predictions)
    for arm in design.arms:
        rows = [row for row, run in enumerate(predictions.runs) if run.arm == arm]
        if not rows:
            continue
        groups = pretraining_groups(tuple(predictions.runs[row] for row in rows))
        figures = np.array([everything.figures[[rows[i] for i in group]].mean() for group in groups])
        influence = np.stack([everything.influence[[rows[i] for i in group]].mean(axis=0) for group in groups])
        n_images = len(predictions.images)
        if np.isnan(figures).any():
            yield Mean(arm, model, "", "auc", 0, 0, n_images * len(rows), *(None,) * 7)
            continue
        limits = _single_arm(ArmFigures(figures, influence), design.alpha, logit=True)
        yield Mean(
            *(arm, model, "", "auc", len(figures), n_images, 0), *_spread(figures, None), *limits, *_range(figures)
        )


def _all_auc(cells: Cells, predictions: Predictions) -> ArmFigures:
    return mean_auc(predictions.probabilities, predictions.labels, compact(cells.images.clusters[predictions.images]))


def run_means(design: Design, cells: Cells) -> tuple[RunMean, ...]:
    """Every run's value of every metric: mean over its defined images, or the AUC itself."""
    found = []
    for (_, attribution, metric), block in blocks_of(design, cells).items():
        for run, values in zip(block.runs, block.values, strict=True):
            defined = np.isfinite(values)
            n = int(defined.sum())
            value = float(values[defined].mean()) if n else None
            found.append(_run_mean(run, attribution, metric, value=value, n_images=n, n_undefined=len(values) - n))
    if "auc" in design.metrics:
        for model in design.models:
            if model not in cells.predictions:
                continue
            predictions = cells.predictions[model]
            n = len(predictions.images)
            for run, figure in zip(predictions.runs, _all_auc(cells, predictions).figures, strict=True):
                found.append(_run_mean(run, "", "auc", value=number(figure), n_images=n, n_undefined=0))
    return tuple(found)


def _run_mean(
    run: RunStatus, attribution: str, metric: str, *, value: float | None, n_images: int, n_undefined: int
) -> RunMean:
    return RunMean(run.run_id, run.arm, run.model, run.seed, attribution, metric, value, n_images, n_undefined)


def components(design: Design, cells: Cells) -> tuple[Components, ...]:
    """Variance components of every metric, from images with all cells of all arms of the design."""
    return tuple(_components(design, key, block) for key, block in blocks_of(design, cells).items())


def _components(design: Design, key: Key, block: Block) -> Components:
    rows = [block.rows(arm) for arm in design.arms]
    rows = [part[np.isfinite(block.values[part]).any(axis=1)] for part in rows if len(part)]
    rows = [part for part in rows if len(part)]
    if not rows:
        return Components(*key, None, None, None, None)
    full = np.isfinite(block.values[np.concatenate(rows)]).all(axis=0)
    arms = [block.values[part][:, full] for part in rows]
    if full.sum() < 2:
        return Components(*key, None, None, None, None)
    raw = variance_components(arms)
    return Components(
        *key,
        run=_floored(raw.run),
        arm_by_image=_floored(raw.arm_by_image),
        residual=_floored(raw.residual),
        image=_floored(raw.image),
        raw_run=number(raw.run),
        raw_arm_by_image=number(raw.arm_by_image),
        raw_image=number(raw.image),
        alpha=agreement_on_order(arms),
        dependability=_dependability(arms, raw),
    )


def _floored(value: float) -> float | None:
    plain = number(value)
    return None if plain is None else max(plain, 0.0)


def _dependability(arms: Sequence[Floats], raw: VarianceComponents) -> float | None:
    """var_arm / (var_arm + var_R/S + var_AI/n + var_e/(S n)): how much of an arm mean is the arm."""
    squares = mean_squares(arms)
    n_images = arms[0].shape[1]
    n_runs = len(arms) / sum(1 / len(arm) for arm in arms)
    parts = [max(raw.run, 0) / n_runs, max(raw.arm_by_image, 0) / n_images, raw.residual / (n_runs * n_images)]
    noise = float(sum(parts))
    arm = squares.arm / (n_runs * n_images) - noise
    if not np.isfinite(arm):
        return None
    return number(max(arm, 0.0) / (max(arm, 0.0) + noise)) if noise > 0 else None


def agreement_on_order(arms: Sequence[Floats]) -> float | None:
    """Krippendorff's alpha on ranks: do images agree on which arm is best; None for one arm.

    Images are raters, arms are items, and each image ranks the arms by its values averaged over runs.
    """
    if len(arms) < 2:
        return None
    ranks = stats.rankdata(np.round(np.stack([arm.mean(axis=0) for arm in arms]), 12), axis=0)
    total = float(ranks.var(ddof=1))
    return float(1 - ranks.var(axis=1, ddof=1).mean() / total) if total > 0 else None


def image_differences(drafts: Sequence[Draft], cells: Cells) -> tuple[ImageDifference, ...]:
    """Each image of the primary contrasts, averaged over runs."""
    found: list[ImageDifference] = []
    for made in drafts:
        compared = made.compared
        if made.contrast.family != "primary" or compared is None or made.status == "no_data":
            continue
        sides = zip(
            compared.images.tolist(),
            compared.treatment.mean(axis=0).tolist(),
            compared.control.mean(axis=0).tolist(),
            strict=True,
        )
        identity = made.contrast.contrast_id
        found.extend(ImageDifference(identity, cells.images.ids[i], t, c, t - c) for i, t, c in sides)
    return tuple(found)


def seed_differences(drafts: Sequence[Draft], cells: Cells) -> tuple[SeedDifference, ...]:
    """Each run of the treatment of the primary contrasts, minus the control's run or mean."""
    found: list[SeedDifference] = []
    for made in drafts:
        if made.contrast.family != "primary" or made.sides is None or made.status == "undefined_metric":
            continue
        treatment, control = (side.figures for side in made.sides)
        differences = treatment - (control if made.paired else control.mean())
        for seed, difference in zip(_seeds(made, cells), differences.tolist(), strict=True):
            found.append(SeedDifference(made.contrast.contrast_id, seed, difference))
    return tuple(found)


def _seeds(made: Draft, cells: Cells) -> list[int]:
    if made.compared is not None:
        return [run.seed for run in made.compared.treatment_runs]
    assert made.rows is not None
    runs = cells.predictions[made.contrast.model].runs
    return [runs[group[0]].seed for group in made.rows[0]]
