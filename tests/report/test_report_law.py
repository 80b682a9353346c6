"""No p, interval or ± in any output without its question, its runs and images, and m where a p is adjusted."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import page_law
import pytest
from page_law import Unit, broken, broken_data, of_html, of_latex, of_terminal, shown
from report_builder import Made, made_up
from report_designs import Invented, design, four_doses, report_of, scores, two_factors

from study.records import Contrast, ReportInput
from study.report import design_files, files
from study.report.front import FITS, front
from study.report.gallery import gallery
from study.report.html import Content, content, render_page
from study.report.notes import Notes
from study.report.pictures import pictures
from study.report.results import Results
from study.report.results import results as make_results
from study.report.text import summary
from study.statistics import analyse
from study.statistics.sentences import SENTENCES

FEW = ("ehr", "energy_pg", "insertion", "deletion")
ONE_MODEL = Made(models=("vit_small",), metrics=FEW, gallery=False)
DESIGNS = {
    "four arms": ONE_MODEL,
    "two arms": replace(ONE_MODEL, arms=("baseline", "mae_random"), failed=False),
    "two models": replace(ONE_MODEL, models=("vit_small", "densenet121"), metrics=("ehr",), attributions=("gradcam",)),
    "one run per arm": replace(ONE_MODEL, seeds=(11,), failed=False),
    "one arm": replace(ONE_MODEL, arms=("baseline",), failed=False, margin=None),
    "one arm, one run": replace(ONE_MODEL, arms=("baseline",), seeds=(11,), failed=False, margin=None),
    "no margin": replace(ONE_MODEL, margin=None),
    "undefined": replace(ONE_MODEL, undefined=True),
    "classes, concepts, judges": replace(
        ONE_MODEL,
        metrics=(*FEW, "adcc", "average_drop"),
        classes=("normal", "loose", "broken"),
        concept_layers=(2, 4),
        cross=("cross_insertion",),
    ),
    "layers": replace(ONE_MODEL, attributions=("gradcam[layer=2]", "gradcam[layer=4]"), metrics=("ehr", "insertion")),
}
PATIENTS = "patients and AUC, analysed"
OTHERS = (
    "one run per arm",
    "one arm",
    "classes, concepts, judges",
    "two factors",
    "doses",
    "patients and AUC, analysed",
)
INVENTED = {
    "two factors": two_factors(),
    "two factors, one run": two_factors(n_seeds=1),
    "doses": four_doses(),
    "doses, one run": four_doses(n_seeds=1),
}
LANGUAGES: tuple[page_law.Language, ...] = ("en", "ko")


def patients_and_auc() -> ReportInput:
    """Two arms on 40 films of 20 patients through the real statistics, AUC and accuracy among the contrasts."""
    made = Invented({"baseline": 0.44, "mae_random": 0.5}, n_seeds=3, metrics=("ehr", "insertion"))
    table, rng = scores(made), np.random.default_rng(3)
    patient = "p" + (table["image_id"].str[1:].astype(int) // 2).astype(str)
    films = table.drop_duplicates(["run_id", "image_id"])
    label = (films["image_id"].str[1:].astype(int) // 2) % 2
    chance = np.clip(0.5 + 0.2 * (label - 0.5) + rng.normal(0, 0.15, len(films)), 0.01, 0.99)
    predictions = films[["run_id", "arm", "model", "seed", "image_id"]].assign(
        cluster=patient[films.index], label=label, p_0=1 - chance, p_1=chance
    )
    asked = design(made)
    more = [
        Contrast(name, "Does it diagnose?", family, "mae_random", "baseline", "vit_small", "", name)
        for name, family in (("auc", "primary"), ("accuracy", "exploratory"))
    ]
    asked = replace(asked, contrasts=(*asked.contrasts, *more), classes=("normal", "loose"))
    return replace(report_of(made), analysis=analyse(asked, table.assign(cluster=patient), predictions))


def input_of(name: str) -> ReportInput:
    if name == PATIENTS:
        return patients_and_auc()
    return report_of(INVENTED[name]) if name in INVENTED else made_up(DESIGNS[name])


@lru_cache(maxsize=4)
def results_of(name: str) -> Results:
    return make_results(input_of(name), Notes())


@lru_cache(maxsize=4)
def whole(name: str, language: page_law.Language) -> tuple[Content, ReportInput]:
    report = replace(input_of(name), languages=(language,))
    results = results_of(name)
    first = front(results, Notes(), None, FITS[0])
    return content(results, first, pictures(report, results), gallery(report, results), Notes()), report


def units(name: str, language: page_law.Language) -> list[Unit]:
    made, report = whole(name, language)
    return of_html(render_page(made, report.languages, web=True))


def test_a_page_obeys() -> None:
    assert [fault for unit in units("four arms", "en") for fault in broken(unit)] == []


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [*DESIGNS, *INVENTED, PATIENTS])
def test_the_page_of_every_design_obeys(name: str, language: page_law.Language) -> None:
    assert [fault for unit in units(name, language) for fault in broken(unit, language)] == []


@pytest.mark.parametrize("name", ["four arms", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_the_latex_tables_obey(name: str) -> None:
    made, report = whole(name, "en")
    tables = [table for group in made.tables.values() for table in group if table.sortable]
    found = of_latex(files.tables_tex(tables, "en", study=report.facts.study))
    assert len(found) == len(tables)
    assert [fault for unit in found for fault in broken(unit)] == []


@pytest.mark.parametrize("name", ["four arms", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_every_line_of_page_one_obeys_alone(name: str) -> None:
    made, _ = whole(name, "en")
    lines = [line for answer in made.front.answers for line in answer.lines]
    assert lines
    assert [fault for line in lines for fault in broken(Unit("text", line.en))] == []
    assert [fault for line in lines for fault in broken(Unit("text", line.ko), "ko")] == []


@pytest.mark.parametrize("name", ["four arms", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_page_one_on_a_terminal_obeys(name: str) -> None:
    for language in LANGUAGES:
        found = of_terminal(summary(results_of(name), language))
        assert any({"p", "interval"} & set(shown(unit)) for unit in found) or name == "one arm"
        assert [fault for unit in found for fault in broken(unit, language)] == []


@pytest.mark.parametrize("name", ["four arms", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_every_record_of_the_data_obeys(name: str) -> None:
    assert broken_data(results_of(name)) == []


@pytest.mark.parametrize("name", ["four arms", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_every_line_of_the_csv_files_obeys(name: str) -> None:
    results = results_of(name)
    texts = [files.contrasts_csv(results), files.metrics_csv(results)]
    texts += [files.rows_csv(*table) for table in design_files.files(results).values()]
    for text in texts:
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
        assert broken_data([{name: value or None for name, value in row.items()} for row in rows]) == []
        assert rows or name == "one arm"
        assert not {"sd", "std", "error", "ci"} & set(rows[0] if rows else ()), "a spread that does not name its unit"


def test_the_adjusted_p_of_the_csv_says_what_it_is_of() -> None:
    for name, question in (("four arms", "retraining and new images"), ("one run per arm", "these trained models")):
        rows = csv.DictReader(io.StringIO(files.contrasts_csv(results_of(name)).removeprefix("\ufeff")))
        assert {row["p_adjusted_question"] for row in rows if row["p_adjusted"]} == {question}


@pytest.mark.parametrize(
    ("record", "lacking"),
    [
        ({"p_value": 0.03, "n_runs": 3}, "images"),
        ({"n_images": 60, "rows": [{"ci_low": 0.1}]}, "runs"),
        ({"p_adjusted": 0.03, "n_runs_control": 3, "n_clusters": 30, "m": None}, "m"),
        ({"sd_runs": 0.03, "n": 3}, "runs, images"),
    ],
)
def test_a_record_that_keeps_something_back_is_noticed(record: dict[str, Any], lacking: str) -> None:
    (found,) = broken_data(record)
    assert found.endswith(f" without {lacking}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notes_of_the_statistics_obey(language: page_law.Language) -> None:
    place = LANGUAGES.index(language)
    found = []
    for code, texts in SENTENCES.items():
        facts = dict.fromkeys(re.findall(r"\{(\w+)\}", texts[0] + texts[1]), "3") | {"p": "< 0.001"}
        found += [(code, fault) for fault in broken(Unit("text", texts[place].format(**facts)), language)]
    assert found == []


# ------------------------------------------------------------------------------------------- the law itself can see


def test_the_law_sees_every_kind_of_number_on_a_page() -> None:
    found = [(unit.kind, tuple(shown(unit))) for unit in units("four arms", "en") if shown(unit)]
    assert {kind for kind, _ in found} == {"table", "figure", "text"}
    assert {what for _, whats in found for what in whats} == {"p", "interval", "±"}
    assert len(found) >= 14


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_table_without_its_caption_and_notes_is_noticed(language: page_law.Language) -> None:
    made, report = whole("four arms", language)
    bare = {
        name: [replace(table, caption=type(table.caption)("x", "x"), notes=()) for table in tables]
        for name, tables in made.tables.items()
    }
    page = render_page(replace(made, tables=bare), report.languages, web=True)
    faults = [fault for unit in of_html(page) for fault in broken(unit, language) if unit.kind == "table"]
    assert len(faults) >= 5


TERMINAL = """Two studies

Contrasts in common: difference (95% CI: retraining, new images)
 contrast     one@1                이것@2
 mae −        +0.05 (+0.01 to      없음
 baseline     +0.09; 3 + 3 runs,
              60 images)

What changed
- the first
  of two
- the second
"""


def test_a_terminal_is_cut_into_blocks_points_and_columns() -> None:
    cells = "contrast | mae − baseline | one@1 | +0.05 (+0.01 to +0.09; 3 + 3 runs, 60 images) | 이것@2 | 없음"
    assert [(unit.kind, unit.text) for unit in of_terminal(TERMINAL)] == [
        ("text", "Two studies"),
        ("table", f"Contrasts in common: difference (95% CI: retraining, new images) | {cells}"),
        ("text", "What changed"),
        ("text", "- the first of two"),
        ("text", "- the second"),
    ]


@pytest.mark.parametrize(
    ("said", "instead", "lacking"),
    [
        ("retraining, new images", "", "its question"),
        ("3 + 3 runs", "3 + 3", "runs"),
        ("60 images", "", "images"),
        ("contrast ", "p adj.   ", "m"),
        ("+0.05 (+0.01 to", "0.5 ± 0.1       ", "what ± is"),
    ],
)
def test_a_terminal_that_keeps_something_back_is_noticed(said: str, instead: str, lacking: str) -> None:
    assert [fault for unit in of_terminal(TERMINAL) for fault in broken(unit)] == []
    (found,) = [fault for unit in of_terminal(TERMINAL.replace(said, instead)) for fault in broken(unit)]
    assert f"without {lacking}:" in found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Δ = +0.044 (95% CI +0.03 to +0.05).", "its question, runs, images"),
        ("(95% CI +0.03 to +0.05; retraining and new images; 3 + 3 runs)", "images"),
        ("Friedman p < 0.001; these trained models, 60 images", "runs"),
        ("Holm p = 0.031, retraining and new images, 3 + 3 runs, 60 images", "m"),
        ("the mean is 0.488 ± 0.006 over 3 runs, 60 images", "what ± is"),
        ("differs by +0.03 to +0.05 in 3 runs on 60 images", "its question"),
        ("3 seeds x 60 images find 0.05 in 4 of 5 studies", "its question"),
        ("Chance in percent to find 0.05 if trained again (down: seeds)", "images"),
        ("SD of runs 0.02 (perhaps up to 0.03: upper 80% limit), if trained again: 5 seeds, 60 images", "runs"),
    ],
)
def test_a_sentence_that_keeps_something_back_is_noticed(text: str, fault: str) -> None:
    (found,) = broken(Unit("text", text))
    assert f"without {fault}:" in found


@pytest.mark.parametrize(
    "text",
    [
        "Equivalent within ±0.02.",
        "Bars at level 0.05, values from 0 to 1.",
        "Holm p = 0.031, m = 3; retraining and new images; 3 + 3 runs, 60 images of 20 patients",
        "mean over 60 images ± SD over 3 runs: 0.488 ± 0.006",
    ],
)
def test_a_margin_a_range_and_a_whole_sentence_pass(text: str) -> None:
    assert broken(Unit("text", text)) == []
