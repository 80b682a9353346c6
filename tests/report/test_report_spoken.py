"""On the page arms, metrics and maps go by their names: labels with underscores stay in data, paths and commands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
from report_builder import Made, made_up
from report_designs import Invented, four_doses, report_of, two_factors

from study.records import ReportInput
from study.report import glyphs, labels
from study.report.fact_tables import design
from study.report.front import Fit, front
from study.report.gallery import gallery
from study.report.html import content, render_page
from study.report.notes import Notes
from study.report.pictures import pictures
from study.report.results import results as make_results

SMALL = Made(models=("vit_small",), metrics=("ehr", "energy_pg"), methods=True, seeds=(11, 12), images=16)


def page_of(report: ReportInput) -> str:
    results = make_results(report, Notes())
    first = front(results, Notes(), None, Fit())
    whole = content(results, first, pictures(report, results), gallery(report, results), Notes())
    return render_page(whole, report.languages, web=True)


def words_of(page: str) -> str:
    """What a reader reads: no data, no style, no words for those who do not see a figure's place in the file."""
    for tag in ("style", "script"):
        page = re.sub(rf"<{tag}.*?</{tag}>", " ", page, flags=re.DOTALL)
    return glyphs.text_of(page)


def named(**changes: Any) -> Invented:
    """Two factors with a failed run, so that sentences of the statistics name arms by their labels."""
    return two_factors(lost=(("shoulder_center", 3),), images=16, metrics=("energy_pg",), **changes)


@lru_cache(maxsize=1)
def small_page() -> str:
    return page_of(made_up(SMALL))


REPORTS: dict[str, Callable[[], ReportInput]] = {
    "default": lambda: made_up(SMALL),
    "factors": lambda: report_of(named()),
    "doses": lambda: report_of(four_doses(images=16, metrics=("energy_pg",))),
}


@pytest.mark.parametrize(
    "name", ["default", *(pytest.param(name, marks=pytest.mark.slow) for name in ("factors", "doses"))]
)
def test_no_label_with_an_underscore_is_on_the_page(name: str) -> None:
    made = REPORTS[name]()
    text = words_of(small_page() if name == "default" else page_of(made))
    design = made.analysis.design
    for label in (*design.arms, *design.metrics, *design.attributions, *design.controls):
        if "_" in label:
            assert label not in text, text[text.index(label) - 60 :][:120]


def test_a_question_that_nobody_wrote_is_asked_by_name() -> None:
    report = report_of(four_doses(images=16, metrics=("energy_pg",)))
    results = make_results(report, Notes())
    asked = [answer.question for answer in front(results, Notes(), None, Fit()).answers]
    assert asked == ["MAE 25 vs Baseline", "MAE 50 vs Baseline", "MAE 75 vs Baseline", "MAE 90 vs Baseline"]
    assert results["questions"][0]["question"] == "mae_25 vs baseline"  # the data keep it


def test_page_one_says_what_was_asked_and_what_is_compared() -> None:
    report = made_up(SMALL)
    results = make_results(report, Notes())
    page = front(results, Notes(), None, Fit())
    assert [answer.pair.en for answer in page.answers] == [
        "MAE random − Baseline",
        "MAE center − Baseline",
        "Proxy − Baseline",
    ]
    assert f"Asked: {results['question']}" in words_of(small_page())


def test_what_is_inconclusive_is_not_to_be_quoted_as_nothing() -> None:
    results = make_results(made_up(Made(models=("vit_small", "densenet121"))), Notes())
    kinds = {row["verdict"]["kind"] for row in results["contrasts"] if row["verdict"]}
    quoted = " ".join(text.en for text in front(results, Notes(), None, Fit()).quote)
    assert ("inconclusive" in kinds) == ("Inconclusive says neither" in quoted) == True  # noqa: E712


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mae_random, seed 3: failed.", "MAE random, seed 3: failed."),
        ("all of mae_random.", "all of MAE random."),
        ("mae_random의 실행", "MAE random의 실행"),
        ("energy_pg on mae_center", "EnergyPG on MAE center"),
        ("arms.mae_random.0.mask_ratio", "arms.mae_random.0.mask_ratio"),
        ("PROTOCOL=mae_random", "PROTOCOL=mae_random"),
        ("mae_random-vit_small-seed11", "mae_random-vit_small-seed11"),
        ("mae_random_75 and not_mae_random", "mae_random_75 and not_mae_random"),
    ],
)
def test_labels_are_spoken_and_paths_settings_and_ids_stay(text: str, said: str) -> None:
    results = make_results(made_up(SMALL), Notes())
    assert labels.speaker(results)(text) == said


def test_rates_of_all_stages_stand_in_the_table_of_what_is_fixed() -> None:
    report = made_up(SMALL)
    rows = {line.head.en: line.cells[0].text.en for line in _rows(report)}
    assert rows["Learning rate (base rate)"] == (
        "MAE chest 0.002 (0.008); MAE shoulder 0.0005 (0.002); fine-tuning 0.001 (0.008); "
        "base rate = learning rate × 256 / batch size"
    )  # 0.002 * 256 / 64, 0.0005 * 256 / 64, 0.001 * 256 / 32


def test_rates_are_told_by_model_where_they_differ() -> None:
    report = made_up(replace(SMALL, models=("vit_small", "densenet121")))
    first, *others = report.facts.rates
    other = replace(report.facts, rates=(replace(first, lr=0.004), *others))
    rows = {line.head.en: line.cells[0].text.en for line in _rows(replace(report, facts=other))}
    assert rows["Learning rate (base rate)"].startswith("vit_small: MAE chest 0.004 (0.016); MAE shoulder 0.0005")
    assert "densenet121: MAE chest 0.002 (0.008)" in rows["Learning rate (base rate)"]


def test_without_rates_there_is_no_row_of_rates() -> None:
    report = made_up(SMALL)
    bare = replace(report, facts=replace(report.facts, rates=()))
    assert "Learning rate (base rate)" not in {line.head.en for line in _rows(bare)}


def _rows(report: ReportInput) -> Any:
    return design(json.loads(json.dumps(make_results(report, Notes())))).groups[0].lines
