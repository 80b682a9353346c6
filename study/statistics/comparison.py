"""One contrast, every question it can answer, before resampling and adjustment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from study.records import Contrast, Design, MetricFacts, RunStatus
from study.statistics import effect_sizes, equivalence
from study.statistics.auc import mean_auc
from study.statistics.cells import Block, Cells, Predictions
from study.statistics.classification import image_block
from study.statistics.companions import (
    TTest,
    hodges_lehmann,
    images_test,
    permute_runs,
    runs_test,
    sign_test,
    signed_rank,
    t_test,
)
from study.statistics.floats import Floats, Integers, magnitude, number, rounded
from study.statistics.influence import compact, of_mean
from study.statistics.missing import Compared, compare, pretraining_groups
from study.statistics.primary import ArmFigures, Crossed, crossed
from study.statistics.sentences import Note

FEWEST_PAIRS = 4
"""Paired seeds below this are analysed as nested: paired is slightly unsafe there, nested is safe."""


@dataclass
class Draft:
    """A finding in the making.

    Attributes:
        fields: values of `Finding`, by name.
        status: `ok` when the question about retraining was answered, else what prevented it.
        notes: in the order in which they are printed.
        sides: figures of treatment and control, for resampling; None without data.
        compared: the cells of a mean metric; None for AUC.
        differences: [n] rounded image differences of a mean metric.
        rows: rows of treatment and control in the model's predictions, grouped by pretraining run (AUC).
        paired: whether seeds were analysed as pairs.
    """

    contrast: Contrast
    facts: MetricFacts
    fields: dict[str, Any] = field(default_factory=dict)
    status: str = "ok"
    notes: list[Note] = field(default_factory=list)
    sides: tuple[ArmFigures, ArmFigures] | None = None
    compared: Compared | None = None
    differences: Floats | None = None
    rows: tuple[list[list[int]], list[list[int]]] | None = None
    paired: bool = False


def find_block(cells: Cells, contrast: tuple[str, str, str]) -> Block | None:
    """The block of (model, attribution, metric); accuracy is made from the predictions."""
    model, _, metric = contrast
    if contrast in cells.blocks:
        return cells.blocks[contrast]
    return image_block(metric, cells.predictions[model]) if model in cells.predictions else None


def may_pair(design: Design, treatment: tuple[RunStatus, ...], control: tuple[RunStatus, ...]) -> bool:
    """Paired seeds, at least four in both arms, and no run that stands for several."""
    if design.seeding != "paired":
        return False
    collapsed = any(1 < len(pretraining_groups(runs)) < len(runs) for runs in (treatment, control))
    return not collapsed and n_pairs(treatment, control) >= FEWEST_PAIRS


def n_pairs(treatment: tuple[RunStatus, ...], control: tuple[RunStatus, ...]) -> int:
    """Seeds finished in both arms."""
    return len({run.seed for run in treatment} & {run.seed for run in control})


def draft(design: Design, contrast: Contrast, cells: Cells) -> Draft:
    """Everything about a contrast that needs no resampling and no other contrast."""
    facts = design.metrics[contrast.metric]
    made = Draft(contrast, facts)
    key = (contrast.model, contrast.attribution, contrast.metric)
    block = find_block(cells, key)
    if block is not None:
        _draft_mean(made, design, block, cells)
    elif contrast.metric == "auc" and contrast.model in cells.predictions:
        _draft_auc(made, design, cells.predictions[contrast.model], cells)
    else:
        made.status = "no_data"
    made.fields.setdefault("metric_version", facts.version)
    return made


def _draft_mean(made: Draft, design: Design, block: Block, cells: Cells) -> None:
    contrast = made.contrast
    runs = [tuple(block.runs[int(r)] for r in block.rows(arm)) for arm in (contrast.treatment, contrast.control)]
    compared = compare(block, contrast.treatment, contrast.control, paired=may_pair(design, runs[0], runs[1]))
    made.compared, made.paired = compared, compared.paired
    clusters = compact(cells.images.clusters[compared.images])
    n_clusters = int(clusters.max(initial=-1)) + 1
    made.fields |= {
        "metric_version": block.version,
        "n_runs_treatment": len(compared.treatment_runs),
        "n_runs_control": len(compared.control_runs),
        "n_images": len(compared.images),
        "n_images_listed": compared.n_listed,
        "n_clusters": n_clusters,
    }
    if not (len(compared.images) and compared.treatment_runs and compared.control_runs):
        made.status = "no_data"
        return
    treatment = of_mean(compared.treatment, clusters, weight=design.weight)
    control = of_mean(compared.control, clusters, weight=design.weight)
    made.sides = treatment, control
    scale = magnitude(compared.treatment, compared.control)
    made.differences = rounded(compared.differences, scale)
    made.status = _mean_status(made, n_clusters)
    _fill_estimate(made, design)
    if n_clusters >= 2:
        _fill_images(made, design, clusters)
    _fill_runs(made, design)


def _mean_status(made: Draft, n_clusters: int) -> str:
    assert made.differences is not None
    assert made.sides is not None
    if n_clusters < 2:
        return "insufficient_n"
    if not made.differences.any():
        return "no_variation"
    if min(len(side.figures) for side in made.sides) < 2:
        return "insufficient_runs"
    return "ok"


def _draft_auc(made: Draft, design: Design, predictions: Predictions, cells: Cells) -> None:
    contrast = made.contrast
    rows: list[list[list[int]]] = []
    runs: list[tuple[RunStatus, ...]] = []
    for arm in (contrast.treatment, contrast.control):
        at = [row for row, run in enumerate(predictions.runs) if run.arm == arm]
        runs.append(tuple(predictions.runs[row] for row in at))
        rows.append([[at[member] for member in group] for group in pretraining_groups(runs[-1])])
    made.paired = may_pair(design, runs[0], runs[1])
    if made.paired:
        shared = sorted({run.seed for run in runs[0]} & {run.seed for run in runs[1]})
        by_seed = [{predictions.runs[group[0]].seed: group for group in groups} for groups in rows]
        rows = [[groups[seed] for seed in shared] for groups in by_seed]
    clusters = compact(cells.images.clusters[predictions.images])
    made.fields |= {
        "n_runs_treatment": len(rows[0]),
        "n_runs_control": len(rows[1]),
        "n_images": len(predictions.images),
        "n_images_listed": len(predictions.images),
        "n_clusters": len(np.unique(clusters)),
    }
    if not (rows[0] and rows[1] and len(predictions.images)):
        made.status = "no_data"
        return
    all_runs = mean_auc(predictions.probabilities, predictions.labels, clusters)
    sides = [_averaged(all_runs, groups) for groups in rows]
    made.sides, made.rows = (sides[0], sides[1]), (rows[0], rows[1])
    made.status = _auc_status(made)
    if made.status == "undefined_metric" and np.isnan(sides[0].figures).any():
        return
    _fill_estimate(made, design)
    if made.status != "undefined_metric":
        difference = sides[0].influence.mean(axis=0) - sides[1].influence.mean(axis=0)
        estimate = float(sides[0].figures.mean() - sides[1].figures.mean())
        se = float(np.sqrt((difference**2).sum()))
        _fill_models(made, t_test(estimate, se if se > 1e-12 else 0.0, np.inf, alpha=design.alpha))
    _fill_runs(made, design)


def _averaged(arm: ArmFigures, groups: list[list[int]]) -> ArmFigures:
    figures = np.array([arm.figures[group].mean() for group in groups])
    return ArmFigures(figures, np.stack([arm.influence[group].mean(axis=0) for group in groups]))


def _auc_status(made: Draft) -> str:
    assert made.sides is not None
    if any(np.isnan(side.figures).any() or np.isnan(side.influence).any() for side in made.sides):
        return "undefined_metric"
    if all((np.isin(side.figures, (0.0, 1.0))).all() for side in made.sides):
        return "auc_boundary"
    if min(len(side.figures) for side in made.sides) < 2:
        return "insufficient_runs"
    return "ok"


def primary_of(made: Draft, alpha: float) -> Crossed:
    """The primary analysis of a draft whose sides have two runs and two clusters at least."""
    assert made.sides is not None
    treatment, control = made.sides
    if made.paired:
        return crossed((treatment - control,), (1.0,), alpha=alpha)
    return crossed((treatment, control), (1.0, -1.0), alpha=alpha)


def _fill_estimate(made: Draft, design: Design) -> None:
    """Means, the estimate, and where it can be had its primary standard error, t and interval."""
    assert made.sides is not None
    treatment, control = made.sides
    means = float(treatment.figures.mean()), float(control.figures.mean())
    estimate = means[0] - means[1] if made.status != "no_variation" else 0.0
    made.fields |= {"mean_treatment": means[0], "mean_control": means[1], "estimate": estimate}
    if made.status != "ok":
        return
    result = primary_of(made, design.alpha)
    if not float(result.se) > 0:
        made.status = "zero_variance_shift"
        return
    low90, high90 = result.interval(1 - 2 * design.alpha)
    made.fields |= {name: float(getattr(result, name)) for name in ("se", "df", "t", "p_value", "ci_low", "ci_high")}
    made.fields |= {
        "ci90_low": float(low90),
        "ci90_high": float(high90),
        "v_run": float(result.v_run.sum()),
        "v_case": float(result.v_case),
    }
    _fill_equivalence(made, design, estimate)


def _fill_equivalence(made: Draft, design: Design, estimate: float) -> None:
    fields, margin = made.fields, made.contrast.margin
    fields["smallest_margin"] = equivalence.smallest_margin(fields["ci90_low"], fields["ci90_high"])
    if margin is None or margin <= 0:
        return
    se, df = fields["se"], fields["df"]
    fields["p_tost"] = equivalence.tost(estimate, se, df, margin=margin, alpha=design.alpha).p_value
    higher = made.facts.higher_is_better
    if higher is not None:
        better = equivalence.noninferiority(
            estimate, se, df, margin=margin, higher_is_better=higher, alpha=design.alpha
        )
        fields["p_noninferiority"] = better.p_value


def _fill_models(made: Draft, test: TTest) -> None:
    made.fields |= {
        "estimate_models": number(test.estimate),
        "se_models": number(test.se),
        "df_models": number(test.df),
        "ci_models_low": number(test.ci_low),
        "ci_models_high": number(test.ci_high),
        "p_models": number(test.p_value),
    }


def _fill_images(made: Draft, design: Design, clusters: Integers) -> None:
    """What the image differences say: t, ranks, signs, effect size, share of images improved."""
    d = made.differences
    assert d is not None
    patients = len(np.unique(clusters)) < len(d)
    test = images_test(d, clusters if patients else None, weight=design.weight, alpha=design.alpha)
    _fill_models(made, test)
    improved = effect_sizes.improvements(d, made.facts.higher_is_better)
    made.fields["p_improve_images"] = float(of_mean(improved[None], clusters, weight=design.weight).figures[0])
    independent = rounded(of_mean_by_cluster(d, clusters)) if patients else d
    _, n_nonzero, p_sign = sign_test(independent)
    made.fields["n_nonzero"] = n_nonzero
    if made.status == "no_variation":
        return
    size = effect_sizes.dz(independent, design.alpha)
    made.fields |= {
        "p_wilcoxon": number(signed_rank(independent).p_value),
        "hodges_lehmann": hodges_lehmann(independent),
        "dz": number(size.value),
        "dz_low": number(size.low),
        "dz_high": number(size.high),
        "p_sign": number(p_sign),
        "trimmed_mean": effect_sizes.trimmed_mean(independent),
    }


def of_mean_by_cluster(values: Floats, clusters: Integers) -> Floats:
    """[G] mean of `values` [n] in each cluster: what rank tests of patients are made on."""
    codes = compact(clusters)
    return np.asarray(np.bincount(codes, weights=values) / np.bincount(codes))


def _fill_runs(made: Draft, design: Design) -> None:
    """What the run means say with the images held fixed: t, permutation, effect size, share of run pairs."""
    assert made.sides is not None
    treatment, control = (side.figures for side in made.sides)
    wins = effect_sizes.run_wins(treatment, control, made.facts.higher_is_better)
    made.fields["p_improve_runs"] = float(wins.mean())
    if made.status != "ok":
        return
    test = runs_test(treatment, control, paired=made.paired, alpha=design.alpha)
    permutation = permute_runs(treatment, control, paired=made.paired)
    size = effect_sizes.d_run(treatment, control, se=made.fields["se"], df=made.fields["df"], alpha=design.alpha)
    named: Mapping[str, float] = {
        "se_images": test.se,
        "df_images": test.df,
        "ci_images_low": test.ci_low,
        "ci_images_high": test.ci_high,
        "p_images": test.p_value,
        "p_permutation": permutation.p_value,
        "p_permutation_floor": permutation.floor,
        "d_run": size.value,
        "d_run_low": size.low,
        "d_run_high": size.high,
    }
    made.fields |= {name: number(value) for name, value in named.items()}
