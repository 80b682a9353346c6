"""What is found of all arms at once: context for the planned contrasts, never a gate before them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Omnibus:
    """Do the arms differ at all, for one model, attribution and metric; three arms or more.

    Two questions, kept apart: `*_recipe` asks about training again and new images, everything else about these
    trained models on new images. A number that cannot be computed is None; sequences over arms are empty where none of
    their members can be.

    Attributes:
        arms: T labels compared, in the protocol's order; arms without a value are left out and noted.
        n_runs: [T] runs (pretraining runs, where an arm has several). n_images: images used.
        n_blocks, blocks: independent blocks of ranks and repeated measures, and what they are.
        status: `ok` where the question about retraining was answered, else what prevented it.
        means: [T] over images and runs, metric units.
        seeding: how runs entered the recipe's F: nested in arms, or paired by seed.
        f_recipe, df1_recipe, df2_recipe, p_recipe: Obuchowski and Rockette's F, one run variance for all arms.
        f_models, df1_models, df2_models, p_models: repeated-measures ANOVA over blocks, degrees of freedom and p
            after Greenhouse and Geisser; p_uncorrected, p_huynh_feldt: without, and with the milder correction.
        gg_epsilon, hf_epsilon, mauchly_w, mauchly_p: sphericity, for information; no choice rests on it.
        friedman_chi2, friedman_p: with tie correction. kendall_w: 0 = blocks disagree, 1 = one order.
        iman_davenport_f, iman_davenport_p: the better-behaved form; F is None where all blocks agree exactly.
        average_ranks: [T] 1 = best under the metric's direction, ties share.
        critical_difference: Nemenyi's at the study's alpha, all pairs.
        groups: bars of the diagram: maximal sets of neighbours in rank closer than the critical difference.
        p_nemenyi: [T] every arm against the reference, from all pairs; None at the reference.
        p_wilcoxon, p_holm: [T] signed rank against the reference (zeros ranked, then left out) and after Holm's
            adjustment over the T - 1 comparisons: more power than all pairs, so the default reading.
        p_wilcoxon_dropped, p_holm_dropped: [T] the same with zeros left out before ranking, normal approximation, as
            other programs print it.
        notes, sentences_en, sentences_ko: codes and sentences that must be read with it.
    """

    model: str
    attribution: str
    metric: str
    higher_is_better: bool | None
    arms: tuple[str, ...]
    reference: str
    status: str
    n_runs: tuple[int, ...] = ()
    n_images: int = 0
    n_blocks: int = 0
    blocks: Literal["images", "patients"] = "images"
    means: tuple[float, ...] = ()
    seeding: Literal["nested", "paired"] = "nested"
    f_recipe: float | None = None
    df1_recipe: float | None = None
    df2_recipe: float | None = None
    p_recipe: float | None = None
    f_models: float | None = None
    df1_models: float | None = None
    df2_models: float | None = None
    p_models: float | None = None
    p_uncorrected: float | None = None
    p_huynh_feldt: float | None = None
    gg_epsilon: float | None = None
    hf_epsilon: float | None = None
    mauchly_w: float | None = None
    mauchly_p: float | None = None
    partial_eta_squared: float | None = None
    generalised_eta_squared: float | None = None
    friedman_chi2: float | None = None
    friedman_p: float | None = None
    kendall_w: float | None = None
    iman_davenport_f: float | None = None
    iman_davenport_p: float | None = None
    average_ranks: tuple[float, ...] = ()
    critical_difference: float | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    p_nemenyi: tuple[float | None, ...] = ()
    p_wilcoxon: tuple[float | None, ...] = ()
    p_holm: tuple[float | None, ...] = ()
    p_wilcoxon_dropped: tuple[float | None, ...] = ()
    p_holm_dropped: tuple[float | None, ...] = ()
    notes: tuple[str, ...] = ()
    sentences_en: tuple[str, ...] = ()
    sentences_ko: tuple[str, ...] = ()
