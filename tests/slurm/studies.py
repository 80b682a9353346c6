"""Studies of toy stages on a test cluster: in this process, or as a `study run` of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from toy_study import SMALL, do, sums

from study import dispatch
from study.dispatch.squeue import queue
from study.dispatch.submissions import living
from study.records import Plan, Requests
from study.store import Store

LIMIT_S = 300.0
ONE: dict[str, Any] = {"arms": ("baseline",), "seeds": (0,)}
TOYS = Path(__file__).parents[1] / "dispatch"

Conductor = subprocess.Popen[str]
Conduct = Callable[..., Conductor]


def on_slurm(plan: Plan, folder: Path, **keywords: Any) -> dispatch.Outcome:
    return do(plan, folder, "slurm", **{"requests": SMALL, **keywords})


def asking(**wanted: Any) -> Requests:
    return Requests(replace(SMALL.default, **wanted))


def conduct(folder: Path, *, cluster: str = "slurm", workers: int = 4, **wanted: Any) -> Conductor:
    """`study run` in a process of its own."""
    program = [sys.executable, str(TOYS / "toy_study.py"), str(folder), "--cluster", cluster]
    folder.mkdir(parents=True, exist_ok=True)
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in wanted.items()}
    return subprocess.Popen(
        [*program, "--workers", str(workers), "--plan", json.dumps(plain)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # in a shell's background it is ignored
    )


def ended(process: Conductor, *, code: int = 0) -> str:
    """What a `study run` printed, once it has ended, which it must with this exit code."""
    text, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == code, text
    return text


def undisturbed(plan: Plan, folder: Path) -> dict[str, dict[str, str]]:
    """Sums of the objects that this process makes, without a scheduler, without trouble that passes, without waiting."""
    folder.mkdir()
    for key in plan.stages:
        (folder / f"did-{key}").write_text("x" * 9)
    with patch.dict(os.environ, {"TOY_FAST": "1"}):
        assert do(plan, folder).exit_code == 0
    return sums(folder)


def tasks(folder: Path, study: str = "toy") -> list[str]:
    """SLURM ids of the study's jobs that have not ended."""
    return [entry.job for _, _, entry in living(Store(folder / "runs"), study, queue())]


def running(folder: Path, study: str = "toy") -> str | None:
    entries = (entry for _, _, entry in living(Store(folder / "runs"), study, queue()))
    return next((entry.job for entry in entries if entry.state == "RUNNING"), None)


def key_of(plan: Plan, label: str) -> str:
    return next(key for key, stage in plan.stages.items() if stage.label == label)


def endings(folder: Path, key: str) -> list[str]:
    """States of the attempts at a stage that have ended, oldest first."""
    tries = Store(folder / "runs").attempts(key)
    return [ending.state for attempt in tries if (ending := attempt.ending()) is not None]


def log_of(folder: Path, key: str) -> str:
    """What the newest attempt at a stage printed."""
    return Store(folder / "runs").attempts(key)[-1].log.read_text()
