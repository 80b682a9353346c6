"""The crossed analysis: by hand, against the ANOVA identity, and what must not change it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from stats_study import Truth, crossed_values

from study.statistics.influence import by_jackknife, of_mean
from study.statistics.primary import ArmFigures, Crossed, crossed

DIFFERENCE = (1.0, -1.0)


def alone(values: np.ndarray) -> ArmFigures:
    return of_mean(np.asarray(values, dtype=float), np.arange(np.shape(values)[1]))


def compare(treatment: np.ndarray, control: np.ndarray) -> Crossed:
    return crossed((alone(treatment), alone(control)), DIFFERENCE)


def test_two_runs_on_two_images_by_hand() -> None:
    result = compare(np.array([[0.0, 2.0], [2.0, 4.0]]), np.array([[0.0, 0.0], [0.0, 0.0]]))
    # run means 1 and 3: v_run = 2/2; both runs deviate by (-1, 1): h = (-1, 1)/sqrt(2), covariance 1
    assert float(result.estimate) == 2.0
    assert result.v_run.tolist() == pytest.approx([1.0, 0.0])
    assert float(result.v_case) == pytest.approx(1.0)
    assert float(result.df) == pytest.approx(2.0**2 / (1.0 + 1.0))
    assert float(result.se) == pytest.approx(np.sqrt(2))
    assert float(result.p_value) == pytest.approx(2 * stats.t.sf(np.sqrt(2), 2))


def test_case_variance_is_the_image_contrast_less_the_residual_part() -> None:
    treatment, control = crossed_values(np.random.default_rng(0), runs=4, images=30)
    contrast = treatment.mean(axis=0) - control.mean(axis=0)
    expected = contrast.var(ddof=1) / 30
    for arm in (treatment, control):
        left = arm - arm.mean(axis=0) - arm.mean(axis=1, keepdims=True) + arm.mean()
        expected -= (left**2).sum() / (3 * 29) / (4 * 30)
    assert float(compare(treatment, control).v_case) == pytest.approx(expected)


def test_unequal_numbers_of_runs_weigh_each_arm_by_its_own() -> None:
    values = crossed_values(np.random.default_rng(1), runs=5, images=20)
    result = compare(values[1], values[0][:2])
    assert result.v_run[0] == pytest.approx(values[1].mean(axis=1).var(ddof=1) / 5)
    assert result.v_run[1] == pytest.approx(values[0][:2].mean(axis=1).var(ddof=1) / 2)


def test_patients_of_one_image_each_change_nothing() -> None:
    values = crossed_values(np.random.default_rng(2), images=12)
    codes = np.random.default_rng(3).permutation(12)
    for side in values:
        first, second = alone(side), of_mean(side, codes)
        np.testing.assert_allclose(first.influence @ first.influence.T, second.influence @ second.influence.T)


def test_patient_influence_by_hand() -> None:
    arm = of_mean(np.array([[1.0, 2.0, 6.0]]), np.array([0, 0, 1]))
    # mean 3; totals of deviations -3 and 3; times sqrt(2/1)/3
    np.testing.assert_allclose(arm.influence, np.sqrt(2) / 3 * np.array([[-3.0, 3.0]]))
    assert of_mean(np.array([[1.0, 2.0, 6.0]]), np.array([0, 0, 1]), weight="patient").figures[0] == 3.75


def test_jackknife_of_a_mean_equals_its_influence_vectors() -> None:
    values = crossed_values(np.random.default_rng(4), arms=1, images=9)[0]
    again = by_jackknife(lambda g: np.delete(values, g, axis=1).mean(axis=1), values.mean(axis=1), 9)
    direct = alone(values)
    np.testing.assert_allclose(again.influence @ again.influence.T, direct.influence @ direct.influence.T)


def test_trailing_axes_are_analysed_step_by_step() -> None:
    steps = np.stack([crossed_values(np.random.default_rng(s)) for s in range(3)], axis=-1)  # [2, S, n, K]
    codes = np.arange(40)
    together = crossed((of_mean(steps[1], codes), of_mean(steps[0], codes)), DIFFERENCE)
    for k in range(3):
        one = compare(steps[1, ..., k], steps[0, ..., k])
        assert together.p_value[k] == pytest.approx(float(one.p_value))


def test_one_run_is_refused() -> None:
    with pytest.raises(ValueError, match="two runs in each arm"):
        compare(np.zeros((1, 5)), np.ones((2, 5)))


def test_no_variance_gives_no_p_and_no_limits() -> None:
    row = np.tile(np.linspace(0, 1, 6), (3, 1))
    result = compare(row + 0.25, row)
    assert float(result.se) == 0
    assert np.isnan([float(result.t), float(result.p_value), float(result.ci_low)]).all()


# Invariances

studies = st.builds(
    lambda seed, runs, images: crossed_values(np.random.default_rng(seed), runs=runs, images=images),
    seed=st.integers(0, 10_000),
    runs=st.integers(2, 5),
    images=st.integers(3, 25),
)
quiet = settings(max_examples=40, deadline=None)


def same(a: Crossed, b: Crossed, *names: str) -> None:
    for name in names:
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-6, atol=1e-12)


@quiet
@given(studies)
def test_swapping_the_arms_flips_the_sign_only(values: np.ndarray) -> None:
    one, other = compare(values[1], values[0]), compare(values[0], values[1])
    assert float(one.estimate) == -float(other.estimate)
    same(one, other, "se", "df", "p_value", "v_case")


@quiet
@given(studies, st.floats(-3, 3))
def test_a_planted_effect_moves_the_estimate_by_exactly_that_and_nothing_else(values: np.ndarray, delta: float) -> None:
    one, other = compare(values[1], values[0]), compare(values[1] + delta, values[0])
    assert float(other.estimate) - float(one.estimate) == pytest.approx(delta, abs=1e-12)
    same(one, other, "se", "df", "v_case")


@quiet
@given(studies, st.floats(0.01, 100))
def test_scaling_scales_the_standard_error_and_leaves_t(values: np.ndarray, scale: float) -> None:
    one, other = compare(values[1], values[0]), compare(values[1] * scale, values[0] * scale)
    assert float(other.se) == pytest.approx(scale * float(one.se))
    same(one, other, "t", "df", "p_value")


@quiet
@given(studies, st.integers(0, 1000))
def test_a_constant_for_each_image_in_all_arms_changes_nothing(values: np.ndarray, seed: int) -> None:
    shift = np.random.default_rng(seed).normal(size=values.shape[2])
    one, other = compare(values[1], values[0]), compare(values[1] + shift, values[0] + shift)
    same(one, other, "estimate", "se", "df", "v_run", "p_value")


@quiet
@given(studies, st.integers(0, 1000))
def test_the_order_of_runs_and_images_does_not_matter(values: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    images, runs = rng.permutation(values.shape[2]), rng.permutation(values.shape[1])
    one, other = compare(values[1], values[0]), compare(values[1][runs][:, images], values[0][:, images])
    same(one, other, "estimate", "se", "df", "p_value")


def test_run_luck_is_not_divided_away_by_more_images() -> None:
    rng = np.random.default_rng(5)
    ses = [float(compare(*crossed_values(rng, runs=3, images=n, truth=Truth(run=0.05))).se) for n in (2000, 2000, 2000)]
    assert np.mean(ses) > 0.5 * np.sqrt(2 * 0.05**2 / 3)
