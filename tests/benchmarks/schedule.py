"""What one `study run` on this machine did with its time, from the files it left, and what a scheduler that costs
nothing would have done with the same work.

The wall time runs from the start of the program to the end of its last worker (the report comes after that). The
work of a stage is the `seconds` of its manifest. The ideal puts the same jobs, in the order in which they were given
out, on the same slots: a job begins as soon as what it waits for has ended and a slot is free, and takes the sum of
its stages, nothing else. What slots idle there is the graph's doing (few jobs at the start, one at the end), not the
scheduler's. Everything above the ideal is overhead: starting Python and torch, reading the protocol, looking for what
is finished, handing out, leases, checksums, flushing to disk, publishing, and the end of the workers.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from study.errors import StudyError
from study.store import Store
from study.store.lease import Holder

NAME = "%Y%m%d-%H%M%S"
RECORDED = "recorded.json"
"""What `replayed.py` is told to do. It stands here since that module imports all that a worker does, torch included."""


@dataclass(frozen=True)
class Done:
    """A job that was done.

    Attributes:
        name: of the job.
        after: names of jobs that had to end before; those that were done by earlier calls are left out.
        work: seconds of its stages.
        given, ended: when it was handed to a worker, and when the worker said how it ended (seconds since 1970).
        worker: name of the worker's folder.
        stages: how many were made.
        first: when the work on its first stage began, as far as its manifest tells.
    """

    name: str
    after: tuple[str, ...]
    work: float
    given: float
    ended: float
    worker: str
    stages: int
    first: float


@dataclass(frozen=True)
class Schedule:
    """One call.

    Attributes:
        jobs: in the order in which they were given out.
        began, ended: of the program and of its last worker (seconds since 1970).
        ready: when it began to hand out.
        slots: how many jobs were in work at once, at most.
    """

    jobs: tuple[Done, ...]
    began: float
    ready: float
    ended: float
    slots: int

    @property
    def wall(self) -> float:
        """Seconds of the call, report apart."""
        return self.ended - self.began

    @property
    def work(self) -> float:
        """Seconds of all stages."""
        return sum(job.work for job in self.jobs)

    @property
    def ideal(self) -> float:
        """Seconds that the same jobs need on the same slots, in the same order, when nothing else costs anything."""
        return makespan([(job.name, job.after, job.work) for job in self.jobs], self.slots)

    @property
    def least(self) -> float:
        """Seconds that no order can beat: the work over the slots, or the longest chain."""
        until: dict[str, float] = {}
        for job in self.jobs:
            until[job.name] = job.work + max((until.get(name, 0.0) for name in job.after), default=0.0)
        return max(self.work / self.slots, max(until.values(), default=0.0))

    @property
    def overhead(self) -> float:
        """Seconds above the ideal."""
        return self.wall - self.ideal

    def parts(self) -> dict[str, float]:
        """Seconds of the overhead by where they went; what a slot lost counts by its share of all slots."""
        firsts = {job.worker: job for job in reversed(self.jobs)}
        starts = sum(max(0.0, job.first - job.given) for job in firsts.values())
        held = sum(job.ended - job.given for job in self.jobs)
        last = max(job.ended for job in self.jobs)
        idle = self.slots * (last - self.ready - self.ideal) - (held - self.work)
        return {
            "start of the program, until it hands out the first job": self.ready - self.began,
            "start of the workers, imports of torch included": starts / self.slots,
            "between the stages of a job: leases, checksums, publishing": (held - self.work - starts) / self.slots,
            "free slots beyond those of the ideal": idle / self.slots,
            "end of the workers": self.ended - last,
        }

    def text(self) -> str:
        """Everything, for people."""
        stages = sum(job.stages for job in self.jobs)
        share = 100 * self.overhead / self.wall
        rows = [
            f"{len(self.jobs)} jobs of {stages} stages on {self.slots} slots, {len({j.worker for j in self.jobs})} workers",
            f"wall time, report apart            {self.wall:8.2f} s",
            f"ideal, same order and slots        {self.ideal:8.2f} s   (work {self.work:.2f} s in all; no order beats {self.least:.2f} s)",
            f"overhead                           {self.overhead:8.2f} s   {share:.2f} % of the wall time, {1000 * self.overhead / stages:.0f} ms a stage",
            *(f"    {seconds:8.2f} s  {what}" for what, seconds in self.parts().items()),
        ]
        return "\n".join(rows)


def makespan(jobs: Sequence[tuple[str, Sequence[str], float]], slots: int) -> float:
    """Seconds until all jobs are done when each takes the first free slot as soon as what it waits for has ended.

    Args:
        jobs: name, names of jobs that it waits for (others are taken to be done), seconds; the first come first.
        slots: how many at a time.
    """
    waiting = list(jobs)
    running: dict[str, float] = {}
    now = 0.0
    while waiting or running:
        names = {name for name, _, _ in waiting} | set(running)
        for job in [job for job in waiting if not names.intersection(job[1])][: slots - len(running)]:
            waiting.remove(job)
            running[job[0]] = now + job[2]
        if not running:
            raise ValueError(f"{waiting[0][0]} waits for itself")
        now = min(running.values())
        running = {name: end for name, end in running.items() if end > now}
    return now


def last_session(store: Store, study: str, name: str | None = None) -> Path:
    """Folder of the newest call that made a stage, or of the one with this name.

    Raises:
        StudyError: there is none.
    """
    sessions = sorted((store.study_folder(study) / "sessions").glob(name or "*"), reverse=True)
    for folder in sessions:
        if any(_made(path) for path in folder.glob("worker-*/*.done.json")):
            return folder
    studies = ", ".join(sorted(path.name for path in (store.root / "studies").glob("*"))) or "none"
    raise StudyError(f"{store.root}: no local `study run` of '{study}' has made a stage there; studies: {studies}")


def read(store: Store, session: Path) -> Schedule:
    """What a call did.

    Raises:
        StudyError: an object that it has made is gone.
    """
    given = [path for path in session.glob("worker-*/*.done.json") if _made(path)]
    owner = {key: _work(path)["job_id"] for path in given for key in _made(path)}
    jobs = sorted((_job(store, path, owner) for path in given), key=lambda job: job.given)
    settings = [path.stat().st_mtime for path in session.glob("worker-*/settings.json")]
    exits = [path.stat().st_mtime for path in session.glob("worker-*/exit.json")]
    ready = min(settings)
    return Schedule(
        jobs=tuple(jobs),
        began=min(ready, _program_began(session)),
        ready=ready,
        ended=max([*exits, *(job.ended for job in jobs)]),
        slots=_at_once(jobs),
    )


def _job(store: Store, done: Path, owner: Mapping[str, str]) -> Done:
    work, made = _work(done), _made(done)
    manifests = [store.manifest(key) for key in made]
    ends = [(store.object_folder(key) / "manifest.json").stat().st_mtime for key in made]
    parents = [parent for stage in work["stages"] if stage["key"] in made for parent in stage["parents"].values()]
    after = dict.fromkeys(owner[parent] for parent in parents if parent in owner)
    after.pop(work["job_id"], None)
    return Done(
        name=work["job_id"],
        after=tuple(after),
        work=sum(float(manifest["seconds"]) for manifest in manifests),
        given=_given(done).stat().st_mtime,
        ended=done.stat().st_mtime,
        worker=done.parent.name,
        stages=len(made),
        first=min(end - float(each["seconds"]) for end, each in zip(ends, manifests, strict=True)),
    )


def _given(done: Path) -> Path:
    return done.with_name(done.name.replace(".done", ""))


def _work(done: Path) -> dict[str, object] | object:
    return json.loads(_given(done).read_text())


def _made(done: Path) -> list[str]:
    return list(json.loads(done.read_text())["made"])


def _at_once(jobs: Sequence[Done]) -> int:
    """The most jobs that were in work at the same time; an end at the instant of a beginning comes first."""
    events = sorted([(job.given, 1) for job in jobs] + [(job.ended, -1) for job in jobs])
    most = now = 0
    for _, change in events:
        now += change
        most = max(most, now)
    return most


def _program_began(session: Path) -> float:
    """When the conductor's process was started; where that was another machine, the second in the folder's name."""
    holder = Holder.read(json.loads((session / "conductor.json").read_text()))
    if holder is None or (holder.boot_id, holder.pid_ns) != (Holder.here().boot_id, Holder.here().pid_ns):
        return datetime.strptime(session.name[:15], NAME).astimezone().timestamp()
    up = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - up + holder.start / os.sysconf("SC_CLK_TCK")
