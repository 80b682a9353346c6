"""How alike runs explain, and whether a metric can carry a conclusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class RunAgreement:
    """How alike the maps of two different runs are: mean Spearman rank correlation of the pixels, -1 to 1.

    Within an arm (`arm_a == arm_b`) it says whether the same recipe explains alike, between arms whether two recipes
    do. Pairs of runs share runs, so they are never counted as observations, and their spread is no error bar.
    `*_models` fields answer "for these trained models, on new images", the others "if we trained again and took new
    images"; a number that cannot be computed is None.

    Attributes:
        n_runs_a, n_runs_b: runs (pretraining runs, where an arm has several) of either arm.
        n_pairs: pairs of different runs. n_images, n_clusters: images with a value, and their patients.
        n_undefined: pairs of maps of these images without a correlation, a map being flat or not finite.
        estimate: mean over pairs, then over images.
        lowest_pair, highest_pair: range of the pairs' means, as description.
        sd_images: standard deviation (ddof 1) over images of the mean over pairs.
        se, df, ci_low, ci_high: runs by the leave-one-run-out jackknife, images by what pairs without a common run
            share; from four runs of each arm on.
        v_run, v_case: their two parts of the variance; v_case before negative values are set to 0.
        status: `ok` where the question about retraining was answered, else what prevented it.
        notes, sentences_en, sentences_ko: codes and sentences that must be read with it.
    """

    model: str
    attribution: str
    arm_a: str
    arm_b: str
    status: str
    n_runs_a: int = 0
    n_runs_b: int = 0
    n_pairs: int = 0
    n_images: int = 0
    n_clusters: int = 0
    n_undefined: int = 0
    estimate: float | None = None
    lowest_pair: float | None = None
    highest_pair: float | None = None
    sd_images: float | None = None
    se_models: float | None = None
    df_models: float | None = None
    ci_models_low: float | None = None
    ci_models_high: float | None = None
    se: float | None = None
    df: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    v_run: float | None = None
    v_case: float | None = None
    notes: tuple[str, ...] = ()
    sentences_en: tuple[str, ...] = ()
    sentences_ko: tuple[str, ...] = ()


@dataclass(frozen=True)
class MetricReliability:
    """Whether a metric's values hang together well enough to rank anything, on the reference arm's models.

    Attributes:
        arm: the reference, whose maps `alpha`, `alpha_interval` and `rhos` are of.
        n_methods, n_blocks, blocks: attribution methods (controls included), how many images or patients rank them, and
            which of the two.
        alpha: Krippendorff's agreement of images on the order of the methods (ordinal).
        alpha_interval: the same on the values themselves; images of unlike difficulty lower it.
        dependability: share of the variance of an arm mean that is the arm, over the arms of this study.
        others: metrics of the same group measured on the same maps: they claim to measure the same thing.
        rhos: Spearman correlation with each over images (patients), averaged over runs; both turned so that higher is
            better, so that agreement is positive. None where a metric does not vary.
        n_runs: runs averaged in `rhos`.
    """

    model: str
    attribution: str
    metric: str
    arm: str
    n_methods: int = 0
    n_blocks: int = 0
    blocks: Literal["images", "patients"] = "images"
    alpha: float | None = None
    alpha_interval: float | None = None
    dependability: float | None = None
    others: tuple[str, ...] = ()
    rhos: tuple[float | None, ...] = ()
    n_runs: int = 0
