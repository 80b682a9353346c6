"""Contrasts of figures that a run has one of, and of 0/1 metrics with one run per arm."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from stats_study import design_of, finding_of, score_rows

from study.records import Contrast, Finding, MetricFacts, Rules, RunStatus
from study.registry import RUN_METRICS, class_auc_facts
from study.statistics import analyse
from study.statistics.bootstrap import image_weights, percentile
from study.statistics.classification import ece
from study.statistics.primary import crossed

CLASSES = ("normal", "loose", "worn")
LABELS = np.arange(90) % 3


def probabilities(seed: int = 0, runs: int = 4, arms: tuple[str, ...] = ("baseline", "mae")) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found = {}
    for skill, arm in enumerate(arms, start=1):
        logits = rng.normal(0, 1, (runs, 90, 3)) + 0.8 * skill * (np.arange(3) == LABELS[:, None])
        found[arm] = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return found


def rows(given: dict[str, np.ndarray]) -> pd.DataFrame:
    frames = []
    for arm, runs in given.items():
        for seed, run in enumerate(runs):
            ids = [f"i{i:04d}" for i in range(len(run))]
            columns = {f"p_{k}": run[:, k] for k in range(run.shape[1])}
            frame = pd.DataFrame({"image_id": ids, "cluster": ids, "label": LABELS[: len(run)], **columns})
            frames.append(frame.assign(run_id=f"{arm}-vit-seed{seed}", arm=arm, model="vit", seed=seed))
    return pd.concat(frames, ignore_index=True)


def contrasted(given: dict[str, np.ndarray], metric: str, **changes: Any) -> Finding:
    contrast = Contrast("c", "q", "secondary", "mae", "baseline", "vit", "", metric)
    runs = tuple(RunStatus(f"{a}-vit-seed{s}", a, "vit", s, "done") for a in given for s in range(len(given[a])))
    facts: dict[str, MetricFacts] = {**RUN_METRICS, **class_auc_facts(CLASSES)}
    design = design_of(
        tuple(given), contrasts=(contrast,), metrics=facts, classes=CLASSES, runs=runs, n_seeds=4, **changes
    )
    return analyse(design, score_rows({"baseline": np.ones((1, 2))}).iloc[:0], rows(given)).findings[0]


@pytest.mark.parametrize("metric", ["auc", "accuracy", "ece", "brier", "auc[class=loose]"])
def test_every_metric_of_the_predictions_can_be_contrasted(metric: str) -> None:
    finding = contrasted(probabilities(), metric)
    assert finding.status == "ok"
    assert finding.estimate == pytest.approx(finding.mean_treatment - finding.mean_control)  # type: ignore[operator]
    assert finding.ci_low < finding.estimate < finding.ci_high  # type: ignore[operator]
    for name in ("p_value", "p_models", "p_images", "p_adjusted", "se_bootstrap", "ci_bca_models_low", "d_run"):
        assert getattr(finding, name) is not None, name


def test_calibration_error_is_tested_with_a_jackknife_over_images() -> None:
    given = probabilities()
    finding = contrasted(given, "ece")
    sides = [ece(given[arm], LABELS) for arm in ("mae", "baseline")]
    wanted = crossed(sides, (1.0, -1.0))
    for name in ("estimate", "se", "df", "p_value", "v_case"):
        assert getattr(finding, name) == pytest.approx(float(getattr(wanted, name)))
    assert finding.df_models == 89  # t of the jackknife
    assert contrasted(given, "auc").df_models is None  # normal, DeLong


def test_calibration_error_is_resampled_with_the_shared_images() -> None:
    given = probabilities()
    finding = contrasted(given, "ece")
    replicates = []
    for row in np.concatenate(list(image_weights(90, 300, 20240501))).astype(int):
        picked = np.repeat(np.arange(90), row)
        sides = [ece(given[arm][:, picked], LABELS[picked]).figures.mean() for arm in ("mae", "baseline")]
        replicates.append(sides[0] - sides[1])
    limits = percentile(np.array(replicates))
    assert finding.ci_bootstrap_models_low == pytest.approx(limits.low)
    assert finding.ci_bootstrap_models_high == pytest.approx(limits.high)


def test_the_auc_of_one_class_is_that_class_against_the_rest() -> None:
    given = probabilities()
    finding = contrasted(given, "auc[class=worn]")
    by_run = [
        stats.mannwhitneyu(run[LABELS == 2, 2], run[LABELS != 2, 2]).statistic / (30 * 60) for run in given["mae"]
    ]
    assert finding.mean_treatment == pytest.approx(np.mean(by_run))
    assert finding.percent is None  # an AUC of 0 is not the absence of anything


def test_run_variances_of_per_run_metrics_can_be_pooled() -> None:
    given = probabilities(arms=("baseline", "mae", "proxy"))
    finding = contrasted(given, "ece", rules=Rules(pool_run_variance=True))
    figures = np.stack([ece(given[arm], LABELS).figures for arm in given])
    assert finding.run_variance == "pooled"
    assert finding.v_run == pytest.approx(2 / 4 * figures.var(axis=1, ddof=1).mean())


def test_a_metric_that_was_not_measured_has_no_data() -> None:
    given = {arm: runs[:, :, :2] / runs[:, :, :2].sum(axis=2, keepdims=True) for arm, runs in probabilities().items()}
    contrast = Contrast("c", "q", "secondary", "mae", "baseline", "vit", "", "auc[class=worn]")
    design = design_of(contrasts=(contrast,), metrics=dict(class_auc_facts(CLASSES)), n_seeds=4)
    found = analyse(design, score_rows({"baseline": np.ones((1, 2))}).iloc[:0], rows(given)).findings
    assert found[0].status == "no_data"


# ------------------------------------------------------------------------ McNemar


def test_two_single_runs_of_a_right_or_wrong_metric_get_the_exact_mcnemar_test() -> None:
    treatment = np.array([1.0] * 12 + [0.0] * 2 + [1.0] * 20 + [0.0] * 6)
    control = np.array([0.0] * 12 + [1.0] * 2 + [1.0] * 20 + [0.0] * 6)
    finding = finding_of({"baseline": control[None], "mae": treatment[None]})
    assert finding.n_discordant == 14
    assert finding.p_mcnemar == pytest.approx(stats.binomtest(12, 14).pvalue)
    at = finding.notes.index("exact_mcnemar")
    assert finding.sentences_en[at] == (
        "Exact McNemar test of these two trained models: they disagree on 14 of 40 images, 12 of them for mae; "
        "p = 0.013, not adjusted."
    )
    three = {"baseline": np.tile(control, (3, 1)), "mae": np.tile(treatment, (3, 1))}
    assert finding_of(three).p_mcnemar is None
    assert finding_of({"baseline": control[None], "mae": treatment[None] * 0.9}).p_mcnemar is None
