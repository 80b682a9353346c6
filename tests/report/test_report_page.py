"""The page and the PDF: complete, self-contained, and with the numbers of results.json only."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import ImageFile
from pypdf import PdfReader
from report_builder import Made, made_up
from report_reading import HOLES, NUMBER, formatted, outline, page_of, text_of_pdf

from study.errors import DependencyError
from study.report import glyphs, pdf, render, summary
from study.report import render as render_report
from study.report.front import Fit, front
from study.report.notes import Notes
from study.report.render import RenderedReport
from study.report.terms import TERMS, Language


def test_all_files_are_written_and_pages_are_counted(rendered: RenderedReport) -> None:
    assert rendered.pages == len(PdfReader(rendered.pdf).pages) <= 12
    assert rendered.warnings == ()
    for path in (rendered.html, rendered.results, rendered.contrasts, rendered.metrics, rendered.tables):
        assert path.stat().st_size > 500
    assert rendered.html.stat().st_size < 3_000_000
    assert rendered.pdf.stat().st_size < 2_000_000


def test_a_pdf_leaves_the_reading_of_broken_films_strict(rendered: RenderedReport) -> None:
    assert rendered.pdf.is_file()
    assert not ImageFile.LOAD_TRUNCATED_IMAGES, "truncated films would be taken for whole ones"


def test_page_one_is_one_page_and_section_two_begins_the_next(rendered: RenderedReport) -> None:
    first, second = text_of_pdf(rendered.pdf, 1), text_of_pdf(rendered.pdf, 2)
    assert "The answer" in first
    assert "Read this before quoting" in first
    assert re.search(r"2\s+Design", second)
    assert not re.search(r"2\s+Design", first)


def test_every_number_of_page_and_pdf_is_in_the_results(rendered: RenderedReport, rendered_results: Any) -> None:
    known = formatted(rendered_results)
    page = re.sub(r"<svg.*?</svg>", " ", page_of(rendered), flags=re.DOTALL)
    for text in (glyphs.text_of(page), text_of_pdf(rendered.pdf, 1), text_of_pdf(rendered.pdf, 3)):
        strange = {number for number in NUMBER.findall(text) if number.lstrip("+−") not in known}
        assert strange == set()


def test_every_primary_estimate_and_interval_is_on_page_one(rendered: RenderedReport, rendered_results: Any) -> None:
    text = " ".join(text_of_pdf(rendered.pdf, 1).split())
    for row in rendered_results["contrasts"]:
        if row["verdict"]:
            for name in ("estimate", "ci_low", "ci_high"):
                assert f"{abs(row[name]):.3f}"[:4] in text


def test_nothing_undefined_shows(rendered: RenderedReport) -> None:
    page = re.sub(r"<svg.*?</svg>", " ", page_of(rendered), flags=re.DOTALL)
    assert HOLES.findall(glyphs.text_of(page)) == []
    assert HOLES.findall(text_of_pdf(rendered.pdf)) == []
    assert "NaN" not in rendered.results.read_text(encoding="utf8")


def test_the_page_refers_to_nothing_outside_itself(rendered: RenderedReport) -> None:
    page = page_of(rendered)
    found = outline(page)
    assert {reference[:5] for reference in found.references} <= {"data:"} | {f"#{r[1:5]}" for r in found.references}
    assert all(reference.startswith(("data:", "#")) for reference in found.references)
    assert all(url.startswith(("data:", "#")) for url in re.findall(r"url\(['\"]?([^)'\"]*)", page))
    assert "@import" not in page
    assert {anchor[1:] for anchor in found.references if anchor.startswith("#")} <= set(found.ids)


def test_ids_are_unique_pictures_have_words_tables_captions_and_headings_do_not_skip(rendered: RenderedReport) -> None:
    found = outline(page_of(rendered))
    assert len(found.ids) == len(set(found.ids))
    assert all(found.pictures)
    assert found.tables == found.captions
    assert found.headings[0] == 1
    assert all(later - earlier <= 1 for earlier, later in zip(found.headings, found.headings[1:], strict=False))


def test_the_page_holds_the_results_it_was_made_from(rendered: RenderedReport, rendered_results: Any) -> None:
    found = re.search(r'<script type="application/json" id="results">(.*?)</script>', page_of(rendered), re.DOTALL)
    assert found is not None
    assert json.loads(found[1]) == rendered_results


def test_the_pdf_is_tagged_with_outline_language_and_the_three_files(rendered: RenderedReport) -> None:
    reader = PdfReader(rendered.pdf)
    catalog = reader.trailer["/Root"]
    assert catalog["/MarkInfo"]["/Marked"]
    assert catalog["/Lang"] == "en"
    titles = [str(entry["/Title"]) for entry in reader.outline if not isinstance(entry, list)]
    assert [title.split(" ")[0] for title in titles] == [str(n) for n in range(1, 12)]
    assert reader.metadata is not None
    assert reader.metadata.title == "made_up, report 7: Chest-MAE pretraining: where attributions lie"
    for name in ("results.json", "contrasts.csv", "tables.tex"):
        assert reader.attachments[name][0] == (rendered.pdf.parent / name).read_bytes()


def test_the_pdf_has_our_fonts_only(rendered: RenderedReport) -> None:
    done = subprocess.run(["pdffonts", str(rendered.pdf)], capture_output=True, check=True, text=True)
    fonts = [line.split()[0] for line in done.stdout.splitlines()[2:]]
    assert fonts
    assert all("Study-Sans" in font or "StudySans" in font for font in fonts)


def test_every_character_is_in_the_shipped_font(rendered: RenderedReport) -> None:
    text = text_of_pdf(rendered.pdf) + glyphs.text_of(page_of(rendered))
    assert {character for character in text if not character.isspace()} - glyphs.characters() == set()
    words = {character for text in TERMS.values() for character in text.en + text.ko if not character.isspace()}
    assert words - glyphs.characters() == set()
    assert glyphs.WORD_JOINER in glyphs.characters()


def test_korean_words_stay_whole_in_the_pdf_and_entities_survive() -> None:
    page = "<html><body><p title='가나'>가나 다</p><p>a &amp; b</p></body></html>"
    kept = glyphs.keep_words_whole(page)
    assert kept == "<html><body><p title='가나'>가\u2060나 다</p><p>a &amp; b</p></body></html>"


def test_characters_without_a_glyph_are_replaced_and_named() -> None:
    page, unknown = glyphs.drawable("<html><body><p>a똠b</p></body></html>")
    assert page == "<html><body><p>a□b</p></body></html>"
    assert unknown == {"똠"}


def test_a_page_one_that_is_cut_says_where_the_rest_is(results: Any) -> None:
    cut = front(results, Notes(), None, Fit(items=1, details=False, answers=2))
    assert len(cut.answers) == 2
    assert cut.more.en == (
        "1 more primary contrasts: see the table in section 5. "
        "Means, intervals and adjusted p of every primary contrast: section 5."
    )
    assert cut.quote[-1].en == f"{len(front(results, Notes(), None, Fit()).quote) - 1} more: see section 9."


def test_the_terminal_summary_is_page_one_as_text(results: Any) -> None:
    text = summary(results)
    assert "23 / 24 runs finished" in text
    assert "Better for vit_small, by 0.02 or more. Inconclusive for densenet121." in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 110
    assert "결론 유보" in summary(results, "ko")


def test_without_pango_the_page_and_the_data_are_there_and_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> Any:
        raise DependencyError(f"the PDF needs system libraries; install them with: {pdf.INSTALL}")

    monkeypatch.setattr(pdf, "weasyprint", absent)
    made = made_up(Made(arms=("a", "b"), models=("m",), metrics=("ehr",), gallery=False, languages=("en",)))
    with pytest.raises(DependencyError, match=re.escape(pdf.INSTALL)):
        render(made, tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"report.html", "results.json", "contrasts.csv", "metrics.csv", "tables.tex"}


def test_what_weasyprint_complains_about_fails_the_report() -> None:
    with pytest.raises(pdf.RenderingError, match="not-a-property"):
        pdf.lay_out("<html><head><style>p {not-a-property: 1}</style></head><body><p>x</p></body></html>")
    with pytest.raises(pdf.RenderingError, match="picture"):
        pdf.lay_out("<html><body><img alt='' src='file:///nowhere/picture.png'></body></html>")


@pytest.mark.slow
def test_the_same_report_gives_the_same_bytes(rendered: RenderedReport, tmp_path: Path) -> None:
    small = Made(models=("vit_small",), metrics=("ehr", "energy_pg", "insertion", "deletion"))
    again = render_report(made_up(small), tmp_path)
    assert again.html.read_bytes() == rendered.html.read_bytes()
    assert again.pdf.read_bytes() == rendered.pdf.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ko"])
def test_notes_and_changes_reach_the_page(language: Language, tmp_path: Path) -> None:
    notes = tmp_path / "notes.yaml"
    notes.write_text(
        "title: {en: My title, ko: 나의 제목}\nquestions: [Q of mine]\nplan: [Plan of mine]\ndecisions: [Decide this]\n",
        encoding="utf8",
    )
    made = made_up(Made(models=("vit_small",), metrics=("ehr",), languages=(language,), gallery=False))
    rendered = render_report(replace(made, notes_path=notes), tmp_path / "out")
    page = page_of(rendered)
    for words in ("Q of mine", "Plan of mine", "Decide this", {"en": "My title", "ko": "나의 제목"}[language]):
        assert words in page
    assert f'<html lang="{language}">' in page
