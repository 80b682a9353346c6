"""Everything that can be said of a study from its files: every stage in exactly one state, runs, pairs, hours."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from study.dispatch.estimate import Estimate, Left
from study.dispatch.session import Session, sessions
from study.dispatch.slurm_jobs import in_queue
from study.dispatch.squeue import Entry
from study.dispatch.states import FAILURES, recorded_problems, run_statuses
from study.records import Contrast, Plan, RunStatus
from study.store import Holder, Store
from study.store.files import read_json
from study.store.lease import current_holder

StageState = Literal[
    "done",
    "reused",
    "running",
    "shared",
    "queued",
    "waiting",
    "interrupted",
    "missing",
    "damaged",
    "failed",
    "blocked",
]
"""`done`; `reused` (done before this study's protocol was locked); `running` here or `shared` (another study works
on it); while a `study run` lives, `queued` (its parents are there) and `waiting` (for them); `interrupted` (goes on
from its checkpoint), `missing` (not begun) and `damaged` (an object that is not whole) are for the next `study run`;
`failed`, and `blocked` by a failed parent."""
STATES: tuple[StageState, ...] = get_args(StageState)

Manifests = dict[str, Mapping[str, Any]]


@dataclass(frozen=True)
class About:
    """What a survey must be told because the plan does not say it.

    Attributes:
        contrasts: of the protocol; their arms and models are read.
        paired: whether runs of one seed are compared with each other.
        locked_at: when the study was begun; None before.
        workers: how many stages can be in work at once; None where a scheduler decides.
        guess: seconds of work in these stages, for the time before every kind of stage was timed.
        queues: whether the study's jobs wait in a scheduler's queue.
    """

    contrasts: Sequence[Contrast] = ()
    paired: bool = True
    locked_at: datetime | None = None
    workers: int | None = 1
    guess: Callable[[Collection[str]], float] | None = None
    queues: bool = False


@dataclass(frozen=True)
class Pairs:
    """How many runs of two arms can be compared already.

    Attributes:
        treatment, control, model: of a contrast.
        complete: seeds that are done in both arms.
        treatment_done, control_done: runs that are done.
        planned: seeds that were planned in both arms.
    """

    treatment: str
    control: str
    model: str
    complete: int
    treatment_done: int
    control_done: int
    planned: int


@dataclass(frozen=True)
class Hours:
    """Wall time of finished stages, by the device that each ran on; attempts that did not end well are left out."""

    gpu: float = 0.0
    cpu: float = 0.0


@dataclass(frozen=True)
class Survey:
    """A study at one moment.

    Attributes:
        plan: what was surveyed.
        states: key -> state, every stage of the plan.
        reasons: key -> one line, for stages that failed, are shared, damaged or were interrupted.
        runs: one status per planned run, in the plan's order.
        in_work: key -> its newest progress.json, for stages that a living process works on.
        pairs: one per two arms and model of a contrast.
        used, reused: hours of the stages that this study made, and of those that were there before.
        left: expected seconds of what can still be done: work, and the longest chain; None where unknown.
        is_guess: whether `left` rests on a guess, not on stages that were timed.
        about: what the survey was told.
        living: number of `study run` that work on the study.
        finished: key -> manifest of every stage that is there.
        queue: key -> the SLURM job that the stage is in; empty elsewhere.
    """

    plan: Plan
    states: Mapping[str, StageState]
    reasons: Mapping[str, str]
    runs: tuple[RunStatus, ...]
    in_work: Mapping[str, Mapping[str, Any]]
    pairs: tuple[Pairs, ...]
    used: Hours
    reused: Hours
    left: Left | None
    is_guess: bool
    about: About
    living: int
    finished: Manifests = field(repr=False)
    queue: Mapping[str, Entry] = field(default_factory=dict)

    @property
    def counts(self) -> Mapping[StageState, int]:
        """State -> number of stages, those that occur; they add up to the plan's stages."""
        found = Counter(self.states.values())
        return {state: found[state] for state in STATES if found[state]}

    @property
    def jobs(self) -> tuple[Entry, ...]:
        """The SLURM jobs of unfinished stages, each once."""
        return tuple({entry.job: entry for entry in self.queue.values()}.values())

    @property
    def workers(self) -> int | None:
        """How many stages are in work at once: of SLURM's jobs those that run, else what may; None where nobody knows."""
        running = sum(entry.answer == "works" for entry in self.jobs)
        return running or self.about.workers

    @property
    def remaining(self) -> float | None:
        """Expected seconds to the end of what can still be done; 0 where nothing can, None where unknown."""
        if self.left is None or (self.left.work and self.workers is None):
            return None
        return self.left.wall(self.workers or 1)

    @property
    def complete(self) -> bool:
        """Whether every planned run is done."""
        return all(run.state == "done" for run in self.runs)

    @property
    def whole(self) -> bool:
        """Whether every stage is there: the runs, their data, and what their maps are worth on other models."""
        return len(self.finished) == len(self.states)

    @property
    def idle(self) -> bool:
        """Whether nobody works on the study, so that nothing will change by itself."""
        return not self.living and not self.in_work and not self.queue


def survey(plan: Plan, store: Store, about: About | None = None, *, finished: Manifests | None = None) -> Survey:
    """What is there, what is in work, what is missing and why, from files alone.

    Args:
        plan: names runs and stages.
        store: read only; anybody may look while a study runs.
        about: what the plan does not say.
        finished: manifests that an earlier survey found, which are not looked at again.
    """
    about = about or About()
    found: Manifests = dict(finished or {})
    for key in plan.stages:
        if key not in found and (manifest := store.intact(key)) is not None:
            found[key] = manifest
    living, queue = len(_living(store, plan.study)), in_queue(store, plan.study)
    look = _Look(plan, store, about, found, is_conducted=living > 0, queue=queue)
    states = {key: look.state(key) for key in plan.stages}
    problems = recorded_problems(plan, store, set(found))
    runs = run_statuses(plan, store, set(found), problems)
    left, is_guess = _left(look)
    mine, before = (
        _hours(manifest for key, manifest in found.items() if states[key] == state) for state in ("done", "reused")
    )
    return Survey(
        plan=plan,
        states=states,
        reasons=look.reasons,
        runs=runs,
        in_work=look.in_work,
        pairs=_pairs(about.contrasts, runs),
        used=mine,
        reused=before,
        left=left,
        is_guess=is_guess,
        about=about,
        living=living,
        finished=found,
        queue={key: entry for key, entry in queue.items() if key in states and key not in found},
    )


class _Look:
    """The state of one stage after the other, parents first."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        about: About,
        found: Manifests,
        *,
        is_conducted: bool,
        queue: Mapping[str, Entry],
    ) -> None:
        self.plan, self.store, self.about, self.found = plan, store, about, found
        self.is_conducted, self.queue = is_conducted, queue
        self.reasons: dict[str, str] = {}
        self.in_work: dict[str, Mapping[str, Any]] = {}
        self.spent: dict[str, float] = {}
        self.lost: set[str] = set()

    def state(self, key: str) -> StageState:
        """The state, with what else is found on the way kept in the members."""
        if key in self.found:
            return "reused" if self._was_before(self.found[key]) else "done"
        state = self._held(key) or self._ended(key) or self._open(key)
        if state in ("failed", "blocked"):
            self.lost.add(key)
        elif key in self.queue:
            self.reasons.setdefault(key, str(self.queue[key]))
        return state

    def _was_before(self, manifest: Mapping[str, Any]) -> bool:
        if self.about.locked_at is None:
            return True
        try:
            return datetime.fromisoformat(str(manifest.get("finished"))) < self.about.locked_at.replace(microsecond=0)
        except (TypeError, ValueError):
            return False

    def _held(self, key: str) -> StageState | None:
        """Somebody works on it."""
        workshop = self.store.workshop(key)
        holder = current_holder(workshop)
        if holder is None:
            return None
        lease = read_json(workshop / "lease.json") or {}
        tries = self.store.attempts(key)
        self.in_work[key] = tries[-1].progress() if tries else {}
        self.spent[key] = max(0.0, time.time() - float(lease.get("since", time.time())))
        if lease.get("study", self.plan.study) == self.plan.study:
            return "running"
        self.reasons[key] = f"{lease['study']} works on it ({holder})"
        return "shared"

    def _ended(self, key: str) -> StageState | None:
        """The newest try did not end well."""
        tries = self.store.counted_attempts(key)
        if not tries:
            return None
        ending = tries[-1].ending()
        if ending is None:
            self.reasons[key] = "its process disappeared"
            return "interrupted"
        if ending.state in FAILURES:
            self.reasons[key] = ending.reason or ending.state
            return "failed"
        return "interrupted" if ending.state == "stopped" else None

    def _open(self, key: str) -> StageState:
        parents = self.plan.stages[key].parents.values()
        lost = next((parent for parent in parents if parent in self.lost), None)
        if lost is not None:
            self.reasons[key] = f"blocked by {lost[:6]}"
            return "blocked"
        if self.store.object_folder(key).exists():
            self.reasons[key] = "its object is not whole; the next run moves it to quarantine/"
            return "damaged"
        if not self.is_conducted and key not in self.queue:
            return "missing"
        return "queued" if all(parent in self.found for parent in parents) else "waiting"


def _living(store: Store, study: str) -> list[Session]:
    """The sessions of other processes whose conductor lives."""
    me = Holder.here()
    return [each for each in sessions(store, study) if each.conductor != me and each.lives()]


def _left(look: _Look) -> tuple[Left | None, bool]:
    """What everything that is not lost will take, and whether that is a guess."""
    left = [key for key in look.plan.stages if key not in look.found and key not in look.lost]
    if not left:
        return Left(0.0, 0.0), False
    estimate = Estimate(look.plan)
    for key, manifest in look.found.items():
        estimate.learn(key, float(manifest.get("seconds", 0.0)))
    timed = estimate.left(left, look.spent)
    if timed is not None or look.about.guess is None:
        return timed, False
    return Left(look.about.guess(left), 0.0), True


def _hours(manifests: Iterable[Mapping[str, Any]]) -> Hours:
    seconds = {True: 0.0, False: 0.0}
    for manifest in manifests:
        seconds[_on_gpu(manifest)] += float(manifest.get("seconds", 0.0))
    return Hours(gpu=seconds[True] / 3600, cpu=seconds[False] / 3600)


def _on_gpu(manifest: Mapping[str, Any]) -> bool:
    """As the manifest says; those of before it said so name an NVIDIA device."""
    return bool(manifest.get("on_gpu", str(manifest.get("device", "")).startswith(("NVIDIA", "Tesla", "GeForce"))))


def _pairs(contrasts: Sequence[Contrast], runs: Sequence[RunStatus]) -> tuple[Pairs, ...]:
    planned = {(run.arm, run.model): set[int]() for run in runs}
    done = {cell: set[int]() for cell in planned}
    for run in runs:
        planned[run.arm, run.model].add(run.seed)
        if run.state == "done":
            done[run.arm, run.model].add(run.seed)
    asked = dict.fromkeys((each.treatment, each.control, each.model) for each in contrasts)
    found = []
    for treatment, control, model in asked:
        one, other = (treatment, model), (control, model)
        complete, wanted = done[one] & done[other], planned[one] & planned[other]
        found.append(Pairs(treatment, control, model, len(complete), len(done[one]), len(done[other]), len(wanted)))
    return tuple(found)
