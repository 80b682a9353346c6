"""The processes of a local slot: a supervisor without torch, and below it the worker.

The supervisor is what submitit starts. It starts the worker in a session of its own (so that
Ctrl-C and submitit's signals do not reach it), waits, and writes down how it ended: a segfault,
`os._exit` or the kernel's memory killer leave no other trace. The worker does jobs as they are
put into its folder:

    settings.json                what the conductor wants
    worker.json                  the worker's process, written when it is ready
    <n>.json  <n>.done.json      the n-th job, and how it ended
    current.json                 the attempt folder in use
    quit                         no more jobs will come
    exit.json                    exit code and peak memory, written by the supervisor
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from study.dispatch.lane import Lane
from study.dispatch.place import Work
from study.dispatch.session import Session
from study.store import Attempt, Ending, Holder, Store
from study.store.files import read_json, write_json

POLL_S = 0.02
OWN_MODULES = "export PYTHONSAFEPATH=1"
"""For the shell that starts Python: a `copy.py` in the folder where `study run` was called is not the library's."""
ORPHAN_S = 1.0
_PROGRAM = "import os, sys; from {module} import work; work(sys.argv[1]); os._exit(0)"
"""All that a worker leaves are files, closed by then; taking down a Python with torch in it would last seconds."""


def supervise(folder: str) -> None:
    """Start the worker of a folder, wait for its end and record it; for submitit."""
    place = Path(folder)
    settings = read_json(place / "settings.json") or {}
    process = spawn("study.dispatch.worker", folder, settings["environment"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    exit_code, peak_gb = reap(process)
    record_exit(place, exit_code=exit_code, peak_gb=peak_gb)


def spawn(
    module: str, folder: str, environment: Mapping[str, str], *, deaf_to: Collection[signal.Signals] = ()
) -> subprocess.Popen[bytes]:
    """Start `work(folder)` of a module in a session of its own.

    Args:
        module: where `work` is.
        folder: its argument.
        environment: added to ours.
        deaf_to: signals that the process and its children ignore; a scheduler sends them to all processes of a job.
    """
    return subprocess.Popen(
        [sys.executable, "-u", "-c", _PROGRAM.format(module=module), folder],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=(lambda: [signal.signal(number, signal.SIG_IGN) for number in deaf_to]) if deaf_to else None,
    )


def reap(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """Exit code and peak memory in GB of a process that has ended; what it started ends too."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, round(usage.ru_maxrss * 1024 / 1e9, 3)


def record_exit(folder: Path, *, exit_code: int | None, peak_gb: float | None = None) -> None:
    """Write exit.json, and close the attempt that the worker left open."""
    current = read_json(folder / "current.json")
    ending = Ending("vanished" if exit_code is None else "killed", describe_exit(exit_code, peak_gb), 0.0, exit_code)
    if current:
        Attempt(Path(current["attempt"])).close(ending)
    write_json(folder / "exit.json", {"exit_code": exit_code, "peak_gb": peak_gb, "reason": ending.reason})


def describe_exit(exit_code: int | None, peak_gb: float | None) -> str:
    """`killed by signal 11 (SIGSEGV)` and its relatives."""
    if exit_code is None:
        return "the process disappeared without a word"
    if exit_code >= 0:
        return f"the process ended itself with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = "unknown"
    text = f"killed by signal {-exit_code} ({name})"
    if exit_code == -signal.SIGKILL:
        used = f" at {peak_gb:.1f} GB" if peak_gb else ""
        text += f"{used}; without somebody's kill -9 that is the machine running out of memory"
    return text


def work(place: str) -> None:
    """Do the jobs of a folder until told to quit, a job fails, or the conductor is gone."""
    folder = Path(place)
    settings = read_json(folder / "settings.json") or {}
    session = Session(folder.parent)
    lane = Lane(
        store=Store(Path(settings["store"])),
        root=Path(settings["root"]),
        executor=settings["executor"],
        stop=session.is_over,
        started=lambda attempt: write_json(folder / "current.json", {"attempt": str(attempt.path)}),
        own_process=True,
    )
    write_json(folder / "worker.json", Holder.here().as_json())
    lane.prepare()
    number = 0
    while (job := _next(folder, number, session)) is not None:
        result = lane.do(Work.read(job))
        write_json(folder / f"{number}.done.json", result.as_json())
        if result.state == "failed":
            return  # an exception may leave a broken GPU context or half-changed globals behind
        number += 1


def _next(folder: Path, number: int, session: Session) -> dict[str, Any] | None:
    """The job with this number as soon as it is there; None when there will be none."""
    looked = time.monotonic()
    while True:
        if (folder / "quit").exists():
            return None
        job = read_json(folder / f"{number}.json")
        if job is not None:
            return job
        if time.monotonic() - looked > ORPHAN_S:
            looked = time.monotonic()
            if session.is_over():
                return None
        time.sleep(POLL_S)
