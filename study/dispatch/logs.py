"""What stages print, with time stamps, and how to read it again."""

from __future__ import annotations

import faulthandler
import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TextIO

from study.errors import StudyError
from study.records import Plan, Run
from study.store import Attempt, Store
from study.store.files import store_errors

_TAIL = 200


class Stamped(io.TextIOBase):
    """A text stream that writes whole lines, each after the time of day, at once."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._at_start = file, True

    def writable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """Of the file below."""
        return self._file.fileno()

    def write(self, text: str) -> int:
        """Write `text`, stamping every line that begins in it."""
        for line in text.splitlines(keepends=True):
            if self._at_start:
                self._file.write(time.strftime("%Y-%m-%d %H:%M:%S "))
            self._file.write(line)
            self._at_start = line.endswith("\n")
        self._file.flush()
        return len(text)


@contextmanager
def captured(log: Path, *, whole_process: bool) -> Iterator[None]:
    """Send what is printed inside to `log`.

    Args:
        log: created; appended to when it exists.
        whole_process: also catch what C code writes to the process's stdout and stderr, and the
            stack of a crash. Not for `inline`, where the terminal is the user's.
    """
    with store_errors(log):
        file = log.open("a", encoding="utf-8", errors="backslashreplace")
    with file, redirect_stdout(stamped := Stamped(file)), redirect_stderr(stamped):
        if not whole_process:
            yield
            return
        with _descriptors_to(file):
            yield


@contextmanager
def _descriptors_to(file: TextIO) -> Iterator[None]:
    kept = [os.dup(1), os.dup(2)]
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    faulthandler.enable(file=file)
    try:
        yield
    finally:
        faulthandler.disable()
        for descriptor, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)


def tail(path: Path, lines: int = 5) -> str:
    """The last lines of a text file; empty where there is none."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def logs(plan: Plan, store: Store, run_name: str) -> str:
    """What the newest attempt of every stage of a run printed, in the order of its stages.

    Args:
        plan: names the stages.
        store: holds the attempts.
        run_name: `arm/seed` (where the study has one model), `arm/model/seed`, or the run id.

    Raises:
        StudyError: no run of the plan has this name.
    """
    run = find_run(plan, run_name)
    parts = [_section(plan, store, key) for key in needed(plan, run)]
    return "\n".join(part for part in parts if part) or f"{run.run_id}: nothing has been tried yet\n"


def find_run(plan: Plan, name: str) -> Run:
    """The run that `arm/seed`, `arm/model/seed` or a run id means.

    Raises:
        StudyError: none does, or more than one.
    """
    names = {run.run_id: _names(run) for run in plan.runs}
    found = [run for run in plan.runs if name in names[run.run_id]]
    if len(found) == 1:
        return found[0]
    if found:
        raise StudyError(
            f"'{name}' means {len(found)} runs of {plan.study}; say which model\n"
            f"known: {', '.join(f'{run.arm}/{run.model}/{run.seed}' for run in found)}"
        )
    known = ", ".join(f"{run.arm}/{run.seed}" for run in plan.runs[:12])
    raise StudyError(f"'{name}' is no run of {plan.study}; write arm/seed or arm/model/seed\nknown: {known}, …")


def _names(run: Run) -> tuple[str, ...]:
    return run.run_id, f"{run.arm}/{run.seed}", f"{run.arm}/{run.model}/{run.seed}"


def needed(plan: Plan, run: Run) -> tuple[str, ...]:
    """Keys of a run's stages and of all their ancestors, in the plan's order."""
    wanted: set[str] = set()
    waiting = list(run.stages)
    while waiting:
        key = waiting.pop()
        if key not in wanted:
            wanted.add(key)
            waiting += plan.stages[key].parents.values()
    return tuple(key for key in plan.stages if key in wanted)


def _section(plan: Plan, store: Store, key: str) -> str:
    tries = store.attempts(key)
    if not tries:
        return ""
    newest, stage = tries[-1], plan.stages[key]
    text = tail(newest.log, _TAIL)
    if not text and store.has(key):
        return ""
    head = f"── {stage.label or stage.kind} · {key[:6]} · attempt {newest.number} · {_said(newest)}"
    return f"{head}\n{newest.log}\n{text}\n"


def _said(attempt: Attempt) -> str:
    ending = attempt.ending()
    if ending is None:
        return "not ended"
    return f"{ending.state}: {ending.reason}" if ending.reason else ending.state
