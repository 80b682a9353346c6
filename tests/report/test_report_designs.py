"""Two factors and dose-response on the page: interaction first, lack of fit beside every slope, no baseline as dose 0."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_builder import Made, made_up
from report_designs import DOSE, Invented, analysed, four_doses, report_of, two_factors

from study.report import design_files, designs, render
from study.report.design_tables import dose_tables, factor_tables
from study.report.files import rows_csv
from study.report.front import Fit, front
from study.report.gallery import gallery
from study.report.html import content, render_page
from study.report.methods import glossary, methods
from study.report.notes import Notes
from study.report.pictures import pictures
from study.report.results import results as make_results
from study.report.terms import Text
from study.report.wording import forbidden

HOLES = re.compile(r"\bnan\b|\bNone\b|\binf\b|\{\w*\}|−0\.000(?!\d)")
RAGGED = two_factors(lost=(("shoulder_center", 3), ("chest_random", 0)), n_seeds=4)
STUDIES = {
    "factors": two_factors(),
    "two models": two_factors(models=("vit_small", "densenet121"), images=16, metrics=("ehr", "insertion")),
    "no margin": two_factors(margin=None),
    "wide margin": two_factors(margin=0.4),
    "a failed run in one cell": RAGGED,
    "one run per arm": two_factors(n_seeds=1),
    "an arm without runs": two_factors(n_seeds=2, lost=(("shoulder_center", 0), ("shoulder_center", 1))),
    "doses": four_doses(),
    "doses, one run": four_doses(n_seeds=1),
    "doses, two models": four_doses(models=("vit_small", "densenet121"), images=16, metrics=("ehr", "deletion")),
    "a dose without runs": four_doses(n_seeds=2, lost=(("mae_50", 0), ("mae_50", 1))),
}


def made(invented: Invented) -> Any:
    return make_results(report_of(invented), Notes())


def said(results: Any) -> list[Text]:
    """Every text of the two parts."""
    tables = [*factor_tables(results), *dose_tables(results)]
    texts = [
        *designs.headlines(results),
        *designs.readings(results),
        *designs.quotes(results),
        *designs.methods(results),
    ]
    for table in tables:
        texts += [table.caption, *table.notes, *(head.text for head in table.heads)]
        for group in table.groups:
            for line in group.lines:
                texts += [line.head, *(cell.plain for cell in line.cells), *(cell.detail for cell in line.cells)]
    return texts


def page_of(invented: Invented, *, web: bool = True) -> str:
    report = report_of(invented)
    results = make_results(report, Notes())
    first = front(results, Notes(), None, Fit())
    whole = content(results, first, pictures(report, results), gallery(report, results), Notes())
    return render_page(whole, report.languages, web=web, only=5)


@pytest.mark.parametrize("name", STUDIES)
def test_words_are_allowed_complete_and_in_both_languages(name: str) -> None:
    for text in said(made(STUDIES[name])):
        assert bool(text.en) == bool(text.ko)
        assert not HOLES.search(text.en + text.ko), text
        assert not forbidden(text.en, "en") + forbidden(text.ko, "ko"), text


def test_a_study_without_factors_and_doses_has_neither_part_nor_file() -> None:
    report = made_up(Made(models=("vit_small",), failed=False))
    results = make_results(report, Notes())
    assert (results["factors"], results["dose"], results["factorial"], results["doses"]) == (None, None, [], [])
    assert (factor_tables(results), dose_tables(results)) == ([], [])
    drawn = pictures(report, results)
    assert (drawn.factors, drawn.dose) == ((), ())
    assert design_files.files(results) == {}
    assert not {"interaction", "lack of fit"} & {entry.name.en for entry in glossary(results)}


def test_the_interaction_stands_first_then_what_answers() -> None:
    (table, more) = factor_tables(made(two_factors()))
    heads = [line.head.en for line in table.groups[0].lines]
    assert heads[:3] == [
        "Interaction: pretraining films × masking",
        "Pretraining films: shoulder − chest, at masking random",
        "Pretraining films: shoulder − chest, at masking center",
    ]
    assert "Masking: center − random, averaged over pretraining films" in heads
    assert [bool(line.cells[0].strong) for line in table.groups[0].lines] == [True] * 3 + [False] * 4
    assert [line.head.en for line in more.groups[0].lines] == ["Insertion ↑, Grad-CAM", "Deletion ↓, Grad-CAM"]


def test_with_the_interaction_inside_the_margin_main_effects_answer() -> None:
    results = made(two_factors(margin=0.4))
    (table, _) = factor_tables(results)
    assert [line.head.en for line in table.groups[0].lines][1:3] == [
        "Pretraining films: shoulder − chest, averaged over masking",
        "Masking: center − random, averaged over pretraining films",
    ]
    (text,) = designs.headlines(results)
    assert "is inside ±0.4, so main effects answer" in text.en
    assert "주효과로 읽음" in text.ko


def test_the_sentence_says_which_question_how_many_runs_and_images_and_m() -> None:
    results = made(two_factors())
    (text,) = designs.headlines(results)
    assert text.en.startswith(
        "vit_small (retraining and new images; 4 runs per arm, 40 images): the interaction, Δ = +"
    )
    assert "is not inside ±0.03" in text.en
    interaction = results["factorial"][0]
    assert f"Holm p < 0.001, m = {interaction['m']}" in text.en
    assert text.en.count("95% CI") == 3


def test_one_run_per_arm_speaks_of_these_models_only() -> None:
    results = made(two_factors(n_seeds=1))
    (text,) = designs.headlines(results)
    assert "these trained models and new images; one run per arm" in text.en
    assert "whether retraining would repeat it is open" in text.en
    assert text.en.count("95% CI for these models") == 3
    cell = factor_tables(results)[0].groups[0].lines[0].cells[1]
    assert cell.detail.en == "these trained models"


def test_a_failed_run_is_named_under_the_table() -> None:
    results = made(RAGGED)
    table = factor_tables(results)[0]
    notes = " ".join(note.en for note in table.notes)
    assert "3 of 4 runs of shoulder_center; seed 3 of shoulder_center failed: loss was not finite in epoch 31." in notes
    assert "3 to 4 runs per arm" in table.caption.en


def test_a_simple_effect_has_the_p_of_the_primary_contrast_of_page_one() -> None:
    results = made(two_factors())
    primary = {(row["treatment"], row["control"]): row for row in results["contrasts"] if row["family"] == "primary"}
    simple = [row for row in results["factorial"] if row["metric"] == "ehr" and row["headline"]]
    assert len(simple) == 2
    for row in simple:
        contrast = primary[tuple(row["arms"])]
        assert (row["p_adjusted"], row["m"], row["ci_low"]) == (
            contrast["p_adjusted"],
            contrast["m"],
            pytest.approx(contrast["ci_low"]),
        )


def test_every_slope_stands_beside_its_lack_of_fit() -> None:
    results = made(four_doses())
    (lines, levels) = dose_tables(results)
    assert [head.text.en for head in lines.heads] == [
        "Metric",
        "Δ, 25 % → 90 %",
        "95% CI",
        "p adj. (m)",
        "Lack of fit",
        "Test of order",
    ]
    for line, row in zip(lines.groups[0].lines, results["doses"], strict=True):
        assert line.cells[3].plain.en == f"F(2, 12) = {row['lack_of_fit_f']:.2f}"
        assert line.cells[0].value == pytest.approx(row["estimate"] * 65)
    assert [line.head.en for line in levels.groups[0].lines] == ["25 %", "50 %", "75 %", "90 %"]
    assert all(line.mark is not None for line in levels.groups[0].lines)


def test_no_dose_is_named_best_alone_unless_it_is_told_apart() -> None:
    results = made(four_doses())
    row = results["doses"][0]
    (text,) = designs.readings(results)
    assert len(row["not_told_apart"]) > 1
    named = ", ".join(designs.dose_of(row, arm) for arm in row["not_told_apart"])
    assert (
        f"not told apart from the best by Holm (m = 3; retraining and new images; 4 runs per arm, 40 images): {named}"
        in text.en
    )
    alone = {**results, "doses": [{**row, "not_told_apart": ["mae_75"]}]}
    assert "75 % is told apart from every other dose" in designs.readings(alone)[0].en


def test_a_bent_line_is_said() -> None:
    levels = dict(four_doses().levels) | {"mae_50": 0.7}
    results = made(four_doses(levels=levels))
    (text,) = designs.readings(results)
    assert "A straight line does not fit (F(2, 12) = " in text.en


def test_the_baseline_is_a_level_and_no_dose() -> None:
    report = report_of(four_doses())
    results = make_results(report, Notes())
    (picture,) = pictures(report, results).dose
    assert "Dashed: mean of Baseline, which is not a dose of 0" in picture.caption.en
    assert ">Baseline<" in picture.svg
    assert ">0 %<" not in picture.svg
    inside = replace(report.analysis.design, reference="mae_25")
    again = replace(report, analysis=replace(report.analysis, design=inside))
    (other,) = pictures(again, make_results(again, Notes())).dose
    assert "Dashed" not in other.caption.en


def test_the_interaction_picture_has_every_run_both_levels_and_the_seven_effects() -> None:
    report = report_of(two_factors(models=("vit_small", "densenet121"), images=16, metrics=("ehr",)))
    drawn = pictures(report, make_results(report, Notes())).factors
    assert [picture.key for picture in drawn] == ["factors-0", "factors-1"]
    for label in ("shoulder", "chest", "random", "center", "interaction", "shoulder − chest at center"):
        assert f">{label}<" in drawn[0].svg
    assert "Grey band: margin ±0.03." in drawn[0].caption.en


def test_the_parts_stand_in_section_five_and_nowhere_without_a_design() -> None:
    assert "Two factors" in page_of(two_factors(images=16, metrics=("ehr",)))
    assert "Dose-response" in page_of(four_doses(images=16, metrics=("ehr",)), web=False)
    assert "Two factors" not in page_of(four_doses(images=16, metrics=("ehr",)))


def test_files_hold_every_effect_line_and_dose_unrounded() -> None:
    results = make_results(
        report_of(replace(two_factors(), dose=DOSE, levels=dict(two_factors().levels) | dict(four_doses().levels))),
        Notes(),
    )
    tables = {name: rows_csv(*table) for name, table in design_files.files(results).items()}
    assert list(tables) == ["factorial.csv", "dose_response.csv", "dose_levels.csv"]
    members = {"factorial.csv": "factorial", "dose_response.csv": "doses", "dose_levels.csv": "dose_levels"}
    for name, text in tables.items():
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
        assert len(rows) == len(results[members[name]])
        for row, known in zip(rows, results[members[name]], strict=True):
            assert row["estimate"] == ("" if known["estimate"] is None else repr(known["estimate"]))
    assert "chest_random; chest_center; shoulder_random; shoulder_center" in tables["factorial.csv"]


def test_methods_and_glossary_say_what_was_done() -> None:
    factors, doses = made(two_factors()), made(four_doses())
    assert (
        "Two factors of two levels (pretraining films: chest, shoulder; masking: random, center)" in methods(factors).en
    )
    assert "The doses of mask ratio (25 %, 50 %, 75 %, 90 %)" in methods(doses).en
    assert {"interaction", "simple effect, main effect"} <= {entry.name.en for entry in glossary(factors)}
    assert "lack of fit" in {entry.name.en for entry in glossary(doses)}


def test_page_one_says_whether_main_effects_may_be_quoted() -> None:
    results = made(two_factors())
    quoted = " ".join(text.en for text in front(results, Notes(), None, Fit()).quote)
    assert "so quote the effect of pretraining films at each level of masking (section 5)" in quoted


def test_names_are_spoken_without_underscores() -> None:
    assert designs.spoken("chest_then_shoulder") == "chest then shoulder"
    assert designs.spoken("mae_ehr x") == "MAE EHR x"
    assert designs.spoken("_") == "_"


def test_the_statistics_behind_these_pages_have_a_design() -> None:
    assert len(analysed(two_factors()).factorial) == 7 * 3
    assert len(analysed(four_doses()).dose_levels) == 4 * 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two models", "doses", "an arm without runs"])
def test_page_and_pdf_are_written_with_the_files_beside_them(name: str, tmp_path: Path) -> None:
    rendered = render(report_of(STUDIES[name]), tmp_path)
    assert rendered.pdf.stat().st_size
    page = rendered.html.read_text(encoding="utf8")
    assert ("Two factors" if STUDIES[name].factorial else "Dose-response") in page
    assert (tmp_path / ("factorial.csv" if STUDIES[name].factorial else "dose_response.csv")).is_file()
