"""What happens to runs, images and cells that are not there."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from stats_study import crossed_values, design_of, finding_of, score_rows

from study.errors import StudyError
from study.records import Finding, RunStatus
from study.statistics import analyse
from study.statistics.missing import available_mean, run_effects

NAN = float("nan")


def study_of(seed: int = 0, **sizes: int) -> dict[str, np.ndarray]:
    values = crossed_values(np.random.default_rng(seed), **sizes)
    return {"baseline": values[0], "mae": values[1]}


def sentence(finding: Finding, code: str) -> str:
    names = (() if finding.status == "ok" else (finding.status,)) + finding.notes
    return finding.sentences_en[finding.notes.index(code)] if code in names else ""


def test_a_cell_twice_is_an_error_and_never_more_data() -> None:
    table = score_rows(study_of())
    with pytest.raises(
        StudyError, match=r"240 cells occur more than once, the first is run baseline-vit-seed0, image i0"
    ):
        analyse(design_of(), pd.concat([table, table]))


def test_runs_with_different_images_are_refused() -> None:
    table = score_rows(study_of())
    with pytest.raises(StudyError, match="runs list different images: baseline-vit-seed0 has 40, mae-vit-seed2 has 39"):
        analyse(design_of(), table.iloc[:-1])


def test_an_image_of_two_patients_is_refused() -> None:
    table = score_rows(study_of())
    table.loc[table.index[-1], "cluster"] = "someone else"
    with pytest.raises(StudyError, match="image 'i0039' has more than one cluster"):
        analyse(design_of(), table)


def test_images_where_the_metric_never_applies_leave_both_arms() -> None:
    arms = study_of()
    for values in arms.values():
        values[:, :10] = NAN
    finding = finding_of(arms)
    assert (finding.n_images, finding.n_images_listed) == (30, 40)
    assert sentence(finding, "exclusions") == "30 of 40 images used; 10 do not apply, 0 lack a value in some run."
    assert "available_cells" not in finding.notes
    assert finding.estimate == pytest.approx(arms["mae"][:, 10:].mean() - arms["baseline"][:, 10:].mean())


def test_a_few_incomplete_images_are_left_out_of_all_runs() -> None:
    arms = study_of()
    arms["mae"][1, 3] = NAN
    finding = finding_of(arms)
    kept = np.delete(np.arange(40), 3)
    assert finding.n_images == 39
    assert finding.estimate == pytest.approx(arms["mae"][:, kept].mean() - arms["baseline"][:, kept].mean())


def test_many_incomplete_images_are_averaged_over_the_values_they_have() -> None:
    arms = study_of(runs=4)
    arms["mae"][0, :20] = NAN
    finding = finding_of(arms)
    expected = (np.nanmean(arms["mae"], axis=0) - arms["baseline"].mean(axis=0)).mean()
    assert finding.n_images == 40
    assert finding.estimate == pytest.approx(expected)
    assert sentence(finding, "available_cells").startswith("Only 50 percent of images have every value")


def test_available_means_keep_image_means_and_change_nothing_when_complete() -> None:
    values = np.array([[1.0, 2.0, 3.0], [3.0, NAN, 5.0], [5.0, 6.0, NAN]])
    filled = available_mean(values, np.isfinite(values))
    np.testing.assert_allclose(filled.mean(axis=0), np.nanmean(values, axis=0))
    assert available_mean(values[:, :1], np.ones((3, 1), dtype=bool)).tolist() == [[1.0], [3.0], [5.0]]


def test_the_luck_of_runs_is_not_understated_where_cells_are_missing() -> None:
    rng = np.random.default_rng(0)
    luck = np.array([-0.1, 0.0, 0.1])
    values = rng.normal(0.5, 0.1, 400) + luck[:, None]
    available = rng.random(values.shape) > 0.4
    used = available.any(axis=0)
    np.testing.assert_allclose(run_effects(values[:, used], available[:, used]), luck, atol=1e-12)
    figures = available_mean(values[:, used], available[:, used]).mean(axis=1)
    assert figures.std(ddof=1) == pytest.approx(0.1, rel=0.01)


def test_a_failed_run_is_a_smaller_arm_and_is_named() -> None:
    arms = study_of()
    design = design_of()
    runs = [
        replace(r, state="failed", reason="out of memory") if r.run_id == "mae-vit-seed2" else r for r in design.runs
    ]
    table = score_rows({"baseline": arms["baseline"], "mae": arms["mae"][:2]})
    finding = analyse(replace(design, runs=tuple(runs)), table).findings[0]
    assert (finding.n_runs_treatment, finding.n_runs_control) == (2, 3)
    assert sentence(finding, "missing_runs") == "2 of 3 runs of mae; seed 2 of mae failed: out of memory."
    assert "failures_by_arm" in finding.notes
    assert "two_runs" in finding.notes


def test_a_diverged_run_is_left_out_though_it_has_scores() -> None:
    arms = study_of()
    design = design_of()
    runs = tuple(replace(r, diverged=r.run_id == "mae-vit-seed0") for r in design.runs)
    analysis = analyse(replace(design, runs=runs), score_rows(arms))
    assert analysis.findings[0].n_runs_treatment == 2
    assert analysis.notes == ("Left out, training diverged: mae-vit-seed0.",)
    assert {row.run_id for row in analysis.run_means} == {r.run_id for r in runs} - {"mae-vit-seed0"}


def test_a_run_without_any_value_is_not_a_run() -> None:
    arms = study_of()
    arms["mae"][2] = NAN
    finding = finding_of(arms)
    assert (finding.n_runs_treatment, finding.n_images) == (2, 40)
    assert sentence(finding, "missing_runs") == "2 of 3 runs of mae; seed 2 of mae has no value of this metric."


def test_undefined_more_often_in_one_arm_is_said_with_both_answers() -> None:
    arms = study_of()
    arms["mae"][:, :15] = NAN
    finding = finding_of(arms)
    worst = np.where(np.isnan(arms["mae"]), 0.0, arms["mae"])
    assert finding.estimate_undefined_worst == pytest.approx(worst.mean() - arms["baseline"].mean())
    assert sentence(finding, "missing_by_arm").startswith(
        "The metric is undefined more often in one arm (sign test over 40 images of these trained models, 6 runs, p < 0.001"
    )


def paired(arms: dict[str, np.ndarray], **changes: object) -> Finding:
    return finding_of(arms, seeding="paired", **changes)


def test_paired_seeds_drop_the_pair_of_a_failed_run() -> None:
    arms = study_of(runs=5)
    design = design_of(n_seeds=5, seeding="paired")
    runs = tuple(replace(r, state="failed") if r.run_id == "mae-vit-seed4" else r for r in design.runs)
    table = score_rows(arms)
    finding = analyse(replace(design, runs=runs), table[table["run_id"] != "mae-vit-seed4"]).findings[0]
    assert (finding.n_runs_treatment, finding.n_runs_control) == (4, 4)
    assert finding.estimate == pytest.approx((arms["mae"][:4] - arms["baseline"][:4]).mean())
    assert finding.df_images == 3


def test_fewer_than_four_pairs_are_analysed_as_nested() -> None:
    arms = study_of()
    finding = paired(arms)
    assert "few_pairs" in finding.notes
    assert finding.p_value == finding_of(arms).p_value


def test_fine_tuning_runs_of_one_pretraining_are_averaged_when_pretraining_was_repeated() -> None:
    arms = study_of(runs=4)
    runs = tuple(RunStatus(f"baseline-vit-seed{s}", "baseline", "vit", s, "done") for s in range(4)) + tuple(
        RunStatus(f"mae-vit-seed{s}", "mae", "vit", s, "done", pretrain_key=f"k{s // 2}") for s in range(4)
    )
    finding = finding_of(arms, runs=runs)
    assert finding.n_runs_treatment == 2
    assert finding.estimate == pytest.approx(arms["mae"].mean() - arms["baseline"].mean())
    assert sentence(finding, "pretraining_runs_averaged").startswith("mae: 4 fine-tuning runs averaged inside 2")


def test_a_single_pretraining_run_is_said_beside_every_result() -> None:
    arms = study_of()
    runs = tuple(replace(r, pretrain_key="k" if r.arm == "mae" else None) for r in design_of().runs)
    finding = finding_of(arms, runs=runs)
    assert finding.n_runs_treatment == 3
    assert sentence(finding, "conditional_on_pretraining").startswith("mae rests on a single pretraining run")
