"""From tables to findings: statuses, families, summaries, files."""

import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from stats_study import FACTS, crossed_values, design_of, finding_of, prediction_rows, score_rows

from study.errors import StoreError, StudyError
from study.records import Analysis, Contrast, MetricFacts, RunStatus
from study.statistics import analyse, read_findings, write_findings
from study.statistics.influence import of_mean
from study.statistics.primary import crossed
from study.statistics.sentences import SENTENCES, note

AUC = MetricFacts("auc", "AUC", True, (0.0, 1.0), 1, per_run=True)
ACCURACY = MetricFacts("accuracy", "Accuracy", True, (0.0, 1.0), 1, per_run=True)


def values_of(seed: int = 0, **sizes: int) -> dict[str, np.ndarray]:
    values = crossed_values(np.random.default_rng(seed), **sizes)
    return {"baseline": values[0], "mae": values[1]}


def test_a_finding_holds_the_primary_analysis_and_its_companions() -> None:
    arms = values_of()
    finding = finding_of(arms)
    codes = np.arange(40)
    wanted = crossed((of_mean(arms["mae"], codes), of_mean(arms["baseline"], codes)), (1.0, -1.0))
    assert finding.status == "ok"
    assert finding.metric_version == 3
    for name in ("estimate", "se", "df", "t", "p_value", "ci_low", "ci_high"):
        assert getattr(finding, name) == pytest.approx(float(getattr(wanted, name)))
    d = arms["mae"].mean(axis=0) - arms["baseline"].mean(axis=0)
    assert finding.p_models == pytest.approx(stats.ttest_1samp(d, 0).pvalue)
    runs = [arms[arm].mean(axis=1) for arm in ("mae", "baseline")]
    assert finding.p_images == pytest.approx(stats.ttest_ind(*runs, equal_var=False).pvalue)
    assert finding.p_permutation_floor == pytest.approx(0.1)


def test_no_reported_p_is_that_of_pooled_rows() -> None:
    arms = values_of(1)
    finding = finding_of(arms)
    pooled = [
        stats.ttest_ind(arms["mae"].ravel(), arms["baseline"].ravel(), equal_var=welch).pvalue
        for welch in (True, False)
    ]
    pooled.append(stats.ttest_rel(arms["mae"].ravel(), arms["baseline"].ravel()).pvalue)
    reported = [value for name, value in asdict(finding).items() if name.startswith("p_") and value is not None]
    assert len(reported) > 5
    assert np.abs(np.subtract.outer(reported, pooled)).min() > 1e-9


def test_the_names_and_order_of_arms_and_rows_do_not_matter() -> None:
    arms = values_of(2)
    finding = finding_of(arms)
    table = score_rows(arms).sample(frac=1, random_state=0)
    shuffled = analyse(design_of(), table).findings[0]
    assert shuffled.p_value == pytest.approx(finding.p_value)
    swapped = finding_of({"mae": arms["mae"], "baseline": arms["baseline"]})
    assert swapped.estimate == pytest.approx(-finding.estimate)  # type: ignore[operator]
    assert swapped.p_value == pytest.approx(finding.p_value)


def test_one_run_answers_only_for_these_models_and_its_p_is_adjusted() -> None:
    finding = finding_of(values_of(runs=1))
    assert finding.status == finding.notes[0] == "insufficient_runs"
    assert finding.sentences_en[0] == "One run of mae, baseline: nothing can be said about retraining."
    assert finding.p_value is None
    assert finding.ci_low is None
    assert finding.p_adjusted == finding.p_models is not None


def test_equal_arms_are_suspected_to_be_one_checkpoint() -> None:
    row = np.tile(np.linspace(0.1, 0.9, 30), (3, 1))
    finding = finding_of({"baseline": row, "mae": row})
    assert finding.status == "no_variation"
    assert finding.estimate == 0
    assert finding.p_models is None
    assert "zero_run_variance" in finding.notes
    assert finding.p_adjusted is None


def test_a_constant_shift_has_signs_but_no_t() -> None:
    row = np.tile(np.linspace(0.1, 0.6, 10), (3, 1))
    finding = finding_of({"baseline": row, "mae": row + 0.125})
    assert finding.status == "zero_variance_shift"
    assert finding.sentences_en[0] == "Every image differs by exactly 0.125."
    assert (finding.estimate, finding.p_sign) == (pytest.approx(0.125), 2.0**-9)
    assert finding.p_value is None
    assert finding.dz is None


def test_an_arm_without_values_is_named() -> None:
    arms = values_of()
    arms["mae"][:] = np.nan
    finding = finding_of(arms)
    assert finding.status == "no_data"
    assert finding.sentences_en[0] == "No value of EHR for mae (0 of 40 images)."
    assert finding.estimate is None


def test_a_contrast_without_scores_keeps_its_row_and_counts_in_m() -> None:
    contrasts = tuple(
        Contrast(name, "q", "primary", "mae", "baseline", "vit", attribution, "ehr")
        for name, attribution in (("a", "gradcam"), ("b", "never_run"))
    )
    found = analyse(design_of(contrasts=contrasts), score_rows(values_of())).findings
    assert [finding.m for finding in found] == [2, 2]
    assert found[1].status == "no_data"
    assert found[0].p_adjusted == pytest.approx(min(1.0, 2 * found[0].p_value))  # type: ignore[operator]


def test_an_empty_table_gives_findings_without_data() -> None:
    analysis = analyse(design_of(), score_rows(values_of()).iloc[:0], pd.DataFrame())
    assert [finding.status for finding in analysis.findings] == ["no_data"]
    assert analysis.means == ()


def test_an_unknown_metric_of_a_contrast_is_refused() -> None:
    contrast = Contrast("c", "q", "primary", "mae", "baseline", "vit", "gradcam", "ehrr")
    with pytest.raises(StudyError, match=r"contrast c: metric 'ehrr' is not described by the design; known: ehr"):
        analyse(design_of(contrasts=(contrast,)), score_rows(values_of()))


def test_families_are_adjusted_apart() -> None:
    values = crossed_values(np.random.default_rng(5), arms=4, runs=4)
    values[1] += 0.04
    arms = dict(zip(("baseline", "a", "b", "c"), values, strict=True))
    kinds = {"a": ("q1", "primary"), "b": ("q2", "secondary"), "c": ("q3", "exploratory")}
    contrasts = tuple(
        Contrast(arm, question, family, arm, "baseline", "vit", "gradcam", "ehr")  # type: ignore[arg-type]
        for arm, (question, family) in kinds.items()
    )
    found = finding_of_all(arms, contrasts)
    assert [finding.adjustment for finding in found] == ["holm", "bh", None]
    assert [finding.m for finding in found] == [1, 1, 0]
    assert found[2].p_adjusted is None
    assert found[2].p_value is not None


def finding_of_all(arms: dict[str, np.ndarray], contrasts: tuple[Contrast, ...]) -> tuple:  # type: ignore[type-arg]
    runs = tuple(RunStatus(f"{arm}-vit-seed{s}", arm, "vit", s, "done") for arm in arms for s in range(len(arms[arm])))
    return analyse(design_of(tuple(arms), contrasts=contrasts, runs=runs), score_rows(arms)).findings


def test_a_margin_brings_equivalence_and_non_inferiority() -> None:
    contrast = Contrast("c", "q", "primary", "mae", "baseline", "vit", "gradcam", "ehr", 0.2, margin_set_later=True)
    finding = finding_of(values_of(), contrasts=(contrast,))
    assert finding.p_tost is not None
    assert finding.p_tost < 0.05
    assert finding.smallest_margin == max(abs(finding.ci90_low), abs(finding.ci90_high))  # type: ignore[arg-type]
    assert finding.smallest_margin < 0.2
    assert finding.p_noninferiority is not None
    assert "margin_set_later" in finding.notes
    assert finding_of(values_of()).p_tost is None


def test_patients_are_the_clusters() -> None:
    arms = values_of()
    patients = [f"p{i // 5}" for i in range(40)]
    finding = finding_of(arms, clusters=patients)
    assert (finding.n_images, finding.n_clusters, finding.df_models) == (40, 8, 7)
    assert "8 patients: interval is approximate." in finding.sentences_en
    uneven = [f"p{min(i, 10)}" for i in range(40)]
    by_patient = finding_of(arms, clusters=uneven, weight="patient")
    d = arms["mae"].mean(axis=0) - arms["baseline"].mean(axis=0)
    assert by_patient.estimate == pytest.approx(np.mean([*d[:10], d[10:].mean()]))
    assert by_patient.estimate_models == pytest.approx(by_patient.estimate)


def test_values_at_a_limit_and_heavy_tails_are_said() -> None:
    arms = values_of(runs=3)
    arms["baseline"][:] = 1.0
    arms["mae"][:] = 1.0
    arms["mae"][:, 0] = [0.1, 0.2, 0.3]
    notes = finding_of(arms).notes
    assert {"ceiling", "many_ties", "heavy_tails", "underpowered_exact"} <= set(notes)


def test_the_trained_models_may_differ_where_the_recipe_is_open() -> None:
    arms = values_of(images=200)
    finding = finding_of(arms | {"mae": arms["mae"] + np.array([[0.3], [0.0], [0.05]])})
    assert "models_not_recipe" in finding.notes


# -------------------------------------------------------------------- AUC and accuracy


def auc_study(seed: int = 0, n: int = 80) -> Analysis:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    skill = {"baseline": 0.8, "mae": 1.6}
    scores = {
        arm: 1 / (1 + np.exp(-(level * labels + rng.normal(0, 0.3, (4, 1)) * labels + rng.normal(0, 1, (4, n)) - 0.5)))
        for arm, level in skill.items()
    }
    contrasts = tuple(
        Contrast(metric, "q", "secondary", "mae", "baseline", "vit", "", metric) for metric in ("auc", "accuracy")
    )
    design = design_of(n_seeds=4, contrasts=contrasts, metrics={"auc": AUC, "accuracy": ACCURACY})
    return analyse(design, score_rows(values_of()).iloc[:0], prediction_rows(scores, labels))


def test_auc_and_accuracy_are_made_of_the_predictions() -> None:
    analysis = auc_study()
    auc, accuracy = analysis.findings
    assert (auc.status, accuracy.status) == ("ok", "ok")
    assert auc.n_runs_treatment == 4
    assert auc.p_wilcoxon is None
    assert auc.se_models is not None
    assert auc.estimate_models == auc.estimate
    assert auc.ci_bootstrap_low is not None
    means = {(mean.arm, mean.metric): mean for mean in analysis.means}
    assert means["mae", "auc"].mean == pytest.approx(auc.mean_treatment)
    assert means["mae", "auc"].ci_high < 1  # type: ignore[operator]
    assert len([row for row in analysis.run_means if row.metric == "auc"]) == 8
    assert accuracy.estimate == pytest.approx(means["mae", "accuracy"].mean - means["baseline", "accuracy"].mean)  # type: ignore[operator]


def test_auc_of_one_class_is_undefined() -> None:
    contrast = Contrast("c", "q", "primary", "mae", "baseline", "vit", "", "auc")
    design = design_of(contrasts=(contrast,), metrics={"auc": AUC})
    scores = {arm: np.random.default_rng(0).random((3, 20)) for arm in design.arms}
    finding = analyse(
        design, score_rows(values_of()).iloc[:0], prediction_rows(scores, np.zeros(20, dtype=int))
    ).findings[0]
    assert finding.status == "undefined_metric"
    assert finding.estimate is None


def test_perfect_models_have_an_auc_and_no_test() -> None:
    contrast = Contrast("c", "q", "primary", "mae", "baseline", "vit", "", "auc")
    labels = np.arange(20) % 2
    scores = {arm: np.tile(labels * 0.8 + 0.1, (3, 1)) for arm in ("baseline", "mae")}
    design = design_of(contrasts=(contrast,), metrics={"auc": AUC})
    finding = analyse(design, score_rows(values_of()).iloc[:0], prediction_rows(scores, labels)).findings[0]
    assert finding.status == "auc_boundary"
    assert (finding.estimate, finding.mean_treatment, finding.p_value) == (0.0, 1.0, None)


# -------------------------------------------------------------------------- summaries


def test_arm_means_name_their_spreads() -> None:
    arms = values_of()
    analysis = analyse(design_of(), score_rows(arms))
    mean = analysis.means[1]
    by_run = arms["mae"].mean(axis=1)
    assert (mean.arm, mean.n_runs, mean.n_images, mean.n_undefined) == ("mae", 3, 40, 0)
    assert mean.mean == pytest.approx(by_run.mean())
    assert mean.sd_runs == pytest.approx(by_run.std(ddof=1))
    assert mean.sd_images == pytest.approx(arms["mae"].mean(axis=0).std(ddof=1))
    assert (mean.lowest_run, mean.highest_run) == pytest.approx((by_run.min(), by_run.max()))
    assert mean.ci_low < mean.mean < mean.ci_high  # type: ignore[operator]


def test_one_run_has_no_spread_over_runs_and_no_interval() -> None:
    mean = analyse(design_of(n_seeds=1), score_rows(values_of(runs=1))).means[0]
    assert (mean.sd_runs, mean.ci_low, mean.ci_high) == (None, None, None)
    assert mean.sd_images is not None


def test_controls_get_means_and_no_findings() -> None:
    table = score_rows(values_of())
    control = table.assign(attribution="control_random", value=0.25)
    analysis = analyse(design_of(controls=("control_random",)), pd.concat([table, control]))
    assert [mean.attribution for mean in analysis.means] == ["gradcam"] * 2 + ["control_random"] * 2
    assert analysis.means[2].mean == 0.25
    assert len(analysis.findings) == 1


def test_image_and_seed_differences_of_primary_contrasts() -> None:
    arms = values_of()
    analysis = analyse(design_of(), score_rows(arms))
    assert len(analysis.image_differences) == 40
    first = analysis.image_differences[0]
    assert first.image_id == "i0000"
    assert first.difference == pytest.approx(arms["mae"][:, 0].mean() - arms["baseline"][:, 0].mean())
    seeds = {row.seed: row.difference for row in analysis.seed_differences}
    assert seeds[2] == pytest.approx(arms["mae"][2].mean() - arms["baseline"].mean())


def curve_table(rng: np.random.Generator) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    fractions = np.linspace(0, 1, 5)
    return {
        (run.run_id, "gradcam"): {
            "deletion_morf": 1 - fractions * rng.uniform(0.5, 1, (40, 1)),
            "deletion_lerf": 1 - fractions**2 * rng.uniform(0.5, 1, (40, 1)),
            "fractions": fractions,
        }
        for run in design_of().runs
    }


def test_curves_are_compared_with_the_reference_at_every_step() -> None:
    curves = curve_table(np.random.default_rng(0))
    analysis = analyse(design_of(), score_rows(values_of()), curves=curves)
    found = {(curve.arm, curve.curve): curve for curve in analysis.curves}
    assert set(found) == {
        (a, c) for a in ("baseline", "mae") for c in ("insertion_morf", "deletion_morf", "deletion_lerf")
    }
    assert found["baseline", "deletion_morf"].difference == ()
    lerf, insertion = found["mae", "deletion_lerf"], found["mae", "insertion_morf"]
    assert insertion.mean == tuple(reversed(lerf.mean))
    assert insertion.fractions == pytest.approx(lerf.fractions)
    morf = found["mae", "deletion_morf"]
    stacks = [
        np.stack([curves[f"{arm}-vit-seed{s}", "gradcam"]["deletion_morf"] for s in range(3)])
        for arm in ("mae", "baseline")
    ]
    step = crossed([of_mean(stack[:, :, 2], np.arange(40)) for stack in stacks], (1.0, -1.0))
    assert morf.difference[2] == pytest.approx(float(step.estimate))
    assert (morf.difference_low[2], morf.difference_high[2]) == pytest.approx((float(step.ci_low), float(step.ci_high)))
    assert morf.difference_low[0] == morf.difference[0] == morf.difference_high[0] == 0


def test_undefined_curves_leave_both_arms() -> None:
    curves = curve_table(np.random.default_rng(0))
    curves["mae-vit-seed0", "gradcam"]["deletion_morf"][:4] = np.nan
    found = {(c.arm, c.curve): c for c in analyse(design_of(), score_rows(values_of()), curves=curves).curves}
    assert found["mae", "deletion_morf"].n_images == 36
    assert found["baseline", "deletion_morf"].n_images == 40
    assert np.isfinite(found["mae", "deletion_morf"].difference_low).all()


# ------------------------------------------------------------------------------ files


def test_findings_come_back_equal(tmp_path: Path) -> None:
    curves = curve_table(np.random.default_rng(0))
    arms = values_of()
    arms["mae"][1, 3] = np.nan
    analysis = analyse(design_of(controls=("control_random",)), score_rows(arms), curves=curves)
    write_findings(analysis, tmp_path / "findings")
    assert read_findings(tmp_path / "findings") == analysis
    assert "NaN" not in (tmp_path / "findings" / "findings.json").read_text(encoding="utf8")
    table = pd.read_parquet(tmp_path / "findings" / "findings.parquet")
    assert table["p_value"].tolist() == [analysis.findings[0].p_value]


def test_an_analysis_without_results_comes_back_equal(tmp_path: Path) -> None:
    analysis = analyse(design_of(), score_rows(values_of()).iloc[:0])
    write_findings(analysis, tmp_path)
    assert read_findings(tmp_path) == analysis


def test_missing_or_foreign_findings_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"findings.json: not there"):
        read_findings(tmp_path)
    (tmp_path / "findings.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(StoreError, match="schema 99, this version reads 1"):
        read_findings(tmp_path)


def test_a_number_that_does_not_exist_cannot_be_written_as_nan(tmp_path: Path) -> None:
    analysis = analyse(design_of(), score_rows(values_of()))
    broken = replace(analysis, findings=(replace(analysis.findings[0], estimate=float("nan")),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_findings(broken, tmp_path)


# -------------------------------------------------------------------------- sentences


@pytest.mark.parametrize("code", SENTENCES)
def test_every_code_has_both_sentences_with_the_same_facts(code: str) -> None:
    english, korean = SENTENCES[code]
    assert english.endswith((".", "?"))
    assert korean.endswith((".", "요."))
    assert any("가" <= letter <= "힣" for letter in korean)
    for banned in ("significant", "proves", "because", "!", "*"):
        assert banned not in english.lower()
    for banned in ("유의미", "유의하게", "입증", "확실히", "압도적", "}은", "}는", "}이 ", "}가", "}을", "}를"):
        assert banned not in korean


def test_numbers_in_sentences_have_a_true_minus() -> None:
    assert note("zero_variance_shift", shift=-0.12345678).english == "Every image differs by exactly −0.1235."


@pytest.mark.slow
def test_a_large_study_takes_seconds() -> None:
    rng = np.random.default_rng(0)
    metrics = {f"m{k}": replace(FACTS, name=f"m{k}") for k in range(36)}
    arms = ("baseline", "a", "b", "c", "d", "e")
    tables = [
        score_rows(dict(zip(arms, crossed_values(rng, arms=6, runs=5, images=2000), strict=True)), metric=name)
        for name in metrics
    ]
    contrasts = tuple(
        Contrast(f"{arm}-{name}", "q", "secondary", arm, "baseline", "vit", "gradcam", name)
        for arm in arms[1:]
        for name in metrics
    )
    design = design_of(arms, n_seeds=5, contrasts=contrasts, metrics=metrics, resamples=10_000)
    table = pd.concat(tables, ignore_index=True)
    start = time.process_time()
    found = analyse(design, table).findings
    seconds = time.process_time() - start
    assert len(found) == 180
    assert seconds < 90  # about 10 on an idle core; others may be busy
