"""Counts, classes and choices of a dataset in both languages."""

from study.report.data_words import data_text

FACTS = {
    "format": "csv",
    "splits": {"train": 1600, "val": 20, "test": 40, "unlabelled": 0},
    "classes": ["normal", "test"],
    "test_labels": {"normal": 22, "test": 18},
    "divided_by": "patient",
    "source_px": {"smallest": [512, 400], "largest": [2048, 2048]},
    "mean": 0.43121,
    "deep_films": 0,
    "left_out": {"label outside the chosen classes": 6},
    "digest": "sha256:1f",
    "made_elsewhere": 3,
}


def test_facts_are_told_in_both_languages_and_classes_keep_their_names() -> None:
    text = data_text(FACTS)
    assert text.en == (
        "format csv; splits train 1,600, val 20, test 40; classes normal, test; test labels normal 22, test 18; "
        "divided by patient; source px smallest 512, 400, largest 2,048, 2,048; mean 0.4312; "
        "left out label outside the chosen classes 6; made elsewhere 3"
    )
    assert text.ko == (
        "형식 csv; 분할 학습 1,600, 검증 20, 검사 40; 클래스 normal, test; 검사 영상의 라벨 normal 22, test 18; "
        "분할 단위 환자; 원본 픽셀 최소 512, 400, 최대 2,048, 2,048; 평균 0.4312; "
        "제외 선택한 클래스 밖의 라벨 6; made elsewhere 3"
    )


def test_of_several_labels_the_balance_is_not_told_twice() -> None:
    assert (
        data_text({"several_labels": True, "films_by_finding": {"train": {"Mass": 3}}, "patients": 2}).en
        == "patients 2"
    )
