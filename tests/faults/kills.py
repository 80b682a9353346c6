"""What a kill is, who can be its victim, and when it comes: all that is random of a storm."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

Kind = Literal["worker", "between", "conductor", "tree", "rival"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BETWEEN = ("shell", "controller", "supervisor")
"""Roles of the processes between the conductor and a worker."""
MARK = "STUDY_STORM"
"""Environment variable with the study's folder: every process of the study has it, whoever its parent is."""
PER_STUDY = 2 * len(KINDS)
LAST: Kind = "conductor"
"""The last kill of a study meets its report, where there are no workers."""
STRIDE = 8
"""Most stages between two kills: all of a study's stages take seconds, once its processes have started."""
SOON_S, LATER_S = 0.05, 8.0
"""Longest delay of a kill between stages, and of one while processes start or the report is written."""
POLL_S = 0.02


@dataclass(frozen=True)
class Order:
    """A kill as it is drawn.

    Attributes:
        kind: `worker`; `between` (a shell, submitit's controller, the supervisor); `conductor`; `tree` (everything);
            `rival` (a second conductor is started, and one of the two is killed).
        more: it is due once so many further stages, or all, are published since the kill before,
        delay_s: and so many seconds have passed.
        pick: which of the possible victims, in [0, 1).
        pause_s: how long nobody conducts after a conductor was killed.
        together_s: how long two conductors work, or until `more` further stages, before one of them is killed.
    """

    kind: Kind
    more: int
    delay_s: float
    pick: float
    pause_s: float
    together_s: float


@dataclass(frozen=True)
class Hit:
    """A kill that has met living processes; times in seconds since the study began."""

    order: Order
    victims: tuple[str, ...]
    at_s: float
    published: int

    def __str__(self) -> str:
        many = f" and {len(self.victims) - 3} more" if len(self.victims) > 3 else ""
        who = f"{', '.join(self.victims[:3])}{many}"
        return f"{self.order.kind:<9} at {self.at_s:6.2f} s, {self.published:>2} stages published: {who}"


def draw(seed: str, stages: int) -> tuple[Order, ...]:
    """The kills of one study: every kind twice, while processes start and between stages, and one at the report."""
    chance = random.Random(seed)
    others = [kind for kind in KINDS if kind != LAST]
    orders = []
    for kind in (*chance.sample(KINDS, len(KINDS)), *chance.sample(others, len(others)), LAST):
        more = 0 if chance.random() < 0.3 else chance.randint(1, STRIDE)
        delay_s = chance.uniform(0, SOON_S if more else LATER_S)
        pause_s = chance.choice((0.0, chance.uniform(0, LATER_S / 2)))
        orders.append(Order(kind, more, delay_s, chance.random(), pause_s, chance.uniform(0, LATER_S)))
    return (*orders[:-1], replace(orders[-1], more=stages, delay_s=chance.uniform(0, LATER_S)))


def living(folder: Path) -> dict[int, str]:
    """Process id -> role, of everything that was started for the study in `folder`."""
    mark = f"{MARK}={folder}".encode()
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if mark in (path / "environ").read_bytes().split(b"\0"):
                found[int(path.name)] = _role((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def marked(folder: Path) -> dict[str, str]:
    """The environment of a study in `folder`, by which `living` knows its processes."""
    return {**os.environ, MARK: str(folder)}


def _role(command: str) -> str:
    words = {
        "study.dispatch.worker import work": "worker",
        "submitit.core._submit": "supervisor",
        "trap '' INT": "shell",
        "submitit.local._local": "controller",
        "-m study run": "conductor",
    }
    return next((role for part, role in words.items() if part in command), "other")


def kill_all(folder: Path) -> None:
    """Kill everything of a study, what is being started meanwhile too."""
    while left := living(folder):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S)
