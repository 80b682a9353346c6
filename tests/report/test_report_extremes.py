"""Reports of the smallest, the largest and the oddest studies: whole, legible and inside their pages."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pytest
from pypdf import PdfReader
from report_builder import Made, made_up
from report_reading import (
    HOLES,
    NUMBER,
    Outline,
    formatted,
    outline,
    page_of,
    strangers_above,
    text_of_pdf,
    words_by_page,
)

from study.registry import ATTRIBUTIONS
from study.report import glyphs
from study.report import render as render_report
from study.report.render import ATTACHED, RenderedReport

ONE = Made(models=("vit_small",), metrics=("ehr", "energy_pg", "insertion"))
WIDE = Made().metrics
TWO_ARMS = ("baseline", "mae_random")
HARD_NAME = "a_very_long_name_<50%>_&_한글이름_of_forty"
TWENTY = (
    *(label for label in ATTRIBUTIONS if not ATTRIBUTIONS[label].control),
    *("gradcam[layer=2]", "gradcam[layer=4]"),
)
EXTREMES = {
    "one arm": replace(ONE, arms=("baseline",), failed=False, metrics=WIDE),
    "two arms, one run": replace(ONE, arms=TWO_ARMS, seeds=(11,), failed=False),
    "no boxes": replace(ONE, metrics=("insertion", "deletion"), primary="insertion"),
    "no margin, Korean first": replace(ONE, margin=None, languages=("ko", "en")),
    "all undefined": replace(ONE, undefined=True, metrics=WIDE),
    "hard name": replace(ONE, arms=("baseline", HARD_NAME)),
    "hard name, Korean only": replace(ONE, arms=(HARD_NAME, "b"), languages=("ko",), gallery=False),
    "twelve arms, two models": replace(
        ONE, arms=("baseline", *(f"arm_{n}" for n in range(11))), models=("a", "b"), attributions=("gradcam",)
    ),
    "four models": replace(ONE, arms=TWO_ARMS, models=("vit_small", "vit_base", "densenet121", "resnet50")),
    "everything in the notes": replace(ONE, arms=TWO_ARMS),
    "twenty attributions": replace(ONE, arms=TWO_ARMS, attributions=TWENTY, methods=True),
}
NOTES = {
    "title": {"en": "Where maps lie", "ko": "맵의 위치"},
    "arms": {"mae_random": "MAE (random)"},
    "questions": ["Is it fair?", {"en": "How many more?", "ko": "몇 번 더?"}],
    "decisions": ["Buy seeds or films"],
    "plan": ["Kim: five more seeds, until 22 April"],
    "by_hand": [
        {"img_003": "the marker is in the box"},
        {"img_004": {"en": "two readers differ", "ko": "판독자 의견 다름"}},
        "img_005",
    ],
    "remarks": {f"s{n}": f"Remark of section {n}" for n in range(1, 13)},
}
NOTED = "everything in the notes"
PAGE_PT, MARGIN_PT = (595.28, 841.89), 15 * 72 / 25.4


@dataclass(frozen=True)
class Extreme:
    """A rendered report and what it was made of."""

    made: Made
    files: RenderedReport

    @cached_property
    def page(self) -> str:
        return page_of(self.files)

    @cached_property
    def outline(self) -> Outline:
        return outline(self.page)

    @cached_property
    def text(self) -> str:
        return text_of_pdf(self.files.pdf)

    @property
    def results(self) -> Any:
        return json.loads(self.files.results.read_text(encoding="utf8"))


@pytest.fixture(scope="module", params=EXTREMES)
def extreme(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Extreme:
    """A report; WeasyPrint's complaints, a missing glyph among them, would be errors."""
    folder = tmp_path_factory.mktemp("extreme")
    made = EXTREMES[request.param]
    report = made_up(made)
    if request.param == NOTED:
        notes = folder / "notes.yaml"
        notes.write_text(json.dumps(NOTES, ensure_ascii=False), encoding="utf8")
        report = replace(report, notes_path=notes)
    return Extreme(made, render_report(report, folder / "out"))


pytestmark = pytest.mark.slow  # each case is a whole report


def test_nothing_undefined_and_no_raw_value_shows(extreme: Extreme) -> None:
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", extreme.page, flags=re.DOTALL)
    assert HOLES.findall(glyphs.text_of(page)) == []
    assert HOLES.findall(extreme.text) == []
    assert "NaN" not in extreme.files.results.read_text(encoding="utf8")


def test_ids_headings_pictures_and_tables_are_in_order(extreme: Extreme) -> None:
    found = extreme.outline
    assert len(found.ids) == len(set(found.ids))
    assert found.headings[0] == 1
    assert all(later - earlier <= 1 for earlier, later in zip(found.headings, found.headings[1:], strict=False))
    assert found.pictures
    assert all(found.pictures)
    assert found.tables == found.captions > 0


def test_page_one_is_one_page_and_the_outline_has_every_section(extreme: Extreme) -> None:
    reader = PdfReader(extreme.files.pdf)
    entries = [entry for entry in reader.outline if not isinstance(entry, list)]
    starts = [reader.get_destination_page_number(entry) for entry in entries]
    sections = re.findall(r'<section class="s(\d+)', extreme.page)
    assert [str(entry["/Title"]).split()[0] for entry in entries] == sections
    assert sections[0] == "1"
    assert starts[:2] == [0, 1]
    assert starts == sorted(starts)


def test_nothing_but_the_running_head_stands_above_the_text(extreme: Extreme) -> None:
    assert strangers_above(extreme.files.pdf) == []


def test_the_attachments_are_the_files(extreme: Extreme) -> None:
    attached = PdfReader(extreme.files.pdf).attachments
    assert set(attached) == set(ATTACHED)
    for name in ATTACHED:
        assert attached[name][0] == (extreme.files.pdf.parent / name).read_bytes()


def test_every_number_of_page_one_is_in_the_results(extreme: Extreme) -> None:
    known = formatted(extreme.results)
    text = text_of_pdf(extreme.files.pdf, 1)
    assert {number for number in NUMBER.findall(text) if number.lstrip("+−") not in known} == set()


def test_every_letter_is_in_the_shipped_font_and_names_are_text(extreme: Extreme) -> None:
    assert extreme.files.warnings in ((), (f"The PDF has {extreme.files.pages} pages.",))
    letters = set(extreme.text + glyphs.text_of(extreme.page))
    assert {letter for letter in letters if not letter.isspace()} - glyphs.characters() == set()
    assert "<50" not in extreme.page
    if HARD_NAME in extreme.made.arms:
        assert "<50%>" in glyphs.text_of(extreme.page)
        assert "한글이름" in extreme.text.replace("\n", "")


def test_nothing_is_wider_than_its_page(extreme: Extreme) -> None:
    words = [word for page in words_by_page(extreme.files.pdf) for word in page]
    assert len(words) > 500
    (width, height), slack = PAGE_PT, 2.0  # less than a millimetre
    outside = [
        (text, round(left), round(right))
        for left, top, right, bottom, text in words
        if left < MARGIN_PT - slack or right > width - MARGIN_PT + slack or top < 0 or bottom > height
    ]
    assert outside == []


@pytest.mark.parametrize("extreme", [NOTED], indirect=True)
def test_all_hand_written_notes_are_printed(extreme: Extreme) -> None:
    page, paper = (" ".join(text.split()) for text in (glyphs.text_of(extreme.page), extreme.text))
    for text in (page, paper):
        for words in ("Where maps lie", "맵의 위치", "MAE (random)", "Is it fair?", "How many more?"):
            assert words in text
        for words in ("Buy seeds or films", "Kim: five more seeds", "Chosen by hand", "the marker is in the box"):
            assert words in text
        assert [n for n in range(1, 13) if f"Remark of section {n}" not in text] == []
    assert "몇 번 더?" in page
    assert "판독자 의견 다름" in page
