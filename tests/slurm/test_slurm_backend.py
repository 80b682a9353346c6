"""Studies on a real SLURM: the same objects as in this process, whatever ends, dies or is taken away."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster, Settings
from jobs import reached
from toy_study import SMALL, calls, do, sums, toy_plan

from study.dispatch import cancel_jobs, queued, status
from study.dispatch.squeue import queue
from study.dispatch.submissions import living, submissions
from study.errors import StudyError
from study.records import Plan, Requests
from study.store import Store

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

LIMIT_S = 300.0
ONE: dict[str, Any] = {"arms": ("baseline",), "seeds": (0,)}
TOYS = Path(__file__).parents[1] / "dispatch"
PROTOCOL = Path(__file__).parents[2] / "protocols" / "smoke.yaml"


@pytest.fixture(autouse=True)
def quick(slurm: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """SLURM is asked every second, and jobs find the toy stages."""
    monkeypatch.setattr("study.dispatch.slurm.POLL_S", (1.0, 1.0))
    monkeypatch.setattr("study.dispatch.slurm.SETTLE_S", 3.0)
    monkeypatch.setenv("PYTHONPATH", str(TOYS))


def on_slurm(plan: Plan, folder: Path, **keywords: Any) -> Any:
    return do(plan, folder, "slurm", **{"requests": SMALL, **keywords})


def asking(**wanted: Any) -> Requests:
    return Requests(replace(SMALL.default, **wanted))


Conduct = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def conductor() -> Iterator[Conduct]:
    """`study run` in a process of its own, which ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, **wanted: Any) -> "subprocess.Popen[str]":
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(TOYS / "toy_study.py"), str(folder), "--cluster", "slurm", "--plan"]
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in wanted.items()}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # in the background of a shell it is ignored
        started.append(subprocess.Popen([*command, json.dumps(plain)], text=True, preexec_fn=listening, **pipes))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def tasks(folder: Path) -> list[str]:
    """SLURM ids of the study's jobs that have not ended."""
    return [entry.job for _, _, entry in living(Store(folder / "runs"), "toy", queue())]


def running(folder: Path) -> str | None:
    found = [entry.job for _, _, entry in living(Store(folder / "runs"), "toy", queue()) if entry.state == "RUNNING"]
    return found[0] if found else None


def log_of(folder: Path, key: str) -> str:
    return Store(folder / "runs").attempts(key)[-1].log.read_text()


def test_jobs_make_the_same_objects_as_this_process_in_few_submissions(tmp_path: Path) -> None:
    plan = toy_plan()
    outcome = on_slurm(plan, tmp_path / "slurm")
    assert (outcome.exit_code, outcome.done, outcome.failed) == (0, len(plan.stages), 0)
    do(plan, tmp_path / "inline")
    assert sums(tmp_path / "slurm") == sums(tmp_path / "inline")
    # The data, and an array of the four runs, each from its training to its measures.
    store = Store(tmp_path / "slurm" / "runs")
    assert [len(each.signatures()) for each in submissions(store, "toy")] == [1, 4]


def test_the_smoke_study_has_the_findings_of_a_local_one_bit_for_bit(tmp_path: Path) -> None:
    found = []
    for cluster in ("slurm", "local"):
        folder = tmp_path / cluster
        command = [sys.executable, "-m", "study", "run", str(PROTOCOL), "--cluster", cluster]
        command += ["--runs", str(folder / "runs"), "--reports", str(folder / "reports")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        found += [path.read_bytes() for path in folder.rglob("findings.json")]
    assert len(found) == 2
    assert found[0] == found[1]


def test_a_stage_longer_than_the_time_limit_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    plan = toy_plan(**ONE, trouble={"data shoulder": {"steps": 240, "sleep": 0.25}})
    outcome = on_slurm(plan, tmp_path, requests=asking(timeout_min=1))
    assert outcome.exit_code == 0, outcome.runs
    first = next(iter(plan.stages))
    endings = [attempt.ending() for attempt in Store(tmp_path / "runs").attempts(first)]
    assert [ending.state for ending in endings if ending] == ["stopped"] * (len(endings) - 1) + ["done"]
    assert len(endings) > 1
    assert "goes on from step" in log_of(tmp_path, first)
    assert len(submissions(Store(tmp_path / "runs"), "toy")) == 2  # the same job, requeued


def test_a_stage_that_does_not_listen_is_ended_before_the_limit_and_fails_the_second_time(tmp_path: Path) -> None:
    plan = toy_plan(**ONE, trouble={"data shoulder": {"steps": 1, "sleep": 200.0}})
    outcome = on_slurm(plan, tmp_path, requests=asking(timeout_min=1))
    assert outcome.exit_code == 4
    assert "two time limits of 1 min in a row without progress; raise dispatch.slurm.timeout_min" in (
        outcome.runs[0].reason
    )


def test_a_preempted_job_goes_on_from_its_checkpoint(tmp_path: Path, conductor: Conduct, slurm: Cluster) -> None:
    plan = toy_plan(**ONE, trouble={"data shoulder": {"steps": 40, "sleep": 0.2}})
    process = conductor(tmp_path, **ONE, trouble={"data shoulder": {"steps": 40, "sleep": 0.2}})
    store, first = Store(tmp_path / "runs"), next(iter(plan.stages))
    assert reached(lambda: store.newest_checkpoint(first) is not None, seconds=LIMIT_S)
    slurm.call("scancel", "--signal=USR2", str(running(tmp_path)))
    text, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, text
    assert "goes on from step" in log_of(tmp_path, first)
    do(plan, tmp_path / "inline")
    assert sums(tmp_path) == sums(tmp_path / "inline")


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
    assert [ending.state for attempt in store.attempts(first) if (ending := attempt.ending())] == ["stopped"]
    assert on_slurm(plan, tmp_path).exit_code == 0
    assert "goes on from step" in log_of(tmp_path, first)


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
    endings = [ending.state for attempt in store.attempts(first) if (ending := attempt.ending())]
    assert sorted(endings) == ["done", "fenced"] or endings == ["stopped", "done"]
    assert "goes on from step" in log_of(tmp_path, first)
    do(plan, tmp_path / "inline")
    assert sums(tmp_path) == sums(tmp_path / "inline")


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


def test_a_conductor_killed_right_after_sbatch_loses_no_job(tmp_path: Path, conductor: Conduct) -> None:
    wanted = {**ONE, "trouble": {"data shoulder": {"steps": 30, "sleep": 0.2}}}
    process = conductor(tmp_path, **wanted)
    assert reached(lambda: bool(calls(tmp_path)), seconds=LIMIT_S)
    process.kill()
    process.communicate()
    store = Store(tmp_path / "runs")
    for submission in submissions(store, "toy"):
        (submission.folder / "jobs.json").unlink()
    assert on_slurm(toy_plan(**wanted), tmp_path).exit_code == 0
    assert len(submissions(store, "toy")) == 2


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
    assert [ending.state for attempt in store.attempts(first) if (ending := attempt.ending())] == ["stopped"]
    assert len(calls(tmp_path)) == 1
    assert "1 missing" in status(plan, store)


@pytest.mark.parametrize(
    ("trouble", "state", "reason"),
    [
        ("raise", "failed", "ValueError: the loss is a teapot"),
        ("sys.exit", "failed", "SystemExit: leaving"),
        ("exit", "failed", "the process ended itself with exit code 3, 2 times"),
        ("segfault", "failed", "killed by signal 11 (SIGSEGV), 2 times"),
    ],
)
def test_what_goes_wrong_in_a_stage_is_a_named_hole_and_the_rest_goes_on(
    tmp_path: Path, trouble: str, state: str, reason: str
) -> None:
    plan = toy_plan(trouble={"finetune baseline-vit-seed0": {"do": trouble}})
    outcome = on_slurm(plan, tmp_path)
    assert outcome.exit_code == 4
    run = outcome.runs[0]
    assert (run.state, run.reason) == (state, f"finetune baseline-vit-seed0: {reason}")
    assert [other.state for other in outcome.runs[1:]] == ["done"] * 3


def test_a_process_that_dies_once_costs_one_attempt(tmp_path: Path) -> None:
    plan = toy_plan(**ONE, trouble={"data shoulder": {"do": "segfault", "once": True}})
    outcome = on_slurm(plan, tmp_path)
    assert (outcome.exit_code, outcome.failed) == (0, 0)
    assert calls(tmp_path).count("data") == 2


def test_more_jobs_than_an_array_may_have_are_several_arrays(
    slurm: Cluster, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Cluster.start(tmp_path_factory.mktemp("s"), Settings(nodes=2, max_array=3), owner=os.getpid())
    try:
        monkeypatch.setenv("SLURM_CONF", str(small.conf))
        outcome = on_slurm(toy_plan(arms=("baseline",), seeds=tuple(range(7))), tmp_path)
        assert outcome.exit_code == 0
        sizes = [len(each.signatures()) for each in submissions(Store(tmp_path / "runs"), "toy")]
        assert sizes == [1, 3, 3, 1]
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
    outcome = on_slurm(toy_plan(), tmp_path, requests=requests, display=open_display())
    assert outcome.exit_code == 4
    assert [run.state for run in outcome.runs] == ["done", "done", "failed", "failed"]
    assert "invalid partition specified: nope" in outcome.runs[2].reason
    assert capsys.readouterr().out.count("invalid partition") == 1


def test_two_conductors_at_once_do_every_stage_once(tmp_path: Path, conductor: Conduct) -> None:
    both = [conductor(tmp_path, steps=3, sleep=0.1) for _ in range(2)]
    answers = [process.communicate(timeout=LIMIT_S)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    plan = toy_plan(steps=3, sleep=0.1)
    assert len(calls(tmp_path)) == len(plan.stages)
    do(plan, tmp_path / "inline")
    assert sums(tmp_path) == sums(tmp_path / "inline")


def test_the_environment_survives_a_site_that_exports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SBATCH_EXPORT", "NONE")
    assert on_slurm(toy_plan(**ONE), tmp_path).exit_code == 0


def test_a_scheduler_that_stops_answering_costs_time_and_no_stage(
    tmp_path: Path, conductor: Conduct, slurm: Cluster
) -> None:
    wanted = {**ONE, "trouble": {"data shoulder": {"steps": 40, "sleep": 0.2}}}
    process = conductor(tmp_path, **wanted)
    assert reached(lambda: bool(calls(tmp_path)), seconds=LIMIT_S)
    slurm.down("ctld", signal.SIGTERM)
    time.sleep(5)
    slurm.up("ctld")
    text, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, text


def test_a_job_that_needed_more_memory_gets_more_the_second_time(tmp_path: Path) -> None:
    plan = toy_plan(**ONE, trouble={"data shoulder": {"do": "eat"}})
    outcome = on_slurm(plan, tmp_path)
    assert outcome.exit_code == 0, outcome.runs
    scripts = sorted((tmp_path / "runs").glob("studies/toy/submissions/*/submitit/*_submission.sh"))
    asked = [re.findall(r"--mem=(\S+)", path.read_text())[0] for path in scripts]
    assert sorted(asked) == ["512MB", "512MB", "512MB", "768MB"]
    assert calls(tmp_path).count("data") == 2
