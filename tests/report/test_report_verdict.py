"""The verdict is a function of the finding: every row of the rule, and its edges."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from study.records import Finding
from study.report.results import Results
from study.report.terms import Text, join
from study.report.verdict import judge
from study.report.wording import remarks, voice

BASE = Finding(
    "c",
    "q",
    "primary",
    m=3,
    model="vit",
    attribution="gradcam",
    metric="ehr",
    metric_version=1,
    treatment="mae",
    control="baseline",
    higher_is_better=True,
    status="ok",
)


def finding(estimate: float, half: float, p: float, **more: Any) -> Finding:
    """An estimate with its 95% interval; the 90% one is four fifths as wide."""
    low90, high90 = estimate - 0.8 * half, estimate + 0.8 * half
    margin = more.pop("margin", 0.02)
    inside = margin is not None and low90 > -margin and high90 < margin
    return replace(
        BASE,
        estimate=estimate,
        ci_low=estimate - half,
        ci_high=estimate + half,
        ci90_low=low90,
        ci90_high=high90,
        p_adjusted=p,
        margin=margin,
        p_tost=None if margin is None else 0.01 if inside else 0.3,
        **more,
    )


@pytest.mark.parametrize(
    ("made", "kind", "way", "mark", "short"),
    [
        (finding(0.044, 0.01, 0.001), "beyond", "better", "black", "better, ≥ 0.02"),
        (finding(0.03, 0.02, 0.01), "differs", "better", "black", "better"),
        (finding(0.01, 0.005, 0.01), "within", "better", "grey", "better, within ±0.02"),
        (finding(0.002, 0.01, 0.9), "equivalent", "", "grey", "equivalent"),
        (finding(0.016, 0.02, 0.3), "inconclusive", "", "white", "inconclusive"),
        (finding(-0.044, 0.01, 0.001), "beyond", "worse", "black", "worse, ≥ 0.02"),
        (finding(0.044, 0.01, 0.001, margin=None), "differs", "better", "black", "better"),
        (finding(0.002, 0.01, 0.9, margin=None), "inconclusive", "", "white", "inconclusive"),
        (finding(0.044, 0.01, 0.001, higher_is_better=False), "beyond", "worse", "black", "worse, ≥ 0.02"),
        (finding(0.044, 0.01, 0.001, higher_is_better=None), "beyond", "higher", "black", "higher, ≥ 0.02"),
        (replace(BASE, status="no_data"), "not_tested", "", "none", "not tested"),
    ],
)
def test_the_first_row_that_fits_wins(made: Finding, kind: str, way: str, mark: str, short: str) -> None:
    verdict = judge(made)
    assert (verdict.kind, verdict.way, verdict.mark, verdict.short.en) == (kind, way, mark, short)


GOLDEN = [
    (
        finding(0.044, 0.01, 0.001),
        Text("Better, by 0.02 or more", "의미 있는 개선 (0.02 이상)"),
        Text("The whole interval lies above the margin.", "신뢰구간 전체가 한계값보다 큼."),
    ),
    (
        finding(-0.044, 0.01, 0.001),
        Text("Worse, by 0.02 or more", "의미 있는 악화 (0.02 이상)"),
        Text("The whole interval lies below the negative margin.", "신뢰구간 전체가 음의 한계값보다 작음."),
    ),
    (finding(0.03, 0.02, 0.01), Text("Better", "개선 (크기 미정)"), Text("", "")),
    (finding(-0.03, 0.02, 0.01), Text("Worse", "악화 (크기 미정)"), Text("", "")),
    (
        finding(0.01, 0.005, 0.01),
        Text("Better, within ±0.02", "미미한 개선 (±0.02 안)"),
        Text(
            "The difference is inside ±0.02 (90% CI +0.006 to +0.014).",
            "차이가 ±0.02 안에 있음 (90% 신뢰구간 +0.006 ~ +0.014).",
        ),
    ),
    (
        finding(0.002, 0.01, 0.9),
        Text("Equivalent within ±0.02", "±0.02 안에서 동등"),
        Text(
            "The difference is inside ±0.02 (90% CI −0.006 to +0.010).",
            "차이가 ±0.02 안에 있음 (90% 신뢰구간 −0.006 ~ +0.010).",
        ),
    ),
    (
        finding(0.016, 0.02, 0.3),
        Text("Inconclusive", "결론 유보"),
        Text("The interval contains both 0 and the margin.", "신뢰구간에 0과 한계값이 모두 들어 있음."),
    ),
    (
        finding(0.002, 0.01, 0.9, margin=None),
        Text("Inconclusive", "결론 유보"),
        Text("The interval contains 0.", "신뢰구간에 0이 들어 있음."),
    ),
]


@pytest.mark.parametrize(("made", "head", "remark"), GOLDEN)
def test_headline_and_sentence_of_every_verdict_in_both_languages(
    made: Finding, head: Text, remark: Text, results: Results
) -> None:
    verdict = judge(made)
    assert verdict.head + verdict.tail == head
    assert join(remarks({**asdict(made), "verdict": asdict(verdict)}, voice(results))) == remark


def test_an_interval_that_ends_at_zero_does_not_exclude_it(results: Results) -> None:
    at_zero = replace(finding(0.03, 0.03, 0.06), ci_low=0.0)
    assert judge(at_zero).kind == "inconclusive"
    said = remarks({**asdict(at_zero), "verdict": asdict(judge(at_zero))}, voice(results))
    assert [text.en for text in said] == ["The interval contains both 0 and the margin."]


def test_a_bound_on_the_margin_is_not_beyond_it() -> None:
    on_it = replace(finding(0.03, 0.01, 0.001), ci_low=0.02)
    assert judge(on_it).kind == "differs"
    assert judge(replace(on_it, ci_low=0.0200001)).kind == "beyond"


def test_p_equal_to_the_level_is_not_below_it() -> None:
    assert judge(finding(0.03, 0.02, 0.05)).kind == "inconclusive"
    assert judge(finding(0.03, 0.02, 0.049999)).kind == "differs"


def test_an_interval_that_excludes_zero_stays_inconclusive_after_adjustment() -> None:
    assert judge(finding(0.03, 0.02, 0.06)).kind == "inconclusive"


@pytest.mark.parametrize("estimate", [0.044, 0.03, 0.01, 0.002])
def test_swapping_the_arms_swaps_the_direction_and_nothing_else(estimate: float) -> None:
    there, back = judge(finding(estimate, 0.01, 0.01)), judge(finding(-estimate, 0.01, 0.01))
    assert there.kind == back.kind
    assert {there.way, back.way} in ({"better", "worse"}, {""})


def test_a_margin_set_later_is_said_beside_the_verdict() -> None:
    verdict = judge(finding(0.002, 0.01, 0.9, margin_set_later=True))
    assert verdict.short.en == "equivalent (margin set later)"
    assert verdict.short.ko == "동등 (한계는 나중에 정함)"


def test_one_run_per_arm_judges_these_models_only() -> None:
    one = replace(
        BASE,
        status="insufficient_runs",
        estimate=0.04,
        ci_models_low=0.03,
        ci_models_high=0.05,
        p_adjusted=0.001,
        margin=0.02,
    )
    verdict = judge(one)
    assert verdict.models_only
    assert verdict.head.en + verdict.tail.en == "Better, by 0.02 or more (for these trained models)"


def test_a_margin_in_percent_is_written_in_percent() -> None:
    verdict = judge(finding(0.002, 0.01, 0.9), unit="percent")
    assert verdict.head.en == "Equivalent within ±2"
