"""Two factors and doses: hand-worked numbers, what a difference of two arms must equal, holes, patients, families."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from stats_study import crossed_values, design_of, prediction_rows, score_rows

from study.errors import StudyError
from study.records import Analysis, Contrast, Design, Dose, Factorial, FactorialEffect, MetricFacts, Rules, RunStatus
from study.registry import RUN_METRICS
from study.statistics import analyse, read_findings, write_findings
from study.statistics.factorial import dose_line, run_contrast, run_interaction, slope_weights

ARMS = ("a0", "a1", "b0", "b1")
TWO = Factorial(("film", "masking"), (("a", "b"), ("0", "1")), ARMS)
DOSES = Dose("ratio", "%", ARMS, (25.0, 50.0, 75.0, 90.0))
LOWER = MetricFacts("deletion", "Deletion", higher_is_better=False, bounds=(0.0, 1.0), version=1)


def four(seed: int = 3, **how: Any) -> dict[str, Any]:
    """Values of a baseline and four arms; `b1` is higher by 0.1, so the interaction is about 0.1."""
    values = crossed_values(np.random.default_rng(seed), arms=5, **how)
    values[4] += 0.1
    return dict(zip(("base", *ARMS), values, strict=True))


def study(values: Mapping[str, Any], *, clusters: list[str] | None = None, **changes: Any) -> Analysis:
    """Four arms beside a baseline through `analyse`; one primary contrast, b0 minus a0."""
    return analyse(designed(values, **changes), score_rows(values, clusters=clusters))


def designed(values: Mapping[str, Any], **changes: Any) -> Design:
    n_seeds = max(len(matrix) for matrix in values.values())
    runs = tuple(
        RunStatus(f"{arm}-vit-seed{seed}", arm, "vit", seed, "done")
        for arm, matrix in values.items()
        for seed in range(len(matrix))
    )
    contrast = Contrast("c", "q", "primary", "b0", "a0", "vit", "gradcam", "ehr", 0.03)
    base = design_of(tuple(values), n_seeds=n_seeds, contrasts=(contrast,), runs=runs, resamples=100)
    return replace(base, **changes)


def effect(analysis: Analysis, kind: str, factor: str = "", at: str = "") -> FactorialEffect:
    (found,) = [row for row in analysis.factorial if (row.effect, row.factor, row.at) == (kind, factor, at)]
    return found


def test_without_a_design_there_is_nothing() -> None:
    analysis = study(four())
    assert (analysis.factorial, analysis.doses, analysis.dose_levels) == ((), (), ())


def test_effects_are_the_contrasts_of_the_four_means() -> None:
    # every image and run of an arm equal but for what makes a spread: means .1, .2, .4, .9
    noise = np.array([[0.01, -0.01, 0.02, -0.02], [-0.01, 0.01, 0.0, 0.0]])
    values = {arm: level + noise * k for k, (arm, level) in enumerate(zip(ARMS, (0.1, 0.2, 0.4, 0.9), strict=True), 1)}
    analysis = study({"base": noise, **values}, factorial=TWO)
    wanted = {
        ("interaction", "", ""): 0.4,  # (.9 - .4) - (.2 - .1)
        ("main", "film", ""): 0.5,  # (.4 + .9) / 2 - (.1 + .2) / 2
        ("main", "masking", ""): 0.3,
        ("simple", "film", "0"): 0.3,
        ("simple", "film", "1"): 0.7,
        ("simple", "masking", "a"): 0.1,
        ("simple", "masking", "b"): 0.5,
    }
    found = {(row.effect, row.factor, row.at): row.estimate for row in analysis.factorial}
    assert list(found) == list(wanted)
    assert found == pytest.approx(wanted)


def test_a_simple_effect_is_the_contrast_of_its_two_arms_in_every_number() -> None:
    analysis = study(four(), factorial=TWO)
    finding, simple = analysis.findings[0], effect(analysis, "simple", "film", "0")
    names = [
        *("estimate", "se", "df", "t", "p_value", "ci_low", "ci_high", "ci90_low", "ci90_high", "p_tost", "v_run"),
        *("v_case", "smallest_margin", "estimate_models", "se_models", "p_models", "ci_models_low", "dz", "se_images"),
        *("df_images", "p_images", "ci_images_high", "p_adjusted", "m", "adjustment", "family", "n_images"),
    ]
    for name in names:
        assert getattr(simple, name) == pytest.approx(getattr(finding, name)), name
    assert simple.n_runs == (3, 3)


@pytest.mark.parametrize("seeding", ["nested", "paired"])
def test_with_missing_cells_a_simple_effect_is_still_the_contrast(seeding: Any) -> None:
    values = four(runs=5)
    rng = np.random.default_rng(5)
    for arm in ARMS[1:]:
        values[arm] = np.where(rng.random(values[arm].shape) < 0.05, np.nan, values[arm])
    values["b0"] = values["b0"][:4]
    analysis = study(values, factorial=TWO, seeding=seeding)
    finding, simple = analysis.findings[0], effect(analysis, "simple", "film", "0")
    for name in ("estimate", "se", "df", "p_value", "n_images", "p_models", "p_images"):
        assert getattr(simple, name) == pytest.approx(getattr(finding, name)), name
    assert simple.run_variance == ("paired" if seeding == "paired" else "own")
    assert "available_cells" in simple.notes


def test_the_interaction_has_four_times_the_variance_of_a_main_effect() -> None:
    analysis = study(four(), factorial=TWO)
    interaction, main = effect(analysis, "interaction"), effect(analysis, "main", "film")
    assert interaction.v_run == pytest.approx(4 * (main.v_run or 0))


def test_the_run_anova_of_unequal_arms_is_the_regression_on_dummies() -> None:
    rng = np.random.default_rng(1)
    figures = [rng.normal(size=n) for n in (3, 4, 2, 5)]
    weights = (1.0, -1.0, -1.0, 1.0)
    test = run_contrast(figures, weights)
    dummies = np.repeat(np.eye(4), [3, 4, 2, 5], axis=0)
    y = np.concatenate(figures)
    beta, rss = np.linalg.lstsq(dummies, y, rcond=None)[:2]
    se = np.sqrt(rss[0] / 10 * np.array(weights) @ np.linalg.inv(dummies.T @ dummies) @ weights)
    assert (test.estimate, test.se, test.df) == pytest.approx((np.array(weights) @ beta, se, 10))
    equal = [arm[:2] for arm in figures]
    assert run_contrast(equal, weights).t ** 2 == pytest.approx(run_interaction(equal)[0])


def test_the_headline_is_the_simple_effects_unless_the_interaction_is_inside_the_margin() -> None:
    contrast = Contrast("c", "q", "primary", "b0", "a0", "vit", "gradcam", "ehr", 0.9)
    open_, inside = study(four(), factorial=TWO), study(four(), factorial=TWO, contrasts=(contrast,))
    none = study(four(), factorial=TWO, contrasts=(replace(contrast, margin=None),))
    headlines = [[(r.effect, r.factor) for r in each.factorial if r.headline] for each in (open_, inside, none)]
    simple = [("simple", "film"), ("simple", "film")]
    assert headlines == [simple, [("main", "film"), ("main", "masking")], simple]
    notes = [set(effect(each, "interaction").notes) for each in (open_, inside, none)]
    assert "interaction_open" in notes[0]
    assert "interaction_inside" in notes[1]
    assert "interaction_without_margin" in notes[2]
    assert effect(none, "interaction").p_tost is None


def test_primary_effects_are_one_holm_family_and_the_others_one_family_for_each_effect() -> None:
    values = four()
    cells = (("gradcam", "ehr", "primary"), ("gradcam", "deletion", "secondary"))
    contrasts = tuple(Contrast(m, "q", f, "a1", "base", "vit", a, m) for a, m, f in cells)
    design = designed(
        values,
        factorial=TWO,
        contrasts=contrasts,
        metrics={"deletion": LOWER, "ehr": MetricFacts("ehr", "EHR", True, (0, 1), 1)},
    )
    scores = pd.concat([score_rows(values), score_rows({a: 1 - v for a, v in values.items()}, "deletion")])
    rows = analyse(design, scores).factorial
    assert [(r.metric, r.effect, r.m, r.adjustment) for r in rows] == [
        *[("ehr", kind, 3, "holm") for kind in ("interaction", "main", "main")],
        *[("ehr", "simple", 2, "bh")] * 4,
        *[("deletion", kind, 1, "bh") for kind in ("interaction", "main", "main")],
        *[("deletion", "simple", 2, "bh")] * 4,
    ]
    holm = sorted(row.p_value or 0 for row in rows[:3])[0] * 3
    assert min(row.p_adjusted or 0 for row in rows[:3]) == pytest.approx(min(holm, 1.0))
    for a, b in zip(rows[:7], rows[7:], strict=True):  # the mirror image has the same effects, sign turned
        assert a.estimate == pytest.approx(-(b.estimate or 0))


def test_a_failed_run_in_one_cell_is_named_and_the_rest_counts() -> None:
    values = four(runs=4)
    lost = RunStatus("b1-vit-seed3", "b1", "vit", 3, "failed", "loss was not finite")
    design = designed(values, factorial=TWO)
    design = replace(design, runs=(*(run for run in design.runs if run.run_id != lost.run_id), lost))
    found = effect(analyse(design, score_rows(values)), "interaction")
    assert (found.n_runs, found.status) == ((4, 4, 4, 3), "ok")
    assert {"missing_runs", "failures_by_cell"} <= set(found.notes)
    assert "3 of 4 runs of b1; seed 3 of b1 failed: loss was not finite." in found.sentences_en
    assert (
        "Runs failed unequally: a0 0, a1 0, b0 0, b1 1; a recipe that crashes is not just missing."
        in found.sentences_en
    )


def test_a_cell_without_any_run_leaves_the_effects_that_do_not_need_it() -> None:
    values = four()
    design = designed(values, factorial=TWO)
    runs = tuple(replace(run, state="failed") if run.arm == "b1" else run for run in design.runs)
    analysis = analyse(replace(design, runs=runs), score_rows(values))
    assert effect(analysis, "interaction").status == "no_data"
    assert effect(analysis, "interaction").notes[0] == "no_data_of"
    assert effect(analysis, "interaction").estimate is None
    assert effect(analysis, "simple", "film", "0").status == "ok"
    assert [row.headline for row in analysis.factorial if row.effect == "simple"] == [True, True, False, False]


def test_one_run_per_arm_answers_for_these_models_only() -> None:
    found = effect(study(four(runs=1), factorial=TWO), "interaction")
    assert found.status == found.notes[0] == "insufficient_runs"
    assert (found.se, found.ci_low, found.p_value, found.p_tost, found.se_images) == (None,) * 5
    assert found.p_models is not None
    assert found.p_adjusted is not None


def test_patients_widen_the_models_answer_and_have_no_eta() -> None:
    values = four(images=40)
    patients = [f"p{i // 4}" for i in range(40)]
    alone, grouped = study(values, factorial=TWO), study(values, factorial=TWO, clusters=patients)
    assert effect(grouped, "interaction").n_clusters == 10
    assert effect(grouped, "interaction").df_models == 9
    assert effect(grouped, "interaction").partial_eta_squared is None
    assert effect(alone, "interaction").partial_eta_squared is not None
    assert effect(alone, "interaction").se_models != effect(grouped, "interaction").se_models


def test_pairs_of_seeds_use_the_contrast_of_each_seed() -> None:
    values = four(runs=5)
    found = effect(study(values, factorial=TWO, seeding="paired"), "interaction")
    means = {arm: values[arm].mean(axis=1) for arm in ARMS}
    by_seed = means["a0"] - means["a1"] - means["b0"] + means["b1"]
    assert found.estimate == pytest.approx(by_seed.mean())
    assert found.v_run == pytest.approx(by_seed.var(ddof=1) / 5)
    assert found.p_images == pytest.approx(stats.ttest_1samp(by_seed, 0).pvalue)


def test_one_run_variance_for_all_arms_is_that_of_the_contrast() -> None:
    rules = Rules(pool_run_variance=True)
    analysis = study(four(), factorial=TWO, rules=rules)
    finding, simple, interaction = (
        analysis.findings[0],
        effect(analysis, "simple", "film", "0"),
        effect(analysis, "interaction"),
    )
    for name in ("se", "df", "p_value", "v_run", "v_case"):
        assert getattr(simple, name) == pytest.approx(getattr(finding, name)), name
    assert (simple.run_variance, interaction.run_variance) == ("pooled", "pooled")
    assert interaction.v_run == pytest.approx(2 * (simple.v_run or 0))  # four arms of the same spread, not two
    assert "run_variance_pooled" in interaction.notes


def test_a_shared_pretraining_is_said() -> None:
    design = designed(four(), factorial=TWO)
    runs = tuple(replace(run, pretrain_key="one" if run.arm == "b0" else run.run_id) for run in design.runs)
    found = effect(analyse(replace(design, runs=runs), score_rows(four())), "interaction")
    assert "b0 rests on a single pretraining run; its luck is not in the ±." in found.sentences_en


def test_identical_arms_have_no_variation() -> None:
    values = four()
    values |= {"a1": values["a0"], "b1": values["b0"]}
    found = effect(study(values, factorial=TWO), "interaction")
    assert (found.status, found.estimate, found.p_value) == ("no_variation", 0.0, None)


def test_auc_has_its_effects_too() -> None:
    rng = np.random.default_rng(2)
    labels = np.arange(40) % 2
    names = ("base", *ARMS)
    probabilities = {
        arm: 1 / (1 + np.exp(-(labels * 1.5 + rng.normal(size=(3, 40)) + k / 9))) for k, arm in enumerate(names)
    }
    contrast = Contrast("c", "q", "secondary", "b0", "a0", "vit", "", "auc")
    values = four()
    design = designed(values, factorial=TWO, dose=DOSES)
    design = replace(
        design, contrasts=(*design.contrasts, contrast), metrics={**design.metrics, "auc": RUN_METRICS["auc"]}
    )
    analysis = analyse(design, score_rows(values), prediction_rows(probabilities, labels))
    found = next(row for row in analysis.factorial if (row.metric, row.effect, row.at) == ("auc", "simple", "0"))
    finding = next(row for row in analysis.findings if row.metric == "auc")
    for name in ("estimate", "se", "df", "p_value", "p_models", "se_images"):
        assert getattr(found, name) == pytest.approx(getattr(finding, name)), name
    line = next(row for row in analysis.doses if row.metric == "auc")
    assert line.status == "ok"
    assert (line.page_l, line.page_blocks) == (None, 0)
    assert line.best in ARMS


def test_an_arm_the_design_does_not_have_is_refused() -> None:
    strange = replace(TWO, arms=("a0", "a1", "b0", "b9"))
    with pytest.raises(StudyError, match="factors: b9 not among the arms of the design; known: base, a0, a1, b0, b1"):
        study(four(), factorial=strange)


# ------------------------------------------------------------------------------------- doses


def test_the_slope_is_that_of_arm_means_whatever_the_numbers_of_runs() -> None:
    values = four(runs=4)
    values["a1"] = values["a1"][:2]
    (found,) = study(values, dose=DOSES).doses
    means = [values[arm].mean() for arm in ARMS]
    assert found.estimate == pytest.approx(np.polyfit(DOSES.doses, means, 1)[0])
    assert found.n_runs == (4, 2, 4, 4)
    assert found.margin == pytest.approx(0.03 / 65)
    assert "failures_by_cell" not in found.notes


def test_the_line_with_equal_runs_is_ordinary_least_squares() -> None:
    rng = np.random.default_rng(4)
    figures = [rng.normal(loc=k**2 / 10, size=4) for k in range(4)]
    line = dose_line(DOSES.doses, figures)
    fit = stats.linregress(np.repeat(DOSES.doses, 4), np.concatenate(figures))
    assert (line.slope, line.se, line.p_value) == pytest.approx((fit.slope, fit.stderr, fit.pvalue))
    assert (line.lack_of_fit_df1, line.lack_of_fit_df2) == (2, 12)
    assert sum(slope_weights(DOSES.doses)) == pytest.approx(0)


def test_seeds_as_blocks_take_their_degrees_of_freedom() -> None:
    rng = np.random.default_rng(4)
    luck = rng.normal(scale=5, size=4)
    figures = [rng.normal(loc=k, scale=0.1, size=4) + luck for k in range(4)]
    nested, paired = dose_line((0, 1, 2, 3), figures), dose_line((0, 1, 2, 3), figures, paired=True)
    assert paired.slope == pytest.approx(nested.slope)
    assert paired.lack_of_fit_df2 == nested.lack_of_fit_df2 - 3
    assert paired.se < nested.se / 10


def test_a_perfect_line_has_no_lack_of_fit_and_equal_runs_have_none_to_compare() -> None:
    line = dose_line((1, 2, 3), [np.array([k - 0.1, k + 0.1]) for k in (1.0, 2.0, 3.0)])
    assert (line.slope, line.lack_of_fit_f) == pytest.approx((1, 0))
    assert np.isnan(dose_line((1, 2, 3), [np.array([k, k]) for k in (1.0, 2.0, 4.0)]).lack_of_fit_f)


def test_page_rises_with_the_dose_and_turns_round_with_the_values() -> None:
    values = four()
    for k, arm in enumerate(ARMS):
        values[arm] = values[arm] + 0.1 * k
    (up,) = study(values, dose=DOSES).doses
    (down,) = study(
        {arm: -v for arm, v in values.items()},
        dose=DOSES,
        metrics={"ehr": MetricFacts("ehr", "EHR", True, (None, None), 1)},
    ).doses
    assert up.page_z is not None
    assert up.page_z > 3
    assert down.page_z == pytest.approx(-up.page_z)
    assert down.page_p == pytest.approx(up.page_p)
    assert up.page_p == pytest.approx(2 * (up.page_p_rising or 0))


def test_the_set_of_doses_holds_the_best_and_all_not_told_apart_under_the_metric_s_direction() -> None:
    values = four(runs=5, images=60)
    for arm, level in zip(ARMS, (0.0, 0.3, 0.6, 0.6), strict=True):
        values[arm] = values[arm] - values[arm].mean() + level
    values["b1"] = values["b1"] + 0.001
    high = study(values, dose=DOSES)
    lower = study(values, dose=DOSES, metrics={"ehr": MetricFacts("ehr", "EHR", False, (None, None), 1)})
    neither = study(values, dose=DOSES, metrics={"ehr": MetricFacts("ehr", "EHR", None, (None, None), 1)})
    assert (high.doses[0].best, high.doses[0].not_told_apart, high.doses[0].m_best) == ("b1", ("b0", "b1"), 3)
    assert (lower.doses[0].best, lower.doses[0].not_told_apart) == ("a0", ("a0",))
    assert (neither.doses[0].best, neither.doses[0].not_told_apart) == (None, ())
    best = high.dose_levels[3]
    assert (best.is_best, best.estimate, best.told_apart) == (True, None, False)
    assert high.dose_levels[0].estimate == pytest.approx(-0.601)
    raw = [level.p_value for level in high.dose_levels[:3]]
    assert high.dose_levels[2].p_adjusted == pytest.approx(max(p for p in raw if p is not None))


def test_one_run_per_dose_gives_a_slope_and_a_set_for_these_models_without_lack_of_fit() -> None:
    analysis = study(four(runs=1), dose=DOSES)
    (found,) = analysis.doses
    assert found.status == "insufficient_runs"
    assert (found.se, found.lack_of_fit_f, found.lack_of_fit_p, found.line) == (None, None, None, ())
    assert found.p_models is not None
    assert found.best_models_only
    assert all(level.best_models_only for level in analysis.dose_levels)


def test_a_dose_without_runs_leaves_the_line_and_is_named() -> None:
    design = designed(four(), dose=DOSES)
    runs = tuple(replace(run, state="failed") if run.arm == "a1" else run for run in design.runs)
    analysis = analyse(replace(design, runs=runs), score_rows(four()))
    assert analysis.doses[0].doses == (25.0, 75.0, 90.0)
    assert "No run of a1: the line rests on 3 of 4 doses." in analysis.doses[0].sentences_en
    assert [level.arm for level in analysis.dose_levels] == ["a0", "b0", "b1"]
    two = tuple(replace(run, state="failed") if run.arm in ("a1", "b0") else run for run in design.runs)
    (found,) = analyse(replace(design, runs=two), score_rows(four())).doses
    assert (found.status, found.estimate) == ("no_data", None)
    assert "too_few_doses" in found.notes


def test_the_line_s_interval_is_the_arm_s_own_kind_and_meets_the_fitted_values() -> None:
    (found,) = study(four(), dose=DOSES).doses
    assert len(found.line) == len(found.line_low) == len(found.line_high) == len(found.line_doses)
    assert all(low < fit < high for low, fit, high in zip(found.line_low, found.line, found.line_high, strict=True))
    slope = (found.line[-1] - found.line[0]) / (found.line_doses[-1] - found.line_doses[0])
    assert slope == pytest.approx(found.estimate)


def test_designs_and_results_come_back_from_their_files(tmp_path: Path) -> None:
    analysis = study(four(), factorial=TWO, dose=DOSES)
    write_findings(analysis, tmp_path)
    again = read_findings(tmp_path)
    assert again.design.factorial == TWO
    assert again.design.dose == DOSES
    assert (again.factorial, again.doses, again.dose_levels) == (
        analysis.factorial,
        analysis.doses,
        analysis.dose_levels,
    )
    assert len(pd.read_parquet(tmp_path / "factorial.parquet")) == 7


def test_no_result_holds_nan_and_every_note_is_said_in_both_languages() -> None:
    values = four(runs=2, images=6)
    values["a0"] = values["a0"] * 0 + 0.5
    analysis = study(values, factorial=TWO, dose=DOSES)
    for row in (*analysis.factorial, *analysis.doses, *analysis.dose_levels):
        numbers = [value for value in vars(row).values() if isinstance(value, float)]
        assert np.isfinite(numbers).all()
    for row in (*analysis.factorial, *analysis.doses):
        assert len(row.notes) == len(row.sentences_en) == len(row.sentences_ko)
        assert all(row.sentences_en)
        assert all(row.sentences_ko)
