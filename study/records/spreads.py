"""What a finished study says about the luck of its runs and images, kept so that the next one can be planned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Spread:
    """Variance components of the difference of two arms, in the form that planning reads: mean over all pairs of arms.

    Unlike `Components` these exist for AUC and other figures of a run too, count patients where there are any, and are
    those of differences of pairs where seeds are paired.

    Attributes:
        model, attribution, metric: what was measured; the attribution of a per-run metric is empty.
        seeding: `paired` rows exist where the design is paired, beside the `nested` row.
        n_arms: arms with at least two runs (pairs).
        n_runs: fewest runs of an arm (pairs). df_runs: degrees of freedom of `run`.
        n_images: images with a value in every run. n_clusters: patients they come from; equal to `n_images` where
            no patient is known.
        run: variance of a run's figure that no number of images averages out.
        arm_by_cluster, residual: variance of one cluster (image, patient) that all runs of an arm share, and that each
            run has of its own; of a figure such as AUC the variance on n clusters, times n. All three as estimated:
            negative where the truth is near 0.
        smallest_difference: the true difference that this very design (retraining and new images, `n_runs` runs per
            arm, level alpha of the study, no adjustment) finds in four of five repetitions, metric units; only for
            primary contrasts with at least three runs, and in the row of the design's own seeding.
    """

    model: str
    attribution: str
    metric: str
    seeding: Literal["nested", "paired"]
    n_arms: int
    n_runs: int
    df_runs: int
    n_images: int
    n_clusters: int
    run: float
    arm_by_cluster: float
    residual: float
    smallest_difference: float | None = None
