"""What the report says of a dataset besides its pictures: counts, classes and choices, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.report import numbers
from study.report.terms import Text, join, same

Row = Mapping[str, Any]
_HIDDEN = frozenset({"quarantined", "digest", "name", "fingerprint", "sha256", "bits", "size_px"})
_TABLED = frozenset({"several_labels", "films_by_finding", "films_without_finding", "findings_all_or_none_have"})
"""Where films have several findings, these stand in a table of their own."""
NOT_TOLD = _HIDDEN | _TABLED
DATA_NAMED = frozenset({"test_labels", "films_by_finding", "parts"})
"""Facts whose inner names are classes or parts of the data, not words."""
NAMES: Mapping[str, str] = {
    "films": "영상",
    "splits": "분할",
    "train": "학습",
    "val": "검증",
    "test": "검사",
    "unlabelled": "라벨 없음",
    "classes": "클래스",
    "test_labels": "검사 영상의 라벨",
    "test_with_boxes": "상자가 있는 검사 영상",
    "test_explained": "설명한 검사 영상",
    "test_patients": "검사 환자",
    "mean": "평균",
    "std": "표준편차",
    "format": "형식",
    "anatomy": "부위",
    "effect": "효과 크기",
    "marker": "표시 글자 연관",
    "resize": "크기 맞춤",
    "resampling": "보간",
    "source_px": "원본 픽셀",
    "smallest": "최소",
    "median": "중앙값",
    "largest": "최대",
    "source_bits": "원본 비트",
    "deep_films": "8비트를 넘는 영상",
    "white": "흰색 값",
    "patients": "환자",
    "films_without_patient": "환자를 모르는 영상",
    "divided_by": "분할 단위",
    "labelled_films_divided_here": "여기서 나눈 라벨 영상",
    "identical_files": "내용이 같은 파일",
    "boxes_clipped": "잘린 상자",
    "notes": "메모",
    "films_with_boxes_drawn_on_another_size": "다른 크기에 그린 상자가 있는 영상",
    "pixel_spacing_mm": "픽셀 간격(mm)",
    "films_without": "없는 영상",
    "left_out": "제외",
    "label_rule": "라벨 규칙",
    "labels_table": "라벨 표",
    "films_listed": "표에 있는 영상",
    "listed_without_film": "파일이 없는 행",
    "finding": "소견",
    "against": "비교 대상",
    "splits_given": "분할이 주어짐",
    "boxes_of_other_findings": "다른 소견의 상자",
    "boxes_of_other_categories": "다른 범주의 상자",
    "annotation_files": "주석 파일",
    "annotations_without_film": "영상이 없는 주석",
    "text_files_without_film": "영상이 없는 텍스트 파일",
    "boxes_around": "상자를 두른 부분",
    "window": "창",
    "patient_ids": "환자 ID",
    "parts": "부분",
    "several_labels": "여러 라벨",
    "label outside the chosen classes": "선택한 클래스 밖의 라벨",
    "unlabelled film of a val or test patient": "검증·검사 환자의 라벨 없는 영상",
    "not in the table of labels": "라벨 표에 없음",
    "boxes of several categories": "여러 범주의 상자",
    "listed, but its file is not there": "목록에 있으나 파일이 없음",
}
_VALUES: Mapping[tuple[str, str], str] = {
    ("divided_by", "patient"): "환자",
    ("divided_by", "film"): "영상",
    ("splits_given", "True"): "예",
    ("several_labels", "True"): "예",
    ("anatomy", "shoulder"): "어깨",
    ("anatomy", "chest"): "흉부",
    ("label_rule", "table"): "표",
    (
        "white",
        "the largest value of the bit depth that holds every film with more than 8 bits",
    ): "8비트를 넘는 모든 영상을 담는 비트 깊이의 최댓값",
}


def data_text(facts: Row) -> Text:
    """Counts, classes and the other plain facts of a dataset, as `name value; name value`."""
    hidden = NOT_TOLD if facts.get("several_labels") else _HIDDEN
    told = ((key, _told(key, value)) for key, value in facts.items() if key not in hidden and _is_told(value))
    return join([_name(key) + same(" ") + value for key, value in told if value], "; ")


def _is_told(value: Any) -> bool:
    return value not in (0, None, "")


def _name(key: str) -> Text:
    english = key.replace("_", " ")
    return Text(english, NAMES.get(key, english))


def _told(key: str, value: Any) -> Text:
    if isinstance(value, Mapping):
        name = same if key in DATA_NAMED else _name
        return join(
            [name(str(k)) + same(" ") + _told(str(k), item) for k, item in value.items() if _is_told(item)], ", "
        )
    text = plain(value)
    return Text(text, _VALUES.get((key, text), text))


def plain(value: Any) -> str:
    """Plain data on one line: `a 1, b 2`, with four digits of a fraction."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items() if _is_told(item))
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return numbers.count(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)
