"""Calibration error, Brier score and the AUC of each class, as figures of runs and in the tables."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from stats_study import design_of, prediction_rows, score_rows

from study.errors import StudyError
from study.records import Analysis, MetricFacts
from study.registry import RUN_METRICS, class_auc_facts
from study.statistics import analyse
from study.statistics.auc import auc
from study.statistics.classification import brier, class_aucs, correct, ece

CLASSES = ("normal", "fracture", "implant")


def binary(confidences: list[float], right: list[int]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """One run that predicts class 1 with these confidences, and labels that make it right or wrong."""
    p = np.array(confidences)
    return np.stack([1 - p, p], axis=1)[None], np.array(right, dtype=np.int64)


def random_predictions(n: int, k: int, runs: int = 2, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(k), (runs, n)), rng.integers(0, k, n)


# ------------------------------------------------------------------- calibration error


def test_calibration_error_by_hand() -> None:
    # bins of width 1/15: .60 and .55 lie in (8/15, 9/15], .90 and .92 in (13/15, 14/15]
    probabilities, labels = binary([0.60, 0.55, 0.90, 0.92], [1, 0, 1, 0])
    low, high = abs(1 / 2 - 1.15 / 2), abs(1 / 2 - 1.82 / 2)
    assert ece(probabilities, labels).figures == pytest.approx([low / 2 + high / 2])


def test_errors_of_opposite_sign_cancel_within_a_bin_but_not_between_bins() -> None:
    inside = ece(*binary([0.75, 0.75, 0.75, 0.75], [1, 1, 1, 0]))
    assert inside.figures == pytest.approx([0.0])
    between = ece(*binary([0.75, 0.75, 0.95, 0.95], [1, 1, 1, 0]))
    assert between.figures == pytest.approx([(0.25 * 2 + 0.45 * 2) / 4])


def test_a_bin_holds_its_upper_edge() -> None:
    edge = float(np.linspace(0, 1, 16)[9])  # .6: in the bin of .58, so their errors cancel
    together = ece(*binary([edge, 0.58], [1, 0])).figures[0]
    apart = ece(*binary([edge + 1e-9, 0.58], [1, 0])).figures[0]
    assert together == pytest.approx(abs(1 - edge - 0.58) / 2)
    assert apart == pytest.approx((0.4 + 0.58) / 2)


def test_certain_predictions_have_no_bin_above_them() -> None:
    assert ece(*binary([1.0, 1.0], [1, 1])).figures == pytest.approx([0.0])
    assert ece(*binary([1.0 + 1e-7, 1.0], [0, 0])).figures == pytest.approx([1.0])


def test_calibration_error_is_of_the_most_probable_class_and_lies_between_0_and_1() -> None:
    probabilities, labels = random_predictions(200, 4)
    figures = ece(probabilities, labels).figures
    assert ((figures >= 0) & (figures <= 1)).all()
    swapped = ece(probabilities[:, :, [2, 0, 1, 3]], np.array([1, 2, 0, 3])[labels]).figures
    assert swapped == pytest.approx(figures)


def plain_ece(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Guo et al. 2017, equation 3, image by image."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for row, label in zip(probabilities, labels, strict=True):
        bins.setdefault(int(np.ceil(row.max() * 15)), []).append((row.max(), bool(row.argmax() == label)))
    gaps = [len(members) * abs(np.mean([c - r for c, r in members])) for members in bins.values()]
    return float(sum(gaps)) / len(labels)


def test_influence_is_that_of_leaving_out_each_patient() -> None:
    probabilities, labels = random_predictions(60, 3)
    patients = np.arange(60) // 3
    found = ece(probabilities, labels, patients)
    assert found.figures == pytest.approx([plain_ece(run, labels) for run in probabilities])
    without = np.array(
        [[plain_ece(run[patients != g], labels[patients != g]) for g in range(20)] for run in probabilities]
    )
    wanted = np.sqrt(19 / 20) * (without - without.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(found.influence, wanted, atol=1e-12)


def test_without_images_or_with_a_nan_the_calibration_error_is_undefined() -> None:
    probabilities, labels = random_predictions(10, 3)
    probabilities[1, 4] = np.nan
    figures = ece(probabilities, labels).figures
    assert np.isfinite(figures[0])
    assert np.isnan(figures[1])
    assert np.isnan(ece(probabilities[:, :0], labels[:0]).figures).all()
    assert np.isnan(ece(probabilities, labels, np.zeros(10, dtype=np.int64)).influence).all()


# ------------------------------------------------------------ Brier score and accuracy


def test_brier_score_by_hand_and_at_its_limits() -> None:
    probabilities = np.array([[[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    values = brier(probabilities, np.array([0, 0, 0]))
    assert values[0] == pytest.approx([0.3**2 + 0.2**2 + 0.1**2, 0.0, 2.0])
    assert brier(np.full((1, 1, 4), 0.25), np.array([2]))[0] == pytest.approx([0.75**2 + 3 * 0.25**2])


def test_a_prediction_that_is_not_finite_is_neither_right_nor_wrong() -> None:
    probabilities = np.array([[[np.nan, np.nan], [0.2, 0.8], [0.5, 0.5]]])
    labels = np.array([0, 0, 0])
    assert np.isnan(correct(probabilities, labels)[0, 0])
    assert correct(probabilities, labels)[0, 1:].tolist() == [0.0, 1.0]  # the first of equals is predicted
    assert np.isnan(brier(probabilities, labels)[0, 0])


# ----------------------------------------------------------------------- AUC of a class


def test_the_auc_of_a_class_is_against_all_others() -> None:
    probabilities, labels = random_predictions(50, 3)
    found = class_aucs(probabilities, labels, classes=CLASSES)
    assert list(found) == ["auc[class=normal]", "auc[class=fracture]", "auc[class=implant]"]
    wanted = auc(probabilities[:, :, 1], (labels == 1).astype(np.int64))
    assert found["auc[class=fracture]"].figures.tolist() == wanted.figures.tolist()


def test_two_classes_have_one_auc_and_names_must_fit() -> None:
    probabilities, labels = random_predictions(20, 2)
    assert class_aucs(probabilities, labels, classes=CLASSES[:2]) == {}
    with pytest.raises(StudyError, match="2 columns of probabilities, but 3 classes: normal, fracture, implant"):
        class_aucs(probabilities, labels, classes=CLASSES)


def test_the_registry_and_the_statistics_use_the_same_labels() -> None:
    probabilities, labels = random_predictions(20, 3)
    facts = class_auc_facts(CLASSES)
    assert list(facts) == list(class_aucs(probabilities, labels, classes=CLASSES))
    assert all(label == fact.name and fact.per_run and fact.higher_is_better for label, fact in facts.items())
    assert class_auc_facts(CLASSES[:2]) == {}
    assert RUN_METRICS["brier"].bounds == (0.0, 2.0)
    assert [RUN_METRICS[name].higher_is_better for name in ("ece", "brier")] == [False, False]


# ------------------------------------------------------------------------ in the tables


def study(labels: NDArray[np.int64], probabilities: dict[str, NDArray[np.float64]], **changes: Any) -> Analysis:
    """Arm -> [S, n, K] predictions through the whole analysis."""
    tables = []
    for k in range(next(iter(probabilities.values())).shape[2]):
        one = prediction_rows({arm: values[:, :, k] for arm, values in probabilities.items()}, labels)
        tables.append(one["p_1"].rename(f"p_{k}"))
    rows = pd.concat([one.drop(columns=["p_0", "p_1"]), *tables], axis=1)
    facts: dict[str, MetricFacts] = dict(RUN_METRICS) | class_auc_facts(changes.get("classes", ()))
    settings = {"contrasts": (), "metrics": facts} | changes
    empty = score_rows({"baseline": np.zeros((1, 1))}).iloc[:0]
    return analyse(design_of(tuple(probabilities), **settings), empty, rows)


def three_classes(seed: int = 0, n: int = 90) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    logits = rng.normal(0, 1, (2, 3, n, 3)) + 1.5 * (np.arange(3) == labels[:, None])
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return labels, {"baseline": shares[0], "mae": shares[1]}


def test_every_run_metric_gets_means_and_run_means() -> None:
    labels, probabilities = three_classes()
    analysis = study(labels, probabilities, classes=CLASSES)
    wanted = {*RUN_METRICS, *class_auc_facts(CLASSES)}
    assert {(mean.arm, mean.metric) for mean in analysis.means} == {(a, m) for a in probabilities for m in wanted}
    assert len(analysis.run_means) == 2 * 3 * len(wanted)
    means = {(mean.arm, mean.metric): mean for mean in analysis.means}
    runs = {(run.run_id, run.metric): run.value for run in analysis.run_means}
    error = [plain_ece(run, labels) for run in probabilities["mae"]]
    assert [runs[f"mae-vit-seed{s}", "ece"] for s in range(3)] == pytest.approx(error)
    assert means["mae", "ece"].mean == pytest.approx(np.mean(error))
    assert means["mae", "ece"].sd_runs == pytest.approx(np.std(error, ddof=1))
    truth = np.eye(3)[labels]
    score = ((probabilities["mae"] - truth) ** 2).sum(axis=2)
    assert means["mae", "brier"].mean == pytest.approx(score.mean())
    assert means["mae", "brier"].sd_images == pytest.approx(score.mean(axis=0).std(ddof=1))
    by_class = [means["mae", label].mean for label in class_auc_facts(CLASSES)]
    assert np.mean(by_class) == pytest.approx(means["mae", "auc"].mean)  # type: ignore[arg-type]
    for mean in analysis.means:
        assert mean.attribution == ""
        assert mean.ci_low < mean.mean < mean.ci_high  # type: ignore[operator]
        assert mean.n_images == len(labels)
    assert analysis.rankings == ()


def test_the_interval_of_the_calibration_error_stays_above_zero() -> None:
    labels = np.tile([1, 1, 1, 0], 5)
    confident = np.where(np.arange(20) < 16, 0.75, 0.751)
    runs = np.stack([np.stack([1 - confident + d, confident - d], axis=1) for d in (0.0, 0.05, -0.05)])
    found = {mean.metric: mean for mean in study(labels, {"baseline": runs}).means}["ece"]
    assert found.ci_low == 0.0
    assert found.ci_high is not None
    assert found.mean is not None
    assert found.ci_high > found.mean


def test_a_metric_that_the_design_does_not_describe_is_not_made() -> None:
    labels, probabilities = three_classes()
    facts = {name: RUN_METRICS[name] for name in ("auc", "accuracy")}
    analysis = study(labels, probabilities, metrics=facts, classes=CLASSES)
    assert {mean.metric for mean in analysis.means} == {"auc", "accuracy"}


def test_a_class_without_films_has_an_undefined_auc_and_takes_nothing_else_along() -> None:
    labels, probabilities = three_classes()
    analysis = study(labels % 2, probabilities, classes=CLASSES)
    means = {(mean.arm, mean.metric): mean for mean in analysis.means}
    lost = means["mae", "auc[class=implant]"]
    assert (lost.mean, lost.n_runs, lost.sd_runs) == (None, 0, None)
    assert means["mae", "auc[class=normal]"].mean is not None
    assert [run.value for run in analysis.run_means if run.metric == "auc[class=implant]"] == [None] * 6


# -------------------------------------------------------------- figures measured per run


DETECTORS = MetricFacts("unique_detectors[layer=2]", "Unique detectors", True, (0.0, None), 1, per_run=True)


def run_table(values: dict[str, list[float]], metric: str = DETECTORS.name) -> pd.DataFrame:
    rows = [
        {"run_id": f"{arm}-vit-seed{s}", "arm": arm, "model": "vit", "seed": s, "metric": metric, "value": value}
        for arm, figures in values.items()
        for s, value in enumerate(figures)
    ]
    return pd.DataFrame(rows)


def with_run_scores(table: pd.DataFrame, **changes: Any) -> Analysis:
    settings: dict[str, Any] = {"contrasts": (), "metrics": {DETECTORS.name: DETECTORS}} | changes
    empty = score_rows({"baseline": np.zeros((1, 1))}).iloc[:0]
    return analyse(design_of(**settings), empty, run_scores=table)


def test_figures_of_runs_get_means_without_an_interval() -> None:
    analysis = with_run_scores(run_table({"baseline": [3, 5, 4], "mae": [7, 9, 5]}))
    baseline, mae = analysis.means
    assert (mae.arm, mae.attribution, mae.metric) == ("mae", "", "unique_detectors[layer=2]")
    assert (mae.mean, mae.sd_runs, mae.lowest_run, mae.highest_run) == (7.0, 2.0, 5.0, 9.0)
    assert (mae.n_runs, mae.n_images, mae.n_undefined) == (3, 0, 0)
    assert (mae.ci_low, mae.ci_high, mae.sd_images) == (None, None, None)
    assert baseline.mean == 4.0
    assert [(run.run_id, run.value) for run in analysis.run_means][3:] == [
        ("mae-vit-seed0", 7.0),
        ("mae-vit-seed1", 9.0),
        ("mae-vit-seed2", 5.0),
    ]
    assert analysis.rankings == ()


def test_an_undefined_figure_of_a_run_is_counted_and_the_others_averaged() -> None:
    analysis = with_run_scores(run_table({"baseline": [3, np.nan, 4], "mae": [np.nan] * 3}))
    baseline, mae = analysis.means
    assert (baseline.mean, baseline.n_runs, baseline.n_undefined) == (3.5, 2, 1)
    assert (mae.mean, mae.n_runs, mae.n_undefined) == (None, 0, 3)
    assert [(run.value, run.n_undefined) for run in analysis.run_means[:2]] == [(3.0, 0), (None, 1)]


def test_figures_of_foreign_runs_and_unknown_metrics_are_left_alone() -> None:
    foreign = run_table({"elsewhere": [1.0]})
    unknown = run_table({"mae": [1.0]}, metric="speed")
    assert with_run_scores(pd.concat([foreign, unknown])).means == ()


def test_figures_of_diverged_runs_are_left_out() -> None:
    runs = tuple(replace(run, diverged=run.seed == 2) for run in design_of().runs)
    analysis = with_run_scores(run_table({"mae": [1.0, 3.0, 50.0]}), runs=runs)
    assert [(mean.mean, mean.n_runs) for mean in analysis.means] == [(2.0, 2)]
    assert len(analysis.run_means) == 2


def test_two_figures_of_one_run_are_refused() -> None:
    table = run_table({"mae": [1.0, 2.0]})
    with pytest.raises(StudyError, match=r"run mae-vit-seed0 has more than one value of unique_detectors\[layer=2\]"):
        with_run_scores(pd.concat([table, table.iloc[:1]]))
    with pytest.raises(StudyError, match="run scores: no column value"):
        with_run_scores(table.drop(columns="value"))
