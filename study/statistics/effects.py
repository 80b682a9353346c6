"""Effect sizes of a draft, as far as they need no resampling.

Those over images speak of these trained models: runs are averaged first, and a patient is one unit. Those over runs
and images speak of the recipe.

Reference: Hedges 1981 (gz); Lakens 2013 (d_av, d_rm); Kerby 2014 (matched rank-biserial); Westfall, Kenny and
Judd 2014 (d over all sources of variance); McNemar 1947.
"""

from __future__ import annotations

import numpy as np

from study.records import Design
from study.statistics.cells import Cells
from study.statistics.companions import sign_test, signed_rank
from study.statistics.comparison import Draft, of_mean_by_cluster
from study.statistics.effect_sizes import d_av, d_rm, rank_biserial, run_wins, small_sample_factor
from study.statistics.floats import Floats, number, rounded
from study.statistics.influence import of_mean

NO_SPREAD = ("no_data", "insufficient_n", "no_variation")
SMALLEST_GZ = 3
"""Hedges's factor does not exist for fewer differences."""


def fill_effects(made: Draft, design: Design, cells: Cells) -> None:
    """Add every effect size that the draft's data have."""
    _percent(made)
    if made.differences is None or made.status in NO_SPREAD:
        return
    _over_images(made)
    _mcnemar(made)
    _over_runs_and_images(made, design)


def unit_means(made: Draft) -> tuple[Floats, Floats]:
    """[G] treatment and control of each unit (image, or patient), averaged over runs."""
    assert made.compared is not None
    assert made.clusters is not None
    sides = (made.compared.treatment, made.compared.control)
    treatment, control = (of_mean_by_cluster(side.mean(axis=0), made.clusters) for side in sides)
    return treatment, control


def unit_differences(made: Draft) -> Floats:
    """[G] differences of units, rounded as rank tests need them."""
    assert made.differences is not None
    assert made.clusters is not None
    if len(np.unique(made.clusters)) == len(made.differences):
        return made.differences
    return rounded(of_mean_by_cluster(made.differences, made.clusters))


def total_variance(arms: tuple[Floats, Floats]) -> float:
    """Variance of a single value of an arm: image, arm-by-image, run and residual together.

    Mean over arms of the variance over images of each run (ddof 1), plus the run variance
    mean_a var(run means of a) - MS_residual / n, not below 0. In a balanced design that is the sum of the four
    components of `variance_components`.

    Args:
        arms: complete values [S, n], [S', n], two runs and two images at least.
    """
    over_images = float(np.mean([arm.var(axis=1, ddof=1).mean() for arm in arms]))
    of_runs = float(np.mean([arm.mean(axis=1).var(ddof=1) for arm in arms]))
    return over_images + max(of_runs - residual_variance(arms) / float(arms[0].shape[1]), 0.0)


def residual_variance(arms: tuple[Floats, Floats]) -> float:
    """Mean square of what is left in each arm's runs x images table after row and column means."""
    squares, df = 0.0, 0
    for arm in arms:
        left = arm - arm.mean(axis=0) - arm.mean(axis=1, keepdims=True) + arm.mean()
        squares, df = squares + float((left**2).sum()), df + (len(arm) - 1) * (arm.shape[1] - 1)
    return squares / df


def joint_wins(made: Draft) -> Floats:
    """[S, S', n] 1 where the treatment's run is better than the control's on an image, ties half."""
    assert made.compared is not None
    treatment, control = made.compared.treatment, made.compared.control
    return run_wins(treatment.T, control.T, made.facts.higher_is_better).transpose(1, 2, 0)


def _percent(made: Draft) -> None:
    fields = made.fields
    base, estimate = fields.get("mean_control"), fields.get("estimate")
    if not made.facts.true_zero or estimate is None or base is None or not base > 0:
        return
    fields["percent"] = 100 * estimate / base
    if fields.get("ci_low") is not None:
        fields |= {"percent_low": 100 * fields["ci_low"] / base, "percent_high": 100 * fields["ci_high"] / base}


def _over_images(made: Draft) -> None:
    fields, d = made.fields, unit_differences(made)
    ranks = signed_rank(d, "drop")
    fields["rank_biserial"] = number(rank_biserial(ranks.w_plus, ranks.w_minus))
    if fields.get("dz") is None:
        return
    treatment, control = unit_means(made)
    if len(d) >= SMALLEST_GZ:
        factor = small_sample_factor(len(d))
        for ours, theirs in (("gz", "dz"), ("gz_low", "dz_low"), ("gz_high", "dz_high")):
            fields[ours] = None if fields[theirs] is None else fields[theirs] * factor
    with np.errstate(invalid="ignore", divide="ignore"):
        fields |= {"d_av": number(d_av(treatment, control)), "d_rm": number(d_rm(treatment, control))}


def _mcnemar(made: Draft) -> None:
    """Exact McNemar test: the sign test over the images on which two runs with 0/1 values disagree."""
    compared = made.compared
    assert compared is not None
    one_each = len(compared.treatment) == len(compared.control) == 1
    binary = all(np.isin(side, (0.0, 1.0)).all() for side in (compared.treatment, compared.control))
    if not (one_each and binary) or made.fields["n_clusters"] < made.fields["n_images"]:
        return
    assert made.differences is not None
    _, n_discordant, p_value = sign_test(made.differences)
    made.fields |= {"n_discordant": n_discordant, "p_mcnemar": number(p_value)}


def _over_runs_and_images(made: Draft, design: Design) -> None:
    assert made.compared is not None
    assert made.clusters is not None
    share = joint_wins(made).mean(axis=(0, 1))
    made.fields["p_improve_joint"] = float(of_mean(share[None], made.clusters, weight=design.weight).figures[0])
    if made.status != "ok":
        return
    total = total_variance((made.compared.treatment, made.compared.control))
    if total > 0:
        made.fields["d_total"] = made.fields["estimate"] / float(np.sqrt(total))
