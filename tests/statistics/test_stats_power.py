"""Planning: closed forms, simulated studies, the grid, and the spreads of a finished study that it is fed with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from stats_study import Truth, crossed_values, design_of, prediction_rows, score_rows

from study.records import Contrast, Seeding
from study.rng import numpy_generator
from study.statistics import analyse, planning
from study.statistics.components import variance_components
from study.statistics.equivalence import tost
from study.statistics.influence import of_mean
from study.statistics.planning import Draws, Pilot
from study.statistics.power import Price, Question, cell, chances, doubled, grid
from study.statistics.primary import ArmFigures, Crossed, crossed
from study.statistics.spreads import MOST_SIMULATED, nested_parts, paired_parts, pilot_of, smallest_difference

PILOT = Pilot(0.02, 0.05, 0.08)


def whole_studies(pilot: Pilot, *, seeds: int, images: int, studies: int, paired: bool) -> Crossed:
    """Every value of many studies of two equal arms, analysed by the primary analysis at once."""
    rng = numpy_generator("whole studies", seeds, images, studies, int(paired))
    values = pilot.sd_run * rng.standard_normal((2, seeds, 1, studies))
    values = values + pilot.sd_seed * rng.standard_normal((1, seeds, 1, studies))
    values = values + pilot.sd_arm_image * rng.standard_normal((2, 1, images, studies))
    values = values + pilot.sd_residual * rng.standard_normal((2, seeds, images, studies))
    arms = [of_mean(arm, np.arange(images)) for arm in values]
    return crossed([arms[0] - arms[1]], (1.0,)) if paired else crossed(arms, (1.0, -1.0))


def share_found(result: Crossed, delta: float, alpha: float = 0.05) -> float:
    limit = stats.t.ppf(1 - alpha / 2, result.df) * result.se
    return float((np.abs(result.estimate + delta) > limit).mean())


# ------------------------------------------------------------------------- closed forms


def test_the_variance_of_residuals_alone_is_worked_by_hand() -> None:
    alone = Pilot(0, 0, 1)
    nested = planning.precision(alone, seeds=8, images=100)
    assert nested.variance == pytest.approx(2 / 800)
    assert nested.se == pytest.approx(0.05)
    assert nested.df == pytest.approx(14)  # both arms' spread: 2 (8 - 1)
    assert planning.precision(alone, seeds=8, images=100, seeding="paired").df == pytest.approx(7)  # one of pairs


def test_images_alone_have_the_degrees_of_freedom_of_images() -> None:
    plan = planning.precision(Pilot(0, 0.5, 0), seeds=5, images=50)
    assert plan.variance == pytest.approx(2 * 0.25 / 50)
    assert plan.df == pytest.approx(49)
    assert (plan.floor_images, plan.floor_seeds) == (0, pytest.approx(0.1))


def test_an_unlimited_axis_leaves_the_floor() -> None:
    assert planning.precision(PILOT, seeds=5, images=np.inf).se == pytest.approx(np.sqrt(2 * 0.02**2 / 5))
    assert planning.precision(PILOT, seeds=5, images=np.inf).df == pytest.approx(8)
    assert planning.precision(PILOT, seeds=np.inf, images=50).se == pytest.approx(np.sqrt(2 * 0.05**2 / 50))
    assert planning.precision(PILOT, seeds=np.inf, images=50).df == pytest.approx(49)


def test_the_upper_limit_of_the_run_spread_is_worked_by_hand() -> None:
    # chi2 with 2 degrees of freedom is exponential: its quantile .2 is -2 ln .8
    assert planning.upper_run_sd(0.1, 3) == pytest.approx(0.1 * np.sqrt(2 / (-2 * np.log(0.8))))


def test_power_at_the_smallest_detectable_difference_is_four_fifths() -> None:
    for seeding in ("nested", "paired"):
        least = planning.smallest_detectable(PILOT, seeds=6, images=80, seeding=seeding)
        assert planning.power(PILOT, least, seeds=6, images=80, seeding=seeding) == pytest.approx(0.8)


def test_equivalence_with_many_degrees_of_freedom_is_a_normal_probability() -> None:
    pilot, n = Pilot(0, 0.5, 0), 20_000
    se = np.sqrt(2 * 0.25 / n)
    wanted = 2 * stats.norm.cdf(0.015 / se - stats.norm.ppf(0.95)) - 1
    assert planning.equivalence_power(pilot, 0.015, seeds=5, images=n) == pytest.approx(wanted, abs=2e-4)
    assert planning.equivalence_power(pilot, 0.001, seeds=5, images=n) == 0


def test_the_simulated_equivalence_is_that_of_two_one_sided_tests() -> None:
    studies = planning.simulated(PILOT, Draws.of(3, 400, numpy_generator("tost")), images=100)
    rows = zip(studies.estimate, studies.se, studies.df, strict=True)
    wanted = np.mean([tost(*map(float, row), margin=0.06).p_value < 0.05 for row in rows])
    assert studies.equivalent(0.06).power == wanted > 0.1


# ------------------------------------------------------------------------- laws

SD = st.floats(0.001, 1)


@given(SD, SD, SD, st.integers(2, 40), st.integers(4, 5000), st.sampled_from(["nested", "paired"]))
@settings(max_examples=60, deadline=None)
def test_more_of_either_axis_never_widens_the_standard_error(
    run: float, case: float, rest: float, seeds: int, images: int, seeding: Seeding
) -> None:
    pilot = Pilot(run, case, rest)
    now = planning.precision(pilot, seeds=seeds, images=images, seeding=seeding)
    assert planning.precision(pilot, seeds=seeds + 1, images=images, seeding=seeding).se < now.se
    assert planning.precision(pilot, seeds=seeds, images=images + 1, seeding=seeding).se < now.se
    assert now.se > max(now.floor_images, now.floor_seeds)
    assert now.df <= planning.precision(pilot, seeds=seeds, images=images).df  # pairs have fewer


@given(SD, SD, SD, st.integers(5, 40), st.integers(10, 2000), st.floats(0.01, 100))
@settings(max_examples=40, deadline=None)
def test_power_does_not_know_the_unit(
    run: float, case: float, rest: float, seeds: int, images: int, scale: float
) -> None:
    pilot, scaled = Pilot(run, case, rest), Pilot(scale * run, scale * case, scale * rest)
    size = {"seeds": seeds, "images": images}
    least = planning.smallest_detectable(pilot, **size)
    assert planning.smallest_detectable(scaled, **size) == pytest.approx(scale * least, rel=1e-6)
    half = planning.power(pilot, least / 2, **size)
    assert planning.power(scaled, scale * least / 2, **size) == pytest.approx(half, rel=1e-6)
    assert 0.05 < half < 0.8
    assert planning.power(pilot, least / 2, **size, alpha=0.01) < half


@given(st.integers(2, 6), st.sampled_from(["nested", "paired"]), SD)
@settings(max_examples=20, deadline=None)
def test_a_larger_difference_is_found_more_often_and_the_least_one_in_four_of_five(
    seeds: int, seeding: Seeding, run: float
) -> None:
    draws = Draws.of(seeds, 500, numpy_generator("law", seeds))
    studies = planning.simulated(Pilot(run, 0.05, 0.08, run), draws, images=60, seeding=seeding)
    least = studies.smallest_detectable()
    assert studies.power(least).power >= 0.8 > studies.power(0.999 * least).power - 0.003
    assert studies.power(2 * least).power >= studies.power(least).power


# ------------------------------------------------------------------------- simulation


@pytest.mark.parametrize(
    ("seeds", "images", "seeding", "shared"),
    [
        (2, 40, "nested", 0.0),
        (3, 60, "nested", 0.0),
        (3, 40, "paired", 0.03),  # too few pairs: analysed as nested
        (4, 40, "paired", 0.03),
        (5, 30, "nested", 0.0),
    ],
)
def test_drawn_mean_squares_are_whole_studies(seeds: int, images: int, seeding: Seeding, shared: float) -> None:
    """The shortcut has the distribution of the primary analysis on all S x n values: power, spread and df."""
    pilot, studies = Pilot(0.02, 0.05, 0.08, shared), 4000
    whole = whole_studies(pilot, seeds=seeds, images=images, studies=studies, paired=seeding == "paired" and seeds >= 4)
    drawn = planning.simulated(
        pilot, Draws.of(seeds, 20_000, numpy_generator("drawn", seeds)), images=images, seeding=seeding
    )
    for delta in (0.0, 0.04, 0.08):
        share = drawn.power(delta).power
        assert abs(share_found(whole, delta) - share) < 4 * np.sqrt(share * (1 - share) * (1 / studies + 1 / 20_000))
    assert stats.ks_2samp(whole.se, drawn.se).pvalue > 0.001
    assert stats.ks_2samp(whole.df, drawn.df).pvalue > 0.001


@pytest.mark.parametrize("seeding", ["nested", "paired"])
@pytest.mark.parametrize(("seeds", "images"), [(MOST_SIMULATED + 1, 50), (MOST_SIMULATED + 1, 500), (8, 100), (12, 30)])
def test_the_closed_form_is_the_simulation_where_it_is_used(seeds: int, images: int, seeding: Seeding) -> None:
    draws = Draws.of(seeds, 20_000, numpy_generator("closed", seeds))
    studies = planning.simulated(PILOT, draws, images=images, seeding=seeding)
    for delta in (0.03, 0.05):
        said = planning.power(PILOT, delta, seeds=seeds, images=images, seeding=seeding)
        assert abs(studies.power(delta).power - said) < (0.025 if seeding == "nested" else 0.04)
    said = planning.equivalence_power(PILOT, 0.06, seeds=seeds, images=images, seeding=seeding)
    assert abs(studies.equivalent(0.06).power - said) < (0.025 if seeding == "nested" else 0.04)


def test_the_limits_of_simulated_studies_are_quantiles_of_t() -> None:
    """Their quantiles are interpolated; degrees of freedom from 1 to infinity, tails as small as a hundred tests make."""
    df = np.array([1, 1.3, 2, 4.9, 17, 300, 1e6])
    studies = planning.Studies(np.zeros(7), np.full(7, 2.0), df)
    for tail in (0.05, 0.025, 0.00025):
        assert studies.limit(tail) == pytest.approx(2 * stats.t.ppf(1 - tail, df), rel=1e-8)


def test_three_runs_are_simulated_because_the_closed_form_promises_too_much() -> None:
    said = planning.power(PILOT, 0.05, seeds=3, images=200)
    got = planning.simulated_power(PILOT, 0.05, seeds=3, images=200, generator=numpy_generator("three"))
    assert said == pytest.approx(0.610, abs=0.001)
    assert abs(got.power - 0.525) < 4 * np.hypot(got.error, np.sqrt(0.525 * 0.475 / 600))  # planning.json
    assert got.error == pytest.approx(np.sqrt(got.power * (1 - got.power) / 10_000))


# ------------------------------------------------------------------------- the grid

PRICE = Price(4, fixed_s=600, per_run_s=900, per_image_s=1.5)


def test_a_cell_is_the_functions_of_planning() -> None:
    question = Question(PILOT, Pilot(0.03, 0.05, 0.08), delta=0.05, margin=0.04, alpha=0.05, m=3)
    one = cell(question, PRICE, seeds=10, images=50)
    size = {"seeds": 10, "images": 50}
    assert not one.simulated
    assert one.se == pytest.approx(0.014338758663147938)  # planning.json
    assert one.expected.power == pytest.approx(0.9280099086022864)
    assert one.expected.smallest == pytest.approx(0.04094264344088602)
    assert one.expected.power_adjusted == planning.power(PILOT, 0.05, **size, alpha=0.05 / 3)
    assert one.expected.equivalent == planning.equivalence_power(PILOT, 0.04, **size)
    assert one.upper is not None
    assert one.upper.power == planning.power(Pilot(0.03, 0.05, 0.08), 0.05, **size)
    assert one.runs == 40
    assert one.hours == pytest.approx((600 + 40 * (900 + 75)) / 3600)


def test_the_grid_has_every_pair_and_the_floors() -> None:
    cells = grid(Question(PILOT), Price(4), [5, 6], [50, 100])
    assert [(c.seeds, c.images) for c in cells] == [
        *((5, 50), (5, 100), (5, np.inf), (6, 50), (6, 100), (6, np.inf)),
        *((np.inf, 50), (np.inf, 100)),
    ]
    assert MOST_SIMULATED == 5
    assert [c.simulated for c in cells] == [True] * 3 + [False] * 5
    assert {c.hours for c in cells} == {None}
    assert all(c.expected.power is None and c.expected.equivalent is None and c.upper is None for c in cells)


def test_patients_are_what_counts() -> None:
    with_patients = Question(PILOT, delta=0.05, per_cluster=2.5)
    assert chances(with_patients, seeds=6, images=100) == chances(Question(PILOT, delta=0.05), seeds=6, images=40)
    assert chances(with_patients, seeds=3, images=100) == chances(Question(PILOT, delta=0.05), seeds=3, images=40)


def test_doubling_says_what_each_axis_buys() -> None:
    runs_only = Question(Pilot(0.05, 0.001, 0.001), delta=0.05)
    by_seeds, by_images = doubled(runs_only, PRICE, seeds=5, images=100)
    assert (by_seeds.seeds, by_seeds.images, by_images.seeds, by_images.images) == (10, 100, 5, 200)
    assert by_seeds.gain > 0.3 > 0.001 > by_images.gain
    assert (by_seeds.more_runs, by_images.more_runs) == (20, 0)
    assert by_seeds.more_hours == pytest.approx(20 * 1050 / 3600)
    assert by_images.more_hours == pytest.approx(20 * 150 / 3600)


def test_a_spread_of_zero_finds_everything() -> None:
    assert chances(Question(Pilot(0, 0.05, 0.0), delta=0.05, margin=0.01), seeds=5, images=np.inf) == (
        0,
        1,
        1,
        1,
        0,
        0,
        0,
    )


# ------------------------------------------------------------------------- spreads of a finished study


def test_spreads_of_complete_arms_are_the_anova_components() -> None:
    values = crossed_values(numpy_generator("anova"), arms=3, runs=4, images=30)
    parts = nested_parts([of_mean(arm, np.arange(30)) for arm in values])
    anova = variance_components(list(values))
    assert parts.variances == pytest.approx((anova.run, anova.arm_by_image, anova.residual))
    assert parts.df_runs == 9


def test_spreads_give_back_the_variance_of_the_primary_analysis() -> None:
    """Of two arms: v_run + v_case of `crossed` is 2 (run + residual / G) / S + 2 arm_by_cluster / G."""
    rng = numpy_generator("auc spreads")
    labels = np.arange(60) % 2
    scores = {arm: stats.norm.cdf(rng.normal(labels, 1, (4, 60))) for arm in ("baseline", "mae")}
    auc = Contrast("c", "q", "primary", "mae", "baseline", "vit", "", "auc")
    facts = replace(design_of().metrics["ehr"], name="auc", per_run=True)
    design = design_of(n_seeds=4, contrasts=(auc,), metrics={"auc": facts})
    analysis = analyse(design, score_rows(scores), prediction_rows(scores, labels))
    (finding,), (row,) = analysis.findings, [row for row in analysis.spreads if row.metric == "auc"]
    assert finding.v_run == pytest.approx(2 * (row.run + row.residual / 60) / 4)
    assert finding.v_case == pytest.approx(2 * row.arm_by_cluster / 60)
    assert (row.attribution, row.n_runs, row.df_runs, row.n_images, row.n_clusters) == ("", 4, 6, 60, 60)


@pytest.mark.slow
@pytest.mark.parametrize("runs", [(3, 3, 3), (2, 4, 7)])
def test_spreads_are_unbiased_with_unequal_runs_and_patients(runs: tuple[int, ...]) -> None:
    """2,000 studies of 20 patients with 3 images each; truth in units of patients."""
    rng, clusters = numpy_generator("unbiased", *runs), np.repeat(np.arange(20), 3)
    found = np.array([nested_parts(_patients(rng, runs, clusters)).variances for _ in range(2000)])
    truth = np.array([0.02**2, 0.05**2 + 0.03**2 / 3, 0.08**2 / 3])
    error = found.std(axis=0, ddof=1) / np.sqrt(2000)
    assert (np.abs(found.mean(axis=0) - truth) < 4 * error).all()


def _patients(
    rng: np.random.Generator, runs: tuple[int, ...], clusters: np.typing.NDArray[np.int64]
) -> list[ArmFigures]:
    """Arms whose patients (SD .05) and images (SD .03) differ, runs (SD .02), and a rest (SD .08)."""
    n = len(clusters)
    common = rng.normal(0, 0.12, n)
    arms = []
    for size in runs:
        own = rng.normal(0, 0.05, clusters.max() + 1)[clusters] + rng.normal(0, 0.03, n)
        values = common + own + rng.normal(0, 0.02, (size, 1)) + rng.normal(0, 0.08, (size, n))
        arms.append(of_mean(values, clusters))
    return arms


def test_pairs_leave_out_what_their_seeds_share() -> None:
    rng = numpy_generator("pairs")
    values = crossed_values(rng, arms=3, runs=400, images=8, truth=Truth(0.02, 0.05, 0.08))
    shared = values + rng.normal(0, 0.3, (1, 400, 1))
    arms = [of_mean(arm, np.arange(8)) for arm in shared]
    alone = [of_mean(arm, np.arange(8)) for arm in values]
    assert paired_parts(arms).variances == pytest.approx(paired_parts(alone).variances)
    assert paired_parts(arms).run == pytest.approx(0.02**2, abs=2e-4)
    assert nested_parts(arms).run == pytest.approx(0.3**2, rel=0.2)
    assert paired_parts(arms).df_runs == 2 * 399


def test_a_paired_study_keeps_both_rows_and_its_own_smallest_difference() -> None:
    rng = numpy_generator("both")
    values = crossed_values(rng, runs=5) + rng.normal(0, 0.2, (1, 5, 1))
    scores = score_rows({"baseline": values[0], "mae": values[1]})
    nested, paired = analyse(design_of(n_seeds=5, seeding="paired"), scores).spreads
    assert (nested.seeding, nested.smallest_difference, paired.seeding) == ("nested", None, "paired")
    pilot = pilot_of(paired, nested)
    assert pilot.sd_seed == pytest.approx(np.sqrt(nested.run - max(paired.run, 0)))
    assert paired.smallest_difference == smallest_difference(pilot, seeds=5, images=40, seeding="paired")
    (alone,) = analyse(design_of(n_seeds=5), scores).spreads
    assert alone.smallest_difference == smallest_difference(pilot_of(alone), seeds=5, images=40)
    assert alone.smallest_difference > 2 * paired.smallest_difference


def test_only_images_with_every_value_and_arms_with_two_runs_are_used() -> None:
    values = crossed_values(numpy_generator("holes"), arms=3, runs=4, images=30)
    values[0, 1, :5] = np.nan
    values[2, 1:] = np.nan
    scores = score_rows(dict(zip(("baseline", "mae", "third"), values, strict=True)))
    (row,) = analyse(design_of(("baseline", "mae", "third"), n_seeds=4), scores).spreads
    assert (row.n_arms, row.n_runs, row.n_images) == (2, 4, 25)
    whole = nested_parts([of_mean(arm[:, 5:], np.arange(25)) for arm in values[:2]])
    assert (row.run, row.arm_by_cluster, row.residual) == pytest.approx(whole.variances)


def test_too_few_runs_have_no_smallest_difference() -> None:
    values = crossed_values(numpy_generator("few"), runs=2)
    (row,) = analyse(design_of(n_seeds=2), score_rows({"baseline": values[0], "mae": values[1]})).spreads
    assert (row.n_runs, row.smallest_difference) == (2, None)
    one = score_rows({"baseline": values[0, :1], "mae": values[1, :1]})
    assert analyse(design_of(n_seeds=1), one).spreads == ()


def test_runs_of_one_pretraining_are_one_run_for_every_spread() -> None:
    """Three pretraining runs of luck .04, fine-tuned twice with luck .01: six rows, but three runs per arm."""
    rng = numpy_generator("pretraining")
    values = crossed_values(rng, runs=6, images=30, truth=Truth(0.01, 0.05, 0.08))
    values = values + np.repeat(rng.normal(0, 0.04, (2, 3, 1)), 2, axis=1)
    design = design_of(n_seeds=6)
    runs = tuple(replace(run, pretrain_key=f"{run.arm}{run.seed // 2}") for run in design.runs)
    analysis = analyse(replace(design, runs=runs), score_rows({"baseline": values[0], "mae": values[1]}))
    (row,), (part,) = analysis.spreads, analysis.components
    units = [arm.reshape(3, 2, 30).mean(axis=1) for arm in values]
    anova = variance_components(units)
    assert (row.n_runs, row.df_runs) == (3, 4)
    assert (row.run, row.arm_by_cluster, row.residual) == pytest.approx((anova.run, anova.arm_by_image, anova.residual))
    assert (part.raw_run, part.raw_arm_by_image, part.residual) == pytest.approx(
        (row.run, row.arm_by_cluster, row.residual)
    )


@pytest.mark.slow
@pytest.mark.parametrize("runs", [(3, 3), (2, 7)])
def test_anova_components_are_unbiased_with_unequal_runs(runs: tuple[int, ...]) -> None:
    rng, found = numpy_generator("anova unbiased", *runs), []
    for _ in range(2000):
        common = rng.normal(0, 0.12, 20)
        arms = [
            common + rng.normal(0, 0.05, 20) + rng.normal(0, 0.02, (s, 1)) + rng.normal(0, 0.08, (s, 20)) for s in runs
        ]
        found.append(variance_components(arms))
    values, truth = np.array(found), np.array([0.02**2, 0.05**2, 0.08**2, 0.12**2])
    assert (np.abs(values.mean(axis=0) - truth) < 4 * values.std(axis=0, ddof=1) / np.sqrt(2000)).all()
