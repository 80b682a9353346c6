"""What runs, what is skipped, what a failure costs, and what is said about it."""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from toy_study import calls, do, living, sums, toy_plan

from study import dispatch
from study.dispatch import Said, cancel, logs, status
from study.errors import StoreError, StudyError
from study.store import Ending, Store
from study.store.attempts import Attempt

BOTH = pytest.mark.parametrize("cluster", ["inline", "local"])


def endings(folder: Path, key: str) -> list[Ending | None]:
    return [attempt.ending() for attempt in Store(folder / "runs").attempts(key)]


def key_of(plan: object, label: str) -> str:
    return next(key for key, stage in plan.stages.items() if stage.label == label)  # type: ignore[attr-defined]


@BOTH
def test_every_stage_is_done_once_and_a_second_call_does_nothing(tmp_path: Path, cluster: str) -> None:
    plan = toy_plan()
    outcome = do(plan, tmp_path, cluster, workers=2)
    assert (outcome.done, outcome.reused, outcome.failed, outcome.exit_code) == (19, 0, 0, 0)
    assert Counter(calls(tmp_path)) == {"data": 1, "mae": 2, "finetune": 4, "predict": 4, "explain": 4, "measure": 4}
    again = do(plan, tmp_path, cluster, workers=2)
    assert (again.done, again.reused, again.failed, again.exit_code) == (0, 19, 0, 0)
    assert len(calls(tmp_path)) == 19
    assert living(tmp_path) == []


def test_local_workers_make_the_same_objects_as_this_process(tmp_path: Path) -> None:
    do(toy_plan(), tmp_path / "one", "inline")
    do(toy_plan(), tmp_path / "two", "local", workers=2)
    assert len(sums(tmp_path / "one")) == 19
    assert sums(tmp_path / "one") == sums(tmp_path / "two")


def test_a_further_metric_arm_or_seed_computes_only_itself(tmp_path: Path) -> None:
    do(toy_plan(arms=("baseline",)), tmp_path)

    def further(**wanted: tuple[object, ...]) -> Counter[str]:
        before = len(calls(tmp_path))
        outcome = do(toy_plan(**wanted), tmp_path)  # type: ignore[arg-type]
        assert outcome.complete
        assert outcome.done == len(calls(tmp_path)) - before
        return Counter(calls(tmp_path)[before:])

    assert further(arms=("baseline",), metrics=("ehr", "adcc")) == {"measure": 2}
    assert further(arms=("baseline", "mae")) == {"mae": 2, "finetune": 2, "predict": 2, "explain": 2, "measure": 2}
    one_more = {"mae": 1, "finetune": 2, "predict": 2, "explain": 2, "measure": 2}
    assert further(arms=("baseline", "mae"), seeds=(0, 1, 2)) == one_more


@BOTH
def test_an_exception_is_a_named_hole_and_everything_else_goes_on(tmp_path: Path, cluster: str) -> None:
    plan = toy_plan(trouble={"finetune mae-vit-seed1": {"do": "raise"}})
    outcome = do(plan, tmp_path, cluster, workers=2)
    assert {run.run_id: run.state for run in outcome.runs} == {
        "baseline-vit-seed0": "done",
        "baseline-vit-seed1": "done",
        "mae-vit-seed0": "done",
        "mae-vit-seed1": "failed",
    }
    assert outcome.runs[3].reason == "finetune mae-vit-seed1: ValueError: the loss is a teapot"
    assert (outcome.done, outcome.failed, outcome.exit_code) == (15, 1, 4)
    assert calls(tmp_path).count("finetune") == 4, "an exception is not repeated"
    assert [ending.state for ending in endings(tmp_path, key_of(plan, "finetune mae-vit-seed1")) if ending] == [
        "failed"
    ]


def test_the_next_call_tries_a_failed_stage_again(tmp_path: Path) -> None:
    plan = toy_plan(trouble={"finetune mae-vit-seed1": {"do": "raise", "once": True}})
    assert do(plan, tmp_path).failed == 1
    again = do(plan, tmp_path)
    assert (again.done, again.reused, again.exit_code) == (4, 15, 0)


def test_a_failed_shared_stage_blocks_all_that_need_it_and_is_named(tmp_path: Path) -> None:
    plan = toy_plan(arms=("baseline", "random", "center"), trouble={"mae seed0": {"do": "raise"}})
    outcome = do(plan, tmp_path)
    states = {run.run_id: run.state for run in outcome.runs}
    assert [name for name, state in states.items() if state == "blocked"] == ["random-vit-seed0", "center-vit-seed0"]
    assert [name for name, state in states.items() if state == "done"] == [
        "baseline-vit-seed0",
        "baseline-vit-seed1",
        "random-vit-seed1",
        "center-vit-seed1",
    ]
    blocked = next(run for run in outcome.runs if run.run_id == "center-vit-seed0")
    short = key_of(plan, "mae seed0")[:6]
    expected = f"blocked by {short}, which other runs need too: mae seed0: ValueError: the loss is a teapot"
    assert blocked.reason == expected


@pytest.mark.parametrize(
    ("do_", "exit_code", "words"),
    [
        ("exit", 3, "the process ended itself with exit code 3"),
        ("segfault", -11, r"killed by signal 11 (SIGSEGV)"),
        ("kill", -9, "killed by signal 9 (SIGKILL)"),
    ],
)
def test_a_dead_process_is_recorded_retried_once_and_isolated(
    tmp_path: Path, do_: str, exit_code: int, words: str
) -> None:
    plan = toy_plan(seeds=(0,), trouble={"finetune mae-vit-seed0": {"do": do_}})
    outcome = do(plan, tmp_path, "local", workers=2)
    assert [run.state for run in outcome.runs] == ["done", "failed"]
    assert words in outcome.runs[1].reason
    assert outcome.runs[1].reason.endswith(", 2 times")
    found = endings(tmp_path, key_of(plan, "finetune mae-vit-seed0"))
    assert [(ending.state, ending.exit_code) for ending in found if ending] == [("killed", exit_code)] * 2
    assert living(tmp_path) == []


def test_a_process_that_dies_once_costs_one_attempt(tmp_path: Path) -> None:
    plan = toy_plan(seeds=(0,), trouble={"mae seed0": {"do": "kill", "once": True}})
    outcome = do(plan, tmp_path, "local", workers=1)
    assert (outcome.done, outcome.failed, outcome.exit_code) == (10, 0, 0)
    assert calls(tmp_path).count("mae") == 2


def test_sys_exit_in_a_stage_is_a_failure_like_an_exception(tmp_path: Path) -> None:
    plan = toy_plan(arms=("baseline",), seeds=(0,), trouble={"finetune baseline-vit-seed0": {"do": "sys.exit"}})
    assert do(plan, tmp_path).runs[0].reason == "finetune baseline-vit-seed0: SystemExit: leaving"


@BOTH
def test_a_full_disk_stops_the_study_and_says_so(tmp_path: Path, cluster: str) -> None:
    plan = toy_plan(seeds=(0,), trouble={"data shoulder": {"do": "full"}})
    outcome = do(plan, tmp_path, cluster, workers=2)
    assert "No space left on device" in outcome.problem
    assert outcome.exit_code == 5
    assert calls(tmp_path) == ["data"]


def test_an_executor_that_cannot_be_imported_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    plan = toy_plan(arms=("baseline",), seeds=(0,))
    outcome = dispatch.run(
        plan,
        store=Store(tmp_path / "runs"),
        root=tmp_path,
        cluster="local",
        workers=1,
        executor="no_such_module:execute",
    )
    assert outcome.runs[0].reason == "data shoulder: ModuleNotFoundError: No module named 'no_such_module'"


def test_diverged_is_read_from_the_classifier_and_the_run_counts(tmp_path: Path) -> None:
    plan = toy_plan(seeds=(0,), trouble={"finetune mae-vit-seed0": {"diverged": True}})
    outcome = do(plan, tmp_path)
    assert [(run.state, run.diverged) for run in outcome.runs] == [("done", False), ("done", True)]
    assert outcome.runs[1].pretrain_key == key_of(plan, "mae seed0")
    assert "✓ D" in status(plan, Store(tmp_path / "runs"))


def test_an_object_of_another_recipe_stops_before_anything_is_done(tmp_path: Path) -> None:
    plan = toy_plan(arms=("baseline",), seeds=(0,))
    do(plan, tmp_path)
    key = key_of(plan, "data shoulder")
    changed = replace(plan.stages[key], recipe={"schema": 2})
    with pytest.raises(StoreError, match="another recipe than data shoulder"):
        do(replace(plan, stages={**plan.stages, key: changed}), tmp_path)


def test_a_damaged_object_is_made_again(tmp_path: Path) -> None:
    plan = toy_plan(arms=("baseline",), seeds=(0,))
    do(plan, tmp_path)
    before = sums(tmp_path)
    manifest = (
        tmp_path / "runs" / "objects" / (key := key_of(plan, "predict baseline-vit-seed0"))[:2] / key / "manifest.json"
    )
    manifest.write_bytes(manifest.read_bytes()[:30])
    outcome = do(plan, tmp_path)
    assert (outcome.done, outcome.reused) == (1, 4)
    assert sums(tmp_path) == before
    assert len(list((tmp_path / "runs" / "quarantine").iterdir())) == 1


def test_paths_with_spaces_quotes_and_hangul_reach_the_workers(tmp_path: Path) -> None:
    folder = tmp_path / "my 'study' \"어깨\" $HOME"
    outcome = do(toy_plan(arms=("baseline",), seeds=(0,)), folder, "local", workers=1)
    assert outcome.exit_code == 0


def test_files_where_the_study_is_called_do_not_stand_in_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("copy", "queue", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the user was imported')")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    outcome = do(toy_plan(arms=("baseline",), seeds=(0,)), tmp_path / "results", "local", workers=1)
    assert outcome.exit_code == 0


def test_status_shows_reasons_and_the_command_for_the_log(tmp_path: Path) -> None:
    plan = toy_plan(trouble={"finetune mae-vit-seed1": {"do": "raise"}})
    store = Store(tmp_path / "runs")
    assert status(plan, store).startswith("toy: 0 of 4 runs done, 4 missing\n")
    do(plan, tmp_path)
    lines = status(plan, store, Said("protocols/toy.yaml")).splitlines()
    assert lines[:7] == [
        "toy: 3 of 4 runs done, 1 failed",
        "            seed 0  1",
        "  baseline  ✓       ✓",
        "  mae       ✓       ✗",
        "  ✗ mae-vit-seed1: finetune mae-vit-seed1: ValueError: the loss is a teapot",
        "      study logs mae/1 --protocol protocols/toy.yaml",
        "  stages     15 reused, 1 failed, 3 blocked of 19",
    ]
    assert lines[-2:] == [
        "  next       study run protocols/toy.yaml  (does the 1 missing)",
        "             study report protocols/toy.yaml  (partial, marked as such)",
    ]


def test_logs_hold_what_was_printed_and_the_traceback_with_time_stamps(tmp_path: Path) -> None:
    plan = toy_plan(trouble={"finetune mae-vit-seed1": {"do": "raise"}})
    do(plan, tmp_path, "local", workers=2)
    text = logs(plan, Store(tmp_path / "runs"), "mae/vit/1")
    assert "attempt 1 · failed: ValueError: the loss is a teapot" in text
    assert "Traceback (most recent call last)" in text
    assert any(line[:2] == "20" and line.endswith(" working on mae seed1") for line in text.splitlines())
    assert "seed0" not in text


def test_an_unknown_run_is_refused_with_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match=r"(?s)'mae/7' is no run of toy; write arm/seed.*known: baseline/0, baseline/1"
    ):
        logs(toy_plan(), Store(tmp_path), "mae/7")


def test_an_abandoned_attempt_is_closed_as_vanished_by_the_next(tmp_path: Path) -> None:
    plan = toy_plan(arms=("baseline",), seeds=(0,))
    key = key_of(plan, "data shoulder")
    Attempt(Store(tmp_path / "runs").workshop(key) / "attempts" / "0001-abcdef").open()
    assert "its process disappeared" in status(plan, Store(tmp_path / "runs"))
    do(plan, tmp_path)
    assert [ending.state for ending in endings(tmp_path, key) if ending] == ["vanished", "done"]


def test_truncated_small_files_are_treated_as_absent(tmp_path: Path) -> None:
    plan = toy_plan(arms=("baseline",), seeds=(0,))
    store = Store(tmp_path / "runs")
    for key in plan.stages:
        attempt = Attempt(store.workshop(key) / "attempts" / "0001-abcdef").open()
        for name in ("outcome.json", "progress.json"):
            (attempt.path / name).write_bytes(b'{"state": "do')
        (store.workshop(key) / "recipe.json").write_bytes(b'{"sch')
    assert "0 of 1 runs done" in status(plan, store)
    assert do(plan, tmp_path).exit_code == 0


def test_workers_get_one_thread_and_no_gpu_on_a_cpu_slot(tmp_path: Path) -> None:
    do(toy_plan(arms=("baseline",), seeds=(0,)), tmp_path, "local", workers=1)
    settings = next((tmp_path / "runs" / "studies" / "toy" / "sessions").glob("*/worker-000/settings.json")).read_text()
    assert '"OMP_NUM_THREADS": "1"' in settings


def test_cancel_without_a_living_session_asks_nobody(tmp_path: Path) -> None:
    assert cancel(Store(tmp_path / "runs"), "toy") == 0
    do(toy_plan(arms=("baseline",), seeds=(0,)), tmp_path)
    session = next((tmp_path / "runs" / "studies" / "toy" / "sessions").iterdir())
    assert os.listdir(session) == ["conductor.json"]


@pytest.mark.slow
def test_a_call_on_two_thousand_finished_stages_takes_less_than_three_seconds(tmp_path: Path) -> None:
    plan = toy_plan(arms=("baseline", "mae"), seeds=tuple(range(10)), metrics=tuple(f"m{n}" for n in range(96)))
    assert len(plan.stages) == 1991
    do(plan, tmp_path)
    outcome = do(plan, tmp_path)
    assert outcome.reused == 1991
    assert outcome.seconds < 3
