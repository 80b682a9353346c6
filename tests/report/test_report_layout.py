"""The pages of a PDF are full: how many there are for the usual designs, and nothing is wider than its page."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from markupsafe import Markup
from report_builder import Made, made_up
from report_designs import four_doses, report_of
from report_reading import TEXT_FROM_PT, Word, strangers_above, text_of_pdf, words_by_page

from study.records import ReportInput
from study.registry import ATTRIBUTIONS, METRICS
from study.report import glyphs, names, render
from study.report.front import Fit, front
from study.report.gallery import GalleryLine, GalleryTable, _parts, gallery
from study.report.html import FOLDER, Page, content, environment, render_page
from study.report.notes import Notes
from study.report.pdf import lay_out, write_pdf
from study.report.pictures import Pictures
from study.report.results import results as make_results
from study.report.table import Group, Head, Line, Table, number, word_head
from study.report.terms import TERMS, same

SHOWN = (
    *("ehr", "energy_pg", "energy_pg_excess", "insertion", "deletion", "faithfulness_gap"),
    *("average_drop", "coherency", "complexity", "adcc"),
)
USUAL = Made(models=("vit_small",), metrics=SHOWN, primary="energy_pg", failed=False, methods=True)
LONG = "가나다라마바사아자차카타파하" * 2
WORDY = (
    "baseline",
    "무작위_가리기_마스크_오토인코더_사전학습",
    "흉부_영상으로_사전학습한_뒤_어깨_영상_대리과제",
    "mae_long",
    LONG,
)
RIGHT_PT = (210 - 15) / 25.4 * 72 + 1
"""Where the text of a page ends: A4 with a margin of 15 mm."""
NOTICE_PT = (297 - 15) / 25.4 * 72
"""Where it ends at the bottom."""
LEFT_PT = 60.0
"""The heads of rows begin further left."""


def words_of(pdf: Path) -> list[tuple[float, str]]:
    """(right edge in points, word) of all words."""
    return [(word.right, word.text) for words in words_by_page(pdf) for word in words]


def gallery_pages(pdf: Path, report: ReportInput) -> dict[str, list[int]]:
    """Rule -> pages on which the heads of its rows stand."""
    pages = [{word.text for word in words if word.left < LEFT_PT} for words in words_by_page(pdf)]
    rules: dict[str, list[int]] = {row.rule: [] for row in report.gallery}
    for row in report.gallery:
        rules[row.rule] += [n for n, heads in enumerate(pages, 1) if row.image_id in heads]
    return rules


def row_heads(words: Sequence[Word]) -> list[Word]:
    """The first word of every line that begins where the heads of rows do, from the top."""
    lines = {round(word.top): word for word in sorted(words, reverse=True) if TEXT_FROM_PT < word.top < NOTICE_PT}
    return [lines[top] for top in sorted(lines) if lines[top].left < LEFT_PT]


def with_films(report: ReportInput, arms: tuple[str, ...]) -> ReportInput:
    made = made_up(Made(arms=arms, models=("vit_small",), metrics=("ehr",), methods=True, failed=False))
    return replace(report, gallery=made.gallery, methods=made.methods)


@pytest.mark.slow
def test_the_default_design_has_at_most_twelve_pages_and_no_word_beside_them(tmp_path: Path) -> None:
    rendered = render(made_up(USUAL), tmp_path)
    assert rendered.pages <= 12
    assert rendered.warnings == ()
    assert [word for word in words_of(rendered.pdf) if word[0] > RIGHT_PT] == []
    assert strangers_above(rendered.pdf) == []


@pytest.mark.slow
def test_a_design_with_doses_has_at_most_thirteen_pages(tmp_path: Path) -> None:
    invented = four_doses(metrics=SHOWN)
    assert render(with_films(report_of(invented), tuple(invented.levels)), tmp_path).pages <= 13


@pytest.mark.slow
@pytest.mark.parametrize("used_mm", [20, 55, 80, 110, 135])
def test_the_films_of_a_rule_stay_on_one_page_wherever_the_gallery_begins(tmp_path: Path, used_mm: int) -> None:
    report = made_up(replace(USUAL, methods=False))
    results, notes = make_results(report, Notes()), Notes()
    whole = content(results, front(results, notes, None, Fit()), Pictures(), gallery(report, results), notes)
    page = render_page(whole, ("en",), web=False, only=8)
    begun = page.replace("<section", f'<div style="height: {used_mm}mm"></div><section', 1)
    write_pdf(lay_out(begun), tmp_path / "gallery.pdf", attachments=[], date="2026-01-02")
    for rule, pages in gallery_pages(tmp_path / "gallery.pdf", report).items():
        assert len(pages) == 2, rule
        assert len(set(pages)) == 1, f"the films of one rule are torn apart: {rule}"


@pytest.mark.slow
def test_nine_arms_have_at_most_fifteen_pages(tmp_path: Path) -> None:
    many = replace(USUAL, arms=("baseline", *(f"arm_{n}" for n in range(8))), metrics=SHOWN[:6], images=24)
    assert render(made_up(many), tmp_path).pages <= 15


@pytest.mark.slow
def test_long_tables_of_one_arm_leave_no_few_rows_alone(tmp_path: Path) -> None:
    real = (label for label, facts in ATTRIBUTIONS.items() if "cnn" in facts.families and not facts.control)
    labels = (*real, "gradcam[layer=1]", "relevance_cam[layer=1]")
    alone = replace(USUAL, arms=("baseline",), models=("densenet121",), attributions=labels)
    report = made_up(replace(alone, metrics=tuple(METRICS), images=24))
    rendered = render(report, tmp_path)
    assert rendered.pages <= 13
    titles = (ATTRIBUTIONS[names.base(label)].title for label in labels)
    first_words = {"densenet121", "○", *(title.split()[0] for title in titles)}
    pages = [[word.text for word in row_heads(words)] for words in words_by_page(rendered.pdf)]
    torn = [(before, after) for before, after in itertools.pairwise(pages) if after and after[0] == "Map"]
    assert torn
    for before, after in torn:
        assert len(list(itertools.takewhile(first_words.__contains__, reversed(before)))) >= 4
        assert len(list(itertools.takewhile(first_words.__contains__, after[1:]))) >= 4


def test_short_names_of_rows_and_the_arrows_of_heads_stay_in_their_line(tmp_path: Path) -> None:
    heads = (word_head(TERMS["col.map"]), *(Head(same(f"Randomisation, {name} ↓")) for name in ("Spearman", "SSIM")))
    names_of_rows = ("Smooth Grad-CAM++", "Relevance-CAM (layer=1)", "Gradient-weighted attention of ten layers")
    lines = tuple(Line(same(name), (number("0.506 ± 0.059"),) * 2) for name in names_of_rows)
    item = Table("narrow", same("Narrow."), heads, (Group(None, lines),))
    template = '{% from "macros.html" import table with context %}<html lang="en"><head><title>t</title><style>{{ css }}</style></head><body>{{ table(page, item) }}</body></html>'
    css = Markup((FOLDER / "static" / "report.css").read_text(encoding="utf8") + "table { width: 90mm !important; }")
    html = environment().from_string(template).render(page=Page(("en",), web=False), item=item, css=css)
    write_pdf(lay_out(html), tmp_path / "narrow.pdf", attachments=[], date="2026-01-02")
    lines_of_text = [" ".join(line.split()) for line in text_of_pdf(tmp_path / "narrow.pdf").splitlines()]
    for name in names_of_rows[:2]:
        assert f"{name} 0.506 ± 0.059 0.506 ± 0.059" in lines_of_text
    assert not any(line.startswith(names_of_rows[2]) for line in lines_of_text), "a long name breaks"
    assert html.count("\N{NO-BREAK SPACE}↓</th>") == 2


@pytest.mark.slow
def test_long_names_stay_on_the_paper(tmp_path: Path) -> None:
    wordy = replace(USUAL, arms=WORDY, failed=True, metrics=SHOWN[:4], images=24, gallery=False, methods=False)
    rendered = render(made_up(wordy), tmp_path)
    assert [word for word in words_of(rendered.pdf) if word[0] > RIGHT_PT] == []


def test_a_very_long_word_of_hangul_may_break_and_usual_ones_stay_whole() -> None:
    kept = glyphs.keep_words_whole(f"<html><body><p>{LONG} 마스크</p></body></html>")
    assert kept == f"<html><body><p>{LONG} {glyphs.WORD_JOINER.join('마스크')}</p></body></html>"


def test_where_a_model_needs_two_tables_of_films_print_shows_the_first_of_each_rule_and_all_chosen_by_hand() -> None:
    def line(rule: str, image: str) -> GalleryLine:
        return GalleryLine(TERMS[f"rule.{rule}"] if rule else same(""), image, "", ())

    lines = tuple(
        line(*each) for each in (("gain", "a"), ("", "b"), ("loss", "c"), ("", "d"), ("hand", "e"), ("", "f"))
    )
    whole = GalleryTable("vit", (), lines)
    assert whole.printed == lines
    assert [each.image_id for each in whole._replace(parts=2).printed] == ["a", "c", "e", "f"]


@pytest.mark.parametrize(
    ("arms", "widths"), [(0, []), (1, [1]), (6, [6]), (7, [4, 3]), (9, [5, 4]), (12, [6, 6]), (13, [5, 5, 3])]
)
def test_tables_of_the_gallery_are_as_few_and_as_equal_as_can_be(arms: int, widths: list[int]) -> None:
    assert [len(part) for part in _parts([f"arm_{place}" for place in range(arms)])] == widths
