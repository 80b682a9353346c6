"""Contact sheets: one film under every attribution, in the page, in print, and in a study of one arm."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader
from report_builder import Made, made_up
from report_films import method_gallery

from study.records import MethodRow, ReportInput
from study.report import figures, glyphs, numbers, render
from study.report import sheets as sheets_module
from study.report.front import Fit, front
from study.report.gallery import gallery
from study.report.html import content, render_page
from study.report.notes import Notes
from study.report.pictures import Pictures, pictures
from study.report.results import results as make_results
from study.report.sheets import PANEL_PX, Sheets, sheets
from study.report.terms import Text

ONE = Made(
    arms=("baseline",),
    models=("vit_small",),
    metrics=("ehr", "insertion"),
    attributions=("gradcam", "saliency", "lrp_zplus", "relevance_cam[layer=1]"),
    controls=("control_random", "control_center"),
    failed=False,
    gallery=False,
    methods=True,
)
NO_PICTURES = Pictures()
SEVERAL = replace(ONE, arms=("baseline", "mae_random"), gallery=True)
TITLES = ["Radiograph", "Grad-CAM", "Saliency", "LRP z⁺", "Relevance-CAM (layer=1)", "○ Random map", "○ Centre prior"]


def made_sheets(report: ReportInput) -> Sheets:
    return sheets(report, make_results(report, Notes()))


def page_of(report: ReportInput, *, web: bool = True, drawn: Pictures = NO_PICTURES) -> str:
    """The page, without other figures unless they are given."""
    results, notes = make_results(report, Notes()), Notes()
    first = front(results, notes, None, Fit())
    whole = content(results, first, drawn, gallery(report, results), notes)
    return render_page(whole, report.languages, web=web)


def sheets_of(page: str) -> list[str]:
    return re.findall(r'<figure class="sheet">.*?</figure>', page, flags=re.DOTALL)


def words(html: str) -> str:
    return " ".join(glyphs.text_of(html).split())


@pytest.fixture(scope="module")
def report() -> ReportInput:
    return made_up(ONE)


@pytest.fixture(scope="module")
def page(report: ReportInput) -> str:
    return page_of(report, drawn=pictures(report, make_results(report, Notes())))


def test_the_film_comes_first_then_every_map_in_order_with_controls_marked(page: str) -> None:
    found = sheets_of(page)
    assert len(found) == 3
    for sheet in found:
        assert [words(title) for title in re.findall(r'<span class="v">(.*?)</span></div>', sheet)] == [
            *("Radiograph 영상", *TITLES[1:-2], "○ Random map 무작위 맵", "○ Centre prior 중앙 사전 맵"),
        ]
        assert "repeat(6," in sheet


def test_panels_are_the_film_and_the_overlays_with_the_box(report: ReportInput) -> None:
    row = report.methods[0]
    shown = [base64.b64decode(panel.source.partition(",")[2]) for panel in made_sheets(report).sheets[0].panels]
    assert shown[0] == figures.film(row.image, row.boxes, width_px=PANEL_PX)
    assert shown[1:] == [figures.overlay(row.image, map_.map, row.boxes, width_px=PANEL_PX) for map_ in row.maps]
    without = figures.film(row.image, np.zeros((0, 4), dtype=np.int32), width_px=PANEL_PX)
    assert shown[0] != without
    assert Image.open(io.BytesIO(shown[0])).size == (192, 192)


def test_every_panel_says_what_it_shows(report: ReportInput) -> None:
    alts = [panel.alt.en for panel in made_sheets(report).sheets[0].panels]
    assert alts[:2] == [
        "image img_000, radiograph with human box",
        "image img_000, Grad-CAM, Baseline, vit_small, seed 11",
    ]
    assert len(set(alts)) == len(alts)


def test_the_caption_names_film_label_run_and_how_sure_the_run_is(report: ReportInput) -> None:
    captions = [sheet.caption for sheet in made_sheets(report).sheets]
    assert captions[1].en == (
        "Film img_001, label loose, under every map of the run Baseline, vit_small, seed 11. "
        "Probability of its label 0.812: the median film with a human box."
    )
    assert captions[1].ko == (
        "영상 img_001, 정답 loose, 실행 Baseline, vit_small, 시드 11, 모든 맵. "
        "정답의 확률 0.812: 사람이 그린 상자가 있는 영상 중 확률이 중앙값인 영상."
    )
    assert captions[0].en.endswith("0.99996: the surest film with a human box.")
    assert captions[2].en.endswith("0.125: the least sure film with a human box.")


def test_films_chosen_without_boxes_do_not_claim_one(report: ReportInput) -> None:
    bare = replace(report.methods[2], boxes=np.zeros((0, 4), dtype=np.int32))
    found = made_sheets(replace(report, methods=(*report.methods[:2], bare))).sheets
    assert all("human box" not in sheet.caption.en for sheet in found)
    assert found[1].caption.en.endswith("0.812: the median film.")
    assert found[2].panels[0].alt.en == "image img_002, radiograph"


@pytest.mark.parametrize(
    ("value", "text"), [(0.93, "0.930"), (0.99996, "0.99996"), (0.0001, "0.0001"), (1.0, "1.000"), (0.0, "0.000")]
)
def test_a_probability_is_not_rounded_to_certainty(value: float, text: str) -> None:
    assert numbers.probability(value) == text


def test_a_study_of_one_arm_has_the_section_figures_are_counted_and_the_checklist_names_it(page: str) -> None:
    assert re.findall(r'<h2 id="s(\d+)"', page) == ["1", "2", "3", "4", "5", "7", "8", "9", "10", "11"]
    assert "8 (no images given)" not in words(page)
    assert "largest gains" not in page
    assert "Maps explain the true class." in words(page)
    assert "One film under every method" not in page
    figures_counted = [int(n) for n in re.findall(r'<figcaption><b><span class="l1">Figure (\d+)\.', page)]
    assert figures_counted == list(range(1, len(figures_counted) + 1))
    row = next(row for row in re.findall(r"<tr>.*?</tr>", page, flags=re.DOTALL) if "Failure cases shown" in row)
    assert '<td class="word ok">8</td>' in row


def test_several_arms_keep_their_gallery_and_say_whose_run_it_is() -> None:
    page = page_of(made_up(SEVERAL))
    section = page[page.index('<section class="s8') : page.index('<section class="s9')]
    assert 'class="s8"' in page
    assert section.index('id="gallery-1"') < section.index("One film under every method") < section.index("panels")
    assert "of the first finished run of each model (Baseline)" in words(section)


def test_print_shows_the_median_film_of_the_first_model_only() -> None:
    report = made_up(replace(ONE, models=("vit_small", "densenet121")))
    printed = page_of(report, web=False)
    (sheet,) = sheets_of(printed)
    assert "img_001" in sheet
    assert "vit_small" in sheet
    assert "5 more films under every map: see report.html." in words(printed)
    assert len(sheets_of(page_of(report))) == 6


def test_without_films_under_every_method_nothing_is_there() -> None:
    for made in (replace(ONE, methods=False), replace(SEVERAL, methods=False)):
        report = made_up(made)
        assert made_sheets(report) == ((), Text("", ""), 0)
        page = page_of(report)
        assert "panels" not in re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page, flags=re.DOTALL)
        assert ("s8" in re.findall(r'<h2 id="(s\d+)"', page)) == made.gallery


def test_what_does_not_fit_is_counted_and_median_films_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    report = made_up(replace(ONE, models=("vit_small", "densenet121")))
    one = sum(len(panel.source) for panel in made_sheets(report).sheets[0].panels)
    monkeypatch.setattr(sheets_module, "MOST_BYTES", int(2.5 * one))
    found = made_sheets(report)
    assert [sheet.caption.en.partition(",")[0] for sheet in found.sheets] == ["Film img_001", "Film img_001"]
    assert found.left_out == 4
    assert "4 more films under every map are left out here" in words(page_of(report))


def test_the_results_list_the_films(report: ReportInput) -> None:
    listed: Any = make_results(report, Notes())["method_gallery"]
    assert [row["rule"] for row in listed] == ["surest", "median", "least_sure"]
    assert listed[0]["probability"] == 0.99996
    assert listed[0]["attributions"] == [map_.attribution for map_ in report.methods[0].maps]


@pytest.mark.parametrize(("size", "across"), [((64, 64), 6), ((32, 64), 6), ((160, 64), 9)])
def test_tall_films_stand_closer_so_that_a_sheet_stays_within_a_page(
    size: tuple[int, int], across: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets_module, "PANEL_PX", 16)
    row = _with_maps(next(iter(method_gallery(ONE, size=size))), 23)
    (sheet,) = made_sheets(replace(made_up(ONE), methods=(row,))).sheets
    assert sheet.across == across


def _with_maps(row: MethodRow, n: int) -> MethodRow:
    return replace(row, maps=tuple(row.maps[i % len(row.maps)] for i in range(n)))


@pytest.mark.slow
def test_the_sheet_is_one_piece_of_a_printed_page(tmp_path: Path) -> None:
    report = made_up(ONE)
    rows = tuple(_with_maps(row, 23) for row in report.methods)
    rendered = render(replace(report, methods=rows), tmp_path)
    texts = [page.extract_text() for page in PdfReader(rendered.pdf).pages]
    (at,) = [n for n, text in enumerate(texts) if "under every map of the run" in text]
    assert texts[at].count("Grad-CAM") >= 4
    assert "Attribution gallery" in texts[at]
    assert rendered.html.stat().st_size < 3_500_000
