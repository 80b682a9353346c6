"""The scheduler's words: its commands with a time limit, one listing of jobs, and what a state means for us.

SLURM only hints: a stage is done when its object is there, and a job has ended when it says so in its own files or
when SLURM has given it up. Accounting (`sacct`) is not needed.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

LIMIT_S = 60.0
AT_ONCE = 500
_FORMAT = "%i|%T|%r|%N|%k"
_REFUSALS = re.compile(
    r"^(?:sbatch|scancel|squeue|scontrol|sinfo|slurm_\w+)(?::| error:)(?: error:)? *(.*)", re.MULTILINE
)
_FULL = re.compile(r"QOSMax\w*Submit|AssocMax\w*Submit|AssocGrp\w*Submit|QOSGrp\w*Submit|MaxSubmit|temporarily.*retry")
_AWAY = re.compile(r"Unable to contact|Socket timed out|Connection (refused|timed out)|did not answer|Slow down|busy")

Answer = Literal["waits", "works", "lingers", "over"]
_WAITS = {"PENDING"}
_WORKS = {"CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}
_LINGERS = {"REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "NODE_FAIL", "PREEMPTED"}
_AGAIN = {"TIMEOUT", "DEADLINE", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REQUEUED", "REVOKED"}
_LAUNCH_FAILED = "launch failed requeued held"
_RELEASE = "`scontrol release {job}` lets it begin"
_TOO_LONG = "asks for more time than there is; `study cancel`, lower dispatch.slurm.timeout_min, run again"
_CLOSED = "its partition takes no jobs now, `sinfo -s` lists the others"
_STUCK = {
    "JobHeldUser": f"held by its user, {_RELEASE}",
    "job requeued in held state": f"held, {_RELEASE}",
    "JobHeldAdmin": "held by an administrator, who alone can release it",
    "PartitionTimeLimit": _TOO_LONG,
    "AssocMaxWallDurationPerJobLimit": _TOO_LONG,
    "QOSMaxWallDurationPerJobLimit": _TOO_LONG,
    "PartitionDown": _CLOSED,
    "PartitionInactive": _CLOSED,
    "BadConstraints": "no node has all that it asks for; `study cancel`, change dispatch.slurm, run again",
}
"""Reasons why a job waits that do not pass by themselves, and what helps."""


class SlurmError(Exception):
    """A command of SLURM failed or did not answer; the text is what it said, in one line."""

    @property
    def is_full(self) -> bool:
        """Whether too many jobs are submitted already, so that fewer, or later, may do."""
        return _FULL.search(str(self)) is not None

    @property
    def is_away(self) -> bool:
        """Whether the scheduler cannot be reached now."""
        return _AWAY.search(str(self)) is not None


@dataclass(frozen=True)
class Entry:
    """One job, or one task of an array, as squeue lists it.

    Attributes:
        job: its id, `12` or `12_3`.
        state: in full, such as `PENDING`.
        reason: why it waits; `None` where there is none.
        nodes: where it runs; empty while it waits.
        comment: given at submission.
    """

    job: str
    state: str
    reason: str = ""
    nodes: str = ""
    comment: str = ""

    @property
    def answer(self) -> Answer:
        """What the state means: `lingers` is not final, SLURM may start the job again."""
        if self.state in _WAITS:
            return "waits"
        if self.state in _WORKS:
            return "works"
        return "lingers" if self.state in _LINGERS else "over"

    @property
    def goes_again(self) -> bool:
        """Whether a job that ended in this state may be submitted again as if nothing had happened."""
        return self.state in _AGAIN

    @property
    def is_stuck(self) -> bool:
        """Whether it will not begin before somebody does something."""
        return self.answer == "waits" and self.reason in _STUCK

    @property
    def could_not_start(self) -> bool:
        """Whether a broken node could not start it, so that SLURM holds it until somebody releases it."""
        return self.answer == "waits" and self.reason == _LAUNCH_FAILED

    @property
    def why(self) -> str:
        """Where it runs, or why it does not and what helps; empty where SLURM does not say."""
        why = self.nodes if self.answer == "works" else "" if self.reason in ("", "None") else self.reason
        return f"{why}: {_STUCK[self.reason].format(job=self.job)}" if self.is_stuck else why

    def __str__(self) -> str:
        words = f"{self.state.lower().replace('_', ' ')} as SLURM job {self.job}"
        return f"{words} ({self.why})" if self.why else words


def call(*command: str, limit_s: float = LIMIT_S) -> str:
    """Standard output of a command of SLURM.

    Raises:
        SlurmError: it is not there, failed, or did not answer in time.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    except FileNotFoundError as error:
        raise SlurmError(f"the command {command[0]} was not found") from error
    except subprocess.TimeoutExpired as error:
        raise SlurmError(f"{command[0]} did not answer within {limit_s:g} s") from error
    if done.returncode:
        raise SlurmError(refusal(done.stderr or done.stdout) or f"{command[0]} ended with {done.returncode}")
    return done.stdout


def refusal(text: str) -> str:
    """What SLURM said, in one line, without the name of the program."""
    found = [match.strip() for match in _REFUSALS.findall(text) if match.strip()]
    return "; ".join(dict.fromkeys(found)) or " ".join(text.split())[-300:]


def parsed(listing: str) -> dict[str, Entry]:
    """Job id -> entry, of what squeue printed; lines that are cut short are left out."""
    rows = (line.split("|", 4) for line in listing.splitlines())
    entries = (Entry(*(word.strip() for word in row)) for row in rows if len(row) == 5)
    return {entry.job: entry for entry in entries}


def queue() -> dict[str, Entry]:
    """Every job of this user that SLURM still remembers, array tasks one by one, in one call.

    Raises:
        SlurmError: squeue failed; nothing is known about any job then.
    """
    return parsed(call("squeue", "-h", "-a", "-r", "-t", "all", "-u", str(os.getuid()), "-o", _FORMAT))


def scancel(jobs: Sequence[str]) -> None:
    """End jobs, many in a call.

    Raises:
        SlurmError: scancel failed; jobs that have ended already are no failure.
    """
    for start in range(0, len(jobs), AT_ONCE):
        call("scancel", "-Q", *jobs[start : start + AT_ONCE])


def longest_array() -> int:
    """How many tasks an array may have here; SLURM's own default where it does not say.

    Raises:
        SlurmError: scontrol failed.
    """
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", call("scontrol", "show", "config"), flags=re.MULTILINE)
    return int(found[1]) if found else 1001


def partitions_with_gpus() -> Collection[str]:
    """Names of partitions that have GPUs; the default one also as the empty text.

    Raises:
        SlurmError: sinfo failed.
    """
    found = set()
    for line in call("sinfo", "-h", "-o", "%P|%G").splitlines():
        name, _, things = line.strip().partition("|")
        if "gpu" in things:
            found |= {name.rstrip("*"), *([""] if name.endswith("*") else [])}
    return found
