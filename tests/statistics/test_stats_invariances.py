"""What must not matter to a finding, and what must move it by exactly so much: laws tried on made-up studies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from invariances import (
    FREE_OF_CHANCE,
    INTERVALS,
    MOVED,
    SIGNED,
    SPREADS,
    Toy,
    agree,
    holds,
    limits,
    same,
)
from stats_study import FACTS, design_of, prediction_rows

from study.errors import StudyError
from study.records import Contrast, Finding, MetricFacts, RunStatus
from study.statistics import analyse
from study.statistics.companions import hodges_lehmann, sign_test, signed_rank

FEW, MANY = 5, 120
RESAMPLED = ("se_bootstrap", "ci_bootstrap_low", "ci_bootstrap_high", "p_improve_runs_low", "p_improve_runs_high")
LEVELS = ("mean_treatment", "mean_control")

shifts = st.floats(-2, 2, allow_nan=False).map(lambda shift: round(shift, 3))
scales = st.sampled_from([1e-3, 0.25, 3.0, 100.0])
seeds = st.integers(0, 2**32 - 1)


def shuffled_rows_change_nothing(toy: Toy, seed: int) -> None:
    table = toy.table().sample(frac=1, random_state=seed)
    shuffled, finding = analyse(toy.design(), table).findings[0], toy.finding()
    same(shuffled, finding)
    for name in ("se_bootstrap", "ci_bootstrap_low", "ci_bootstrap_models_low", "p_improve_joint_high", "d_av_low"):
        drawn = getattr(finding, name)
        wanted = drawn if drawn is None else pytest.approx(drawn, rel=1e-6)
        assert getattr(shuffled, name) == wanted, f"{name} is drawn anew"


def the_names_of_arms_and_patients_change_nothing_at_all(toy: Toy) -> None:
    other = replace(toy, patients=tuple(f"other {name}" for name in toy.patients) if toy.patients else None)
    assert other.finding() == toy.finding()
    renamed = replace(toy, arms=dict(zip(("a b", "z%"), toy.arms.values(), strict=True)))
    same(renamed.finding(), toy.finding())


def the_order_of_images_changes_nothing(toy: Toy, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(next(iter(toy.arms.values())).shape[1])
    turned = toy.with_cells(lambda values: values[:, order])
    patients = tuple(toy.patients[place] for place in order) if toy.patients else None
    same(replace(turned, patients=patients).finding(), toy.finding())


def swapped_arms_change_the_sign(toy: Toy) -> None:
    found = replace(toy, arms=dict(reversed(toy.arms.items()))).finding()
    wanted = toy.finding()
    twofold = ("n_runs_treatment", "n_runs_control")
    changed = (*SIGNED, *twofold, *(f"{name}{side}" for name in INTERVALS for side in ("_low", "_high")))
    same(found, wanted, but=(*changed, "p_improve_images", "p_improve_runs"))
    for name in SIGNED:
        agree(getattr(found, name), getattr(wanted, name), name, -1)
    for name in INTERVALS:
        for mine, other in zip(limits(found, name), reversed(limits(wanted, name)), strict=True):
            agree(mine, other, name, -1)
    agree(found.p_improve_images, None if wanted.p_improve_images is None else 1 - wanted.p_improve_images, "share")
    assert [getattr(found, name) for name in twofold] == [getattr(wanted, name) for name in reversed(twofold)]


def a_constant_on_all_cells_moves_the_means_alone(toy: Toy, shift: float) -> None:
    found, wanted = toy.with_cells(lambda values: values + shift).finding(), toy.finding()
    same(found, wanted)
    for name in LEVELS:
        agree(getattr(found, name), _plus(getattr(wanted, name), shift), name)


def a_constant_on_one_image_of_all_arms_changes_nothing(toy: Toy, seed: int) -> None:
    n = next(iter(toy.arms.values())).shape[1]
    easier = np.random.default_rng(seed).normal(0, 1, n)
    same(toy.with_cells(lambda values: values + easier).finding(), toy.finding())


def a_scale_is_a_unit(toy: Toy, scale: float) -> None:
    found, wanted = toy.with_cells(lambda values: scale * values).finding(), toy.finding()
    in_units = {*SPREADS, *MOVED, *(f"{name}{side}" for name in MOVED for side in ("_low", "_high"))}
    same(found, wanted, but=(*in_units, "v_run", "v_case"))
    for name in in_units & set(FREE_OF_CHANCE):
        agree(getattr(found, name), getattr(wanted, name), name, scale)
    for name in ("v_run", "v_case"):
        agree(getattr(found, name), getattr(wanted, name), name, scale**2)


def a_planted_difference_moves_the_estimate_by_exactly_it(toy: Toy, shift: float) -> None:
    arms = {**toy.arms, "mae": toy.arms["mae"] + shift}
    found, wanted = replace(toy, arms=arms).finding(), toy.finding()
    about_spread = ("se", "df", "v_run", "v_case", "se_models", "df_models", "se_images", "df_images", "n_images")
    for name in about_spread:
        agree(getattr(found, name), getattr(wanted, name), name)
    for name in ("estimate", "estimate_models", "hodges_lehmann", "trimmed_mean"):
        agree(getattr(found, name), _plus(getattr(wanted, name), shift), name)
    for name in ("ci", "ci90", "ci_models", "ci_images"):
        for mine, other in zip(limits(found, name), limits(wanted, name), strict=True):
            agree(mine, _plus(other, shift), name)


def a_seed_written_twice_is_refused_and_not_more_data(toy: Toy) -> None:
    table = toy.table()
    with pytest.raises(StudyError, match="cells occur more than once"):
        analyse(toy.design(), pd.concat([table, table]))


def a_planned_run_without_rows_is_as_one_never_planned(toy: Toy) -> None:
    lost = RunStatus("mae-vit-seed9", "mae", "vit", 9, "failed", "out of memory")
    design = toy.design()
    found = analyse(replace(design, runs=(*design.runs, lost)), toy.table()).findings[0]
    same(found, toy.finding())
    assert "missing_runs" in found.notes


def an_image_without_any_value_is_as_one_never_listed(toy: Toy) -> None:
    table = toy.table()
    empty = table["image_id"] == "i0"
    holed = table.assign(value=table["value"].where(~empty))
    found, wanted = (analyse(toy.design(), rows).findings[0] for rows in (holed, table[~empty]))
    same(found, wanted)
    assert found.n_images_listed == wanted.n_images_listed + 1


def the_same_seed_gives_the_same_digits_and_another_seed_only_other_resamples(toy: Toy) -> None:
    wanted = toy.finding(resamples=50)
    assert toy.finding(resamples=50) == wanted
    other = toy.finding(resamples=50, resampling_seed=1)
    same(other, wanted)
    if wanted.se_bootstrap is not None:
        assert other.se_bootstrap != wanted.se_bootstrap


def an_arm_outside_the_contrast_changes_nothing(toy: Toy, seed: int) -> None:
    rng = np.random.default_rng(seed)
    some = next(iter(toy.arms.values()))
    third = np.where(
        np.isfinite(toy.arms["mae"]).any(axis=0) & np.isfinite(some).any(axis=0), rng.random(some.shape), np.nan
    )
    same(replace(toy, arms={**toy.arms, "third": third}).finding(), toy.finding())


LAWS: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    shuffled_rows_change_nothing: (seeds,),
    the_names_of_arms_and_patients_change_nothing_at_all: (),
    the_order_of_images_changes_nothing: (seeds,),
    swapped_arms_change_the_sign: (),
    a_constant_on_all_cells_moves_the_means_alone: (shifts,),
    a_constant_on_one_image_of_all_arms_changes_nothing: (seeds,),
    a_scale_is_a_unit: (scales,),
    a_planted_difference_moves_the_estimate_by_exactly_it: (shifts,),
    a_seed_written_twice_is_refused_and_not_more_data: (),
    a_planned_run_without_rows_is_as_one_never_planned: (),
    an_image_without_any_value_is_as_one_never_listed: (),
    the_same_seed_gives_the_same_digits_and_another_seed_only_other_resamples: (),
    an_arm_outside_the_contrast_changes_nothing: (seeds,),
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_finding_obeys(law: Callable[..., None]) -> None:
    holds(law, FEW, *LAWS[law])


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_findings_of_many_studies_obey(law: Callable[..., None]) -> None:
    holds(law, MANY, *LAWS[law])


def _plus(value: float | None, shift: float) -> float | None:
    return None if value is None else value + shift


# ------------------------------------------------------------------------------------------------------------- ranks


@pytest.mark.parametrize("power", [0.5, 1.5, 2.0])
def test_rank_tests_see_the_order_of_the_differences_alone(power: float) -> None:
    d = np.random.default_rng(3).integers(-60, 90, 70) / 100
    bent = np.sign(d) * np.abs(d) ** power
    assert tuple(signed_rank(bent)) == pytest.approx(tuple(signed_rank(d)), nan_ok=True)
    assert sign_test(bent) == sign_test(d)
    assert hodges_lehmann(bent) != pytest.approx(hodges_lehmann(d))


@pytest.mark.parametrize("power", [0.5, 2.0])
def test_a_findings_rank_tests_see_the_order_of_its_image_differences_alone(power: float) -> None:
    d = np.random.default_rng(4).integers(-60, 90, (1, 40)) / 100
    plain, bent = (
        Toy({"baseline": np.zeros((1, 40)), "mae": values}, None, False, "image").finding()
        for values in (d, np.sign(d) * np.abs(d) ** power)
    )
    for name in ("p_wilcoxon", "p_sign", "n_nonzero", "p_improve_images", "p_improve_runs"):
        assert getattr(bent, name) == pytest.approx(getattr(plain, name)), name
    assert bent.p_models != pytest.approx(plain.p_models)


def test_rankings_of_maps_see_the_order_within_an_image_alone() -> None:
    values = np.random.default_rng(5).random((3, 1, 30))
    labels = ("gradcam", "ig", "lrp")
    made = []
    for change in (lambda x: x, np.exp, lambda x: 5 * x**3 - 1):
        toys = [Toy({"baseline": change(part)}, None, False, "image") for part in values]
        tables = [toy.table(label) for toy, label in zip(toys, labels, strict=True)]
        design = design_of(("baseline",), n_seeds=1, attributions=labels)
        (ranking,) = analyse(design, pd.concat(tables)).rankings
        made.append((ranking.average_ranks, ranking.p_value, ranking.groups, ranking.alpha))
    assert made[0] == made[1] == made[2]


# --------------------------------------------------------------------------------------------------------------- AUC


def auc_finding(change: Callable[[Any], Any], *, seed: int = 0) -> Finding:
    rng = np.random.default_rng(seed)
    labels = np.arange(60) % 2
    scores = {arm: 1 / (1 + np.exp(-(labels + rng.normal(0, 1, (3, 60))))) for arm in ("baseline", "mae")}
    contrast = Contrast("c", "q", "exploratory", "mae", "baseline", "vit", "", "auc")
    facts = MetricFacts("auc", "AUC", True, (0.0, 1.0), 1, per_run=True)
    design = design_of(contrasts=(contrast,), metrics={"ehr": FACTS, "auc": facts}, resamples=60)
    rows = prediction_rows({arm: change(values) for arm, values in scores.items()}, labels)
    return analyse(design, Toy({"baseline": np.zeros((1, 1))}, None, False, "image").table().iloc[:0], rows).findings[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "change", [np.sqrt, lambda p: p**3, lambda p: 0.2 + p / 2, np.exp], ids=["root", "cube", "line", "exp"]
)
def test_auc_sees_the_order_of_the_scores_alone(change: Callable[[Any], Any], seed: int) -> None:
    assert asdict(auc_finding(change, seed=seed)) == asdict(auc_finding(lambda p: p, seed=seed))


def test_auc_of_turned_scores_is_what_is_missing_to_one() -> None:
    plain, turned = auc_finding(lambda p: p), auc_finding(lambda p: 1 - p)
    assert turned.mean_treatment == pytest.approx(1 - plain.mean_treatment)  # type: ignore[operator]
    assert turned.estimate == pytest.approx(-plain.estimate)  # type: ignore[operator]
    assert (turned.se, turned.df) == pytest.approx((plain.se, plain.df))
