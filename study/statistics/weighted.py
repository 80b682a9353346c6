"""A weighted sum of arm means, with what it says of the recipe and of these trained models.

What `comparison` does for a difference of two arms, for any weights; a difference taken through here gives the same
numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from study.records import Design
from study.statistics import effect_sizes, equivalence
from study.statistics.companions import TTest, images_test, t_test
from study.statistics.comparison import of_mean_by_cluster
from study.statistics.floats import Floats, magnitude, number, rounded
from study.statistics.pooled import crossed_pooled
from study.statistics.primary import ArmFigures, Crossed, crossed
from study.statistics.run_contrasts import is_auc
from study.statistics.several import Together


@dataclass
class Answered:
    """A weighted sum of arm means in the making: `fields` are those of `records.Weighted`.

    `contrast` [n] is the sum for each image with runs averaged, rounded; None for AUC and without data.
    """

    together: Together
    weights: tuple[float, ...]
    status: str
    fields: dict[str, Any] = field(default_factory=dict)
    contrast: Floats | None = None


def weigh(cut: Together, weights: Sequence[float], design: Design, margin: float | None = None) -> Answered:
    """sum_a weights[a] * mean of arm a: estimate, the recipe's answer with equivalence, and these models' answer.

    Args:
        cut: arms with a non-zero weight.
        weights: one per arm; they sum to zero.
        design: reads alpha and how images are weighed.
        margin: in the unit of the sum; None without one.
    """
    made = Answered(cut, tuple(weights), "ok")
    made.fields = {
        "n_runs": tuple(len(runs) for runs in cut.runs),
        "n_images": cut.n_images,
        "n_images_listed": cut.n_listed,
        "n_clusters": cut.n_clusters,
        "margin": margin,
    }
    if cut.empty:
        made.status = "no_data"
        return made
    if cut.by_image is not None:
        scale = magnitude(*cut.values) * max(abs(weight) for weight in weights)
        made.contrast = rounded(np.asarray(made.weights) @ cut.by_image, scale)
    made.status = _status(made)
    if made.status == "undefined_metric":
        return made
    means = tuple(float(side.figures.mean()) for side in cut.sides)
    estimate = float(sum(w * mean for w, mean in zip(weights, means, strict=True)))
    made.fields |= {"means": means, "estimate": 0.0 if made.status == "no_variation" else estimate}
    _fill_recipe(made, design)
    _fill_models(made, design)
    return made


def _status(made: Answered) -> str:
    cut = made.together
    if made.contrast is None:
        if any(np.isnan(side.figures).any() or np.isnan(side.influence).any() for side in cut.sides):
            return "undefined_metric"
        if is_auc(cut.metric) and all(np.isin(side.figures, (0.0, 1.0)).all() for side in cut.sides):
            return "auc_boundary"
    elif cut.n_clusters < 2:
        return "insufficient_n"
    elif not made.contrast.any():
        return "no_variation"
    return "insufficient_runs" if cut.fewest < 2 else "ok"


def contrast_sides(cut: Together, weights: Sequence[float]) -> tuple[tuple[ArmFigures, ...], tuple[float, ...]]:
    """What `crossed` takes: the arms and their weights, or one "arm" of the sums of each seed where paired."""
    if not cut.paired:
        return cut.sides, tuple(weights)
    figures = sum(w * side.figures for w, side in zip(weights, cut.sides, strict=True))
    influence = sum(w * side.influence for w, side in zip(weights, cut.sides, strict=True))
    return (ArmFigures(np.asarray(figures), np.asarray(influence)),), (1.0,)


def recipe(cut: Together, weights: Sequence[float], alpha: float) -> Crossed:
    """The primary analysis of the sum; each arm has two runs and there are two clusters.

    One run variance for all arms is for contrasts, whose weights add to 0; a level has the spread of its own arms.
    """
    if cut.pools and abs(sum(weights)) <= 1e-12:
        return crossed_pooled((*cut.sides, *cut.others), (*weights, *(0.0 for _ in cut.others)), alpha=alpha)
    sides, signs = contrast_sides(cut, weights)
    return crossed(sides, signs, alpha=alpha)


def _fill_recipe(made: Answered, design: Design) -> None:
    if made.status != "ok":
        return
    result = recipe(made.together, made.weights, design.alpha)
    if not float(result.se) > 0:
        made.status = "zero_variance_shift"
        return
    low90, high90 = (float(limit) for limit in result.interval(1 - 2 * design.alpha))
    made.fields |= {name: float(getattr(result, name)) for name in ("se", "df", "t", "p_value", "ci_low", "ci_high")}
    made.fields |= {
        "ci90_low": low90,
        "ci90_high": high90,
        "smallest_margin": equivalence.smallest_margin(low90, high90),
        "v_run": float(result.v_run.sum()),
        "v_case": float(result.v_case),
        "run_variance": "paired" if made.together.paired else "pooled" if made.together.pools else "own",
    }
    margin = made.fields["margin"]
    if margin is not None:
        test = equivalence.tost(
            made.fields["estimate"], made.fields["se"], made.fields["df"], margin=margin, alpha=design.alpha
        )
        made.fields["p_tost"] = test.p_value


def _fill_models(made: Answered, design: Design) -> None:
    """These trained models on new images: the sum for each image, or DeLong's influence for AUC."""
    cut = made.together
    if made.contrast is not None:
        if cut.n_clusters < 2:
            return
        codes = cut.clusters if cut.patients else None
        test = images_test(made.contrast, codes, weight=design.weight, alpha=design.alpha)
        if made.status != "no_variation":
            independent = rounded(of_mean_by_cluster(made.contrast, cut.clusters)) if cut.patients else made.contrast
            made.fields["dz"] = number(effect_sizes.dz(independent, design.alpha).value)
    else:
        if made.status == "auc_boundary":
            return
        influence = sum(w * side.influence.mean(axis=0) for w, side in zip(made.weights, cut.sides, strict=True))
        se = float(np.sqrt((np.asarray(influence) ** 2).sum()))
        df = np.inf if is_auc(cut.metric) else cut.n_clusters - 1.0  # DeLong's variance, else a jackknife's
        test = t_test(made.fields["estimate"], se if se > 1e-12 else 0.0, df, alpha=design.alpha)
    made.fields |= {
        "estimate_models": number(test.estimate),
        "se_models": number(test.se),
        "df_models": number(test.df),
        "ci_models_low": number(test.ci_low),
        "ci_models_high": number(test.ci_high),
        "p_models": number(test.p_value),
    }


def fill_images(made: Answered, test: TTest) -> None:
    """The answer for these images, where training again was asked about."""
    if made.status == "ok":
        names: Mapping[str, float] = {
            "se_images": test.se,
            "df_images": test.df,
            "ci_images_low": test.ci_low,
            "ci_images_high": test.ci_high,
            "p_images": test.p_value,
        }
        made.fields |= {name: number(value) for name, value in names.items()}
