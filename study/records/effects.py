"""Fields of a finding beyond its difference: effect sizes, resampled limits, what a family allows to be said."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Effects:
    """What `Finding` holds beside the difference and its three questions; None where it cannot be computed.

    `*_low`, `*_high` are limits at the study's level and `*_error` the Monte Carlo standard error of a resampled limit.

    Attributes:
        gz: dz with Hedges's factor (these models, over images or patients). d_av, d_rm: mean difference over the root
            mean variance of both arms, and dz on the scale of single values (these models).
        rank_biserial: matched, (W+ - W-) / (W+ + W-), zeros dropped (these models).
        d_total: difference over the standard deviation of a single value, run, image, their interaction and residual
            together (recipe). p_improve_joint: share of (run pair, image) in which the treatment is better (recipe).
        percent: difference in percent of the control's mean, where the metric has a true zero; the limits are those of
            the difference, the control's mean taken as it is.
        ci_bca_models: BCa limits over images (these models).
        bootstrap_models_error, bootstrap_error: of `ci_bootstrap_models` and `ci_bootstrap`.
        n_resamples: replicates behind the resampled limits.
        ci_simultaneous: limits that hold for the whole family at once, for the question that `p_adjusted` belongs to;
            simultaneous_critical: the multiple of the standard error they are made with; simultaneous_error: Monte
            Carlo error of one limit.
        confirmatory: whether a secondary contrast may be read as confirmatory (`gate`); None without a gate.
        run_variance: `own` (each arm's), `pooled` (one for all arms) or `paired` (differences of pairs of seeds).
        noninferiority: whether the protocol asks it of this metric; noninferiority_limit: one-sided limit of the
            difference on the side that matters, None without a margin or a direction.
        p_mcnemar, n_discordant: exact McNemar test of a 0/1 metric with one run per arm, and the pairs it rests on.
        p_missing_by_arm: of the test that both arms lack values equally often; `*_undefined_worst` and
            `*_undefined_dropped` the contrast with undefined values as the worst one, and without the images that
            lack one. Given where the arms differ.
    """

    gz: float | None = None
    gz_low: float | None = None
    gz_high: float | None = None
    d_av: float | None = None
    d_av_low: float | None = None
    d_av_high: float | None = None
    d_av_error: float | None = None
    d_rm: float | None = None
    d_rm_low: float | None = None
    d_rm_high: float | None = None
    d_rm_error: float | None = None
    rank_biserial: float | None = None
    rank_biserial_low: float | None = None
    rank_biserial_high: float | None = None
    rank_biserial_error: float | None = None
    d_total: float | None = None
    d_total_low: float | None = None
    d_total_high: float | None = None
    d_total_error: float | None = None
    p_improve_joint: float | None = None
    p_improve_joint_low: float | None = None
    p_improve_joint_high: float | None = None
    p_improve_joint_error: float | None = None
    p_improve_images_error: float | None = None
    p_improve_runs_error: float | None = None
    percent: float | None = None
    percent_low: float | None = None
    percent_high: float | None = None
    ci_bca_models_low: float | None = None
    ci_bca_models_high: float | None = None
    bootstrap_models_error: float | None = None
    bootstrap_error: float | None = None
    n_resamples: int | None = None
    ci_simultaneous_low: float | None = None
    ci_simultaneous_high: float | None = None
    simultaneous_critical: float | None = None
    simultaneous_error: float | None = None
    confirmatory: bool | None = None
    run_variance: str | None = None
    noninferiority: bool = False
    noninferiority_limit: float | None = None
    p_mcnemar: float | None = None
    n_discordant: int | None = None
    p_missing_by_arm: float | None = None
    ci_undefined_worst_low: float | None = None
    ci_undefined_worst_high: float | None = None
    p_undefined_worst: float | None = None
    n_images_undefined_worst: int | None = None
    estimate_undefined_dropped: float | None = None
    ci_undefined_dropped_low: float | None = None
    ci_undefined_dropped_high: float | None = None
    p_undefined_dropped: float | None = None
    n_images_undefined_dropped: int | None = None
