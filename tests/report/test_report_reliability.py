"""All arms at once, agreement between runs, reliability and what to buy next: tables, figure, words."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from report_builder import Made, made_up

from study.records import ReportInput
from study.report.front import Fit, front
from study.report.gallery import gallery
from study.report.html import content, render_page
from study.report.methods import glossary, methods
from study.report.notes import Notes
from study.report.omnibus_tables import arm_rank_tables, omnibus_table
from study.report.pictures import pictures
from study.report.reliability_tables import buy_next, components_table, reliability_table, run_agreement_tables
from study.report.results import results as make_results
from study.report.table import Line, Table
from study.report.terms import Text

SMALL = Made(models=("vit_small",), metrics=("ehr", "energy_pg", "coherency"), failed=False, gallery=False)
FIVE = replace(SMALL, seeds=(11, 12, 13, 14, 15))


def of(made: Made) -> Any:
    return make_results(made_up(made), Notes())


def page_of(report: ReportInput) -> str:
    results = make_results(report, Notes())
    whole = content(
        results, front(results, Notes(), None, Fit()), pictures(report, results), gallery(report, results), Notes()
    )
    return render_page(whole, report.languages, web=True)


def line(table: Table, head: str) -> Line:
    return next(row for group in table.groups for row in group.lines if row.head.en == head)


# ------------------------------------------------------------------------ all arms at once


def test_the_table_of_context_names_both_questions_and_its_m() -> None:
    table = omnibus_table(of(SMALL))
    assert table is not None
    assert "context for the contrasts, never a gate" in table.caption.en
    assert table.caption.en.endswith("p unadjusted, m = 6.")  # three metrics on two attributions
    assert [head.text.en for head in table.heads[2:]] == [
        "F: retraining, new images",
        "F: these models, new images",
        "Ranks: these models, new images",
    ]
    means, recipe, models, ranks = line(table, "EHR ↑").cells
    assert re.fullmatch(r"0\.\d{3} to 0\.\d{3}", means.text.en)
    assert means.detail.en == "Baseline to Proxy"
    assert (recipe.text.en, recipe.detail.en) == ("F(3, 17.3) = 1.93", "p = 0.174")
    assert (models.text.en, models.detail.en) == ("F(2.4, 69.1) = 4.06", "p = 0.016")
    assert ranks.text.en.startswith("W = 0.")
    assert "seeds nested in arms; 3 runs per arm" in table.notes[0].en
    assert "60 images as blocks" in table.notes[0].en


def test_the_primary_attribution_and_metric_come_first() -> None:
    results = of(replace(SMALL, primary="energy_pg"))
    table = omnibus_table(results)
    assert table is not None
    assert [group.label.en for group in table.groups if group.label] == [
        "vit_small, Grad-CAM",
        "vit_small, Integrated gradients",
    ]
    assert table.groups[0].lines[0].head.en == "EnergyPG ↑"


def test_one_run_per_arm_has_no_f_for_retraining_and_says_why() -> None:
    table = omnibus_table(of(replace(SMALL, seeds=(11,))))
    assert table is not None
    assert line(table, "EHR ↑").cells[1].text.en == "–"
    assert line(table, "EHR ↑").cells[2].text.en.startswith("F(2.4")
    assert "One run of baseline: nothing can be said about retraining." in [note.en for note in table.notes]


def test_two_arms_have_no_table_and_no_diagram() -> None:
    made = replace(SMALL, arms=("baseline", "proxy"))
    report = made_up(made)
    results = make_results(report, Notes())
    assert omnibus_table(results) is None
    assert arm_rank_tables(results) == []
    assert pictures(report, results).arm_ranks == ()
    assert "All arms at once" not in page_of(report)


def test_the_diagram_of_arms_names_its_blocks_its_question_and_the_arms() -> None:
    report = made_up(SMALL)
    (picture,) = pictures(report, make_results(report, Notes())).arm_ranks
    assert "Blocks: 60 images, runs averaged first; these trained models, not retraining" in picture.caption.en
    assert "블록: 영상 60장" in picture.caption.ko
    for arm in ("Baseline", "MAE random", "MAE center", "Proxy"):
        assert arm in picture.svg
    assert "Average ranks of arms" in picture.svg


def test_patients_are_named_as_blocks() -> None:
    report = made_up(SMALL)
    rows = tuple(replace(row, blocks="patients", n_blocks=18) for row in report.analysis.omnibus)
    report = replace(report, analysis=replace(report.analysis, omnibus=rows))
    (picture,) = pictures(report, make_results(report, Notes())).arm_ranks
    assert "Blocks: 18 patients" in picture.caption.en
    assert "환자 18명" in picture.caption.ko


def test_ranks_stand_beside_the_difference_and_both_kinds_of_p() -> None:
    results = of(SMALL)
    (table,) = arm_rank_tables(results)
    reference, first = table.groups[0].lines[:2]
    assert [cell.text.en for cell in reference.cells[3:]] == ["–", "–"]
    assert reference.cells[1].text.en == "baseline"
    row = next(c for c in results["contrasts"] if (c["treatment"], c["metric"]) == ("mae_random", "ehr"))
    assert first.cells[1].text.en == f"{row['estimate_models']:+.3f}"
    assert [cell.text.en for cell in first.cells[3:]] == ["0.004", "0.008"]
    assert "m = 3" in table.notes[0].en
    assert "Nemenyi, 6 pairs" in table.notes[0].en
    assert "not about retraining" in table.notes[0].en


# ----------------------------------------------------------------------- agreement of runs


def test_the_matrix_of_agreement_is_symmetric_and_says_what_was_compared() -> None:
    (table,) = run_agreement_tables(of(FIVE))
    lines = table.groups[0].lines
    assert [line.head.en for line in lines] == ["Baseline", "MAE random", "MAE center", "Proxy"]
    texts = [[cell.text.en for cell in line.cells] for line in lines]
    assert texts == [list(column) for column in zip(*texts, strict=True)]
    assert "60 of 62 test images" in table.caption.en
    assert "Pairs share runs, so their spread is no interval" in table.notes[0].en
    assert "200 spread evenly over the test list" in table.notes[0].en
    assert re.fullmatch(r"0\.\d{3} to 0\.\d{3}", lines[0].cells[0].detail.en)


def test_fewer_than_four_runs_mark_their_intervals_as_of_the_models() -> None:
    (table,) = run_agreement_tables(of(SMALL))
    cell = table.groups[0].lines[0].cells[0]
    assert cell.detail.en.startswith("models: 0.")
    assert cell.detail.ko.startswith("모델: 0.")
    assert Text("With 3 runs (fewer than 4).", "실행 3회(4회 미만).") in table.notes


def test_single_runs_have_no_diagonal_and_none_at_all_no_table() -> None:
    (table,) = run_agreement_tables(of(replace(SMALL, seeds=(11,))))
    for place, row in enumerate(table.groups[0].lines):
        assert [cell.text.en == "–" for cell in row.cells] == [i == place for i in range(4)]
    assert run_agreement_tables(of(replace(SMALL, arms=("baseline",), seeds=(11,)))) == []


def test_many_arms_are_cut_into_tables_of_five() -> None:
    arms = ("baseline", *(f"arm_{i}" for i in range(6)))
    tables = run_agreement_tables(of(replace(SMALL, arms=arms)))
    assert [len(table.heads) - 1 for table in tables] == [5, 2]
    assert [len(table.groups[0].lines) for table in tables] == [7, 7]


# ----------------------------------------------------------------- reliability, components


def test_values_below_the_bar_are_marked_and_namesakes_named() -> None:
    table = reliability_table(of(SMALL))
    assert table is not None
    assert "Grad-CAM, maps of Baseline; 60 images" in table.caption.en
    good, bad, part = (line(table, head) for head in ("EHR ↑", "EnergyPG ↑", "Coherency ↑"))
    assert [cell.state for cell in good.cells[:3]] == ["", "", ""]
    assert [(cell.text.en, cell.state) for cell in bad.cells[:2]] == [("0.21", "part"), ("0.18", "part")]
    assert (good.cells[3].text.en, good.cells[3].detail.en) == ("0.85", "EnergyPG")
    assert len(good.cells) == 4, "one namesake is the closest, not the farthest too, so nothing has a farthest one"
    assert [cell.text.en for cell in part.cells[3:]] == ["–"]
    assert table.notes[0].en.startswith("△ below 0.4")


def test_the_farthest_namesake_is_marked_when_it_disagrees() -> None:
    table = reliability_table(
        of(replace(SMALL, metrics=("insertion", "deletion", "deletion_lerf"), primary="insertion"))
    )
    assert table is not None
    high, low = line(table, "Insertion ↑").cells[3:]
    assert (high.text.en, high.detail.en, high.state) == ("0.85", "Deletion", "")
    assert (low.text.en, low.detail.en, low.state) == ("0.55", "Deletion, LeRF", "")
    results = of(SMALL)
    results["reliability"][0]["rhos"] = [0.39]
    table = reliability_table(results)
    assert table is not None
    assert line(table, "EHR ↑").cells[3].state == "part"


def test_components_are_shown_as_standard_deviations_and_negative_ones_as_zero() -> None:
    report = made_up(SMALL)
    (part,) = report.analysis.components
    part = replace(part, arm_by_image=0.0, raw_arm_by_image=-0.0002)
    results = make_results(replace(report, analysis=replace(report.analysis, components=(part,))), Notes())
    table = components_table(results)
    assert table is not None
    assert [cell.text.en for cell in line(table, "EHR ↑").cells] == ["0.010", "0.000", "0.035", "0.100"]
    assert results["components"][0]["raw_arm_by_image"] == -0.0002
    assert "0.000: the estimate was negative" in table.notes[0].en


@pytest.mark.parametrize(
    ("share", "words", "korean"),
    [
        (
            0.83,
            "83% of what seeds or images can still take off the variance is luck of the runs: buy seeds",
            "시드를 늘릴 것",
        ),
        (
            0.24,
            "76% of what seeds or images can still take off the variance comes from the sample of images",
            "영상을 늘릴 것",
        ),
        (None, "does not tell whether seeds or images should be bought next", "알 수 없음"),
    ],
)
def test_one_sentence_says_what_to_buy_next(share: float | None, words: str, korean: str) -> None:
    report = made_up(SMALL)
    parts = tuple(replace(part, share_runs=share) for part in report.analysis.components)
    (advice,) = buy_next(make_results(replace(report, analysis=replace(report.analysis, components=parts)), Notes()))
    assert words in advice.en
    assert korean in advice.ko
    assert advice.en.startswith("vit_small, EHR: ")


def test_every_part_is_on_the_page_with_its_glossary_and_methods() -> None:
    report = made_up(FIVE)
    results = make_results(report, Notes())
    page = page_of(report)
    for heading in ("All arms at once", "Does the same recipe explain alike?", "Can these metrics carry a conclusion?"):
        assert heading in page
    assert "What to buy next" in page
    assert "모든 비교군을 한꺼번에" in page
    words = {entry.name.en for entry in glossary(results)}
    assert {"F over all arms", "Kendall’s W", "agreement between runs", "α (Krippendorff)", "dependability"} <= words
    assert "never as a condition of the contrasts, all 4 arms were compared at once" in methods(results).en
    assert "leave-one-run-out jackknife" in methods(results).en


def test_without_any_value_nothing_of_it_is_there() -> None:
    results = of(replace(SMALL, undefined=True))
    assert omnibus_table(results) is None
    assert run_agreement_tables(results) == []
    assert reliability_table(results) is None
    assert "F over all arms" not in {entry.name.en for entry in glossary(results)}
