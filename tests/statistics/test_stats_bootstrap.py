"""The bootstrap engine: weights, ratios of totals, limits."""

import numpy as np
import pytest
from stats_study import crossed_values, finding_of

from study.statistics import resampling
from study.statistics.bootstrap import (
    Resampler,
    acceleration,
    bca,
    closed_form_se,
    image_weights,
    limit_error,
    percentile,
    run_weights,
    two_way,
    weighted_means,
)


def test_image_weights_are_counts_and_the_same_on_every_call() -> None:
    first, second = (np.concatenate(list(image_weights(7, 700, 3))) for _ in range(2))
    assert first.shape == (700, 7)
    assert (first.sum(axis=1) == 7).all()
    np.testing.assert_array_equal(first, second)
    assert (first != np.concatenate(list(image_weights(7, 700, 4)))).any()


def test_fewer_resamples_are_the_first_of_more() -> None:
    more, fewer = (np.concatenate(list(image_weights(5, b, 3))) for b in (1000, 500))
    np.testing.assert_array_equal(more[:500], fewer)


def test_run_weights_draw_one_fewer_and_add_to_one() -> None:
    weights = run_weights("mae", 4, 1000, 3)
    assert set(np.unique(weights * 3)) <= {0, 1, 2, 3}
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert run_weights("mae", 1, 5, 3).tolist() == [[1.0]] * 5


def test_drawing_one_fewer_run_gives_the_variance_of_a_mean_of_runs() -> None:
    figures = np.array([0.1, 0.5, 0.6, 1.2])
    spread = (run_weights("mae", 4, 200_000, 3) @ figures).var()
    assert spread == pytest.approx(figures.var(ddof=1) / 4, rel=0.02)


def test_patients_of_unequal_size_are_a_ratio_of_totals() -> None:
    means = weighted_means(
        np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), np.array([[6.0], [1.0]]), np.array([[3.0], [1.0]])
    )
    assert means[:2, 0].tolist() == [2.0, 7 / 4]
    assert np.isnan(means[2, 0])


def test_equal_columns_are_kept_once() -> None:
    resampler = Resampler(3, 10, 1)
    assert [resampler.add(np.array(c)) for c in ([1.0, 2, 3], [1.0, 1, 1], [1.0, 2, 3])] == [0, 1, 0]
    weights = np.concatenate(list(image_weights(3, 10, 1)))
    np.testing.assert_allclose(resampler.products([1, 0]), weights @ np.array([[1.0, 1], [1, 2], [1, 3]]))


def test_two_way_divides_run_weights_by_their_total() -> None:
    sides = np.array([[1.0, 3.0]]), np.array([[2.0, 2.0]])
    assert two_way(*sides, (np.array([[2.0, 0.0]]), np.array([[1.0, 1.0]]))).tolist() == [-1.0]


def test_percentile_limits_ignore_replicates_that_do_not_exist() -> None:
    assert percentile(np.array([np.nan, *range(101)]), 0.1) == (5.0, 95.0)
    assert np.isnan(percentile(np.array([np.nan]))).all()


def test_bca_without_bias_or_skew_is_the_percentile_interval() -> None:
    replicates = np.concatenate([-np.arange(1.0, 500), np.arange(1.0, 500)])
    limits = bca(replicates, 0.0, 0.0)
    assert (limits.low, limits.high) == pytest.approx(percentile(replicates))
    assert acceleration(np.full(5, 0.3)) == 0.0


def test_monte_carlo_error_of_a_limit_at_ten_thousand() -> None:
    assert limit_error(10_000, 1.0) == pytest.approx(0.027, abs=0.001)


def test_resampled_standard_error_meets_the_closed_form_within_its_known_excess() -> None:
    values = crossed_values(np.random.default_rng(0), runs=5, images=60)
    finding = finding_of({"baseline": values[0], "mae": values[1]}, resamples=4000)
    assert finding.se_bootstrap is not None
    # S - 1 draws widen the run part by S / (S - 1) of the plain closed form
    plain = closed_form_se(values[1], values[0])
    assert plain < finding.se_bootstrap < plain * np.sqrt(5 / 4) * 1.05


def test_the_same_seed_gives_the_same_digits_and_another_seed_others() -> None:
    values = crossed_values(np.random.default_rng(1))
    arms = {"baseline": values[0], "mae": values[1]}
    assert finding_of(arms) == finding_of(arms)
    assert finding_of(arms).se_bootstrap != finding_of(arms, resampling_seed=1).se_bootstrap


def test_batches_of_contrasts_use_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    values = crossed_values(np.random.default_rng(2))
    arms = {"baseline": values[0], "mae": values[1]}
    whole = finding_of(arms)
    monkeypatch.setattr(resampling, "BATCH", 1)
    assert finding_of(arms) == whole


def test_few_images_are_not_resampled() -> None:
    values = crossed_values(np.random.default_rng(3), images=7)
    finding = finding_of({"baseline": values[0], "mae": values[1]})
    assert finding.se_bootstrap is None
    assert "bootstrap_skipped_small_n" in finding.notes
    assert "7 images: too few for a bootstrap interval." in finding.sentences_en
