"""The one process per `study run` that hands out jobs and keeps the books."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from study.dispatch.display import Display, Snapshot, StageInWork
from study.dispatch.estimate import Estimate
from study.dispatch.lane import EXECUTOR
from study.dispatch.lanes import fused
from study.dispatch.local import InlinePlace, LocalPlace
from study.dispatch.place import JobResult, Place, Work
from study.dispatch.session import Session
from study.dispatch.signals import noted
from study.dispatch.slots import slots
from study.dispatch.slurm import SlurmPlace
from study.dispatch.states import Outcome, exhausted, run_statuses
from study.errors import DependencyError, StoreError
from study.records import Allowance, Job, Plan, Requests
from study.store import Store
from study.store.files import FULL_WORDS, full

POLL_S = (0.02, 0.1)
"""Right after something happened, and when nothing has for a while: workers should have the cores for themselves."""
POLL_SHARE = 0.05
QUEUE_POLL_S = 0.25
"""Of a scheduler's queue: where nothing happens for hours, a login node should not notice us."""
SHOW_S = 0.5
STOP_GRACE_S = 60.0
QUIT_GRACE_S = 20.0
RETRIES = 1
"""How often a stage is tried again whose process died; an exception would only repeat itself."""
INTERRUPTIONS = 8
"""How often a stage is handed out again that a scheduler interrupted and did not take up again itself."""
DEFER_S = 1.0
DEFER_LIMIT_S = 24 * 3600.0


def run(
    plan: Plan,
    *,
    store: Store,
    root: Path,
    cluster: Literal["local", "inline", "slurm"] = "local",
    workers: int | None = None,
    requests: Requests | None = None,
    allowance: Allowance | None = None,
    display: Display | None = None,
    executor: str = EXECUTOR,
    stop_grace_s: float = STOP_GRACE_S,
) -> Outcome:
    """Do every stage of a plan that is not done yet, and say what is missing.

    Calling it again goes on where the last call ended, however that ended.

    Args:
        plan: stages, jobs and runs.
        store: gets the objects.
        root: folder that relative paths of the protocol mean.
        cluster: `local` worker processes, `inline` in this process, or jobs of `slurm`.
        workers: how many at once; as a rule one per visible GPU, else one per core; what SLURM allows.
        requests: what jobs of `slurm` ask for.
        allowance: what one training may use.
        display: told what happens; None for silence.
        executor: `module:function` that does one stage.
        stop_grace_s: how long after Ctrl-C workers may take to keep their checkpoints.

    Raises:
        StoreError: the store is read-only or full, or an object was made from another recipe.
        StudyError: SLURM is not there, or refused the first job; or there are fewer GPUs than one training may use.
        DependencyError: event files are asked for without the package that writes them.
    """
    if allowance is not None and allowance.tensorboard and find_spec("tensorboard") is None:
        raise DependencyError(
            "dispatch.tensorboard is true, but the package tensorboard is not installed\n"
            "install it with .venv/bin/pip install -c constraints.txt -e '.[tensorboard]', or leave the setting out"
        )
    store.prepare()
    requests = requests or Requests()
    if cluster == "slurm":
        plan = fused(plan, requests)
    conductor = _Conductor(plan, store, display or Display(), allowance or Allowance())
    with conductor.display:
        if conductor.waiting:
            conductor.session = Session.begin(store, plan.study)
            place = conductor.place(cluster, root=root, executor=executor, workers=workers, requests=requests)
            with noted(conductor.count_stop), conductor.session.beating():
                conductor.conduct(place, stop_grace_s)
        conductor.show(force=True)
        return conductor.outcome()


class _Conductor:
    """The books of one call: which jobs wait, run and have ended, and which stages are there."""

    def __init__(self, plan: Plan, store: Store, display: Display, allowance: Allowance) -> None:
        self.plan, self.store, self.display, self.allowance = plan, store, display, allowance
        self.began = time.monotonic()
        self.stops = 0
        self.session: Session | None = None
        self.problem = ""
        self.estimate = Estimate(plan)
        self.present: set[str] = set()
        for key, stage in plan.stages.items():
            if (manifest := store.held(stage)) is not None:
                self.present.add(key)
                self.estimate.learn(key, manifest["seconds"])
                store.tidy(key)
        self.reused = len(self.present)
        self.made: set[str] = set()
        self.problems = exhausted(plan, store, self.present)
        self.waiting = {
            job.job_id: job
            for job in _longest_first(plan)
            if not self.present.issuperset(job.stages) and self.problems.keys().isdisjoint(job.stages)
        }
        self.running: dict[str, Job] = {}
        self._not_before: dict[str, float] = {}
        self._deferred_since: dict[str, float] = {}
        self._deaths: dict[str, int] = {}
        self._interruptions: dict[str, int] = {}
        self._patient: set[str] = set()  # jobs that came too early once, and now wait here
        self._said: set[str] = set()
        self._queues = False
        self.detached = False
        self._unstarted: Mapping[str, str] = {}
        self._stage_began: dict[str, float] = {}
        self._passed: set[str] = set()
        self._disturbed: set[str] = set()  # stages of jobs whose process died
        self._shown = float("-inf")
        self.size = 1

    def place(self, cluster: str, *, root: Path, executor: str, workers: int | None, requests: Requests) -> Place:
        """Where the jobs will be done."""
        if cluster == "inline":
            return InlinePlace(self.store, root, executor, stop=self._asked)
        assert self.session is not None
        if cluster == "slurm":
            return SlurmPlace(
                self.store,
                self.plan.study,
                root=root,
                executor=executor,
                requests=requests,
                workers=workers,
                say=self.display.say,
            )
        return LocalPlace(self.session, self.store, root, executor, slots=slots(workers, self.allowance))

    def conduct(self, place: Place, stop_grace_s: float) -> None:
        """Hand out jobs until none is left, or until asked to stop."""
        asked: float | None = None
        self._queues = place.queues
        happened = time.monotonic()
        try:
            while self.waiting or self.running:
                for result in place.collect():
                    self._note(result)
                    happened = time.monotonic()
                self.size, self._unstarted = place.size, place.unstarted()
                if self._ending() and place.queues:
                    self._leave(place)
                    break
                if self._ending():
                    self.waiting.clear()
                    if asked is None:
                        asked = time.monotonic()
                        place.stop()
                        why = (
                            self.problem.partition("\n")[0]
                            or "running stages keep a checkpoint (press Ctrl-C again to kill)"
                        )
                        self.display.say(f"stopping: {why}")
                    if self.stops > 1 or time.monotonic() - asked > stop_grace_s:
                        break
                self._hand_out(place)
                self.show()
                quiet = POLL_SHARE * (time.monotonic() - happened)
                time.sleep(QUEUE_POLL_S if place.queues else min(max(POLL_S[0], quiet), POLL_S[1]))
        finally:
            place.close(0.0 if self.running else QUIT_GRACE_S)
            for job in self.running.values():
                self._settle(job)
            with suppress(StoreError):  # a full disk: the next call does it
                for key in self._disturbed & self.present:
                    self.store.tidy(key)

    def count_stop(self) -> None:
        """Ctrl-C was pressed: the first asks, the second kills, the third ends this very process."""
        self.stops += 1
        if self.stops > 2:
            raise KeyboardInterrupt

    def _leave(self, place: Place) -> None:
        """End without ending the jobs; `study cancel` has done that, if it was what ended us.

        Where the disk is full the jobs are ended: each would fail at that.
        """
        assert self.session is not None
        if self.problem:
            first_line = self.problem.partition("\n")[0]
            self.display.say(f"stopping, and ending the {len(self.running)} jobs in the queue: {first_line}")
            place.stop()
            return
        self.detached = not self.session.asked_to_stop()
        if self.detached:
            self.display.say(
                f"leaving {len(self.running)} jobs in the queue, where they go on without this process · "
                "`study status` looks at them · `study cancel` ends them · `study run` watches them again, "
                "tries again what died, and writes the report"
            )

    def _ending(self) -> bool:
        return self._asked() or bool(self.problem)

    def _asked(self) -> bool:
        """Whether Ctrl-C was pressed here or `study cancel` was called elsewhere."""
        if not self.stops and not self.problem and self.session is not None and self.session.asked_to_stop():
            self.stops = 1
        return self.stops > 0

    def _hand_out(self, place: Place) -> None:
        now = time.monotonic()
        for job_id, job in list(self.waiting.items()):
            before = [other for other in job.after if other in self.waiting or other in self.running]
            ahead = place.queues and job_id not in self._patient and not any(other in self.waiting for other in before)
            if before and not ahead:
                continue
            if not before and self._blocked(job):
                del self.waiting[job_id]
            elif place.free() and self._not_before.get(job_id, 0.0) <= now:
                del self.waiting[job_id]
                self.running[job_id] = job
                self.show()
                place.start(Work.of(self.plan, job, self.allowance), tuple(before))

    def _blocked(self, job: Job) -> bool:
        """Whether a stage of the job lacks a parent that nobody will make any more."""
        own = set(job.stages)
        parents = {parent for key in job.stages for parent in self.plan.stages[key].parents.values()}
        return not parents <= own | self.present

    def _note(self, result: JobResult) -> None:
        job = self.running.pop(result.job_id)
        for key in (*result.made, *result.found):
            if key not in self._passed | self.present:
                self.estimate.learn(key, self.store.seconds(key))
        self.present.update(result.made, result.found)
        self.made.update(result.made)
        if result.state == "vanished":
            self._note_death(job, result)
        elif result.state == "deferred":
            self._note_deferred(job, result)
        elif result.state == "interrupted":
            self._note_interrupted(job, result)
        elif result.state == "blocked":
            self._note_blocked(job)
        elif result.state == "failed":
            self.problems[result.stage] = result.reason
        elif result.state == "store":
            self.problems[result.stage] = result.reason.splitlines()[0]
            self.problem = self._refusal(result)
        self._report(job, result)

    def _note_death(self, job: Job, result: JobResult) -> None:
        """Try once more after a process died, unless its disk is full: then nothing will work."""
        self._settle(job)
        deaths = self._deaths[result.stage] = self._deaths.get(result.stage, 0) + 1
        if self._ending():
            return
        if deaths <= RETRIES:
            self.waiting = {job.job_id: job, **self.waiting}
        else:
            self.problems[result.stage] = f"{result.reason}, {deaths} times"
        try:
            self.store.prepare()
        except StoreError as error:
            self.problem = str(error)

    def _refusal(self, result: JobResult) -> str:
        """What the disk said to which stage, and what to do."""
        text = f"{self.plan.stages[result.stage].label or result.stage}: {result.reason}"
        is_bare = "\n" not in text and any(words in text for words in FULL_WORDS)
        return f"{text}\n{full(self.store.root)}" if is_bare else text

    def _settle(self, job: Job) -> None:
        """Find out what a job without a result has made."""
        made = {key for key in job.stages if key not in self.present and self.store.has(key)}
        self.present |= made
        self.made |= made
        self._disturbed.update(job.stages)

    def _note_interrupted(self, job: Job, result: JobResult) -> None:
        """Hand it out again: nothing was wrong with it."""
        self._settle(job)
        times = self._interruptions[result.stage] = self._interruptions.get(result.stage, 0) + 1
        if times > INTERRUPTIONS:
            self.problems[result.stage] = f"{result.reason}, {times} times"
        elif not self._ending():
            self.waiting = {job.job_id: job, **self.waiting}

    def _note_blocked(self, job: Job) -> None:
        """A job that was queued ahead of its parents began, and they are not there: once more when they have ended."""
        if job.job_id not in self._patient and not self._ending():
            self._patient.add(job.job_id)
            self.waiting[job.job_id] = job

    def _note_deferred(self, job: Job, result: JobResult) -> None:
        """Look again in a second: somebody else is at it."""
        now = time.monotonic()
        since = self._deferred_since.setdefault(result.stage, now)
        if now - since > DEFER_LIMIT_S:
            self.problems[result.stage] = f"{result.reason} for more than a day"
        elif not self._ending():
            self._not_before[job.job_id] = now + DEFER_S
            self.waiting[job.job_id] = job

    def _report(self, job: Job, result: JobResult) -> None:
        label = self.plan.stages[result.stage].label if result.stage else job.job_id
        if result.reason in self._said:
            return  # one refusal of a scheduler, for many jobs
        if result.state in ("vanished", "interrupted") and job.job_id in self.waiting:
            again = "trying once more" if result.state == "vanished" else "submitted again"
            self.display.say(f"{label or job.job_id}: {result.reason}; {again}")
        elif result.state in ("failed", "vanished") and not self.stops:
            if self._queues:
                self._said.add(result.reason)
            self.display.say(f"{label or job.job_id} failed: {result.reason}")
        elif result.state == "done":
            self.display.finished(job, self.snapshot())

    def snapshot(self) -> Snapshot:
        """What can be shown now."""
        in_work = tuple(self._in_work(job) for name, job in self.running.items() if name not in self._unstarted)
        spent = {stage.stage.key: stage.seconds for stage in in_work}
        present = self.present | self._passed
        jobs = (*self.waiting.values(), *self.running.values())
        left = [key for job in jobs for key in job.stages if key not in present]
        return Snapshot(
            plan=self.plan,
            present=frozenset(present),
            problems=dict(self.problems),
            in_work=in_work,
            jobs_left=len(jobs),
            elapsed=time.monotonic() - self.began,
            remaining=self.estimate.remaining(left, spent, self.size) if in_work or not self._queues else None,
        )

    def _in_work(self, job: Job) -> StageInWork:
        """The first stage of a running job that is not there yet."""
        left = [key for key in job.stages if key not in self.present and key not in self._passed]
        for key in left[:-1]:
            if not self.store.has(key):
                break
            self._passed.add(key)
            self.estimate.learn(key, self.store.seconds(key))
        key = next((key for key in left if key not in self._passed), job.stages[-1])
        began = self._stage_began.setdefault(key, time.monotonic())
        tries = self.store.attempts(key)
        progress = tries[-1].progress() if tries else {}
        return StageInWork(self.plan.stages[key], job.runs, progress, time.monotonic() - began)

    def show(self, *, force: bool = False) -> None:
        """Let the display look, twice a second at most."""
        now = time.monotonic()
        if self.display.wants_snapshots and (force or now - self._shown > SHOW_S):
            self._shown = now
            self.display.show(self.snapshot())

    def outcome(self) -> Outcome:
        """The books, closed."""
        return Outcome(
            runs=run_statuses(self.plan, self.store, self.present, self.problems),
            stages=len(self.plan.stages),
            done=len(self.made),
            reused=len(self.present) - len(self.made),
            failed=len(self.problems),
            seconds=time.monotonic() - self.began,
            stopped=self.stops > 0,
            problem=self.problem,
            detached=self.detached,
        )


def _longest_first(plan: Plan) -> list[Job]:
    """Jobs with the longest chain of jobs behind them first, else in the plan's order."""
    behind = dict.fromkeys((job.job_id for job in plan.jobs), 0)
    for job in reversed(plan.jobs):
        for other in job.after:
            behind[other] = max(behind[other], behind[job.job_id] + 1)
    return sorted(plan.jobs, key=lambda job: -behind[job.job_id])
