"""Effect sizes, equivalence, simultaneous intervals, the gate and undefined values on the page and in the files."""

import csv
import io
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from report_builder import Made, made_up

from study.records import Effects, Finding
from study.report import effect_tables, files, render
from study.report.contrast_tables import of_family, others, primary
from study.report.methods import glossary, methods
from study.report.notes import Notes
from study.report.results import Results
from study.report.results import results as make_results
from study.report.simultaneous import with_simultaneous
from study.report.verdict import basis, judge
from study.report.wording import main_interval, result, voice

SMALL = Made(models=("vit_small",), metrics=("ehr", "energy_pg"))
SIZES: dict[str, Any] = {
    "gz": 0.71,
    "gz_low": 0.42,
    "gz_high": 1.0,
    "d_av": 0.384,
    "d_av_low": 0.2134,
    "d_av_high": 0.5871,
    "d_av_error": 0.004,
    "d_rm": 0.371,
    "d_rm_low": 0.1934,
    "d_rm_high": 0.5571,
    "d_rm_error": 0.03,
    "rank_biserial": 0.79,
    "rank_biserial_low": 0.55,
    "rank_biserial_high": 0.93,
    "rank_biserial_error": 0.002,
    "d_run": 2.1,
    "d_run_low": -0.3,
    "d_run_high": 4.4,
    "d_total": 0.31,
    "d_total_low": 0.02,
    "d_total_high": 0.6,
    "p_improve_runs": 0.889,
    "p_improve_runs_low": 0.5,
    "p_improve_runs_high": 1.0,
    "p_improve_runs_error": 0.004,
    "p_improve_joint": 0.612,
    "p_improve_joint_low": 0.5514,
    "p_improve_joint_high": 0.6621,
    "p_improve_joint_error": 0.0008,
    "percent": 9.02,
    "percent_low": 1.4,
    "percent_high": 16.6,
}


def changed(families: dict[str, dict[str, Any]], **analysis: Any) -> Results:
    """The made-up report with fields of the findings of each family set."""
    report = made_up(SMALL)
    found = tuple(replace(f, **families.get(f.family, {})) for f in report.analysis.findings)
    facts = report.facts
    if analysis:
        facts = replace(
            facts, protocol={**facts.protocol, "analysis": {**facts.protocol.get("analysis", {}), **analysis}}
        )
    return make_results(replace(report, analysis=replace(report.analysis, findings=found), facts=facts), Notes())


@pytest.fixture(scope="module")
def sized() -> Results:
    return changed({"primary": SIZES})


def test_effect_sizes_stand_in_two_tables_of_at_most_six_columns(sized: Results) -> None:
    recipe, models = effect_tables.effect_tables(sized)
    assert [head.text.en for head in recipe.heads] == [
        *("Contrast", "d, runs", "d, total", "run pairs better", "run pairs × images better", "% of control")
    ]
    assert [head.text.en for head in models.heads] == [
        *("Contrast", "g, images", "d, average SD", "d, single values", "rank-biserial", "images better")
    ]
    line = recipe.groups[0].lines[0]
    assert [cell.text.en for cell in line.cells] == ["+2.10", "+0.31", "89%", "61%", "+9.0%"]
    assert line.cells[0].detail.en == "−0.30 to +4.40"
    assert line.detail.en == "3 + 3 runs, 60 images of 30 patients"
    assert "if we trained again and took new images" in recipe.caption.en
    assert "not adjusted for 3 contrasts" in recipe.caption.en
    assert "these trained models on new images" in models.caption.en
    assert "재학습" in recipe.caption.ko


def test_resampled_limits_are_rounded_to_their_monte_carlo_error(sized: Results) -> None:
    recipe, models = effect_tables.effect_tables(sized)
    details = [cell.detail.en for cell in models.groups[0].lines[0].cells]
    assert details[1] == "+0.21 to +0.59"  # error .004
    assert details[2] == "+0.19 to +0.56"  # error .03
    assert recipe.groups[0].lines[0].cells[2].detail.en == "50% to 100%"
    assert recipe.groups[0].lines[0].cells[3].detail.en == "55% to 66%"
    assert [effect_tables.decimals(error) for error in (0.5, 0.2, 0.06, 0.004, None)] == [0, 1, 1, 2, None]


def test_sizes_that_do_not_exist_leave_their_column_or_their_table_out() -> None:
    without = changed({"primary": {**dict.fromkeys(SIZES), "p_improve_images": None}})
    assert effect_tables.effect_tables(without) == []
    few = changed({"primary": {**dict.fromkeys(SIZES), "d_run": 1.5}})
    assert [head.text.en for head in effect_tables.effect_tables(few)[0].heads] == ["Contrast", "d, runs"]


def test_the_page_has_the_tables_and_the_glossary_their_words(sized: Results) -> None:
    names = {entry.name.en for entry in glossary(sized)}
    assert {"d, total", "g, images", "rank-biserial, matched", "run pairs × images better", "% of control"} <= names
    assert all(entry.definition.ko and entry.definition.en for entry in glossary(sized))
    bare = {entry.name.en for entry in glossary(changed({"primary": dict.fromkeys(SIZES)}))}
    assert not {"d, total", "rank-biserial, matched"} & bare


def test_every_field_is_in_the_contrasts_file_the_further_ones_last(sized: Results) -> None:
    rows = list(csv.DictReader(io.StringIO(files.contrasts_csv(sized).removeprefix("\ufeff"))))
    head = list(rows[0])
    assert {field.name for field in fields(Finding)} - {"notes", "sentences_en", "sentences_ko"} <= set(head)
    assert head[0] == "contrast_id"
    assert min(head.index(field.name) for field in fields(Effects)) > head.index("estimate_undefined_worst")
    first = next(row for row in rows if row["family"] == "primary")
    assert float(first["d_av_low"]) == SIZES["d_av_low"]


# ------------------------------------------------------- equivalence, non-inferiority


def test_equivalence_is_shown_with_the_smallest_margin_and_non_inferiority_where_asked() -> None:
    given = {"ci90_low": -0.004, "ci90_high": 0.021, "p_tost": 0.061, "smallest_margin": 0.021}
    plain = effect_tables.equivalence_table(changed({"primary": given}))
    assert plain is not None
    assert len(plain.heads) == 5
    assert [c.text.en for c in plain.groups[0].lines[0].cells] == ["0.02", "−0.004 to +0.021", "0.061", "0.021"]
    asked = {**given, "noninferiority": True, "noninferiority_limit": -0.004, "p_noninferiority": 0.011}
    results = changed({"primary": asked})
    table = effect_tables.equivalence_table(results)
    assert table is not None
    cell = table.groups[0].lines[0].cells[4]
    assert (cell.text.en, cell.detail.en) == ("−0.004", "p = 0.011")
    assert table.caption.en.startswith("Equivalence and non-inferiority: retraining and new images; ")
    assert "Each p is one of 3 and is not adjusted" in table.caption.en
    assert "Non-inferiority was asked of EHR (one-sided, level 0.05" in methods(results).en


# ------------------------------------------------------------- families read at once


AT_ONCE = {
    "ci_simultaneous_low": -0.011,
    "ci_simultaneous_high": 0.061,
    "p_adjusted": 0.214,
    "adjustment": "max_t",
    "simultaneous_critical": 2.9,
    "n_resamples": 10_000,
}


def test_simultaneous_intervals_take_the_place_of_plain_ones_with_their_label() -> None:
    results = changed({"primary": AT_ONCE, "secondary": AT_ONCE | {"adjustment": "by"}}, simultaneous=True)
    row = of_family(results, "primary")[0]
    assert main_interval(row) == (-0.011, 0.061)
    table, secondary = primary(results), others(results, "secondary")
    assert table is not None
    assert secondary is not None
    assert [head.text.en for head in table.heads][2] == "95% CI, simultaneous"
    assert table.groups[0].lines[0].cells[1].text.en == "−0.011 to +0.061"
    assert "max-T over shared resamples" in table.caption.en
    assert "95% CI simultaneous within each family" in secondary.caption.en
    assert "Benjamini-Yekutieli" in secondary.caption.en
    text = result(row, voice(results)).en
    assert "95% CI −0.011 to +0.061, simultaneous; max-T p = 0.214" in text
    assert "over 10,000 shared resamples" in methods(results).en
    assert "simultaneous interval" in {entry.name.en for entry in glossary(results)}


def test_a_verdict_rests_on_the_simultaneous_interval() -> None:
    finding = next(f for f in made_up(SMALL).analysis.findings if f.family == "primary" and f.ci_low is not None)
    apart = replace(finding, status="ok", p_adjusted=0.001, margin=0.02, p_tost=0.9, ci_low=0.03, ci_high=0.05)
    wide = replace(apart, ci_simultaneous_low=0.01, ci_simultaneous_high=0.07)
    assert judge(apart).kind == "beyond"
    assert judge(wide).kind == "differs"
    assert basis(wide)[1:3] == (0.01, 0.07)
    assert (with_simultaneous(wide).ci_low, with_simultaneous(apart).ci_low) == (0.01, 0.03)
    models = replace(wide, ci_low=None, ci_high=None)
    assert basis(models).models_only
    assert with_simultaneous(models).ci_models_low == 0.01


def test_the_gate_has_a_column_that_says_how_to_read_a_secondary_contrast() -> None:
    table = others(changed({"secondary": {"confirmatory": False}}), "secondary")
    assert table is not None
    assert len(table.heads) == 6
    assert table.groups[0].lines[0].cells[-1].text.en == "exploratory"
    plain = others(changed({}), "secondary")
    assert plain is not None
    assert len(plain.heads) == 5


# ------------------------------------------------------------------- undefined values


def test_three_readings_where_arms_lack_values_unequally() -> None:
    given = {
        "p_missing_by_arm": 0.001,
        "estimate_undefined_worst": -0.02,
        "ci_undefined_worst_low": -0.05,
        "ci_undefined_worst_high": 0.01,
        "p_undefined_worst": 0.2,
        "n_images_undefined_worst": 60,
        "estimate_undefined_dropped": 0.04,
        "ci_undefined_dropped_low": 0.01,
        "ci_undefined_dropped_high": 0.07,
        "p_undefined_dropped": 0.012,
        "n_images_undefined_dropped": 48,
    }
    table = effect_tables.undefined_table(changed({"primary": given}))
    assert table is not None
    heads = [line.head.en for line in table.groups[0].lines]
    assert heads == ["as analysed", "as the worst value", "images dropped"]
    assert [c.text.en for c in table.groups[0].lines[1].cells] == ["−0.020", "−0.050 to +0.010", "0.200", "60"]
    assert "p not adjusted for m = 3 tests" in table.caption.en
    assert effect_tables.undefined_table(changed({})) is None


def test_the_methods_paragraph_says_which_choices_were_made() -> None:
    results = changed(
        {"primary": {"run_variance": "pooled"}, "secondary": {"confirmatory": True, "adjustment": "by"}},
        strata="class",
        images="common",
        undefined={"ehr": "worst"},
    )
    text = methods(results).en
    for words in (
        "One run variance",
        "Benjamini and Yekutieli",
        "within the classes",
        "every run lists",
        "confirmatory",
    ):
        assert words in text
    assert "they entered as the worst value for EHR" in text
    assert "counted, never replaced" not in text
    plain = methods(changed({})).en
    assert "counted, never replaced" in plain
    assert "One run variance" not in plain


@pytest.mark.slow
def test_the_page_holds_the_tables_and_print_says_where_they_are(tmp_path: Path) -> None:
    report = made_up(SMALL)
    found = tuple(replace(f, **SIZES) if f.family == "primary" else f for f in report.analysis.findings)
    done = render(replace(report, analysis=replace(report.analysis, findings=found)), tmp_path)
    page = done.html.read_text(encoding="utf8")
    assert page.count('id="t-effects-') == 2
    assert 'id="t-equivalence"' in page
    assert "55% to 66%" in page
    printed = " ".join(text.extract_text() for text in PdfReader(done.pdf).pages)
    assert "Effect sizes with their intervals: see report.html." in printed
    assert "55% to 66%" not in printed
    assert "effects-models" in done.tables.read_text(encoding="utf8")
