"""The golden data sets through the whole of `analyse`, as score tables of a study."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from study.records import Analysis, Contrast, Design, Finding, MetricFacts, Rules, RunStatus, Seeding
from study.statistics import analyse

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "reference" / "golden_stats"


@pytest.fixture(scope="module")
def expected(golden: Path) -> dict[str, float]:
    values = json.loads((golden / "expected.json").read_text(encoding="utf8"))["values"]
    return {value["id"]: value["value"] for value in values}


def analysis_of(
    table: pd.DataFrame, *, seeding: Seeding = "nested", cluster: str = "image", **changes: Any
) -> Analysis:
    """Every arm of a golden table against its first one."""
    arms = tuple(dict.fromkeys(table["arm"]))
    run_id = table["arm"] + "-vit-seed" + table["seed"].astype(str)
    scores = table.assign(run_id=run_id, model="vit", attribution="gradcam", metric="ehr", metric_version=1, reason="")
    scores = scores.assign(image_id=table["image"], cluster=table[cluster])
    seeds = tuple(sorted(set(table["seed"])))
    done = set(run_id)
    names = {(arm, seed): f"{arm}-vit-seed{seed}" for arm in arms for seed in seeds}
    design = Design(
        study="golden",
        arms=arms,
        reference=arms[0],
        models=("vit",),
        seeds=seeds,
        seeding=seeding,
        contrasts=tuple(Contrast(arm, "q", "primary", arm, arms[0], "vit", "gradcam", "ehr") for arm in arms[1:]),
        metrics={"ehr": MetricFacts("ehr", "EHR", True, (None, None), 1)},
        attributions=("gradcam",),
        controls=(),
        runs=tuple(
            RunStatus(name, arm, "vit", seed, "done" if name in done else "failed", "" if name in done else "lost")
            for (arm, seed), name in names.items()
        ),
        resamples=500,
    )
    return analyse(replace(design, **changes), scores)


def test_crossed_data_give_the_primary_analysis_and_its_companions(golden: Path, expected: dict[str, float]) -> None:
    analysis = analysis_of(pd.read_csv(golden / "B_crossed_nested.csv"))
    for finding in analysis.findings:
        arm = finding.treatment
        pairs = {
            "or.pair": {"se": "se", "df": "df", "t": "t", "p_value": "p", "ci_low": "ci_low", "ci_high": "ci_high"},
            "seed_welch": {"df_images": "df", "p_images": "p"},
            "image_t": {"p_models": "p"},
        }
        for name, fields in pairs.items():
            for ours, theirs in fields.items():
                assert getattr(finding, ours) == pytest.approx(expected[f"B.{name}.{arm}.{theirs}"], rel=1e-6), ours
    parts = analysis.components[0]
    assert parts.run == pytest.approx(expected["B.vc.run"])
    assert parts.arm_by_image == pytest.approx(expected["B.vc.arm_image"])
    for mean in analysis.means:
        assert mean.mean == pytest.approx(expected[f"B.mean.{mean.arm}"])
        assert mean.sd_runs == pytest.approx(expected[f"B.sd_runs.{mean.arm}"])
        assert mean.sd_images == pytest.approx(expected[f"B.sd_images.{mean.arm}"])


def test_no_finding_reports_the_pooled_rows_p(golden: Path, expected: dict[str, float]) -> None:
    for finding in analysis_of(pd.read_csv(golden / "B_crossed_nested.csv")).findings:
        wrong = expected[f"B.WRONG_pooled_rows.{finding.treatment}.p"]
        reported = [value for name, value in vars(finding).items() if name.startswith("p_") and value is not None]
        assert all(abs(value - wrong) > 1e-6 * wrong for value in reported)


def paired_images(golden: Path) -> pd.DataFrame:
    """Data A as one run of each arm."""
    table = pd.read_csv(golden / "A_paired_images.csv").set_axis(["image", "baseline", "candidate"], axis=1)
    return table.melt("image", var_name="arm").assign(seed=0)


def test_effect_sizes_over_images_and_their_bootstrap(golden: Path, expected: dict[str, float]) -> None:
    finding = analysis_of(paired_images(golden), resamples=10_000).findings[0]
    for name in ("dz", "gz", "d_av", "d_rm", "rank_biserial"):
        assert getattr(finding, name) == pytest.approx(expected[f"A.{name}"], rel=1e-6), name
    assert finding.dz_low == pytest.approx(expected["A.dz_ci_low"], rel=1e-4)
    assert finding.gz_high == pytest.approx(expected["A.dz_ci_high"] * expected["A.hedges_J"], rel=1e-4)
    assert finding.p_improve_images == pytest.approx(expected["A.prob_improvement_paired"])
    for ours, theirs, tolerance in (
        ("ci_bootstrap_models_low", "A.boot.pct_low", 0.00125794),
        ("ci_bootstrap_models_high", "A.boot.pct_high", 0.00125794),
        ("ci_bca_models_low", "A.boot.bca_low", 0.00171538),
        ("ci_bca_models_high", "A.boot.bca_high", 0.00171538),
    ):
        assert abs(getattr(finding, ours) - expected[theirs]) <= tolerance, ours
    assert finding.bootstrap_models_error == pytest.approx(0.027 * expected["A.boot.se_infinite"], rel=0.05)


def test_one_run_variance_for_all_arms(golden: Path, expected: dict[str, float]) -> None:
    table = pd.read_csv(golden / "B_crossed_nested.csv")
    for finding in analysis_of(table, rules=Rules(pool_run_variance=True)).findings:
        assert finding.run_variance == "pooled"
        for ours, theirs in {"estimate": "estimate", "se": "se", "df": "df", "p_value": "p"}.items():
            wanted = expected[f"B.or.pooled.{finding.treatment}.{theirs}"]
            assert getattr(finding, ours) == pytest.approx(wanted, rel=1e-6), ours


def missing(golden: Path) -> Finding:
    return analysis_of(pd.read_csv(golden / "C_paired_missing.csv"), seeding="paired", cluster="patient").findings[0]


def test_missing_cells_are_counted_and_averaged_over_what_is_common(golden: Path, expected: dict[str, float]) -> None:
    finding = missing(golden)
    assert finding.n_runs_treatment == expected["C.paired.n_seeds"]
    assert finding.n_images == expected["C.paired.n_images"]
    assert finding.n_clusters == expected["C.paired.n_patients"]
    assert finding.n_images_listed == expected["C.n_images_listed"]
    assert finding.estimate == pytest.approx(expected["C.image.mean_diff"])
    assert finding.se_models == pytest.approx(expected["C.cluster.se_CR1"])
    assert {"missing_runs", "failures_by_arm", "exclusions", "available_cells"} <= set(finding.notes)
    assert "5 of 6 runs" in " ".join(finding.sentences_en)


def test_a_negative_image_variance_is_set_to_zero_and_said(golden: Path, expected: dict[str, float]) -> None:
    analysis = analysis_of(pd.read_csv(golden / "S_boundary.csv"))
    finding, parts = analysis.findings[0], analysis.components[0]
    assert finding.v_case == pytest.approx(expected["S.or.v_case_raw"])
    assert finding.p_value == pytest.approx(expected["S.or.p"])
    assert "v_case_negative" in finding.notes
    assert (parts.run, parts.arm_by_image) == (0.0, 0.0)
    assert parts.raw_run == pytest.approx(expected["S.vc.run_raw"])
