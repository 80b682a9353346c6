"""Effect sizes, equivalence, multiplicity and variance components."""

import numpy as np
import pytest
from scipy import stats
from stats_study import crossed_values

from study.statistics.components import mean_squares, variance_components
from study.statistics.effect_sizes import (
    d_run,
    dz,
    improvements,
    noncentrality_interval,
    rank_biserial,
    run_wins,
    wilson,
)
from study.statistics.equivalence import noninferiority, smallest_margin, tost
from study.statistics.multiplicity import adjust


def test_the_limits_of_noncentrality_put_t_at_their_quantiles() -> None:
    low, high = noncentrality_interval(2.5, 9)
    assert stats.nct.cdf(2.5, 9, low) == pytest.approx(0.975)
    assert stats.nct.cdf(2.5, 9, high) == pytest.approx(0.025)


def test_a_huge_t_still_has_limits() -> None:
    low, high = noncentrality_interval(400.0, 1999)
    assert low < 400 < high
    assert high - low < 60


def test_equal_differences_have_no_standardised_effect() -> None:
    assert np.isnan(dz(np.full(5, 0.1) + np.array([0, 1e-17, 0, 0, 0]))).all()


def test_d_run_is_in_units_of_the_spread_of_runs() -> None:
    effect = d_run(np.array([0.6, 0.8]), np.array([0.5, 0.7]), se=0.1, df=2)
    assert effect.value == pytest.approx(0.1 / np.sqrt(0.02))
    assert effect.low < effect.value < effect.high
    assert np.isnan(d_run(np.array([0.6]), np.array([0.5, 0.7]), se=0.1, df=2)).all()


def test_improvement_follows_the_direction_of_the_metric() -> None:
    d = np.array([0.2, 0.0, -0.1])
    assert improvements(d, True).tolist() == [1, 0.5, 0]
    assert improvements(d, False).tolist() == [0, 0.5, 1]
    assert run_wins(np.array([2.0, 1.0]), np.array([1.0]), True).tolist() == [[1.0], [0.5]]


def test_wilson_stays_inside_zero_and_one() -> None:
    assert wilson(10, 10) == pytest.approx((10 / (10 + 1.959964**2), 1.0))


def test_rank_biserial_keeps_its_sign() -> None:
    assert rank_biserial(1, 3) == -0.5
    assert np.isnan(rank_biserial(0, 0))


def test_equivalence_is_the_90_percent_interval_inside_the_margin() -> None:
    inside = tost(0.01, 0.01, 10, margin=0.03)
    assert (inside.p_value < 0.05) == (smallest_margin(inside.ci_low, inside.ci_high) < 0.03)
    edge = smallest_margin(inside.ci_low, inside.ci_high)
    assert tost(0.01, 0.01, 10, margin=edge).p_value == pytest.approx(0.05)


def test_non_inferiority_mirrors_for_lower_is_better() -> None:
    up, down = (
        noninferiority(0.01, 0.02, 8, margin=0.03),
        noninferiority(-0.01, 0.02, 8, margin=0.03, higher_is_better=False),
    )
    assert up.p_value == down.p_value
    assert up.limit == -down.limit


def test_a_test_without_p_counts_in_m_and_keeps_its_place() -> None:
    assert adjust([0.01, None, 0.04], "holm") == pytest.approx([0.03, None, 0.08])
    assert adjust([0.01, None, 0.04], "bh") == pytest.approx([0.03, None, 0.06])
    assert adjust([], "holm") == []


def test_adjusted_p_are_capped_and_monotone() -> None:
    adjusted = adjust([0.9, 0.5, 0.04, 0.03])
    assert adjusted == pytest.approx([1.0, 1.0, 0.12, 0.12])


def test_components_of_a_large_study_are_near_the_truth() -> None:
    values = crossed_values(np.random.default_rng(0), arms=4, runs=40, images=400)
    parts = variance_components(list(values))
    assert np.sqrt(parts.run) == pytest.approx(0.02, rel=0.15)
    assert np.sqrt(parts.arm_by_image) == pytest.approx(0.05, rel=0.1)
    assert np.sqrt(parts.residual) == pytest.approx(0.08, rel=0.02)
    assert np.sqrt(parts.image) == pytest.approx(0.12, rel=0.1)


def test_one_run_per_arm_cannot_tell_run_from_residual() -> None:
    parts = variance_components(list(crossed_values(np.random.default_rng(1), runs=1)))
    assert np.isnan([parts.run, parts.residual, parts.arm_by_image]).all()


def test_mean_squares_of_equal_arms_match_the_anova_table() -> None:
    values = crossed_values(np.random.default_rng(2), arms=3, runs=4, images=10)
    squares = mean_squares(list(values))
    grand, by_arm, by_image = values.mean(), values.mean(axis=(1, 2)), values.mean(axis=(0, 1))
    assert squares.arm == pytest.approx(40 * ((by_arm - grand) ** 2).sum() / 2)
    assert squares.image == pytest.approx(12 * ((by_image - grand) ** 2).sum() / 9)
    both = values.mean(axis=1) - by_arm[:, None] - by_image + grand
    assert squares.arm_image == pytest.approx(4 * (both**2).sum() / 18)
