"""Does the pipeline reject as often as it says? Small simulations of our own false-positive rate."""

import numpy as np
import pytest
from scipy import stats
from stats_study import Truth, crossed_values

from study.statistics.influence import of_mean
from study.statistics.missing import available_mean
from study.statistics.primary import crossed

pytestmark = pytest.mark.slow


def primary(treatment: np.ndarray, control: np.ndarray) -> tuple[float, float, float]:
    codes = np.arange(treatment.shape[1])
    result = crossed((of_mean(treatment, codes), of_mean(control, codes)), (1.0, -1.0))
    return float(result.p_value), float(result.ci_low), float(result.ci_high)


@pytest.mark.parametrize("runs", [3, 5])
@pytest.mark.parametrize("run_sd", [0.0, 0.02, 0.04])
def test_without_an_effect_the_primary_rejects_about_as_often_as_it_says(runs: int, run_sd: float) -> None:
    rng = np.random.default_rng(10 * runs + int(100 * run_sd))
    p_values = [primary(*crossed_values(rng, runs=runs, images=40, truth=Truth(run=run_sd)))[0] for _ in range(1000)]
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.08


@pytest.mark.parametrize("runs", [3, 5])
def test_means_over_available_values_keep_the_rate(runs: int) -> None:
    rng = np.random.default_rng(runs)
    rejected = 0
    for _ in range(1000):
        values = crossed_values(rng, runs=runs, images=40, truth=Truth(run=0.04))
        available = rng.random(values.shape) > 0.3
        used = available.any(axis=1).all(axis=0)
        sides = [available_mean(side[:, used], cells[:, used]) for side, cells in zip(values, available, strict=True)]
        rejected += primary(*sides)[0] < 0.05
    assert 0.02 <= rejected / 1000 <= 0.08


def test_pooled_rows_reject_far_too_often_so_the_trap_is_real() -> None:
    rng = np.random.default_rng(7)
    rejected = 0
    for _ in range(300):
        values = crossed_values(rng, runs=5, images=300, truth=Truth(run=0.04))
        rejected += bool(stats.ttest_ind(values[0].ravel(), values[1].ravel(), equal_var=False).pvalue < 0.05)
    assert rejected / 300 > 0.2


@pytest.mark.parametrize("runs", [3, 5])
def test_the_interval_covers_a_planted_effect(runs: int) -> None:
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(1000):
        values = crossed_values(rng, runs=runs, images=40)
        _, low, high = primary(values[1] + 0.05, values[0])
        covered += low <= 0.05 <= high
    assert 0.93 <= covered / 1000 <= 0.98
