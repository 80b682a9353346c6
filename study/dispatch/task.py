"""One task of a SLURM job: a supervisor without torch, and below it the worker that does the lane.

SLURM signals every process of a job. Only the supervisor listens: it asks the worker for a checkpoint through a file,
puts the job back into the queue where SLURM does not do it, and says how the task ended.

    signal   sent at                              then
    USR2     time limit - signal_s; preemption    checkpoint, `scontrol requeue`
    TERM     preemption                           the same: a job that ends within its grace counts as completed
    TERM     scancel; node down                   checkpoint; SLURM starts the job again, or nobody does

A task that is started again has the same number and a higher restart count, so a new folder. A copy that runs on, on
a node that SLURM has given up, sees the newer folder and keeps silent.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from study.dispatch.lane import Lane
from study.dispatch.logs import tail
from study.dispatch.place import JobResult, JobState, Work
from study.dispatch.slots import threads
from study.dispatch.squeue import SlurmError, call
from study.dispatch.submissions import Submission
from study.dispatch.worker import reap, record_exit, spawn
from study.errors import StoreError
from study.store import Attempt, Ending, Lease, Store
from study.store.attempts import BALLAST_BYTES
from study.store.files import read_json, store_errors, write_atomic, write_json

POLL_S = 0.1
DEFER_WAIT_S = 120.0
DEFER_POLL_S = 2.0
MARGIN_S = 12.0
"""A worker that has not stopped by then before the time limit is killed, so that there is time to requeue."""
EARLY_S = 60.0
"""SLURM may signal a time limit so much earlier than it was asked to."""
DEAF_TO = (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)
_BALLAST = ("ballast-1", "ballast-2")


def signal_s(timeout_min: int) -> int:
    """How many seconds before the time limit the last checkpoint is asked for."""
    return min(120, timeout_min * 15)


@dataclass(frozen=True)
class Task:
    """One start of one task.

    Attributes:
        submission: whose task it is.
        number: in the array; 0 for a single job.
        restart: how often SLURM started it before.
    """

    submission: Submission
    number: int
    restart: int

    @property
    def folder(self) -> Path:
        """Of this start alone."""
        return self.submission.folder / "tasks" / f"{self.number}-{self.restart}"

    @property
    def work(self) -> Work:
        """The stages."""
        content = read_json(self.submission.folder / "work" / f"{self.number}.json")
        assert content is not None, "written before the submission"
        return Work.read(content)

    @property
    def settings(self) -> dict[str, object]:
        """Of the submission."""
        return read_json(self.submission.folder / "settings.json") or {}

    def is_superseded(self) -> bool:
        """Whether SLURM has started the task again since."""
        newest = self.submission.task_folders(self.number)[-1:]
        return bool(newest) and newest[0].name != self.folder.name

    def should_stop(self) -> bool:
        """Whether the worker should keep a checkpoint and end."""
        return (self.folder / "stop").exists() or self.submission.is_cancelled() or self.is_superseded()


# ------------------------------------------------------------------------------------------------ supervisor


def supervise(folder: str, number: int) -> None:
    """Do one task of a submission; this is what submitit calls in the job."""
    task = Task(Submission(Path(folder)), number, int(os.environ.get("SLURM_RESTART_COUNT", 0)))
    try:
        result = _Supervisor(task).run()
    except StoreError as error:
        result = JobResult(task.work.job_id, "store", task.work.stages[0].key, str(error))
    if result is not None:
        _write_last(task.folder, lambda: task.submission.end(number, result))
    for name in _BALLAST:
        (task.folder / name).unlink(missing_ok=True)
    if result is not None and result.state in ("failed", "vanished", "store"):
        sys.exit(1)  # so that SLURM's own tools show failures, and nothing else, in red


class _Supervisor:
    """Keeps one worker, and listens for it."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.began = time.monotonic()
        self.limit_s = 60.0 * float(str(task.settings["timeout_min"]))
        self.before_s = signal_s(round(self.limit_s / 60))
        self.signals: set[int] = set()
        self.killed = False
        for listened in (signal.SIGUSR2, signal.SIGTERM):
            signal.signal(listened, self._note)  # submitit's own handler ignores TERM

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signals.add(number)

    def run(self) -> JobResult | None:
        """How the task ended; None where it will be started again, or nobody knows."""
        if self.task.submission.is_cancelled():
            return JobResult(self.task.work.job_id, "stopped", reason="cancelled before it began")
        with store_errors(self.task.folder):
            self.task.folder.mkdir(parents=True, exist_ok=True)
            for name in _BALLAST:
                (self.task.folder / name).write_bytes(bytes(BALLAST_BYTES))
        process = spawn("study.dispatch.task", str(self.task.folder), self._environment(), deaf_to=DEAF_TO)
        self._wait(process)
        exit_code, peak_gb = reap(process)
        if self.task.is_superseded():
            return None
        content = read_json(self.task.folder / "result.json")
        result = JobResult.read(content) if content is not None else self._died(exit_code, peak_gb)
        return self._interrupted(result) if result.state == "stopped" else result

    def _environment(self) -> dict[str, str]:
        gpus = {} if self.task.settings["gpus"] else {"CUDA_VISIBLE_DEVICES": ""}
        return threads() | gpus

    def _elapsed(self) -> float:
        return time.monotonic() - self.began

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until the worker has ended, of itself, asked to, or by force shortly before the time limit."""
        asked = False
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if not asked and (self.signals or self._elapsed() > self.limit_s - self.before_s):
                asked = True
                with suppress(StoreError):
                    write_atomic(self.task.folder / "stop", b"")
            if not self.killed and self._elapsed() > self.limit_s - MARGIN_S:
                self.killed = True
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            time.sleep(POLL_S)

    def _died(self, exit_code: int, peak_gb: float) -> JobResult:
        """A worker that left no word: the attempt is closed and its lease given back."""
        attempt = Attempt(Path(str((read_json(self.task.folder / "current.json") or {}).get("attempt", "none"))))
        key = attempt.path.parent.parent.name
        if self.killed:
            reason = "did not stop in time before the time limit; begins again at its last checkpoint"
            attempt.close(Ending("stopped", reason, exit_code=exit_code, peak_gb=peak_gb))
        else:
            record_exit(self.task.folder, exit_code=exit_code, peak_gb=peak_gb)
            reason = str((read_json(self.task.folder / "exit.json") or {}).get("reason", ""))
            if attempt.path.name == "none":
                reason += f" before any stage; {last_words(self.task.submission, _own_id())}"
        Lease.end(attempt.path.parent.parent, attempt.path.name)
        keys = [stage.key for stage in self.task.work.stages]
        state: JobState = "stopped" if self.killed else "vanished"
        return JobResult(self.task.work.job_id, state, key if key in keys else keys[0], reason)

    def _interrupted(self, result: JobResult) -> JobResult | None:
        """A checkpoint was kept: into the queue again, unless that is SLURM's business or would lead nowhere."""
        if self.task.submission.is_cancelled():
            return result
        if signal.SIGTERM in self.signals and signal.SIGUSR2 not in self.signals and _is_given_up():
            write_json(self.task.folder / "terminated.json", {"stage": result.stage})
            return None  # SLURM starts the job again; if not, it was cancelled
        at_limit = self._elapsed() > self.limit_s - self.before_s - EARLY_S
        if at_limit and self._stands_still(result):
            minutes = round(self.limit_s / 60)
            reason = f"two time limits of {minutes} min in a row without progress; raise dispatch.slurm.timeout_min"
            return replace(result, state="failed", reason=reason)
        try:
            call("scontrol", "requeue", _own_id())
        except SlurmError as error:
            return replace(result, state="interrupted", reason=f"interrupted, and not requeued: {error}")
        return None

    def _stands_still(self, result: JobResult) -> bool:
        """Note how far the task is at this time limit; whether it is as far as at the last one."""
        store = Store(Path(str(self.task.settings["store"])))
        found = store.newest_checkpoint(result.stage)
        now = {"stage": result.stage, "step": found[0] if found else 0}
        before = read_json(replace(self.task, restart=self.task.restart - 1).folder / "limit.json")
        write_json(self.task.folder / "limit.json", now)
        return now == before


def _write_last(folder: Path, write: Callable[[], None]) -> None:
    """Say how it ended, on a full disk in the room that was kept for that.

    Raises:
        StoreError: somebody else was faster in filling that room.
    """
    for name in _BALLAST:
        try:
            return write()
        except StoreError:
            (folder / name).unlink(missing_ok=True)
    return write()


def last_words(submission: Submission, slurm_id: str) -> str:
    """The end of what SLURM and Python wrote to a task's standard error, in one line."""
    paths = sorted((submission.folder / "submitit").glob(f"{slurm_id}_*_log.err"))
    text = " ".join(" ".join(tail(path, 8) for path in paths).split())
    return text[-300:] or "it left no message"


def _is_given_up() -> bool:
    """Whether SLURM has ended this job already, as when it is cancelled; one that makes way for another still runs."""
    try:
        return call("squeue", "-h", "-o", "%T", "-j", _own_id()).strip() != "RUNNING"
    except SlurmError:
        return False


def _own_id() -> str:
    known = os.environ
    array = known.get("SLURM_ARRAY_JOB_ID")
    return f"{array}_{known['SLURM_ARRAY_TASK_ID']}" if array else known["SLURM_JOB_ID"]


# ------------------------------------------------------------------------------------------------ worker


def work(place: str) -> None:
    """Do the stages of a task, and write result.json."""
    folder = Path(place)
    number, _, restart = folder.name.partition("-")
    task = Task(Submission(folder.parents[1]), int(number), int(restart))
    settings = task.settings
    lane = Lane(
        store=Store(Path(str(settings["store"]))),
        root=Path(str(settings["root"])),
        executor=str(settings["executor"]),
        stop=task.should_stop,
        started=lambda attempt: write_json(folder / "current.json", {"attempt": str(attempt.path)}),
        own_process=True,
    )
    work, made = task.work, dict[str, None]()
    until = time.monotonic() + DEFER_WAIT_S
    while True:
        result = lane.do(work)
        made |= dict.fromkeys(result.made)
        if result.state != "deferred" or task.should_stop() or time.monotonic() > until:
            break
        time.sleep(DEFER_POLL_S)
    found = tuple(key for key in result.found if key not in made)
    told = replace(result, made=tuple(made), found=found).as_json()
    _write_last(folder, lambda: write_json(folder / "result.json", told))
