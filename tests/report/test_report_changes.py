"""What changed since the last report."""

from __future__ import annotations

import copy

from study.report.changes import changed
from study.report.results import Results


def said(results: Results, previous: Results | None) -> list[str]:
    return [text.en for text in changed(results, previous)]


def test_a_first_report_says_so(results: Results) -> None:
    assert said(results, None) == ["This is the first report of this study."]


def test_nothing_changed_is_said(results: Results) -> None:
    assert said(results, copy.deepcopy(results)) == ["Nothing changed since report 7."]


def test_verdicts_come_first_then_estimates_then_counts_and_versions(results: Results) -> None:
    previous = copy.deepcopy(results)
    row = next(row for row in previous["contrasts"] if row["contrast_id"] == "mae_random-vit_small-gradcam-ehr")
    row["verdict"]["short"] = {"en": "inconclusive", "ko": "결론 유보"}
    row["estimate"] -= 0.01
    row["n_images"] = 55
    previous["counts"]["runs_finished"] = 20
    previous["metrics"]["ehr"]["version"] = 0
    new = round(row["estimate"] + 0.01, 3)
    assert said(results, previous) == [
        "Q1 MAE random − Baseline vit_small: verdict inconclusive → better, ≥ 0.02.",
        f"Q1 MAE random − Baseline vit_small: Δ +{new - 0.01:.3f} → +{new:.3f}.",
        "Runs finished: 20 / 24 → 23 / 24.",
        "Q1 MAE random − Baseline vit_small: 55 → 60 images.",
        "EHR is computed by version 1 (before: 0); its numbers are new throughout.",
    ]


def test_a_move_of_less_than_a_tenth_of_the_margin_is_not_told(results: Results) -> None:
    previous = copy.deepcopy(results)
    row = next(row for row in previous["contrasts"] if row["verdict"])
    row["estimate"] += 0.0019
    assert said(results, previous) == ["Nothing changed since report 7."]


def test_contrasts_that_came_or_went_are_named(results: Results) -> None:
    previous = copy.deepcopy(results)
    gone = next(row for row in previous["contrasts"] if row["verdict"])
    gone["contrast_id"] = "another"
    assert said(results, previous) == [
        "Q1 MAE random − Baseline vit_small: new contrast.",
        "Q1 MAE random − Baseline vit_small: no longer in the protocol.",
        "No verdict changed since report 7.",
    ]
