"""Tests of the neighbouring questions, against hand counts and enumeration."""

from itertools import product

import numpy as np
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from study.statistics.companions import (
    hodges_lehmann,
    images_test,
    images_test_cr2,
    permute_runs,
    runs_test,
    sign_flip,
    sign_test,
    signed_rank,
    smallest_sign_p,
)
from study.statistics.floats import rounded


def test_float_noise_is_neither_a_difference_nor_breaks_a_tie() -> None:
    d = rounded(np.array([0.55 - 0.50, 0.66 - 0.61, 0.3 - 0.1 - 0.2]), 1.0)
    assert d[0] == d[1]
    assert d[2] == 0


@pytest.mark.parametrize("n", [3, 5, 6])
def test_the_smallest_exact_p_is_two_to_the_one_minus_n(n: int) -> None:
    d = np.arange(1, n + 1) / 100
    assert signed_rank(d).p_value == smallest_sign_p(n) == sign_test(d)[2] == 2.0 ** (1 - n)


def test_exact_signed_rank_equals_enumeration_of_all_signs() -> None:
    d = np.array([0.3, -0.1, 0.2, 0.2, 0.0, 0.5, -0.4])
    rank = signed_rank(d)
    ranks = stats.rankdata(np.abs(d))[d != 0]
    sums = np.array([np.dot(signs, ranks) for signs in product((0, 1), repeat=6)])
    centre = ranks.sum() / 2
    expected = np.mean(np.abs(sums - centre) >= abs(rank.w_plus - centre) - 1e-9)
    assert rank.p_exact == pytest.approx(expected)
    assert rank.n_nonzero == 6


def test_many_differences_use_the_normal_approximation() -> None:
    d = np.random.default_rng(0).normal(0.1, 1, 51)
    rank = signed_rank(d, "drop")
    assert np.isnan(rank.p_exact)
    assert rank.p_value == pytest.approx(stats.wilcoxon(d, correction=False, method="asymptotic").pvalue)


def test_without_a_difference_there_is_no_rank_or_sign_p() -> None:
    assert np.isnan(signed_rank(np.zeros(4)).p_value)
    assert np.isnan(sign_test(np.zeros(4))[2])


def test_sign_flips_of_whole_numbers_by_hand() -> None:
    # sums of +-1 +-2 +-3: 6, 4, 2, 0, 0, -2, -4, -6; the observed 6 is reached by 2 of 8
    assert sign_flip(np.array([1, 2, 3]), np.array([True, True, True])) == 2 / 8


@settings(max_examples=25, deadline=None)
@given(st.integers(401, 700), st.integers(0, 100), st.booleans())
def test_hodges_lehmann_of_many_values_equals_all_walsh_averages(n: int, seed: int, ties: bool) -> None:
    d = np.random.default_rng(seed).normal(0.02, 0.1, n)
    d = np.round(d, 2) if ties else d
    rows, columns = np.triu_indices(n)
    assert hodges_lehmann(d) == pytest.approx(np.median((d[rows] + d[columns]) / 2), abs=1e-12)


def test_paired_t_over_images_is_the_textbook_one() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 20))
    expected = stats.ttest_rel(a, b)
    test = images_test(a - b)
    assert (test.t, test.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert (test.ci_low, test.ci_high) == pytest.approx(tuple(expected.confidence_interval()))


def test_patients_change_the_degrees_of_freedom_and_images_alone_do_not() -> None:
    d = np.random.default_rng(2).normal(size=12)
    assert images_test(d, np.arange(12)).se == pytest.approx(images_test(d).se)
    clustered = images_test(d, np.repeat(np.arange(4), 3))
    assert clustered.df == 3
    assert clustered.estimate == pytest.approx(d.mean())


def test_reduced_bias_equals_the_plain_t_when_patients_are_equal_in_size() -> None:
    d, codes = np.random.default_rng(3).normal(size=12), np.repeat(np.arange(4), 3)
    expected = stats.ttest_1samp(d.reshape(4, 3).mean(axis=1), 0)
    test = images_test_cr2(d, codes)
    assert (test.t, test.df) == pytest.approx((expected.statistic, 3))


def test_runs_are_compared_by_welch_or_as_pairs() -> None:
    a, b = np.array([0.6, 0.7, 0.65]), np.array([0.5, 0.52, 0.6])
    welch, pairs = stats.ttest_ind(a, b, equal_var=False), stats.ttest_rel(a, b)
    assert runs_test(a, b).p_value == pytest.approx(welch.pvalue)
    assert runs_test(a, b).df == pytest.approx(welch.df)
    assert runs_test(a, b, paired=True).p_value == pytest.approx(pairs.pvalue)
    assert np.isnan(runs_test(a[:1], b).p_value)


@pytest.mark.parametrize(("runs", "floor"), [(2, 1 / 3), (3, 0.1), (4, 2 / 70), (5, 2 / 252)])
def test_separated_runs_reach_the_floor_of_the_permutation_test(runs: int, floor: float) -> None:
    test = permute_runs(np.arange(runs) + 10.0, np.arange(runs) + 0.0)
    assert test.p_value == pytest.approx(floor)
    assert test.floor == pytest.approx(floor)


def test_permutation_of_pairs_flips_signs() -> None:
    test = permute_runs(np.arange(6) + 10.0, np.arange(6) * 1.1, paired=True)
    assert test.p_value == test.floor == 2 / 64


def test_unequal_runs_have_one_extreme_relabelling_only() -> None:
    assert permute_runs(np.array([3.0, 4.0]), np.array([1.0, 2.0, 2.5])).floor == 1 / 10


def test_too_many_relabellings_give_no_p() -> None:
    assert np.isnan(permute_runs(np.arange(12.0), np.arange(12.0)).p_value)


def test_the_test_over_images_is_pingouins_paired_t() -> None:
    generator = np.random.default_rng(3)
    control = generator.normal(size=40)
    treatment = control + generator.normal(0.2, 0.5, size=40)
    theirs = pingouin.ttest(treatment, control, paired=True).iloc[0]
    ours = images_test(treatment - control)
    assert (ours.t, ours.df, ours.p_value) == pytest.approx((theirs["T"], theirs["dof"], theirs["p_val"]), rel=1e-9)
