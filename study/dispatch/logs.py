"""What stages print, with time stamps, and how to read it again."""

from __future__ import annotations

import faulthandler
import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

from study.errors import StudyError
from study.records import Plan, Run
from study.store import Attempt, Store
from study.store.files import store_errors
from study.store.lease import current_holder

_TAIL = 200
FOLLOW_S = 0.5
FOLLOW_LOOKS = 4
"""So many times in a row nobody must be at work before following ends: between two stages nobody is."""


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


def logs(plan: Plan, store: Store, run_name: str, *, stage: str | None = None, attempt: int | None = None) -> str:
    """What one attempt at every stage of a run printed, in the order of its stages.

    Args:
        plan: names the stages.
        store: holds the attempts.
        run_name: `arm/seed` (where the study has one model), `arm/model/seed`, or the run id.
        stage: only stages of this kind, or the one whose key begins so.
        attempt: its number instead of the newest.

    Raises:
        StudyError: no run of the plan has this name, it has no such stage, or none of them such an attempt.
    """
    run = find_run(plan, run_name)
    keys = _chosen(plan, run, stage)
    asked = stage is not None or attempt is not None
    parts = [_section(plan, store, key, attempt, is_asked_for=asked) for key in keys]
    text = "\n".join(part for part in parts if part)
    if not text and attempt is not None:
        raise StudyError(f"--attempt: {run.run_id} has no attempt {attempt} there")
    tried = any(store.has(key) or store.attempts(key) for key in keys)
    return text or f"{run.run_id}: {'its stages printed nothing' if tried else 'nothing has been tried yet'}\n"


def follow(
    plan: Plan,
    store: Store,
    run_name: str,
    *,
    stage: str | None = None,
    every_s: float = FOLLOW_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """What is printed from now on, line by line, until nobody works on the run's stages any more.

    Args:
        plan, store, run_name, stage: as for `logs`.
        every_s: seconds between two looks.
        sleep: how to wait.

    Raises:
        StudyError: no run of the plan has this name, or it has no such stage.
    """
    keys = _chosen(plan, find_run(plan, run_name), stage)
    read = {attempt.log: _length(attempt.log) for key in keys for attempt in store.attempts(key)}
    idle = 0
    while idle < FOLLOW_LOOKS:
        open_ = [key for key in keys if not store.has(key)]
        is_held = any(current_holder(store.workshop(key)) is not None for key in open_)
        for attempt in (tries[-1] for key in keys if (tries := store.attempts(key))):
            yield from _fresh_lines(attempt.log, read)
        idle = 0 if is_held else idle + 1
        if not open_:
            return
        sleep(every_s)


def _fresh_lines(log: Path, read: dict[Path, int]) -> Iterator[str]:
    """Whole lines that were written since the last look."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(read.get(log, 0))
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        read[log] = read.get(log, 0) + len(whole)
        yield from whole.decode("utf-8", errors="replace").splitlines(keepends=True)


def _length(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0


def _chosen(plan: Plan, run: Run, stage: str | None) -> tuple[str, ...]:
    """Keys of a run's stages that `--stage` means, all of them without it."""
    keys = needed(plan, run)
    chosen = tuple(key for key in keys if stage is None or plan.stages[key].kind == stage or key.startswith(stage))
    if stage is not None and (not chosen or not stage):
        kinds = ", ".join(dict.fromkeys(plan.stages[key].kind for key in keys))
        raise StudyError(
            f"--stage: {run.run_id} has no stage '{stage}'; write a kind or the beginning of a key\nknown: {kinds}"
        )
    return chosen


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
    known = ", ".join(dict.fromkeys(f"{run.arm}/{run.seed}" for run in plan.runs[:12]))
    more = ", …" * (len(plan.runs) > 12)
    raise StudyError(f"'{name}' is no run of {plan.study}; write arm/seed or arm/model/seed\nknown: {known}{more}")


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


def _section(plan: Plan, store: Store, key: str, number: int | None, *, is_asked_for: bool) -> str:
    """The head and the end of one log; empty without an attempt, or where a finished stage printed nothing."""
    tries = [attempt for attempt in store.attempts(key) if number in (None, attempt.number)]
    if not tries:
        return ""
    newest, stage = tries[-1], plan.stages[key]
    text = tail(newest.log, _TAIL)
    if not text and store.has(key) and not is_asked_for:
        return ""
    head = f"── {stage.label or stage.kind} · {key[:6]} · attempt {newest.number} · {_said(newest)}"
    return f"{head}\n{newest.log}\n{text}\n"


def _said(attempt: Attempt) -> str:
    ending = attempt.ending()
    if ending is None:
        return "not ended"
    return f"{ending.state}: {ending.reason}" if ending.reason else ending.state
