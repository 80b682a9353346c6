"""Two-factor and dose-response designs, and what the statistics find in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EffectKind = Literal["interaction", "main", "simple"]


@dataclass(frozen=True)
class Factorial:
    """Four arms that are every combination of two factors with two levels each.

    Attributes:
        factors: names of the first and the second factor.
        levels: of each factor, (low, high): effects are high minus low.
        arms: first low / second low, low / high, high / low, high / high.
    """

    factors: tuple[str, str]
    levels: tuple[tuple[str, str], tuple[str, str]]
    arms: tuple[str, str, str, str]


@dataclass(frozen=True)
class Dose:
    """Arms that differ in the amount of one thing; at least three, from the lowest dose to the highest.

    An arm that is not named here (a baseline) is not dose 0.
    """

    name: str
    unit: str
    arms: tuple[str, ...]
    doses: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """sum_a weights[a] * mean of arm a, on one model, attribution and metric, with every question it can answer.

    Plain fields answer "if we trained again and took new images", `*_models` "for these trained models, on new
    images", `*_images` "if we trained again, on these images". A number that cannot be computed is None.

    Attributes:
        family: `primary` (the primary attribution and metric), `secondary`, or `exploratory` (raw p only).
        m: tests in the family that `p_adjusted` belongs to.
        arms, weights, n_runs, means: one entry per arm, those with a weight.
        status: `ok` where the question about retraining was answered, else what prevented it.
        margin: in the unit of the estimate; None where none was declared.
        run_variance: spread of each arm's own runs, one for all arms of the study, or that of paired seeds.
    """

    model: str
    attribution: str
    metric: str
    metric_version: int
    higher_is_better: bool | None
    family: str
    m: int
    arms: tuple[str, ...]
    weights: tuple[float, ...]
    status: str
    n_runs: tuple[int, ...] = ()
    means: tuple[float | None, ...] = ()
    n_images: int = 0
    n_images_listed: int = 0
    n_clusters: int = 0
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
    run_variance: Literal["own", "pooled", "paired"] | None = None
    estimate_models: float | None = None
    se_models: float | None = None
    df_models: float | None = None
    ci_models_low: float | None = None
    ci_models_high: float | None = None
    p_models: float | None = None
    dz: float | None = None
    se_images: float | None = None
    df_images: float | None = None
    ci_images_low: float | None = None
    ci_images_high: float | None = None
    p_images: float | None = None
    notes: tuple[str, ...] = ()
    sentences_en: tuple[str, ...] = ()
    sentences_ko: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FactorialEffect(Weighted):
    """One of the seven effects of a two-factor design.

    Attributes:
        effect: `interaction`, `main` or `simple`.
        factor: whose high level is compared with its low one; empty for the interaction.
        at: level of the other factor at which a simple effect is taken, else empty.
        headline: whether it answers the question: the main effects where the interaction's 90 % interval is inside
            the margin, else the two simple effects of the first factor.
        partial_eta_squared, generalised_eta_squared: of the 2 x 2 repeated-measures ANOVA over images with runs
            averaged; None for simple effects and where patients are the clusters.
    """

    effect: EffectKind
    factor: str = ""
    at: str = ""
    headline: bool = False
    partial_eta_squared: float | None = None
    generalised_eta_squared: float | None = None


@dataclass(frozen=True, kw_only=True)
class DoseResponse(Weighted):
    """The line through the arms of a dose design; `estimate` is the slope per unit of dose.

    Attributes:
        name, unit: of the dose.
        doses: of `arms`.
        lack_of_fit_f, lack_of_fit_df1, lack_of_fit_df2, lack_of_fit_p: line against arms as factors, on run means
            (these images). A slope is never read without it.
        quadratic, quadratic_p: coefficient of dose squared, on run means (these images).
        page_l, page_z: Page's trend statistic over images (patients) with runs averaged; z > 0 where values rise
            with dose (these models).
        page_p_rising: one-sided p that values rise with dose. page_p: two-sided. page_blocks: how many blocks.
        line_doses, line, line_low, line_high: the line and its pointwise interval (retraining and new images).
        best: arm with the best mean under the metric's direction; None where neither direction is better.
        not_told_apart: arms whose difference from the best is not shown after Holm, the best included, by dose.
        m_best: comparisons with the best. best_models_only: whether they are about these trained models.
    """

    name: str
    unit: str
    doses: tuple[float, ...]
    lack_of_fit_f: float | None = None
    lack_of_fit_df1: int | None = None
    lack_of_fit_df2: int | None = None
    lack_of_fit_p: float | None = None
    quadratic: float | None = None
    quadratic_p: float | None = None
    page_l: float | None = None
    page_z: float | None = None
    page_p_rising: float | None = None
    page_p: float | None = None
    page_blocks: int = 0
    line_doses: tuple[float, ...] = ()
    line: tuple[float, ...] = ()
    line_low: tuple[float, ...] = ()
    line_high: tuple[float, ...] = ()
    best: str | None = None
    not_told_apart: tuple[str, ...] = ()
    m_best: int = 0
    best_models_only: bool = False


@dataclass(frozen=True, kw_only=True)
class DoseLevel:
    """One dose on one model, attribution and metric: its mean, and its difference from the best dose.

    `estimate` is this arm minus the best one, None for the best itself; `ci_low` and `ci_high` belong to it and
    answer the question about retraining, or about these trained models where `best_models_only` is set.
    `mean_low` and `mean_high` are the interval of the arm's own mean (retraining and new images).
    """

    model: str
    attribution: str
    metric: str
    arm: str
    dose: float
    n_runs: int
    n_images: int
    mean: float | None
    mean_low: float | None
    mean_high: float | None
    is_best: bool = False
    told_apart: bool | None = None
    estimate: float | None = None
    se: float | None = None
    df: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    m: int = 0
    best_models_only: bool = False
