"""The law of `page_law` on what the commands print: no p, interval, ± or chance without its question, runs and images."""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from test_cli_power import GIVEN, design_of, make_pilot
from test_cli_tables import write

from study import conclude, dispatch
from study.cli import main
from study.conclude import power_tables
from study.dispatch import Outcome, states
from study.records import Plan, RunStatus
from study.report.notes import Notes
from study.report.results import Results
from study.report.results import results as make_results
from study.report.terms import TERMS, Text

sys.path.append(str(Path(__file__).parents[1] / "report"))

from page_law import Language, broken, of_terminal, shown
from report_builder import Made, made_up

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES: tuple[Language, ...] = ("en", "ko")
Print = Callable[..., str]


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Print:
    """`printed("power", "mae_effect")`: what the command prints in an empty folder that has the shipped protocols."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    shutil.copytree(ROOT / "protocols", "protocols")

    def run(*arguments: str) -> str:
        with contextlib.suppress(SystemExit):
            main(arguments)
        said = capsys.readouterr()
        assert said.err == ""
        return said.out

    return run


def faults(text: str, language: Language = "en") -> list[str]:
    return [fault for unit in of_terminal(text) for fault in broken(unit, language)]


def kinds(text: str) -> set[str]:
    return {kind for unit in of_terminal(text) for kind in shown(unit)}


# --------------------------------------------------------------------------------------------------- how many seeds

PILOTS: dict[str, dict[str, Any]] = {
    "three runs": {"n_seeds": 3},
    "eight runs of pairs": {"n_seeds": 8, "seeding": "paired"},
    "patients": {"n_seeds": 4, "images": 60, "per_patient": 3},
    "runs that do not differ": {"n_seeds": 5, "sd_run": 0.0},
}
OTHERS = ("eight runs of pairs", "patients", "runs that do not differ")
LUCK = ("images", "per_patient", "sd_run", "sd_seed")


def pilot(name: str) -> None:
    facts = PILOTS[name]
    design = design_of("mae_effect", **{key: value for key, value in facts.items() if key not in LUCK})
    make_pilot(design, **{key: value for key, value in facts.items() if key in LUCK})


@pytest.mark.parametrize("name", ["three runs", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_every_part_of_the_plan_obeys(printed: Print, name: str) -> None:
    pilot(name)
    out = printed("power", "mae_effect")
    assert faults(out) == []
    assert sum("chance" in shown(unit) for unit in of_terminal(out)) == 5  # what to buy, and four tables
    assert ("interval" in kinds(out)) == (name != "runs that do not differ")


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--metric", "auc"), ("--metric", "auc", "--delta", "0.1"), GIVEN])
def test_the_plan_of_other_questions_obeys(printed: Print, options: Sequence[str]) -> None:
    pilot("three runs")
    out = printed("power", "mae_effect", *options)
    assert faults(out) == []
    assert "chance" in kinds(out)


def test_a_plan_that_keeps_something_back_is_noticed(printed: Print) -> None:
    pilot("three runs")
    out = printed("power", "mae_effect")
    for said, lacking, count in (
        (power_tables.AXES, "its question, runs, images", 4),
        ("if we trained again and took new images, would they differ?", "its question", 1),
        ("3 runs each, ", "runs", 1),
        ("40 images\n", "images", 1),
        ("m = 3", "m", 1),
    ):
        assert said in out, said
        found = faults(out.replace(said, "\n" if said.endswith("\n") else ""))
        assert [f"without {lacking}:" in fault for fault in found] == [True] * count, said


# ----------------------------------------------------------------------------------------------------- two reports


@lru_cache(maxsize=4)
def results_of(**changes: Any) -> Results:
    """Results of a made-up study of one model."""
    made = Made(models=("vit_small",), metrics=("ehr", "insertion"), gallery=False, **changes)
    return make_results(made_up(made), Notes())


def another(results: Results, **changes: Any) -> dict[str, Any]:
    """The same as results of a study with another name on other films."""
    changed = copy.deepcopy(dict(results)) | {"study": "another"}
    for facts in changed["datasets"].values():
        facts["digest"] = "0" * 64
    return changed | changes


def later(results: Results) -> dict[str, Any]:
    """The same as the next report of the study, with other estimates, runs and images."""
    changed = copy.deepcopy(dict(results)) | {"report": results["report"] + 1}
    for row in changed["contrasts"]:
        if row["estimate"] is not None:
            row["estimate"] += 0.05
        row["n_images"] -= 1
    changed["counts"]["runs_finished"] += 1
    return changed


def put(name: str, results: Results) -> None:
    path = Path("reports") / name / "results.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(results), encoding="utf8")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("columns", ["80", "400"])
def test_two_studies_side_by_side_obey(
    printed: Print, language: Language, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    put("one", results_of())
    put("two", another(results_of()))
    out = printed("compare", "one", "two", "--lang", language)
    assert faults(out, language) == []
    assert [unit.kind for unit in of_terminal(out) if "interval" in shown(unit)] == ["table"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("changes", [{}, {"seeds": (11,), "failed": False}], ids=["three runs", "one run"])
def test_two_reports_of_a_study_side_by_side_obey(printed: Print, language: Language, changes: dict[str, Any]) -> None:
    put("one", results_of(**changes))
    put("two", later(results_of(**changes)))
    out = printed("compare", "one", "two", "--lang", language)
    assert "→" in out
    assert faults(out, language) == []


@pytest.mark.parametrize("columns", ["80", "400"])
def test_a_comparison_that_keeps_something_back_is_noticed(
    printed: Print, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    put("one", results_of())
    put("two", another(results_of()))
    for name, text, lacking in (
        ("compare.common", "Contrasts in common", "its question"),
        ("compare.side", "{delta} (95% CI {ci})", "runs, images"),
        ("compare.side", "{delta} ({ci}; {a} + {b} runs)", "images"),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(TERMS, name, Text(text, text))
            (found,) = faults(printed("compare", "one", "two"))
            assert f"without {lacking}:" in found


def test_the_comparison_as_data_says_what_its_intervals_are_of(printed: Print) -> None:
    put("one", results_of())
    put("two", another(results_of()))
    printed("compare", "one", "two", "--json", "both.json")
    data = json.loads(Path("both.json").read_text(encoding="utf8"))
    assert (data["question"], data["alpha"]) == ("if we trained again and took new images", 0.05)
    for row in data["contrasts"]:
        assert (row["ci_low"] is None) == (row["why_not"] is not None)
        assert {"n_runs_treatment", "n_runs_control", "n_images"} <= set(row["a"]) & set(row["b"])


# ---------------------------------------------------------------------------------------- page 1 behind run and report


def pretend(monkeypatch: pytest.MonkeyPatch, results: Results) -> None:
    """Every run is done, and this is the report."""

    def done(plan: Plan) -> tuple[RunStatus, ...]:
        return tuple(RunStatus(run.run_id, run.arm, run.model, run.seed, "done") for run in plan.runs)

    def run(plan: Plan, **_: Any) -> Outcome:
        return Outcome(done(plan), len(plan.stages), 0, 0, 0, 1.0)

    def conclusion(*_: Any, reports: Path, **__: Any) -> conclude.Conclusion:
        return conclude.Conclusion(reports / "smoke", results, reused=False)

    monkeypatch.setattr(dispatch, "run", run)
    monkeypatch.setattr(states, "run_statuses", lambda plan, *_: done(plan))
    monkeypatch.setattr(conclude, "conclude", conclusion)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("command", ["run", "report"])
def test_page_one_on_the_terminal_obeys(
    printed: Print, command: str, language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, {**results_of(), "languages": [language]})
    out = printed(command, "smoke")
    assert "report: reports/smoke/report.pdf" in out
    assert {"p", "interval"} <= kinds(out)
    assert faults(out, language) == []


def test_a_page_one_that_keeps_something_back_is_noticed(printed: Print, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, results_of())
    out = " ".join(printed("report", "smoke").replace("\n\n", "\0").split()).replace("\0", "\n\n")
    answers = sum("interval" in shown(unit) for unit in of_terminal(out))
    assert answers >= 2
    texts = (("retraining and new images", "its question"), ("60 images of 30 patients", "images"), ("m = 3", "m"))
    for said, lacking in texts:
        found = faults(out.replace(said, ""))
        assert [f"without {lacking}:" in fault for fault in found] == [True] * answers, said


@pytest.mark.slow
def test_an_analysis_of_scores_made_elsewhere_obeys(printed: Print) -> None:
    for name, shift in (("one", 0.06), ("two", 0.03)):
        write(Path(), name, shift=shift)
        out = printed("analyse", f"{name}.csv", "--protocol", f"{name}.yaml", "--lang", "both")
        assert {"p", "interval"} <= kinds(out)
        assert faults(out) == []
    out = printed("compare", "one", "two")
    assert "interval" in kinds(out)
    assert faults(out) == []
