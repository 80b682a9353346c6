"""The words: both languages, nothing forbidden, no particle after a variable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report_builder import Made, made_up

from study.report import fact_tables, terms
from study.report.asides import date, statistics_notes
from study.report.front import Fit, front
from study.report.methods import glossary, methods
from study.report.notes import Notes
from study.report.results import Results
from study.report.results import results as make_results
from study.report.terms import TERMS, Text
from study.report.wording import forbidden, headline, result, voice

FOLDER = Path(fact_tables.__file__).parent
HANGUL = re.compile(r"[가-힣]")
PARTICLE = re.compile(r"\}(은|는|이|가|을|를|와|과|로|으로)(?![가-힣])")
VARIABLE = re.compile(r"\{(\w+?)(?:_en|_ko)?(?::[^}]*)?\}")


def test_every_term_has_both_languages_and_the_same_variables() -> None:
    one_sided = {"month_en", "why", "month"}
    for key, text in TERMS.items():
        assert bool(text.en) == bool(text.ko) or key == "verdict.differs.tail", key
        english, korean = (set(VARIABLE.findall(words)) for words in (text.en, text.ko))
        assert english ^ korean <= one_sided, key


def test_no_korean_particle_follows_a_variable() -> None:
    assert [key for key, text in TERMS.items() if PARTICLE.search(text.ko)] == []


def test_no_term_uses_a_forbidden_word() -> None:
    hits = {key: forbidden(text.en, "en") + forbidden(text.ko, "ko") for key, text in TERMS.items()}
    assert {key: hit for key, hit in hits.items() if hit} == {}


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("MAE is significantly better", "en"),
        ("a trend towards", "en"),
        ("no effect", "en"),
        ("it outperforms", "en"),
        ("the model looks at the joint", "en"),
        ("robust!", "en"),
        ("유의미한 차이", "ko"),
        ("입증됨", "ko"),
        ("압도적", "ko"),
    ],
)
def test_the_list_of_forbidden_words_catches(words: str, language: terms.Language) -> None:
    assert forbidden(words, language)


def test_a_quoted_word_is_mentioned_not_used() -> None:
    assert forbidden("so “no difference” cannot be concluded", "en") == []


def test_templates_and_code_hold_no_other_korean() -> None:
    tables = {
        "captions.py",
        "sentences.py",
        "wording.py",
        "glossary.py",
        "glossary_metrics.py",
        "glossary_attributions.py",
    }
    files = [*FOLDER.glob("*.py"), *FOLDER.glob("templates/*"), *FOLDER.glob("static/*")]
    files = [file for file in files if not file.name.endswith("words.py")]
    found = [file.name for file in files if file.name not in tables and HANGUL.search(file.read_text(encoding="utf8"))]
    assert found == []


def test_the_result_line_has_means_difference_interval_and_adjusted_p(results: Results) -> None:
    row = next(row for row in results["contrasts"] if row["verdict"])
    row = {
        **row,
        "mean_control": 0.488,
        "mean_treatment": 0.532,
        "estimate": 0.044,
        "ci_low": 0.032,
        "ci_high": 0.057,
        "p_adjusted": 0.0004,
        "n_runs_treatment": 3,
        "n_runs_control": 3,
    }
    line = result(row, voice(results))
    assert line == Text(
        "vit_small: EHR 0.488 → 0.532, Δ = +0.044 (95% CI +0.032 to +0.057; Holm p < 0.001, m = 6; "
        "retraining and new images; 3 + 3 runs, 60 images of 30 patients). "
        "The whole interval lies above the margin.",
        "vit_small: EHR 0.488 → 0.532, 차이 +0.044 (95% 신뢰구간 +0.032 ~ +0.057, Holm p < 0.001, m = 6; "
        "재학습과 새 영상; 실행 3 + 3회, 환자 30명의 영상 60장). "
        "신뢰구간 전체가 한계값보다 큼.",
    )


def test_a_headline_names_each_model_with_its_own_verdict(results: Results) -> None:
    rows = [row for row in results["contrasts"] if row["verdict"] and row["treatment"] == "mae_random"]
    assert headline(rows) == Text(
        "Better for vit_small, by 0.02 or more. Inconclusive for densenet121.",
        "vit_small: 의미 있는 개선 (0.02 이상). densenet121: 결론 유보.",
    )


def test_equal_verdicts_are_said_once() -> None:
    made = make_results(made_up(), Notes())
    rows = [row for row in made["contrasts"] if row["verdict"] and row["treatment"] == "mae_center"]
    assert headline(rows).en == "Equivalent within ±0.02 in both models."


def test_an_unadjusted_interval_beside_an_adjusted_p_is_explained(results: Results) -> None:
    row = next(row for row in results["contrasts"] if row["verdict"])
    verdict = {**row["verdict"], "kind": "inconclusive"}
    row = {**row, "ci_low": 0.001, "ci_high": 0.03, "p_adjusted": 0.09, "m": 6, "verdict": verdict}
    assert "The 95% CI excludes 0, but not after adjustment for 6 tests." in result(row, voice(results)).en


@pytest.mark.parametrize(
    "made",
    [
        Made(),
        Made(models=("vit_small",), seeds=(11,), failed=False),
        Made(undefined=True),
        Made(margin=None),
        Made(models=("a", "b", "c")),
    ],
    ids=["whole", "one run", "undefined", "no margin", "three models"],
)
def test_generated_text_is_free_of_forbidden_words_and_holes(made: Made) -> None:
    made_results = make_results(made_up(made), Notes())
    page = front(made_results, Notes(), None, Fit())
    texts = [text for answer in page.answers for text in (answer.headline, *answer.lines)]
    texts += [*page.quote, *page.changed, methods(made_results), *(e.definition for e in glossary(made_results))]
    texts += [sentence for _, sentence in statistics_notes(made_results)]
    for text in texts:
        assert forbidden(text.en, "en") == []
        assert forbidden(text.ko, "ko") == []
        assert not re.search(r"\bnan\b|\bNone\b|\binf\b|[{}]|−0\.000(?!\d)", text.en + text.ko)


def test_one_run_never_speaks_of_the_recipe() -> None:
    made = make_results(made_up(Made(models=("vit_small",), seeds=(11,), failed=False)), Notes())
    page = front(made, Notes(), None, Fit())
    assert all("(for these trained models)" in answer.headline.en for answer in page.answers)
    assert "One run per arm: every statement is about these trained models, not about the recipe." in [
        text.en for text in page.quote
    ]


def test_without_a_margin_no_difference_cannot_be_concluded() -> None:
    made = make_results(made_up(Made(margin=None)), Notes())
    quote = [text.en for text in front(made, Notes(), None, Fit()).quote]
    assert quote.count("No margin was declared, so “no difference” cannot be concluded.") == 1


def test_dates_are_written_out_in_both_languages() -> None:
    assert date("2024-04-15") == Text("15 April 2024", "2024년 4월 15일")
