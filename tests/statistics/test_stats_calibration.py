"""Does the package err as often as it says? Studies with a known truth through its own functions.

`calibration.py` does the same at length and writes `calibration.md`. Here fewer designs, with fixed seeds, and the proof
that these bounds notice a wrong formula: `MUTANTS` are the primary analysis with one error each.
"""

from __future__ import annotations

import inspect
import types
from dataclasses import replace
from pathlib import Path

import calibration_models
import numpy as np
import pytest
from calibration import COVERED, REJECTED, allowed, kept, planted, read_reference, real_splits, said_power
from calibration_models import Rates, Setting, pseudo_arms, rates, studies
from calibration_traps import trap_rates
from calibration_whole import both_ways
from stats_study import Truth, crossed_values, score_rows

from study.statistics import primary
from study.statistics.influence import of_mean
from study.statistics.missing import available_mean
from study.statistics.primary import crossed

pytestmark = pytest.mark.slow

STUDIES = 4000
DESIGNS = {
    "3 runs, 40 images, no run luck": Setting(3, 40, 0.0),
    "3 runs, 40 images, much run luck": Setting(3, 40, 0.04),
    "5 runs, 40 images, no run luck": Setting(5, 40, 0.0),
    "5 runs, 40 images, some run luck": Setting(5, 40, 0.015),
    "10 runs, 40 images, some run luck": Setting(10, 40, 0.015),
    "patients": Setting(3, 60, 0.015, per_patient=3),
    "AUC": Setting(3, 40, 0.015, kind="auc"),
    "AUC, patients": Setting(3, 60, 0.015, per_patient=3, kind="auc"),
    "unequal numbers of runs": Setting(5, 40, 0.04, control_runs=3),
    "unequal run luck": Setting(5, 40, 0.015, control_noise=5.0),
    "heavy tails": Setting(3, 40, 0.015, tails="heavy"),
    "paired seeds": Setting(5, 40, 0.015, paired=True),
}
SPREAD = {"AUC, patients": (0.9, 1.1)}
"""Mean of the computed variances over the variance of the estimates, else .95 to 1.1: a little above 1, for negative
parts count as 0. With patients the formula of AUC divides by G - 1 patients where each class has only half of them."""


def as_promised(name: str, found: Rates) -> bool:
    low, high = SPREAD.get(name, (0.95, 1.1))
    return REJECTED[0] <= found.rejected <= REJECTED[1] and low <= found.mean_variance / found.variance <= high


@pytest.mark.parametrize("name", DESIGNS)
def test_without_an_effect_the_primary_rejects_as_often_as_it_says(name: str) -> None:
    found = rates(DESIGNS[name], STUDIES, seed=11)
    assert as_promised(name, found), found


@pytest.mark.parametrize("name", DESIGNS)
def test_the_interval_covers_a_planted_effect(name: str) -> None:
    found = rates(DESIGNS[name], STUDIES, seed=12, delta=planted(DESIGNS[name]))
    assert COVERED[0] <= found.covered <= COVERED[1]
    assert found.rejected > 0.15


@pytest.mark.parametrize("setting", [Setting(3, 40, 0.015), Setting(5, 300, 0.04), Setting(10, 300, 0.0)], ids=str)
def test_power_is_what_planning_says(setting: Setting) -> None:
    delta = planted(setting)
    found = rates(setting, STUDIES, seed=13, delta=delta)
    said, error, _ = said_power(setting, delta, count=STUDIES, seed=1)
    assert found.rejected == pytest.approx(said, abs=allowed(found.error, error))


@pytest.mark.parametrize(
    "setting",
    [
        Setting(3, 20, 0.015),
        Setting(3, 20, 0.015, per_patient=3),
        Setting(4, 20, 0.04, paired=True),
        Setting(3, 20, 0.015, kind="auc"),
        Setting(3, 30, 0.015, per_patient=3, kind="auc"),
    ],
    ids=str,
)
def test_the_whole_of_analyse_gives_the_same_p(setting: Setting) -> None:
    vectorised, whole = both_ways(setting, 10, seed=14)
    assert whole == pytest.approx(vectorised, rel=1e-9)


def test_the_reference_simulation_found_the_same_rates(shared: Path) -> None:
    known = read_reference(shared / "reference" / "golden_stats" / "calibration.json")
    apart = []
    for (runs, images, sd), rate in known.items():
        if images == 40:
            found = trap_rates(Setting(runs, images, sd), 1000, seed=15)
            apart += [
                (found[name] - rate[name]) / np.sqrt(max(rate[name], 0.01) * (1 - rate[name]) * (1 / 1000 + 1 / 2000))
                for name in found
                if name in rate
            ]
    assert len(apart) >= 80
    assert np.abs(apart).max() < 4.5


def test_the_traps_are_real() -> None:
    """Also what the package must not do: each of these finds far more than it says."""
    found = trap_rates(Setting(5, 300, 0.04), 500, seed=7)
    assert found["pooled_rows_welch"] > 0.5
    assert found["pooled_rows_paired"] > 0.5
    assert found["boot_images_only"] > 0.5
    assert found["boot_two_way_percentile"] > 0.07
    assert trap_rates(Setting(5, 300, 0.0), 500, seed=7)["run_welch"] > 0.12


@pytest.mark.parametrize("runs", [3, 5])
def test_means_over_available_values_keep_the_rate(runs: int) -> None:
    rng = np.random.default_rng(runs)
    rejected = 0
    for _ in range(1000):
        values = crossed_values(rng, runs=runs, images=40, truth=Truth(run=0.04))
        available = rng.random(values.shape) > 0.3
        used = available.any(axis=1).all(axis=0)
        sides = [available_mean(side[:, used], cells[:, used]) for side, cells in zip(values, available, strict=True)]
        codes = np.arange(int(used.sum()))
        rejected += bool(crossed([of_mean(side, codes) for side in sides], (1.0, -1.0)).p_value < 0.05)
    assert 0.02 <= rejected / 1000 <= 0.08


# ------------------------------------------------------------------------------------------------- one arm as two arms


def test_every_split_of_an_arm_is_tried_once() -> None:
    values = crossed_values(np.random.default_rng(1), arms=1, runs=6, images=40)[0]
    p = pseudo_arms(values, np.arange(40))
    assert len(p) == 10
    assert len(np.unique(p)) == 10
    by_hand = crossed([of_mean(values[half], np.arange(40)) for half in ([0, 2, 5], [1, 3, 4])], (1.0, -1.0))
    assert np.abs(p - float(by_hand.p_value)).min() < 1e-12


def test_splits_of_one_arm_find_nothing_more_often_than_they_say() -> None:
    below = []
    for made in studies(Setting(6, 40, 0.02), 250, seed=16):
        below += [
            float((pseudo_arms(values, np.arange(40)) < 0.05).mean()) for values in made.control.transpose(2, 0, 1)
        ]
    assert REJECTED[0] <= np.mean(below) <= REJECTED[1]


def test_real_values_are_split_per_arm_attribution_and_metric() -> None:
    values = crossed_values(np.random.default_rng(2), runs=4, images=12)
    values[1, 0, 3] = np.nan
    found = {what[0]: (what, p) for what, p in real_splits(score_rows({"a": values[0], "b": values[1]}))}
    assert found["a"][0] == ["a", "4", "12", "gradcam", "ehr"]
    assert found["b"][0] == ["b", "4", "11", "gradcam", "ehr"]
    assert all(len(p) == 3 for _, p in found.values())


def test_sections_on_real_values_are_kept_with_their_day(tmp_path: Path) -> None:
    page, real = tmp_path / "page.md", "## Real values, no effect: the runs (films)\n\nSplits.\n\n| arm |"
    assert kept(page) == []
    page.write_text(f"# Calibration\n\nMade on 2024-05-01, seed 1.\n\n## Power\n\n| 3 |\n\n{real}\n", encoding="utf8")
    day = "Kept from the page of 2024-05-01: --scores was not given."
    (once,) = kept(page)
    assert once == real.replace("Splits.", f"{day} Splits.")
    page.write_text(f"# Calibration\n\nMade on 2024-06-01.\n\n{once}\n", encoding="utf8")
    assert kept(page) == [once]


# ----------------------------------------------------------------------------------------- these bounds notice an error

# Rates cannot see S in place of S - 1 degrees of freedom, n in place of n - 1 or G - 2: the golden numbers do.
MUTANTS = {
    "the images are no sample: v_case dropped": ("v_image = np.maximum(v_case, 0)", "v_image = 0 * v_case"),
    "run variance with ddof 0": ("/ (n_runs - 1) / n_runs)", "/ n_runs / n_runs)"),
    "run variance not divided by the runs": ("/ (n_runs - 1) / n_runs)", "/ (n_runs - 1))"),
    "runs counted as images are: v_run dropped": ("total = v_run.sum(axis=0) + v_image", "total = v_image + 1e-12"),
    "only one arm's runs": ("total = v_run.sum(axis=0) + v_image", "total = v_run[0] + v_image"),
    "normal quantiles": (
        "df = total**2 / (runs_part + v_image**2 / (n_clusters - 1))",
        "df = 1e9 + 0 * total",
    ),
    "degrees of freedom of all rows": (
        "df = total**2 / (runs_part + v_image**2 / (n_clusters - 1))",
        "df = n_clusters * sum(len(arm.figures) for arm in arms) - 2 + 0 * total",
    ),
    "S - 2 degrees of freedom": ("v**2 / (len(arm.figures) - 1)", "v**2 / (len(arm.figures) - 1.999)"),
    "residual counted twice: pairs of a run with itself": (
        "(n_runs**2 * own - within) / (n_runs * (n_runs - 1)) - own",
        "0 * own + 0 * within",
    ),
    "arms on other images: no covariance between arms": (
        "result = np.asarray((contrast**2).sum(axis=0))",
        "result = np.asarray(sum((c * m) ** 2 for c, m in zip(weights, means, strict=True)).sum(axis=0))",
    ),
    "one-sided p": ("p_value = 2 * ", "p_value = 1 * "),
}


def mutant(old: str, new: str) -> types.ModuleType:
    """The primary analysis with one piece of its source replaced."""
    source = inspect.getsource(primary)
    assert source.count(old) == 1, f"the source no longer holds {old!r}: write this mutant anew"
    module = types.ModuleType("mutant")
    module.__dict__["__name__"] = primary.__name__  # dataclasses look their module up
    exec(compile(source.replace(old, new), "mutant", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_formula_leaves_the_bounds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_models, "crossed", mutant(*MUTANTS[name]).crossed)
    assert not all(as_promised(design, rates(setting, STUDIES, seed=11)) for design, setting in DESIGNS.items())


INFLUENCES = {
    "patients taken as images": ("of_mean", lambda values, clusters: of_mean(values, np.arange(len(clusters)))),
    "influence without 1 / n": (
        "of_mean",
        lambda values, clusters: replace(
            of_mean(values, clusters), influence=of_mean(values, clusters).influence * len(clusters)
        ),
    ),
}


@pytest.mark.parametrize("name", INFLUENCES)
def test_a_wrong_influence_leaves_the_bounds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, wrong = INFLUENCES[name]
    monkeypatch.setattr(calibration_models, function, wrong)
    found = rates(replace(DESIGNS["patients"], sd_run=0.0, sd_arm_patient=0.1), STUDIES, seed=11)
    assert not REJECTED[0] <= found.rejected <= REJECTED[1]


def test_auc_with_the_labels_of_films_instead_of_patients_leaves_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    right = calibration_models.mean_auc
    monkeypatch.setattr(calibration_models, "mean_auc", lambda p, labels, clusters: right(p, labels))
    setting = Setting(10, 120, 0.0, per_patient=6, kind="auc")
    assert not REJECTED[0] <= rates(setting, STUDIES // 4, seed=11).rejected <= REJECTED[1]
