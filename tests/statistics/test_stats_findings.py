"""Images that may have several findings: figures by hand, and the whole analysis."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from stats_study import design_of, prediction_rows, score_rows

from study.errors import StudyError
from study.records import Analysis, Contrast, Rules
from study.registry import RUN_METRICS, class_auc_facts
from study.statistics import analyse
from study.statistics.auc import auc, mean_auc, usable_classes
from study.statistics.classification import brier, class_aucs, correct, ece

NAMES = ("effusion", "mass", "hernia")
TRUTH = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]])
P = np.array([[[0.9, 0.2, 0.1], [0.4, 0.6, 0.5], [0.5, 0.7, 0.0], [0.1, 0.3, 0.2]]])


def test_accuracy_and_brier_score_by_hand() -> None:
    # at .5: right 3 of 3; .4 misses and .5 says yes to hernia: 1 of 3; .5 says yes to effusion: 2 of 3; 3 of 3
    assert correct(P, TRUTH) == pytest.approx(np.array([[1, 1 / 3, 2 / 3, 1]]))
    wanted = [(0.01 + 0.04 + 0.01) / 3, (0.36 + 0.16 + 0.25) / 3, (0.25 + 0.09 + 0) / 3, (0.01 + 0.09 + 0.04) / 3]
    assert brier(P, TRUTH) == pytest.approx(np.array([wanted]))
    broken = P.copy()
    broken[0, 1, 2] = np.nan
    assert np.isnan(correct(broken, TRUTH)).tolist() == [[False, True, False, False]]
    assert np.isnan(brier(broken, TRUTH)).tolist() == [[False, True, False, False]]


def test_calibration_error_is_the_mean_over_findings_of_their_own() -> None:
    truth = np.array([[1, 0], [0, 0], [1, 1], [1, 0]])
    p = np.array([[[0.61, 0.01], [0.62, 0.02], [0.99, 0.03], [0.98, 0.04]]])
    # first: (9/15, 10/15] holds .61, .62: |.5 - .615|; (14/15, 1]: |1 - .985|; second: one bin, |.25 - .025|
    first, second = (abs(0.5 - 0.615) + abs(1 - 0.985)) / 2, abs(0.25 - 0.025)
    assert ece(p, truth).figures == pytest.approx([(first + second) / 2])
    single = np.stack([1 - p[:, :, 0], p[:, :, 0]], axis=2)
    assert ece(single, truth[:, 0]).figures == pytest.approx([first])  # all above .5: the same question


def test_influence_of_the_calibration_error_is_that_of_leaving_out_each_patient() -> None:
    rng = np.random.default_rng(1)
    p, truth, patients = rng.random((2, 30, 3)), rng.integers(0, 2, (30, 3)), np.arange(30) // 2
    found = ece(p, truth, patients)
    without = np.stack([ece(p[:, patients != g], truth[patients != g]).figures for g in range(15)], axis=1)
    wanted = np.sqrt(14 / 15) * (without - without.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(found.influence, wanted, atol=1e-12)


def test_the_macro_auc_is_over_findings_that_two_images_have_and_two_lack() -> None:
    assert usable_classes(TRUTH, 3) == (0, 1)
    # effusion: .9, .4 against .5, .1: 3 of 4 pairs; mass: .6, .7 against .2, .3: all
    assert mean_auc(P, TRUTH).figures.tolist() == [(0.75 + 1) / 2]
    by_class = class_aucs(P, TRUTH, classes=NAMES)
    assert [float(made.figures[0]) for made in by_class.values()] == pytest.approx([0.75, 1.0, np.nan], nan_ok=True)
    assert list(by_class) == ["auc[class=effusion]", "auc[class=mass]", "auc[class=hernia]"]


def test_two_findings_are_two_questions_not_two_sides_of_one() -> None:
    p, truth = P[:, :, :2], TRUTH[:, :2]
    assert mean_auc(p, truth).figures.tolist() == [(0.75 + 1) / 2]
    assert list(class_aucs(p, truth, classes=NAMES[:2])) == ["auc[class=effusion]", "auc[class=mass]"]
    assert set(class_auc_facts(NAMES[:2], several=True)) == {"auc[class=effusion]", "auc[class=mass]"}
    assert class_auc_facts(NAMES[:2]) == {}


def test_influence_of_the_macro_auc_is_the_mean_of_delongs() -> None:
    rng = np.random.default_rng(2)
    p, truth, patients = rng.random((3, 40, 3)), rng.integers(0, 2, (40, 3)), np.arange(40) // 2
    found = mean_auc(p, truth, patients)
    parts = [auc(p[:, :, k], truth[:, k], patients) for k in range(3)]
    np.testing.assert_allclose(found.influence, np.mean([part.influence for part in parts], axis=0))
    assert found.figures == pytest.approx([roc_auc_score(truth, run, average="macro") for run in p])


def study(truth: NDArray[np.int64], p: dict[str, NDArray[np.float64]], **changes: Any) -> Analysis:
    """Arm -> [S, n, K] predictions through the whole analysis."""
    shared = prediction_rows({arm: values[:, :, 0] for arm, values in p.items()}, 0)
    rows = shared.drop(columns=["p_0", "p_1", "label"])
    for k in range(truth.shape[1]):
        rows[f"p_{k}"] = np.concatenate([values[:, :, k].ravel() for values in p.values()])
        rows[f"y_{k}"] = np.tile(truth[:, k], sum(len(values) for values in p.values()))
    facts = dict(RUN_METRICS) | class_auc_facts(NAMES, several=True)
    contrasts = tuple(
        Contrast(name, "q", "secondary", "mae", "baseline", "vit", "", name) for name in changes.pop("contrasted", ())
    )
    settings = {"contrasts": contrasts, "metrics": facts, "classes": NAMES} | changes
    empty = score_rows({"baseline": np.zeros((1, 1))}).iloc[:0]
    return analyse(design_of(tuple(p), **settings), empty, pd.DataFrame(rows))


def random_study(n: int = 60) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    rng = np.random.default_rng(5)
    truth = (rng.random((n, 3)) < [0.5, 0.3, 0.0]).astype(np.int64)
    truth[7, 2] = 1  # one image has the last finding: too few for the mean
    logits = rng.normal(-1, 1, (2, 3, n, 3)) + truth * np.array([1.0, 2.0])[:, None, None, None]
    p = 1 / (1 + np.exp(-logits))
    return truth, {"baseline": p[0], "mae": p[1]}


def test_contrasts_of_several_findings_from_tables_to_findings() -> None:
    truth, p = random_study()
    names = ("auc", "auc[class=mass]", "accuracy", "brier", "ece")
    analysis = study(truth, p, contrasted=names)
    found = {finding.contrast_id: finding for finding in analysis.findings}
    assert set(found) == set(names)
    area = {arm: np.mean([roc_auc_score(truth[:, :2], run[:, :2]) for run in runs]) for arm, runs in p.items()}
    assert found["auc"].estimate == pytest.approx(area["mae"] - area["baseline"])
    mass = {arm: np.mean([roc_auc_score(truth[:, 1], run[:, 1]) for run in runs]) for arm, runs in p.items()}
    assert found["auc[class=mass]"].estimate == pytest.approx(mass["mae"] - mass["baseline"])
    right = {arm: ((runs >= 0.5) == truth).mean() for arm, runs in p.items()}
    assert found["accuracy"].estimate == pytest.approx(right["mae"] - right["baseline"])
    squares = {arm: ((runs - truth) ** 2).mean() for arm, runs in p.items()}
    assert found["brier"].estimate == pytest.approx(squares["mae"] - squares["baseline"])
    for finding in found.values():
        assert finding.status == "ok"
        assert finding.ci_low < finding.estimate < finding.ci_high  # type: ignore[operator]
        assert finding.ci_bootstrap_low is not None
        assert finding.ci_bootstrap_low < finding.estimate < finding.ci_bootstrap_high  # type: ignore[operator]
    assert any(code.startswith("classes_left_out") for code in found["auc"].notes)
    assert not any(code.startswith("classes_left_out") for code in found["auc[class=mass]"].notes)
    means = {(mean.arm, mean.metric): mean.mean for mean in analysis.means}
    assert means["mae", "auc"] == pytest.approx(area["mae"])


def test_images_with_several_findings_cannot_be_drawn_within_classes() -> None:
    truth, p = random_study()
    with pytest.raises(StudyError, match=r"an image may have several of them; set analysis\.strata to none"):
        study(truth, p, contrasted=("auc",), rules=Rules(strata="class"))
