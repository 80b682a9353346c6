"""The hand-written notes."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.errors import DataError
from study.report.asides import warnings
from study.report.notes import Notes, read_notes
from study.report.results import Results
from study.report.terms import Text, same


def test_no_file_is_no_notes(tmp_path: Path) -> None:
    assert read_notes(None) == read_notes(tmp_path / "notes.yaml") == Notes()


def test_texts_are_one_string_or_one_per_language(tmp_path: Path) -> None:
    path = tmp_path / "notes.yaml"
    path.write_text(
        'title: {en: Where, ko: 어디}\nquestions: ["Is it fair?", {ko: 될까요}]\narms: {mae_random: MAE (r)}\n',
        encoding="utf8",
    )
    notes = read_notes(path)
    assert notes.title == Text("Where", "어디")
    assert notes.questions == (Text("Is it fair?", "Is it fair?"), Text("될까요", "될까요"))
    assert notes.arms == {"mae_random": "MAE (r)"}


def test_images_are_picked_by_id_with_or_without_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "notes.yaml"
    path.write_text("by_hand:\n- film-3\n- film-4: odd marker\n- 5: {ko: 표지}\n", encoding="utf8")
    notes = read_notes(path)
    assert list(notes.by_hand) == ["film-3", "film-4", "5"]
    assert notes.picked == (Text("film-3", "film-3"), same("film-4: odd marker"), same("5: 표지"))
    assert [text.en for text in notes.texts() if text] == ["odd marker", "표지"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("by_hand: [[a]]", r"`by_hand` must hold image ids, each alone or as `image id: why`, not \['a'\]"),
        ("by_hand: {a: b}", "`by_hand` must be a list, not {'a': 'b'}"),
        ("[1, 2]", "a mapping is expected, with any of: title, arms, remarks, questions"),
        ("qestions: []", "unknown qestions; known: title, arms"),
        ("questions: one", "`questions` must be a list, not 'one'"),
        ("plan: [{de: ja}]", r"`plan` must hold texts or \{en: ..., ko: ...\}"),
        ("title: {en: [", "not valid YAML"),
    ],
)
def test_mistakes_name_the_file_and_what_is_allowed(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "notes.yaml"
    path.write_text(content, encoding="utf8")
    with pytest.raises(DataError, match=message) as caught:
        read_notes(path)
    assert str(caught.value).startswith(str(path))


def test_forbidden_words_in_notes_are_listed_not_changed(results: Results) -> None:
    notes = Notes(plan=(Text("Show that MAE is significantly better", "유의미한 차이"),))
    found = warnings(results, notes)
    assert found[-1].en == "Hand-written notes contain words that this report avoids: significantly, 유의미."
    assert len(found) == len(results["warnings"]) + 1


def test_a_warning_names_its_arm_as_the_page_does(results: Results) -> None:
    (found,) = warnings(results, Notes())
    assert found.en == "MAE random, seed 11: the proxy task is saturated (accuracy 0.995)."
    assert found.ko == "MAE random, 시드 11: 대리 과제가 포화됨(정확도 0.995)."
    (told,) = results["warnings"]
    assert told["kind"] == "saturated"
    assert told["words"]["en"].startswith("mae_random, seed 11: ")
