"""AUC and its influence vectors, against counting pairs."""

import numpy as np
import pytest

from study.statistics.auc import auc, logit_interval, mean_auc, usable_classes, weighted_auc


def count_pairs(scores: np.ndarray, positive: np.ndarray) -> float:
    pairs = scores[positive == 1][:, None] - scores[positive == 0]
    return float(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def films(n: int = 40, runs: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    positive = (rng.random(n) < 0.4).astype(np.int64)
    return np.round(positive + rng.normal(0, 1, (runs, n)), 1), positive


def test_auc_is_the_share_of_pairs_in_the_right_order_ties_half() -> None:
    scores, positive = films()
    assert auc(scores, positive).figures.tolist() == pytest.approx([count_pairs(run, positive) for run in scores])


def test_influence_vectors_by_hand() -> None:
    arm = auc(np.array([[0.9, 0.4, 0.5, 0.1]]), np.array([1, 1, 0, 0]))
    # V10 = 1, .5; V01 = .5, 1; AUC .75; divided by sqrt(2 * 1)
    assert arm.figures.tolist() == [0.75]
    np.testing.assert_allclose(arm.influence, np.array([[0.25, -0.25, -0.25, 0.25]]) / np.sqrt(2))


def test_one_class_has_no_auc_and_a_single_positive_no_variance() -> None:
    assert np.isnan(auc(np.array([[0.1, 0.4]]), np.array([0, 0])).figures[0])
    single = auc(np.array([[0.1, 0.4, 0.9]]), np.array([0, 0, 1]))
    assert single.figures[0] == 1
    assert np.isnan(single.influence).all()


def test_patients_of_one_film_change_auc_variance_only_by_the_small_sample_factor() -> None:
    scores, positive = films()
    grouped = auc(scores, positive, np.repeat(np.arange(20), 2))
    assert grouped.influence.shape == (3, 20)
    np.testing.assert_allclose(grouped.influence.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(grouped.figures, auc(scores, positive).figures)


def test_the_mean_over_classes_leaves_rare_ones_out() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    assert usable_classes(labels, 3) == (0, 1)
    probabilities = np.random.default_rng(1).dirichlet(np.ones(3), (2, 6))
    parts = [auc(probabilities[:, :, k], (labels == k).astype(np.int64)) for k in (0, 1)]
    both = mean_auc(probabilities, labels)
    np.testing.assert_allclose(both.figures, (parts[0].figures + parts[1].figures) / 2)
    np.testing.assert_allclose(both.influence, (parts[0].influence + parts[1].influence) / 2)


def test_without_a_usable_class_the_mean_is_undefined() -> None:
    assert np.isnan(mean_auc(np.full((2, 3, 3), 1 / 3), np.array([0, 1, 2])).figures).all()


def test_weights_are_as_good_as_repeated_films() -> None:
    scores, positive = films(runs=1)
    weights = np.random.default_rng(2).multinomial(40, np.full(40, 1 / 40), size=5).astype(float)
    for row, got in zip(weights, weighted_auc(scores[0], positive, weights), strict=True):
        repeated = np.repeat(np.arange(40), row.astype(int))
        assert got == pytest.approx(count_pairs(scores[0][repeated], positive[repeated]))


def test_the_logit_interval_stays_inside_and_has_no_limits_at_one() -> None:
    low, high = logit_interval(0.99, 0.02)
    assert 0 < low < 0.99 < high < 1
    assert np.isnan(logit_interval(1.0, 0.0)).all()
