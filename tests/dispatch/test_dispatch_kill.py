"""Processes killed at any instant, Ctrl-C, and two conductors: the same objects, each made once."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from toy_study import calls, do, living, sums, toy_plan

from study.dispatch import cancel, status
from study.store import Attempt, Lease, Store, attempts

WANTED: dict[str, Any] = {"steps": 4, "sleep": 0.03}
MOMENTS = range(5)


POINTS: dict[str, tuple[Any, str, str]] = {
    "lease taken": (Store, "attempt", "before"),
    "attempt opened": (Attempt, "open", "after"),
    "checkpoint half written": (attempts, "write_json", "before"),
    "checkpoint written": (attempts, "sync_folder", "before"),
    "outputs written": (Store, "publish", "before"),
    "manifest written": (Store, "_rename", "before"),
    "object published": (Store, "_rename", "after"),
    "leftovers removed": (Attempt, "close", "before"),
    "outcome written": (Attempt, "close", "after"),
    "lease given back": (Lease, "release", "after"),
}
"""Moments in the life of a stage, and which function's first call they lie before or after."""
PUBLISHED = list(POINTS)[6:]
SHORT = toy_plan(arms=("baseline",), seeds=(0,))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert do(toy_plan(**WANTED), folder).exit_code == 0
    return sums(folder)


@pytest.fixture(scope="module")
def undisturbed_short(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("undisturbed-short")
    do(SHORT, folder)
    return sums(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a study runs; whatever still works there afterwards is ended."""
    yield tmp_path
    for pid in living(tmp_path):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def conductor(folder: Path, **wanted: Any) -> "subprocess.Popen[str]":
    """`study run` in a process of its own."""
    program = str(Path(__file__).with_name("toy_study.py"))
    command = [sys.executable, program, str(folder), "--plan", json.dumps({**WANTED, **wanted})]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(process: "subprocess.Popen[str]", *, seconds: float = 60) -> tuple[int, str]:
    text, _ = process.communicate(timeout=seconds)
    return process.returncode, text


def reached(condition: Any, *, seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


def workers(folder: Path) -> list[int]:
    found = []
    for path in folder.glob("runs/studies/*/sessions/*/worker-*/worker.json"):
        with suppress(ValueError):
            found.append(json.loads(path.read_text())["pid"])
    return [pid for pid in found if pid in living(folder)]


def kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def disturb(folder: Path, victim: str, seed: int) -> None:
    """Start a study, and kill one worker, the conductor, or all processes, after a random time."""
    chance = random.Random(f"{victim} {seed}")
    moment = chance.uniform(0.3, 4.0)
    print(f"victim {victim}, seed {seed}, moment {moment:.3f} s")
    process = conductor(folder)
    try:
        process.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        if victim == "worker":
            kill(chance.sample(workers(folder), k=min(1, len(workers(folder)))))
        elif victim == "conductor":
            process.kill()
        else:
            kill([process.pid, *living(folder)])
    finished(process)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MOMENTS)
@pytest.mark.parametrize("victim", ["worker", "conductor", "everything"])
def test_killed_at_any_moment_the_same_command_ends_in_the_same_objects(
    folder: Path, undisturbed: dict[str, dict[str, str]], victim: str, seed: int
) -> None:
    disturb(folder, victim, seed)
    code, text = finished(conductor(folder))
    assert code == 0, text
    assert sums(folder) == undisturbed
    assert reached(lambda: not living(folder))


def die_at(point: str, folder: Path) -> None:
    """A study in this process, which is killed at a moment of its first stage."""
    owner, name, when = POINTS[point]
    original = getattr(owner, name)

    def deadly(*arguments: Any, **keywords: Any) -> None:
        if when == "after":
            original(*arguments, **keywords)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deadly)
    do(SHORT, folder)


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_this_point_of_a_stage_the_next_call_leaves_nothing_of_it(
    folder: Path, undisturbed_short: dict[str, dict[str, str]], point: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # to fork beside a thread, which the child never looks at
        process = multiprocessing.get_context("fork").Process(target=die_at, args=(point, folder))
        process.start()
    process.join(timeout=60)
    assert process.exitcode == -signal.SIGKILL
    assert do(SHORT, folder).exit_code == 0
    store, first = Store(folder / "runs"), next(iter(SHORT.stages))
    endings = [ending.state for attempt in store.attempts(first) if (ending := attempt.ending())]
    is_again = point not in PUBLISHED and point != "lease taken"
    assert endings == (["vanished", "done"] if is_again else ["done"])
    assert store.manifest(first)["attempt"] == store.attempts(first)[-1].path.name
    assert calls(folder).count("data") == (1 if point in (*PUBLISHED, "lease taken", "attempt opened") else 2)
    for name in ("lease*", "out", "ckpt"):
        assert list(store.workshop(first).rglob(name)) == []
    assert sums(folder) == undisturbed_short


@pytest.mark.slow
def test_a_worker_killed_after_publishing_leaves_no_lease_and_its_stage_is_not_done_again(folder: Path) -> None:
    plan = toy_plan(arms=("baseline",), seeds=(0,), trouble={"measure ehr baseline-vit-seed0": {"do": "kill later"}})
    outcome = do(plan, folder, "local", workers=1)
    assert (outcome.done, outcome.failed, outcome.exit_code) == (5, 0, 0)
    assert calls(folder) == ["data", "finetune", "predict", "explain", "measure"]
    store, last = Store(folder / "runs"), list(plan.stages)[-1]
    assert [ending.state for attempt in store.attempts(last) if (ending := attempt.ending())] == ["killed"]
    assert list(store.root.rglob("lease*")) == []


def test_workers_of_a_killed_conductor_stop_by_themselves_and_keep_a_checkpoint(folder: Path) -> None:
    process = conductor(folder, arms=["baseline"], steps=1000, sleep=0.02)
    store = Store(folder / "runs")
    plan = toy_plan(arms=("baseline",), steps=1000, sleep=0.02)
    first = next(iter(plan.stages))
    assert reached(lambda: store.newest_checkpoint(first) is not None)
    process.kill()
    finished(process)
    assert reached(lambda: not living(folder), seconds=10)
    assert [ending.state for attempt in store.attempts(first) if (ending := attempt.ending())] == ["stopped"]
    assert store.newest_checkpoint(first) is not None


@pytest.mark.slow
def test_ctrl_c_keeps_checkpoints_and_the_same_command_goes_on_from_them(folder: Path) -> None:
    trouble = {"data shoulder": {"steps": 40}}
    wanted: dict[str, Any] = {"arms": ["baseline"], "seeds": [0], "trouble": trouble}
    plan = toy_plan(arms=("baseline",), seeds=(0,), trouble=trouble, **WANTED)
    store = Store(folder / "runs")
    process = conductor(folder, **wanted)
    first = next(iter(plan.stages))
    assert reached(lambda: store.newest_checkpoint(first) is not None)
    assert "data" in status(plan, store)
    process.send_signal(signal.SIGINT)
    code, text = finished(process)
    assert code == 130, text
    assert "stopping: running stages keep a checkpoint" in text
    assert living(folder) == []
    kept = store.newest_checkpoint(first)
    assert kept is not None
    assert "1 missing" in status(plan, store)
    code, text = finished(conductor(folder, **wanted))
    assert code == 0, text
    assert f"goes on from step {kept[0]}\n" in store.attempts(first)[-1].log.read_text()
    do(plan, folder / "undisturbed")
    assert sums(folder) == sums(folder / "undisturbed")


def test_a_stage_that_does_not_listen_is_killed_after_the_grace(folder: Path) -> None:
    program = str(Path(__file__).with_name("toy_study.py"))
    plan = json.dumps({"arms": ["baseline"], "seeds": [0], "sleep": 30.0})
    process = subprocess.Popen([sys.executable, program, str(folder), "--plan", plan, "--grace", "0.5"])
    assert reached(lambda: calls(folder))
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert time.monotonic() - began < 10
    assert living(folder) == []


def test_ctrl_c_reaches_a_stage_in_this_process_and_the_handler_goes_back(folder: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    plan = toy_plan(arms=("baseline",), seeds=(0,), trouble={"data shoulder": {"do": "interrupt", "once": True}})
    outcome = do(plan, folder)
    assert (outcome.exit_code, outcome.done, outcome.failed) == (130, 0, 0)
    assert signal.getsignal(signal.SIGINT) is before
    assert do(plan, folder).exit_code == 0


def test_a_worker_that_cannot_start_is_a_failure_after_two_tries(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "broken" / "submitit").mkdir(parents=True)
    (folder / "broken" / "submitit" / "__init__.py").write_text("raise SystemExit(1)")
    monkeypatch.setenv("PYTHONPATH", str(folder / "broken"))
    outcome = do(toy_plan(arms=("baseline",), seeds=(0,)), folder, "local", workers=1)
    assert outcome.runs[0].reason == "data shoulder: its process did not start; it left no message, 2 times"


def test_a_worker_that_takes_too_long_to_start_is_given_up_and_does_nothing_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.dispatch.local.START_LIMIT_S", 0.0)
    outcome = do(toy_plan(arms=("baseline",), seeds=(0,)), folder, "local", workers=1)
    assert (outcome.done, outcome.failed) == (0, 1)
    assert calls(folder) == []
    assert living(folder) == []


def test_cancel_from_elsewhere_is_like_ctrl_c(folder: Path) -> None:
    process = conductor(folder, arms=["baseline"], steps=1000, sleep=0.02)
    assert reached(lambda: calls(folder))
    assert cancel(Store(folder / "runs"), "toy") == 1
    code, text = finished(process)
    assert code == 130, text
    assert living(folder) == []


@pytest.mark.slow
def test_two_conductors_at_once_do_every_stage_once(folder: Path, undisturbed: dict[str, dict[str, str]]) -> None:
    both = [conductor(folder), conductor(folder)]
    answers = [finished(process) for process in both]
    assert [code for code, _ in answers] == [0, 0], answers
    done = [json.loads(text.splitlines()[-1])["done"] for _, text in answers]
    assert sum(done) == len(undisturbed)
    assert len(calls(folder)) == len(undisturbed)
    assert sums(folder) == undisturbed


@pytest.mark.slow
def test_two_studies_share_what_they_have_in_common(folder: Path) -> None:
    both = [conductor(folder, arms=["baseline", "random"]), conductor(folder, arms=["baseline", "center"])]
    answers = [finished(process) for process in both]
    assert [code for code, _ in answers] == [0, 0], answers
    # data, 2 mae, 3 arms x 2 seeds x (finetune, predict, explain, measure)
    assert len(calls(folder)) == len(sums(folder)) == 1 + 2 + 24
