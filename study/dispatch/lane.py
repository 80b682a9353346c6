"""One job: its stages, one after the other, each from look to publish."""

from __future__ import annotations

import importlib
import resource
import shutil
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.dispatch.context import AttemptContext
from study.dispatch.logs import captured
from study.dispatch.place import JobResult, JobState, Work
from study.errors import Stopped, StoreError
from study.records import Stage
from study.store import Attempt, Ending, Lease, Store
from study.store.attempts import EndState
from study.store.files import is_disk_error
from study.store.lease import current_holder

EXECUTOR = "study.pipeline:execute"


@dataclass(frozen=True)
class Lane:
    """Where and how a job's stages are done.

    Attributes:
        store: gets the objects.
        root: folder that paths in recipes are relative to.
        executor: `module:function` that does one stage, signature of `study.pipeline.execute`.
        stop: True when the stage should keep a checkpoint and end.
        started: told each attempt folder before work on it begins.
        own_process: the process belongs to the lane, so that its output is caught down to C.
    """

    store: Store
    root: Path
    executor: str
    stop: Callable[[], bool]
    started: Callable[[Attempt], None] = lambda attempt: None
    own_process: bool = False

    def prepare(self) -> None:
        """Import what stages need before the first one is timed; what fails here fails there again, and is noted."""
        with suppress(Exception, SystemExit):
            _resolve(self.executor)

    def do(self, work: Work) -> JobResult:
        """Do a job's stages in order until one does not end well."""
        made: list[str] = []
        found: list[str] = []
        for stage in work.stages:
            state, reason = self._stage(stage, work)
            if state == "found":
                found.append(stage.key)
            elif state == "done":
                made.append(stage.key)
            else:
                return JobResult(work.job_id, _JOB_STATES[state], stage.key, reason, tuple(made), tuple(found))
        return JobResult(work.job_id, "done", made=tuple(made), found=tuple(found))

    def _stage(self, stage: Stage, work: Work) -> tuple[str, str]:
        """How one stage ended (an `EndState`, `found`, `blocked` or `deferred`), and why."""
        try:
            if self.store.held(stage):
                return "found", ""
            if self.stop():
                return "stopped", "stopped before it began"
            absent = [role for role, key in stage.parents.items() if not self.store.has(key)]
            if absent:
                return "blocked", f"waits for its {' and '.join(absent)}"
            lease = self.store.lease(stage, study=work.study)
            if lease is None:
                holder = current_holder(self.store.workshop(stage.key))
                return "deferred", f"{holder or 'another process'} works on it"
            try:
                # Between our first look and the lease somebody may have published.
                return ("found", "") if self.store.held(stage) else self._attempt(stage, lease, work)
            finally:
                lease.release()
        except StoreError as error:
            return "store", str(error)

    def _attempt(self, stage: Stage, lease: Lease, work: Work) -> tuple[str, str]:
        attempt = self.store.attempt(stage, lease)
        self.started(attempt)
        began = time.monotonic()
        with lease.beating() as lost:
            later = work.stages[work.stages.index(stage) + 1 :]
            siblings = [other for other in later if not self.store.has(other.key)]
            context = AttemptContext(
                self.store,
                stage.key,
                attempt,
                stop=lambda: self.stop() or lost.is_set(),
                allowance=work.allowance,
                events=self.store.events_folder(work.study, stage) if work.allowance.tensorboard else None,
            )
            state, reason = self._work(stage, attempt, siblings, context)
            seconds = time.monotonic() - began
            if state == "done":
                try:
                    state = self.store.publish(stage, attempt, lease, seconds=seconds, peak_gb=_peak_gb())
                except StoreError as error:
                    state, reason = "store", str(error)
                    _make_room(attempt)
            elif lost.is_set():
                state = "fenced"
        first_line = reason.partition("\n")[0]
        attempt.close(Ending(state, first_line, round(seconds, 3), None, _peak_gb(), socket.gethostname()))
        if state != "done" and self.store.has(stage.key):
            return "found", ""
        return state, reason

    def _work(
        self, stage: Stage, attempt: Attempt, siblings: Sequence[Stage], context: AttemptContext
    ) -> tuple[EndState, str]:
        """Call the executor; its exception becomes a state, a line, and a traceback in the log."""
        with captured(attempt.log, whole_process=self.own_process):
            try:
                execute = _resolve(self.executor)
                inputs = {role: self.store.folder(key) for role, key in stage.parents.items()}
                execute(stage, inputs=inputs, out=attempt.out, context=context, root=self.root, siblings=siblings)
            except Stopped:
                return "stopped", "stopped, goes on from its checkpoint"
            except (Exception, SystemExit) as error:
                if not is_disk_error(error):
                    traceback.print_exc(file=sys.stderr)
                    return "failed", _one_line(error)
                _make_room(attempt)
                with suppress(OSError):
                    traceback.print_exc(file=sys.stderr)
                return "store", str(error) if isinstance(error, StoreError) else _one_line(error)
        return "done", ""


_JOB_STATES: dict[str, JobState] = {
    "failed": "failed",
    "store": "store",
    "stopped": "stopped",
    "blocked": "blocked",
    "deferred": "deferred",
    "fenced": "deferred",
    "lost_race": "deferred",
}


def _make_room(attempt: Attempt) -> None:
    """On a full disk what is unfinished makes way for the log and the word of how it ended."""
    shutil.rmtree(attempt.out, ignore_errors=True)
    attempt.ballast.unlink(missing_ok=True)


def _resolve(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _peak_gb() -> float:
    """Largest resident memory of this process so far, GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 3)
