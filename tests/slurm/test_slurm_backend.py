"""Studies on a real SLURM: the same objects as in this process, whatever ends, dies or is taken away."""

import os
import re
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster, Settings
from jobs import reached, submit
from studies import LIMIT_S, ONE, Conduct, asking, ended, endings, log_of, on_slurm, running, tasks, undisturbed
from toy_study import SMALL, calls, sums, toy_plan

from study.dispatch import cancel_jobs, queued, status
from study.dispatch.squeue import queue
from study.dispatch.submissions import submissions
from study.errors import StudyError
from study.store import Store

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.usefixtures("quick")]


def test_jobs_make_the_same_objects_as_this_process_in_few_submissions(tmp_path: Path) -> None:
    plan = toy_plan()
    outcome = on_slurm(plan, tmp_path / "slurm")
    assert (outcome.exit_code, outcome.done, outcome.failed) == (0, len(plan.stages), 0)
    assert sums(tmp_path / "slurm") == undisturbed(plan, tmp_path / "inline")
    # The data, and an array of the four runs, each from its training to its measures.
    store = Store(tmp_path / "slurm" / "runs")
    assert [len(each.signatures()) for each in submissions(store, "toy")] == [1, 4]


def test_a_job_that_makes_way_for_an_urgent_one_goes_on_from_its_checkpoint(
    tmp_path: Path, conductor: Conduct, slurm: Cluster
) -> None:
    wanted: dict[str, Any] = {**ONE, "trouble": {"data shoulder": {"steps": 25, "sleep": 0.2}}}
    plan = toy_plan(**wanted)
    process = conductor(tmp_path, **wanted)
    store, first = Store(tmp_path / "runs"), next(iter(plan.stages))
    assert reached(lambda: store.newest_checkpoint(first) is not None, seconds=LIMIT_S)
    submit(slurm, "sleep 1", "-w", queue()[str(running(tmp_path))].nodes, "-c", "4", "-p", "urgent")
    ended(process)
    assert endings(tmp_path, first) == ["stopped", "done"]
    assert "goes on from step" in log_of(tmp_path, first)
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_scancel_ends_a_stage_with_a_checkpoint_and_the_next_call_goes_on(
    tmp_path: Path, conductor: Conduct, slurm: Cluster
) -> None:
    wanted = {**ONE, "trouble": {"data shoulder": {"steps": 60, "sleep": 0.2}}}
    plan = toy_plan(**wanted)
    process = conductor(tmp_path, **wanted)
    store, first = Store(tmp_path / "runs"), next(iter(plan.stages))
    assert reached(lambda: store.newest_checkpoint(first) is not None, seconds=LIMIT_S)
    job = str(running(tmp_path))
    slurm.call("scancel", job)
    text, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 4, text
    assert f"data shoulder failed: SLURM job {job} was cancelled; `study run` goes on" in text
    assert endings(tmp_path, first) == ["stopped"]
    assert on_slurm(plan, tmp_path).exit_code == 0
    assert "goes on from step" in log_of(tmp_path, first)
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_a_node_that_is_lost_costs_an_attempt_and_the_orphan_there_publishes_nothing(
    tmp_path: Path, conductor: Conduct, slurm: Cluster
) -> None:
    wanted = {**ONE, "trouble": {"data shoulder": {"steps": 220, "sleep": 0.3}}}
    plan = toy_plan(**wanted)
    process = conductor(tmp_path, **wanted)
    store, first = Store(tmp_path / "runs"), next(iter(plan.stages))
    assert reached(lambda: store.newest_checkpoint(first) is not None, seconds=LIMIT_S)
    node = queue()[str(running(tmp_path))].nodes
    slurm.down(node, signal.SIGKILL)
    try:
        text, _ = process.communicate(timeout=LIMIT_S)
    finally:
        slurm.up(node)
    assert process.returncode == 0, text
    states = endings(tmp_path, first)
    assert sorted(states) == ["done", "fenced"] or states == ["stopped", "done"]
    assert "goes on from step" in log_of(tmp_path, first)
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_a_killed_conductor_is_replaced_by_one_that_finds_its_jobs(tmp_path: Path, conductor: Conduct) -> None:
    wanted = {**ONE, "trouble": {"data shoulder": {"steps": 30, "sleep": 0.2}}}
    plan = toy_plan(**wanted)
    process = conductor(tmp_path, **wanted)
    assert reached(lambda: bool(calls(tmp_path)), seconds=LIMIT_S)
    process.kill()
    process.communicate()
    before = tasks(tmp_path)
    outcome = on_slurm(plan, tmp_path)
    assert outcome.exit_code == 0
    assert len(before) == 2
    assert len(submissions(Store(tmp_path / "runs"), "toy")) == 2
    assert len(calls(tmp_path)) == len(plan.stages)
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_a_conductor_killed_right_after_sbatch_loses_no_job(tmp_path: Path, conductor: Conduct) -> None:
    wanted = {**ONE, "trouble": {"data shoulder": {"steps": 30, "sleep": 0.2}}}
    process = conductor(tmp_path, **wanted)
    assert reached(lambda: bool(calls(tmp_path)), seconds=LIMIT_S)
    process.kill()
    process.communicate()
    store = Store(tmp_path / "runs")
    for submission in submissions(store, "toy"):
        (submission.folder / "jobs.json").unlink()
    plan = toy_plan(**wanted)
    assert on_slurm(plan, tmp_path).exit_code == 0
    assert len(submissions(store, "toy")) == 2
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_ctrl_c_leaves_the_jobs_where_they_are_and_study_cancel_ends_them(tmp_path: Path, conductor: Conduct) -> None:
    wanted = {**ONE, "trouble": {"data shoulder": {"steps": 400, "sleep": 0.2}}}
    plan = toy_plan(**wanted)
    process = conductor(tmp_path, **wanted)
    store, first = Store(tmp_path / "runs"), next(iter(plan.stages))
    assert reached(lambda: store.newest_checkpoint(first) is not None, seconds=LIMIT_S)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 3, text
    assert "leaving 2 jobs in the queue" in text
    assert len(tasks(tmp_path)) == 2
    words = queued(store, "toy")
    assert words[first].startswith("running as SLURM job ")
    assert sum("pending as SLURM job" in word and "(Dependency)" in word for word in words.values()) == 4
    assert f"queue      {words[first]}" in status(plan, store)
    cancelled = cancel_jobs(store, "toy")
    assert (cancelled.jobs, cancelled.left) == (2, ())
    assert tasks(tmp_path) == []
    assert endings(tmp_path, first) == ["stopped"]
    assert len(calls(tmp_path)) == 1
    assert "1 missing" in status(plan, store)


def test_whatever_goes_wrong_in_a_stage_is_a_named_hole_and_the_next_call_fills_it(tmp_path: Path) -> None:
    expected = {
        "baseline-vit-seed0": ("raise", 1, "ValueError: the loss is a teapot"),
        "baseline-vit-seed1": ("sys.exit", 1, "SystemExit: leaving"),
        "mae-vit-seed0": ("exit", 2, "the process ended itself with exit code 3, 2 times"),
        "mae-vit-seed1": ("segfault", 2, "killed by signal 11 (SIGSEGV), 2 times"),
    }
    trouble = {f"finetune {run}": {"do": do, "times": times} for run, (do, times, _) in expected.items()}
    plan = toy_plan(seeds=(0, 1, 2), trouble=trouble)
    outcome = on_slurm(plan, tmp_path)
    assert outcome.exit_code == 4
    assert {run.run_id: run.reason for run in outcome.runs if run.state == "failed"} == {
        run: f"finetune {run}: {reason}" for run, (_, _, reason) in expected.items()
    }
    assert [run.run_id for run in outcome.runs if run.state == "done"] == ["baseline-vit-seed2", "mae-vit-seed2"]
    assert on_slurm(plan, tmp_path).exit_code == 0
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_a_process_that_dies_once_costs_one_attempt(tmp_path: Path) -> None:
    plan = toy_plan(**ONE, trouble={"data shoulder": {"do": "segfault", "once": True}})
    outcome = on_slurm(plan, tmp_path)
    assert (outcome.exit_code, outcome.failed) == (0, 0)
    assert calls(tmp_path).count("data") == 2
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_more_jobs_than_an_array_may_have_are_several_arrays(
    slurm: Cluster, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Cluster.start(tmp_path_factory.mktemp("s"), Settings(nodes=2, max_array=3), owner=os.getpid())
    try:
        monkeypatch.setenv("SLURM_CONF", str(small.conf))
        plan = toy_plan(arms=("baseline",), seeds=tuple(range(7)))
        assert on_slurm(plan, tmp_path).exit_code == 0
        sizes = [len(each.signatures()) for each in submissions(Store(tmp_path / "runs"), "toy")]
        assert sizes == [1, 3, 3, 1]
        assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")
    finally:
        small.stop()


def test_over_a_limit_of_submitted_jobs_smaller_arrays_go_in_as_others_end(
    slurm: Cluster, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.dispatch.slurm.FULL_S", 2.0)
    small = Cluster.start(tmp_path_factory.mktemp("s"), Settings(nodes=2, max_submit=4), owner=os.getpid())
    try:
        monkeypatch.setenv("SLURM_CONF", str(small.conf))
        plan = toy_plan(arms=("baseline",), seeds=tuple(range(7)))
        assert on_slurm(plan, tmp_path).exit_code == 0
        sizes = [len(each.signatures()) for each in submissions(Store(tmp_path / "runs"), "toy")]
        assert (sizes[0], sum(sizes)) == (1, 8)
        assert max(sizes) <= 3
        assert len(calls(tmp_path)) == len(plan.stages)
        assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")
    finally:
        small.stop()


def test_a_partition_that_is_not_there_is_said_once_and_nothing_is_submitted(tmp_path: Path) -> None:
    with pytest.raises(
        StudyError,
        match=r"(?s)SLURM refused data \(data\): .*invalid partition specified: nope.*"
        r"asked for partition: nope; change dispatch.slurm.partition .*`sinfo -s` lists.*nothing was submitted",
    ):
        on_slurm(toy_plan(), tmp_path, requests=asking(partition="nope"))
    assert submissions(Store(tmp_path / "runs"), "toy") == []


def test_a_refusal_of_one_kind_of_stage_is_its_failure_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from study.dispatch import open_display

    requests = replace(SMALL, kinds={"mae": replace(SMALL.default, partition="nope")})
    plan = toy_plan()
    outcome = on_slurm(plan, tmp_path, requests=requests, display=open_display())
    assert outcome.exit_code == 4
    assert [run.state for run in outcome.runs] == ["done", "done", "failed", "failed"]
    assert "invalid partition specified: nope" in outcome.runs[2].reason
    assert capsys.readouterr().out.count("invalid partition") == 1
    assert on_slurm(plan, tmp_path).exit_code == 0
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_two_conductors_at_once_do_every_stage_once(tmp_path: Path, conductor: Conduct) -> None:
    both = [conductor(tmp_path, steps=3, sleep=0.1) for _ in range(2)]
    answers = [process.communicate(timeout=LIMIT_S)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    plan = toy_plan(steps=3, sleep=0.1)
    assert len(calls(tmp_path)) == len(plan.stages)
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_the_environment_survives_a_site_that_exports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SBATCH_EXPORT", "NONE")
    assert on_slurm(toy_plan(**ONE), tmp_path).exit_code == 0


def test_a_scheduler_that_stops_answering_costs_time_and_no_stage(
    tmp_path: Path, conductor: Conduct, slurm: Cluster
) -> None:
    wanted = {**ONE, "trouble": {"data shoulder": {"steps": 40, "sleep": 0.2}}}
    plan = toy_plan(**wanted)
    process = conductor(tmp_path, **wanted)
    assert reached(lambda: bool(calls(tmp_path)), seconds=LIMIT_S)
    slurm.down("ctld", signal.SIGTERM)
    time.sleep(5)
    slurm.up("ctld")
    ended(process)
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_a_job_that_needed_more_memory_gets_more_the_second_time(tmp_path: Path) -> None:
    plan = toy_plan(**ONE, trouble={"data shoulder": {"do": "eat", "times": 2}})
    outcome = on_slurm(plan, tmp_path)
    assert outcome.exit_code == 0, outcome.runs
    scripts = sorted((tmp_path / "runs").glob("studies/toy/submissions/*/submitit/*_submission.sh"))
    asked = [re.findall(r"--mem=(\S+)", path.read_text())[0] for path in scripts]
    assert sorted(asked) == ["512MB", "512MB", "512MB", "768MB"]
    assert calls(tmp_path).count("data") == 2
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")
