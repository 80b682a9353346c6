"""Definitions for section 10, English and Korean: words of the design and of the statistics."""

from __future__ import annotations

from collections.abc import Mapping

DEFINITIONS: Mapping[str, tuple[str, str]] = {
    "name.arm": ("arm", "비교군"),
    "def.arm": ("One recipe: a chain of training stages.", "한 가지 학습 방법: 학습 단계의 사슬."),
    "name.run": ("run", "실행"),
    "def.run": (
        "One arm trained once with one seed; the unit of repetition.",
        "한 비교군을 시드 하나로 한 번 학습한 것; 반복의 단위.",
    ),
    "name.attribution": ("attribution (map)", "기여도 (맵, 히트맵)"),
    "def.attribution": (
        "The relevance of each pixel for one class, by one method.",
        "한 방법이 한 클래스에 대해 매긴 픽셀별 중요도.",
    ),
    "name.delta": ("Δ, 95% CI", "Δ, 95% 신뢰구간"),
    "def.delta": (
        "Difference of arm means, and the values compatible with the data if we trained again and took new images.",
        "비교군 평균의 차이와, 다시 학습하고 새 영상을 얻을 때 데이터와 양립하는 값의 범위.",
    ),
    "name.rank": ("average rank", "평균 순위"),
    "def.rank": (
        "Within each test image the maps are ordered by one metric, 1 = best, ties share; then averaged.",
        "검사 영상마다 한 지표로 맵의 순서를 정하고(1 = 가장 좋음, 동점은 공유) 평균한 값.",
    ),
    "name.critical_difference": ("critical difference", "임계차"),
    "def.critical_difference": (
        "Average ranks closer than this are not told apart (Nemenyi’s test; Demšar 2006).",
        "평균 순위의 차이가 이보다 작으면 구별하지 않음 (Nemenyi 검정; Demšar 2006).",
    ),
    "name.sd": ("± SD", "± SD"),
    "def.sd": ("Spread of the run means. Not a confidence interval.", "실행 평균의 퍼짐. 신뢰구간이 아님."),
    "name.p_adj": ("p adj.", "보정 p"),
    "def.p_adj": (
        "Two-sided p, adjusted for the number of tests in its family. Never shown without Δ and its interval.",
        "검정군의 검정 수로 보정한 양측 p. 차이와 신뢰구간 없이 쓰지 않음.",
    ),
    "name.equivalent": ("equivalent", "동등"),
    "def.equivalent": (
        "Two one-sided tests put the difference inside the margin: the 90% CI lies inside it.",
        "두 단측 검정으로 차이가 한계 안에 있음: 90% 신뢰구간이 한계 안.",
    ),
    "name.inconclusive": ("inconclusive", "결론 유보"),
    "def.inconclusive": (
        "Neither a difference nor equivalence is shown. It is not evidence for either.",
        "차이도 동등도 보이지 못함. 어느 쪽의 근거도 아님.",
    ),
}
