"""A study of one arm: the whole report without contrasts, answered by the rankings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from report_builder import Made, made_up

from study.records import ReportInput
from study.registry import ATTRIBUTIONS
from study.report import glyphs, render, summary
from study.report.asides import scope
from study.report.front import Fit, front
from study.report.gallery import gallery
from study.report.html import content, render_page
from study.report.methods import glossary, methods
from study.report.notes import Notes
from study.report.pictures import pictures
from study.report.results import results as make_results
from study.report.wording import forbidden

EVERY = tuple(label for label in ATTRIBUTIONS if not ATTRIBUTIONS[label].control)
SMALL = Made(
    arms=("baseline",),
    models=("vit_small",),
    failed=False,
    gallery=False,
    attributions=("gradcam", "saliency", "iba"),
    metrics=("ehr", "insertion", "faithfulness_gap", "adcc", "class_sensitivity"),
)
WIDE = Made(
    arms=("baseline",),
    models=("densenet121",),
    failed=False,
    gallery=False,
    attributions=EVERY,
    controls=("control_random", "control_center", "control_fakecam", "control_edges"),
    metrics=(
        *("ehr", "energy_pg", "insertion", "deletion", "deletion_lerf", "faithfulness_gap", "road", "infidelity"),
        *("average_drop", "coherency", "complexity", "adcc", "sparseness", "entropy"),
        *("max_sensitivity", "class_sensitivity", "randomisation_ssim"),
    ),
)
CONTRAST_WORDS = re.compile(r"contrast|verdict|Holm|margin declared|compared with the baseline", re.IGNORECASE)


@pytest.fixture(scope="module")
def report() -> ReportInput:
    return made_up(SMALL)


@pytest.fixture(scope="module")
def results(report: ReportInput) -> Any:
    return make_results(report, Notes())


@pytest.fixture(scope="module")
def page(report: ReportInput, results: Any) -> str:
    notes = Notes()
    first = front(results, notes, None, Fit())
    whole = content(results, first, pictures(report, results), gallery(report, results), notes)
    return render_page(whole, report.languages, web=True)


def test_page_one_counts_maps_and_metrics_and_answers_with_the_rankings(results: Any) -> None:
    page_one = front(results, Notes(), None, Fit())
    assert [(count.value, count.words.en) for count in page_one.counts][3:] == [
        ("60", "test images"),
        ("3 + 3", "attribution methods + controls"),
        ("5", "metrics of maps"),
    ]
    assert [answer.label for answer in page_one.answers] == ["EHR ↑", "Insertion ↑", "ADCC ↑"]
    assert page_one.answers[0].question == results["question"]
    assert page_one.quote[0].en.startswith("A rank says which map one metric prefers")
    assert "rank" in summary(results)
    assert "no primary contrast" not in summary(results)


def test_sections_without_contrasts_are_left_out_and_said_to_be(page: str) -> None:
    headings = re.findall(r'<h2 id="s(\d+)"', page)
    assert headings == ["1", "2", "3", "4", "5", "7", "9", "10", "11"]
    text = glyphs.text_of(page)
    assert "6 (no primary contrast per image)" in text
    assert 'data-short="Attribution methods"' in page
    assert 'class="f-forest"' not in page
    assert 'class="f-verdict-rule"' not in page
    assert 'class="f-ranks-0"' in page


def test_the_text_is_about_maps_and_not_about_contrasts(page: str, results: Any) -> None:
    words = [methods(results), *scope(results)]
    words += [
        text for answer in front(results, Notes(), None, Fit()).answers for text in (answer.headline, *answer.lines)
    ]
    assert [text.en for text in words if CONTRAST_WORDS.search(text.en.replace("no contrast is tested", ""))] == []
    assert "We trained one arm (Baseline) in vit_small." in methods(results).en
    assert "Friedman’s test" in methods(results).en
    named = {entry.name.en for entry in glossary(results)}
    assert {"IBA", "average rank", "critical difference"} <= named
    assert not {"Δ, 95% CI", "p adj.", "equivalent"} & named
    for text in words:
        assert forbidden(text.en, "en") == forbidden(text.ko, "ko") == []


def test_no_table_is_empty_or_a_desert_of_dashes(page: str) -> None:
    tables = re.findall(r"<table.*?</table>", page, flags=re.DOTALL)
    assert len(tables) >= 8
    for table in tables:
        cells = re.findall(r"<td[^>]*>(.*?)</td>", table, flags=re.DOTALL)
        assert cells
        dashes = sum(glyphs.text_of(cell).strip() == "–" for cell in cells)
        assert dashes <= len(cells) / 4


def test_the_scope_no_longer_denies_a_ranking_that_the_report_has(results: Any) -> None:
    assert "which order" in scope(results)[0].en
    several = make_results(
        made_up(Made(models=("vit_small",), attributions=("gradcam", "saliency", "iba"), metrics=("ehr",))), Notes()
    )
    assert "cannot rank" not in " ".join(text.en for text in scope(several))
    few = make_results(made_up(Made(models=("vit_small",), metrics=("ehr",))), Notes())
    assert "cannot rank attribution methods" in scope(few)[0].en


NUMBER = re.compile(r"(?<![\w.])[+−]?\d+\.\d{3,4}(?![\d.])")


def numbers_in(results: Any) -> set[str]:
    """Every number of the results with three and four decimals, without its sign."""
    found: set[str] = set()
    stack = [results]
    while stack:
        item = stack.pop()
        stack += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        if isinstance(item, float):
            found |= {f"{abs(item):.{digits}f}" for digits in (3, 4)}
    return found


def test_every_number_of_the_page_is_in_the_results(page: str, results: Any) -> None:
    text = glyphs.text_of(re.sub(r"<svg.*?</svg>", " ", page, flags=re.DOTALL))
    assert len(NUMBER.findall(text)) > 50
    assert {number for number in NUMBER.findall(text) if number.lstrip("+−") not in numbers_in(results)} == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "made",
    [
        WIDE,
        Made(arms=("baseline",), models=("a", "b"), seeds=(1,), failed=False, gallery=False, languages=("ko", "en")),
    ],
    ids=["twenty methods", "one run, Korean first"],
)
def test_the_whole_report_is_rendered_page_one_is_one_page_and_the_rest_stays_short(made: Made, tmp_path: Path) -> None:
    rendered = render(made_up(made), tmp_path)
    reader = PdfReader(rendered.pdf)
    starts = [reader.get_destination_page_number(entry) for entry in reader.outline if not isinstance(entry, list)]
    assert starts[:2] == [0, 1]
    assert rendered.pages <= 12
    assert rendered.warnings == ()
    written = json.loads(rendered.results.read_text(encoding="utf8"))
    assert len(written["rankings"]) == len(made.metrics) * len(made.models)
    assert rendered.html.stat().st_size < 3_000_000
