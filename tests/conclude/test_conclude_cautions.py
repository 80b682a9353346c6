"""Warnings that come from what stages and films left behind, and their words in both languages."""

from typing import Any

from study.conclude.cautions import HOMOGENEOUS, pasted_letters, proxy, unreadable, unseen_centre
from study.records import Caution, Quarantined
from study.report.terms import TERMS, fill


class Films:
    image_ids = ("a", "b", "c")
    quarantined = (Quarantined("broken.png", "truncated"),)


class Whole:
    image_ids = ("a",)
    quarantined = ()


def english(found: Any) -> list[str]:
    return [words(caution).en for caution in found]


def words(caution: Caution) -> Any:
    return fill(f"caution.{caution.kind}", **caution.values)


def test_files_that_could_not_be_read_are_counted_per_dataset() -> None:
    (found,) = unreadable({"films": Films(), "others": Whole()})  # type: ignore[dict-item]
    assert words(found).en == ("Data ‘films’: 1 of 4 files could not be read and were left out; section 9 lists them.")
    assert words(found).ko == "데이터 ‘films’: 파일 4개 중 1개를 읽지 못해 제외함; 9절에 목록이 있음."


def test_a_saturated_and_a_failed_proxy_are_named_and_a_good_one_is_not() -> None:
    def facts(accuracy: float) -> dict[str, object]:
        return {"kind": "rotation", "accuracy": accuracy, "chance": 0.25}

    found = list(proxy([("p", 0, facts(0.995)), ("p", 1, facts(0.4)), ("p", 2, facts(0.8))]))
    assert english(found) == [
        "p, seed 0: the proxy task is saturated (accuracy 0.995).",
        "p, seed 1: the proxy task was hardly learnt (accuracy 0.400, chance 0.250).",
    ]
    assert words(found[1]).ko == "p, 시드 1: 대리 과제를 거의 학습하지 못함(정확도 0.400, 우연 수준 0.250)."


def test_stages_without_a_proxy_task_raise_no_warning() -> None:
    assert list(proxy([("m", 0, {"kind": "mae"})])) == []


def test_side_letters_that_are_pasted_are_named_once_per_arm() -> None:
    rows = [
        ("saliencymix", 0, {"peaks_in_marker": 0.61}),
        ("saliencymix", 1, {"peaks_in_marker": 0.84}),
        ("without", 0, {"peaks_in_marker": 0.0}),
        ("no_masks", 0, {"peaks_in_marker": None}),
        ("baseline", 0, {}),
    ]
    assert english(pasted_letters(rows)) == [
        "saliencymix: in 84% of the training films the most salient place is the side letter, so saliencymix mostly "
        "pastes letters; saliency_ignores: marker leaves it out."
    ]


def test_masks_that_hide_the_centre_nearly_always_are_named() -> None:
    rows = [
        ("center", 0, {"kind": "mae", "masked_central": 0.984, "centre_hardly_seen": True}),
        ("random", 0, {"kind": "mae", "masked_central": 0.75, "centre_hardly_seen": False}),
        ("baseline", 0, {"kind": "finetune"}),
    ]
    assert english(unseen_centre(rows)) == [
        "center: the masks hide 98.4% of the central patches, so the encoder hardly ever sees the centre."
    ]


def test_every_field_that_should_be_equal_has_words() -> None:
    assert all(f"caution.mixed_{field}" in TERMS for field in HOMOGENEOUS)
