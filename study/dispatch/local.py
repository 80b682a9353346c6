"""Places on this machine: a bounded number of worker processes, or this very process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import submitit

from study.dispatch.lane import Lane
from study.dispatch.logs import tail
from study.dispatch.place import JobResult, Work
from study.dispatch.session import Session
from study.dispatch.slots import Slot
from study.dispatch.worker import OWN_MODULES, POLL_S, record_exit, supervise
from study.errors import StoreError
from study.store import Holder, Store
from study.store.files import read_json, store_errors, write_atomic, write_json

TIMEOUT_MIN = 14 * 24 * 60
"""A worker's whole life; submitit ends it after that, and the conductor starts another."""
START_LIMIT_S = 300.0
KILL_LIMIT_S = 10.0


class InlinePlace:
    """The calling process: one job at a time, the same lane; for tests and the debugger."""

    size = 1
    queues = False

    def __init__(self, store: Store, root: Path, executor: str, *, stop: Callable[[], bool]) -> None:
        self._lane = Lane(store, root, executor, stop)
        self._results: list[JobResult] = []

    def free(self) -> int:
        """Always one: `start` returns when the job has ended."""
        return 1

    def start(self, work: Work, after: tuple[str, ...] = ()) -> None:
        """Do the job."""
        self._results.append(self._lane.do(work))

    def unstarted(self) -> dict[str, str]:
        """Nothing waits."""
        return {}

    def collect(self) -> list[JobResult]:
        """Results since the last call."""
        results, self._results = self._results, []
        return results

    def stop(self) -> None:
        """Nothing to ask: the lane looks at the conductor's own flag."""

    def close(self, grace_s: float) -> None:
        """Nothing to end."""


@dataclass
class _Worker:
    """A started worker, as its conductor sees it."""

    folder: Path
    slot: Slot
    submission: submitit.Job[None]
    given: int = 0
    work: Work | None = None
    leaving: bool = False
    started: float = field(default_factory=time.monotonic)

    def give(self, work: Work) -> None:
        self.work = work
        write_json(self.folder / f"{self.given}.json", work.as_json())

    def result(self) -> JobResult | None:
        """Of the job it was given last, once that has ended."""
        content = read_json(self.folder / f"{self.given}.done.json")
        if content is None or self.work is None:
            return None
        result = JobResult.read(content)
        self.work, self.given, self.leaving = None, self.given + 1, result.state == "failed"
        return result

    def ended(self) -> bool:
        """Whether its processes are gone, or never came to life within the limit.

        Of submitit's handle only this is believed: that the process it started has ended.
        """
        if self.submission.done():
            return True
        return time.monotonic() - self.started > START_LIMIT_S and not (self.folder / "worker.json").exists()

    def stays(self) -> bool:
        """Whether it will take another job."""
        return not self.leaving and not self.ended()

    def kill(self) -> None:
        """End the worker and all its children at once."""
        holder = Holder.read(read_json(self.folder / "worker.json"))
        if holder is not None and holder.alive():
            with suppress(ProcessLookupError):
                os.killpg(holder.pid, signal.SIGKILL)

    def bury(self) -> str:
        """Make sure nothing of it lives (or will do any work), and say how it ended."""
        write_atomic(self.folder / "quit", b"")
        self.kill()
        if not (self.folder / "exit.json").exists():
            record_exit(self.folder, exit_code=None)
        reason = str((read_json(self.folder / "exit.json") or {}).get("reason", ""))
        if not (self.folder / "worker.json").exists():
            errors = [tail(path) for path in sorted((self.folder / "submission").glob("*_log.err"))]
            reason = f"its process did not start; {' '.join(' '.join(errors).split())[-300:] or 'it left no message'}"
        return reason


class LocalPlace:
    """Worker processes of this machine, one per slot, started when there is work for them.

    Args:
        session: workers live in its folder and end with its conductor.
        store, root, executor: for the lane in the workers.
        slots: what workers may use.
    """

    queues = False

    def __init__(self, session: Session, store: Store, root: Path, executor: str, *, slots: tuple[Slot, ...]) -> None:
        self._session, self._slots = session, slots
        self._settings = {"store": str(store.root), "root": str(root), "executor": executor}
        self._workers: list[_Worker] = []
        self._buried: list[_Worker] = []  # what never came to life in time may still be a process
        self._count = 0

    @property
    def size(self) -> int:
        """Number of slots."""
        return len(self._slots)

    def free(self) -> int:
        """Slots without a job."""
        return self.size - sum(worker.work is not None for worker in self._workers)

    def start(self, work: Work, after: tuple[str, ...] = ()) -> None:
        """Give the job to a waiting worker, or to a new one."""
        waiting = (worker for worker in self._workers if worker.work is None and worker.stays())
        (next(waiting, None) or self._hire()).give(work)

    def unstarted(self) -> dict[str, str]:
        """Nothing waits: jobs are started when there is a slot."""
        return {}

    def collect(self) -> list[JobResult]:
        """Results since the last call; a worker that is gone with its job reports it as vanished."""
        results = []
        for worker in list(self._workers):
            ended = worker.ended()  # first, so that a result written just before the end is seen
            work, result = worker.work, worker.result()
            if result is not None:
                results.append(result)
            elif ended:
                reason = worker.bury()
                if work is not None:
                    results.append(JobResult(work.job_id, "vanished", _unfinished(worker.folder, work), reason))
            if ended:
                self._workers.remove(worker)
                self._buried.append(worker)
        return results

    def stop(self) -> None:
        """Ask every worker to keep a checkpoint and end."""
        self._session.ask_to_stop()

    def close(self, grace_s: float) -> None:
        """Let workers leave; kill what is left after `grace_s` seconds."""
        self._workers += self._buried
        for worker in self._workers:
            with suppress(StoreError):  # a full disk: they are killed instead
                write_atomic(worker.folder / "quit", b"")
        if not self._left_within(grace_s):
            for worker in self._workers:
                worker.kill()
            self._left_within(KILL_LIMIT_S)

    def _left_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self._workers and time.monotonic() < until:
            self._workers = [worker for worker in self._workers if not worker.submission.done()]
            time.sleep(POLL_S)
        return not self._workers

    def _hire(self) -> _Worker:
        used = {worker.slot.number for worker in self._workers if worker.stays()}
        slot = next((slot for slot in self._slots if slot.number not in used), self._slots[0])
        folder = self._session.folder / f"worker-{self._count:03d}"
        self._count += 1
        with store_errors(folder):
            folder.mkdir()
        write_json(folder / "settings.json", {**self._settings, "environment": slot.environment()})
        executor = submitit.LocalExecutor(folder=folder / "submission")
        # The default limit is two minutes; without the trap Ctrl-C would end the workers at once.
        executor.update_parameters(timeout_min=TIMEOUT_MIN, setup=["trap '' INT", OWN_MODULES])
        worker = _Worker(folder, slot, executor.submit(supervise, str(folder)))
        self._workers.append(worker)
        return worker


def _unfinished(folder: Path, work: Work) -> str:
    """Key of the stage that was being worked on, or the job's first."""
    attempt = (read_json(folder / "current.json") or {}).get("attempt", "")
    key = Path(attempt).parent.parent.name
    return key if key in {stage.key for stage in work.stages} else work.stages[0].key
