"""The check that says what the finished design finds at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_analysis import analysis
from report_design import Made

from study.records import Analysis, Spread
from study.report.smallest import smallest_differences

ROW = Spread("vit_small", "gradcam", "ehr", "nested", 4, 3, 8, 60, 60, 1e-4, 1e-3, 1e-3, smallest_difference=0.0314)


def with_spreads(*rows: Spread, **knobs: float | None) -> Analysis:
    return replace(analysis(Made(**knobs)), spreads=rows)  # type: ignore[arg-type]


def test_a_difference_above_the_margin_is_marked_and_says_its_question_n_and_m() -> None:
    ((state, result, meaning),) = smallest_differences(with_spreads(ROW))
    assert state == "part"
    assert result.en.startswith("0.031 (")
    assert result.en.endswith(", vit_small)")
    assert meaning.en == (
        "retraining and new images, 3 runs per arm, 60 images, level 0.05 before adjustment (m = 6); "
        "above the margin, 0.02: an inconclusive contrast says little"
    )
    assert "재학습과 새 이미지, 비교군당 실행 3회, 이미지 60장, 보정 전 수준 0.05 (m = 6)" in meaning.ko
    assert "한계(0.02) 초과" in meaning.ko


@pytest.mark.parametrize(
    ("margin", "tail"),
    [(0.04, "; the margin is 0.04"), (0.0314, "; the margin is 0.0314"), (None, "; no margin is declared")],
)
def test_below_the_margin_or_without_one_it_is_fine(margin: float | None, tail: str) -> None:
    ((state, _, meaning),) = smallest_differences(with_spreads(ROW, margin=margin))
    assert state == "ok"
    assert meaning.en.endswith(tail)


def test_a_number_is_not_rounded_onto_the_margin() -> None:
    ((state, result, _),) = smallest_differences(with_spreads(replace(ROW, smallest_difference=0.02004)))
    assert (state, result.en.partition(" ")[0]) == ("part", "0.02004")


def test_patients_are_counted() -> None:
    ((_, _, meaning),) = smallest_differences(with_spreads(replace(ROW, n_clusters=25)))
    assert "60 images of 25 patients" in meaning.en
    assert "환자 25명의 이미지 60장" in meaning.ko


def test_only_primary_questions_with_enough_runs_are_checked() -> None:
    others = (
        replace(ROW, metric="insertion"),
        replace(ROW, attribution="integrated_gradients"),
        replace(ROW, smallest_difference=None),
    )
    assert list(smallest_differences(with_spreads(*others))) == []
    assert len(list(smallest_differences(with_spreads(ROW, replace(ROW, model="densenet121"))))) == 2
