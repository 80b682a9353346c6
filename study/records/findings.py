"""What the statistics are asked and what they find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from study.records.designs import Dose, DoseLevel, DoseResponse, Factorial, FactorialEffect
from study.records.effects import Effects
from study.records.omnibus import Omnibus
from study.records.reliability import MetricReliability, RunAgreement
from study.records.rules import Rules
from study.records.spreads import Spread

Seeding = Literal["nested", "paired"]


@dataclass(frozen=True)
class MetricFacts:
    """What tables and verdicts need to know of a metric (copied from the registry).

    Attributes:
        name: label in the score table (`ehr`, `insertion`, `insertion[baseline=blur]`, `auc`).
        title: for people. higher_is_better: None where neither is.
        bounds: lowest and highest value, None where unbounded.
        per_run: True for metrics such as AUC that exist per run, not per image.
        unit: `fraction` (three decimals) or `percent` (times 100, one decimal).
        undefined: what a missing value means, one sentence.
        true_zero: whether 0 means that there is nothing, so that a percentage of a value has a meaning.
        group: metrics of one group claim to measure the same thing; empty where unknown.
    """

    name: str
    title: str
    higher_is_better: bool | None
    bounds: tuple[float | None, float | None]
    version: int
    per_run: bool = False
    unit: Literal["fraction", "percent"] = "fraction"
    undefined: str = ""
    group: str = ""
    true_zero: bool = False


@dataclass(frozen=True)
class Contrast:
    """Two arms compared: `treatment` minus `control`.

    `family` is `primary` (Holm), `secondary` (Benjamini-Hochberg) or `exploratory` (raw p only).
    `question` groups contrasts on page 1 of the report; `margin` is in metric units or None;
    `noninferiority` asks whether the treatment is worse by less than the margin.
    """

    contrast_id: str
    question: str
    family: Literal["primary", "secondary", "exploratory"]
    treatment: str
    control: str
    model: str
    attribution: str
    metric: str
    margin: float | None = None
    margin_set_later: bool = False
    noninferiority: bool = False


@dataclass(frozen=True)
class RunStatus:
    """Whether a planned run finished, and if not, why."""

    run_id: str
    arm: str
    model: str
    seed: int
    state: Literal["done", "failed", "blocked", "missing"]
    reason: str = ""
    pretrain_key: str | None = None
    diverged: bool = False


@dataclass(frozen=True)
class Design:
    """Everything the statistics must know besides the scores; fixed before results are seen.

    `classes`: names of the target's classes in the order of the predictions `p_0`, `p_1`, ...; empty where no
    figure per class is wanted. `factorial`: four arms that are two factors of two levels. `dose`: arms that differ in
    the amount of one thing.
    """

    study: str
    arms: tuple[str, ...]
    reference: str
    models: tuple[str, ...]
    seeds: tuple[int, ...]
    seeding: Seeding
    contrasts: tuple[Contrast, ...]
    metrics: Mapping[str, MetricFacts]
    attributions: tuple[str, ...]
    controls: tuple[str, ...]
    runs: tuple[RunStatus, ...]
    alpha: float = 0.05
    resamples: int = 10_000
    resampling_seed: int = 20240501
    weight: Literal["image", "patient"] = "image"
    classes: tuple[str, ...] = ()
    rules: Rules = field(default_factory=Rules)
    factorial: Factorial | None = None
    dose: Dose | None = None


@dataclass(frozen=True)
class Finding(Effects):
    """One row of the statistics: a contrast, with every question it can answer.

    A number that cannot be computed is None. `*_models` fields answer "for these trained
    models, on new images", the others "if we trained again and took new images".
    """

    contrast_id: str
    question: str
    family: str
    m: int
    model: str
    attribution: str
    metric: str
    metric_version: int
    treatment: str
    control: str
    higher_is_better: bool | None
    status: str
    notes: tuple[str, ...] = ()
    sentences_en: tuple[str, ...] = ()
    sentences_ko: tuple[str, ...] = ()
    n_runs_treatment: int = 0
    n_runs_control: int = 0
    n_images: int = 0
    n_images_listed: int = 0
    n_clusters: int = 0
    mean_treatment: float | None = None
    mean_control: float | None = None
    estimate: float | None = None
    se: float | None = None
    df: float | None = None
    t: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    ci90_low: float | None = None
    ci90_high: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    adjustment: str | None = None
    margin: float | None = None
    margin_set_later: bool = False
    p_tost: float | None = None
    smallest_margin: float | None = None
    v_run: float | None = None
    v_case: float | None = None
    estimate_models: float | None = None
    se_models: float | None = None
    df_models: float | None = None
    ci_models_low: float | None = None
    ci_models_high: float | None = None
    p_models: float | None = None
    p_wilcoxon: float | None = None
    hodges_lehmann: float | None = None
    se_images: float | None = None
    df_images: float | None = None
    ci_images_low: float | None = None
    ci_images_high: float | None = None
    p_images: float | None = None
    p_permutation: float | None = None
    p_permutation_floor: float | None = None
    ci_bootstrap_models_low: float | None = None
    ci_bootstrap_models_high: float | None = None
    se_bootstrap: float | None = None
    ci_bootstrap_low: float | None = None
    ci_bootstrap_high: float | None = None
    dz: float | None = None
    dz_low: float | None = None
    dz_high: float | None = None
    d_run: float | None = None
    d_run_low: float | None = None
    d_run_high: float | None = None
    p_improve_images: float | None = None
    p_improve_images_low: float | None = None
    p_improve_images_high: float | None = None
    p_improve_runs: float | None = None
    p_improve_runs_low: float | None = None
    p_improve_runs_high: float | None = None
    p_sign: float | None = None
    n_nonzero: int | None = None
    trimmed_mean: float | None = None
    p_noninferiority: float | None = None
    estimate_undefined_worst: float | None = None


@dataclass(frozen=True)
class Mean:
    """One arm's mean of one metric: over images and runs, with its spreads named apart."""

    arm: str
    model: str
    attribution: str
    metric: str
    n_runs: int
    n_images: int
    n_undefined: int
    mean: float | None
    sd_runs: float | None
    sd_images: float | None
    ci_low: float | None
    ci_high: float | None
    lowest_run: float | None
    highest_run: float | None


@dataclass(frozen=True)
class RunMean:
    """One run's value of one metric (mean over images, or the per-run figure itself)."""

    run_id: str
    arm: str
    model: str
    seed: int
    attribution: str
    metric: str
    value: float | None
    n_images: int
    n_undefined: int


@dataclass(frozen=True)
class Components:
    """Variance components of one metric on one attribution and model; negative ones are 0.

    The `raw_*` values are before negative ones are set to 0. `order_of_arms` is how far images agree on
    the order of the arms (not of methods: that is `Ranking.alpha`), 0 where the arms are alike. `dependability` is the
    share of an arm mean's variance that is the arm. `n_runs` (harmonic mean over arms) and `n_images` are those that the components rest on;
    `share_runs` is the share of luck of runs in v_R / S + v_AI / n, what more seeds can lower against what more images
    can: above a half the next thing to buy is seeds, below it images.
    """

    model: str
    attribution: str
    metric: str
    run: float | None
    arm_by_image: float | None
    residual: float | None
    image: float | None
    raw_run: float | None = None
    raw_arm_by_image: float | None = None
    raw_image: float | None = None
    order_of_arms: float | None = None
    dependability: float | None = None
    n_runs: float | None = None
    n_images: int = 0
    share_runs: float | None = None


@dataclass(frozen=True)
class ImageDifference:
    """Treatment minus control for one image, each averaged over runs (primary contrasts)."""

    contrast_id: str
    image_id: str
    treatment: float
    control: float
    difference: float


@dataclass(frozen=True)
class SeedDifference:
    """Treatment's run minus control for one seed (nested: minus the control's mean)."""

    contrast_id: str
    seed: int
    difference: float


@dataclass(frozen=True)
class CurveSummary:
    """Mean curve of an arm, and its difference from the reference on the same images.

    All sequences have one entry per step; `difference_*` is empty for the reference.
    """

    arm: str
    model: str
    attribution: str
    curve: str
    fractions: Sequence[float]
    mean: Sequence[float]
    difference: Sequence[float]
    difference_low: Sequence[float]
    difference_high: Sequence[float]
    n_runs: int
    n_images: int


@dataclass(frozen=True)
class Ranking:
    """Attribution methods of one arm in the order that one metric gives them; films (patients) are the blocks.

    It says which method the metric prefers on these trained models; runs are averaged, so it does not say that the
    order would hold after retraining.

    Attributes:
        attributions: A labels in the protocol's order, controls last.
        average_ranks: [A] mean rank over the blocks, 1 = best, ties share a rank.
        means: [A] mean over the same blocks, each averaged over runs first.
        n_blocks, n_runs: blocks with a value for every method, and runs averaged.
        chi2, p_value: Friedman's test that all methods rank alike; None with fewer than two blocks, or where all
            methods tie in every block.
        critical_difference: Nemenyi's at the study's alpha; None with fewer than two blocks.
        groups: the bars of a critical difference diagram: maximal sets of two or more neighbours in rank whose
            first and last differ by less than the critical difference, best first, each best first.
        above_control: for each attribution that is no control, the labels of the controls it outranks by the
            critical difference or more.
        alpha: Krippendorff's agreement of the blocks on the order of the methods (ordinal); 1 = all agree, 0 = as
            by chance; None with fewer than two blocks, or where all methods tie in every block.
        left_out: methods measured on this model but not ranked: they lack a value in more than half of the cells
            (run, film) in which any method has one, blocks counted equally, or share no cell with the others.
        notes, sentences_en, sentences_ko: codes and sentences that must be read with it.
    """

    model: str
    arm: str
    metric: str
    attributions: tuple[str, ...]
    average_ranks: tuple[float, ...]
    means: tuple[float, ...]
    n_blocks: int
    n_runs: int
    chi2: float | None
    p_value: float | None
    critical_difference: float | None
    groups: tuple[tuple[str, ...], ...]
    above_control: Mapping[str, tuple[str, ...]]
    alpha: float | None = None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sentences_en: tuple[str, ...] = ()
    sentences_ko: tuple[str, ...] = ()


@dataclass(frozen=True)
class CrossMean:
    """Maps made on models of `arm`, scored on models of `evaluator` of the same seed: mean over runs and films.

    `sd_runs` is the standard deviation (ddof 1) of the runs' means, None with one run; `n_images` are the films with a
    value. `mean` is None where no film has one.
    """

    model: str
    attribution: str
    metric: str
    arm: str
    evaluator: str
    mean: float | None
    sd_runs: float | None
    n_runs: int
    n_images: int


@dataclass(frozen=True)
class Analysis:
    """Everything the statistics found; the report reads this and nothing else of it."""

    design: Design
    findings: tuple[Finding, ...]
    means: tuple[Mean, ...]
    run_means: tuple[RunMean, ...]
    components: tuple[Components, ...]
    image_differences: tuple[ImageDifference, ...]
    seed_differences: tuple[SeedDifference, ...]
    curves: tuple[CurveSummary, ...]
    rankings: tuple[Ranking, ...] = ()
    cross: tuple[CrossMean, ...] = ()
    notes: tuple[str, ...] = ()
    omnibus: tuple[Omnibus, ...] = ()
    agreement: tuple[RunAgreement, ...] = ()
    reliability: tuple[MetricReliability, ...] = ()
    spreads: tuple[Spread, ...] = ()
    factorial: tuple[FactorialEffect, ...] = ()
    doses: tuple[DoseResponse, ...] = ()
    dose_levels: tuple[DoseLevel, ...] = ()
