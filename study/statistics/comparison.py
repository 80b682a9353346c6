"""One contrast, every question it can answer, before resampling and adjustment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from study.records import Contrast, Design, MetricFacts, RunStatus
from study.statistics import effect_sizes, equivalence
from study.statistics.cells import Block, Cells
from study.statistics.classification import image_block
from study.statistics.companions import (
    TTest,
    hodges_lehmann,
    images_test,
    permute_runs,
    runs_test,
    sign_test,
    signed_rank,
)
from study.statistics.floats import Floats, Integers, magnitude, number, rounded
from study.statistics.influence import compact, of_mean
from study.statistics.missing import Compared, arm_values, available_mean, common_seeds, compare, pretraining_groups
from study.statistics.pooled import FEWEST_ARMS, crossed_pooled, pooled_variance
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
        others: figures of the arms that are not compared, where one run variance for all arms was asked for.
        clusters: [n] codes of the images of `differences`.
        replicates: [B] resampled estimates of the question that `p_adjusted` belongs to; None without any.
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
    others: tuple[ArmFigures, ...] = ()
    clusters: Integers | None = None
    replicates: Floats | None = None

    @property
    def pools(self) -> bool:
        """Whether one run variance for all arms is used."""
        return 2 + len(self.others) >= FEWEST_ARMS


def find_block(cells: Cells, contrast: tuple[str, str, str]) -> Block | None:
    """The block of (model, attribution, metric); accuracy is made from the predictions."""
    model, _, metric = contrast
    if contrast in cells.blocks:
        return cells.blocks[contrast]
    return image_block(metric, cells.predictions[model]) if model in cells.predictions else None


def may_pair(design: Design, runs: Sequence[tuple[RunStatus, ...]]) -> bool:
    """Paired seeds, at least four in all these arms, and no run that stands for several."""
    if design.seeding != "paired":
        return False
    collapsed = any(1 < len(pretraining_groups(arm)) < len(arm) for arm in runs)
    return not collapsed and len(common_seeds(runs)) >= FEWEST_PAIRS


def draft_mean(made: Draft, design: Design, block: Block, cells: Cells) -> None:
    """Every question about a contrast of means over images that needs no resampling and no other contrast."""
    contrast = made.contrast
    runs = [tuple(block.runs[int(r)] for r in block.rows(arm)) for arm in (contrast.treatment, contrast.control)]
    compared = compare(block, contrast.treatment, contrast.control, paired=may_pair(design, runs))
    made.compared, made.paired = compared, compared.paired
    clusters = made.clusters = compact(cells.images.clusters[compared.images])
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
    made.others = others_of(made, design, block, clusters)
    scale = magnitude(compared.treatment, compared.control)
    made.differences = rounded(compared.differences, scale)
    made.status = _mean_status(made, n_clusters)
    fill_estimate(made, design)
    if n_clusters >= 2:
        _fill_images(made, design, clusters)
    fill_runs(made, design)


def others_of(made: Draft, design: Design, block: Block, clusters: Integers) -> tuple[ArmFigures, ...]:
    """The arms that are not compared, on the same images, where they lend their run variance.

    An arm without a value for one of the images cannot.
    """
    compared = made.compared
    assert compared is not None
    if not design.rules.pool_run_variance or made.paired:
        return ()
    at = np.searchsorted(block.images, compared.images)
    found = []
    for arm in design.arms:
        if arm in (made.contrast.treatment, made.contrast.control):
            continue
        runs, values = arm_values(block, arm)
        available = np.isfinite(values[:, at])
        if len(runs) > 1 and available.any(axis=0).all() and available.any(axis=1).all():
            found.append(of_mean(available_mean(values[:, at], available), clusters, weight=design.weight))
    return tuple(found)


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


def primary_of(made: Draft, alpha: float) -> Crossed:
    """The primary analysis of a draft whose sides have two runs and two clusters at least."""
    assert made.sides is not None
    treatment, control = made.sides
    if made.paired:
        return crossed((treatment - control,), (1.0,), alpha=alpha)
    if made.pools:
        weights = (1.0, -1.0, *(0.0 for _ in made.others))
        return crossed_pooled((treatment, control, *made.others), weights, alpha=alpha)
    return crossed((treatment, control), (1.0, -1.0), alpha=alpha)


def fill_estimate(made: Draft, design: Design) -> None:
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
        "run_variance": "paired" if made.paired else "pooled" if made.pools else "own",
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
        fields |= {"p_noninferiority": better.p_value, "noninferiority_limit": better.limit}


def fill_models(made: Draft, test: TTest) -> None:
    """What a test says of these models on new images."""
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
    fill_models(made, test)
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


def fill_runs(made: Draft, design: Design) -> None:
    """What the run means say with the images held fixed: t, permutation, effect size, share of run pairs."""
    assert made.sides is not None
    treatment, control = (side.figures for side in made.sides)
    wins = effect_sizes.run_wins(treatment, control, made.facts.higher_is_better)
    made.fields["p_improve_runs"] = float(wins.mean())
    if made.status != "ok":
        return
    test = runs_test(treatment, control, paired=made.paired, alpha=design.alpha)
    permutation = permute_runs(treatment, control, paired=made.paired)
    variance = pooled_variance((*made.sides, *made.others))[0] if made.pools else None
    size = effect_sizes.d_run(
        treatment, control, se=made.fields["se"], df=made.fields["df"], alpha=design.alpha, variance=variance
    )
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
