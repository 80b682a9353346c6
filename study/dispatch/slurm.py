"""The place that hands jobs to SLURM, all at once, and watches what becomes of them.

Nothing here is needed for the jobs to go on: each checks its parents itself, keeps its checkpoints, goes back into
the queue at its time limit, and publishes what it makes. Who calls `study run` again finds the jobs of the last call
and watches them; it submits only what nobody works on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from study.dispatch.place import JobResult, JobState, Work
from study.dispatch.sbatch import advice, check_programs, send
from study.dispatch.slurm_jobs import cancel_jobs
from study.dispatch.squeue import Entry, SlurmError, call, longest_array, partitions_with_gpus, queue, scancel
from study.dispatch.submissions import Signature, Submission, living
from study.dispatch.watched import Watched
from study.errors import StoreError, StudyError
from study.records import Requests, Resources
from study.store import Store

LOOK_S = 1.0
POLL_S = (10.0, 60.0)
SETTLE_S = 30.0
"""A task that SLURM has given up may have said how it ended; other nodes' files are seen so late."""
BACKOFF_S = (5.0, 15.0, 45.0, 120.0)
FULL_S = 30.0
RELEASE_S = 60.0
"""A job that a broken node could not start is released after so long: the node may have been taken away by then."""
MORE_MEMORY = 1.5
_MISREAD = "%\\"


@dataclass
class _Group:
    """Jobs that one array can hold."""

    asked: Resources
    after: tuple[str, ...]
    name: str
    works: list[Work] = field(default_factory=list)


class SlurmPlace:
    """The cluster's queue.

    Args:
        store, root, executor: for the lane in the jobs.
        study: whose submissions these are.
        requests: what jobs ask for.
        workers: how many jobs run at a time at most; None leaves it to SLURM.
        say: told what happens.

    Raises:
        DependencyError: a command of SLURM is missing.
        StudyError: SLURM does not answer, or would misread the path of the store.
    """

    queues = True

    def __init__(
        self,
        store: Store,
        study: str,
        *,
        root: Path,
        executor: str,
        requests: Requests,
        workers: int | None,
        say: Callable[[str], None],
    ) -> None:
        check_programs()
        if any(letter in str(store.root) for letter in _MISREAD):
            raise StudyError(
                f"cluster 'slurm': {store.root}: in paths of logs SLURM puts something else where it finds % or \\\n"
                "choose another folder with --runs"
            )
        self._store, self._study, self._requests, self._workers, self._say = store, study, requests, workers, say
        self._settings = {"store": str(store.root), "root": str(Path(root).absolute()), "executor": executor}
        self._waiting: dict[str, tuple[Work, tuple[str, ...]]] = {}
        self._watched: dict[str, Watched] = {}
        self._results: list[JobResult] = []
        self._memory: dict[str, float] = {}
        self._not_before = self._looked = self._polled = float("-inf")
        self._failures = 0
        self._interval = POLL_S[0]
        self._said: set[str] = set()
        try:
            self._longest = min(longest_array(), requests.array_chunk)
            self._with_gpus = partitions_with_gpus()
            self._found = self._adoptable(queue())
        except SlurmError as error:
            raise StudyError(
                f"cluster 'slurm': {error}\nnothing was submitted; see whether `squeue` works here, then run it again"
            ) from error

    def _adoptable(self, entries: Mapping[str, Entry]) -> dict[Signature, tuple[Submission, int, Entry]]:
        """Jobs of earlier calls that SLURM still has."""
        found = living(self._store, self._study, entries)
        return {
            submission.signatures()[number]: (submission, number, entry)
            for submission, number, entry in found
            if not submission.is_cancelled()
        }

    @property
    def size(self) -> int:
        """How many jobs run now, as far as is known; the queue has no size."""
        running = sum(task.entry is not None and task.entry.answer == "works" for task in self._watched.values())
        return max(1, running)

    def free(self) -> int:
        """The queue takes any number."""
        return 1

    def start(self, work: Work, after: tuple[str, ...] = ()) -> None:
        """Submit the job with the next `collect`, unless it is in the queue already."""
        found = self._found.pop((work.job_id, tuple(stage.key for stage in work.stages)), None)
        if found is None:
            self._waiting[work.job_id] = (work, after)
            return
        submission, number, entry = found
        self._watched[work.job_id] = Watched(submission, number, entry.job, work, entry)
        self._say(f"{work.job_id}: goes on with what an earlier call submitted, {entry}")

    def collect(self) -> list[JobResult]:
        """Submit what waits, and look what has ended."""
        if self._waiting and time.monotonic() >= self._not_before:
            self._submit()
        self._look()
        self._poll()
        results, self._results = self._results, []
        return results

    def unstarted(self) -> dict[str, str]:
        """What waits in the queue, and why."""
        waiting = dict.fromkeys(self._waiting, "not submitted yet")
        entries = {job_id: task.entry for job_id, task in self._watched.items()}
        return waiting | {
            job_id: str(entry) if entry else "submitted"
            for job_id, entry in entries.items()
            if entry is None or entry.answer != "works"
        }

    def stop(self) -> None:
        """End all jobs of the study, those that run with a checkpoint."""
        try:
            cancel_jobs(self._store, self._study)
        except StudyError as error:
            self._say(str(error))

    def close(self, grace_s: float) -> None:
        """The jobs go on."""

    # ------------------------------------------------------------------ submitting

    def _submit(self) -> None:
        """Send every group whose parents are sent; parents come first."""
        groups = self._groups()
        at_once = max(1, (self._workers or 10**4) // max(1, len(groups)))
        for group in groups:
            while group.works and time.monotonic() >= self._not_before:
                chunk = group.works[: self._longest]
                try:
                    sent = self._send(group, chunk, at_once)
                except StoreError as error:
                    self._settle(chunk, "store", str(error))
                    return
                if sent:
                    group.works = group.works[len(chunk) :]

    def _groups(self) -> list[_Group]:
        """What waits, in as few arrays as dependencies and resources allow, parents before children."""
        groups: dict[object, _Group] = {}
        for work, after in self._waiting.values():
            asked = self._asked(work)
            name = _shared_name(work) if work.shared else f"study-{work.study}"
            key = (asked, after, name)
            groups.setdefault(key, _Group(asked, after, name)).works.append(work)
        ordered: list[_Group] = []
        left = list(groups.values())
        while left:
            unsent = {work.job_id for group in left for work in group.works}
            ordered += (ready := [group for group in left if not unsent & {*group.after}])
            left = [group for group in left if group not in ready]
        return ordered

    def _asked(self, work: Work) -> Resources:
        asked = self._requests.of(stage.kind for stage in work.stages)
        there = work.allowance.gpus if (asked.partition or "") in self._with_gpus else 0
        return replace(
            asked,
            gpus=there if asked.gpus is None else asked.gpus,
            cpus=max(asked.cpus, work.allowance.cpus),
            memory_gb=asked.memory_gb * self._memory.get(work.job_id, 1.0),
        )

    def _send(self, group: _Group, chunk: Sequence[Work], at_once: int) -> bool:
        """One call of sbatch; False where it has to be tried again, later or with less."""
        settings = {**self._settings, "timeout_min": group.asked.timeout_min, "gpus": group.asked.gpus}
        submission = Submission.begin(self._store, self._study, chunk, settings)
        after = [self._watched[job_id].slurm_id for job_id in group.after if job_id in self._watched]
        try:
            slurm_id = send(submission, chunk, group.asked, name=group.name, after=after, at_once=at_once)
        except SlurmError as error:
            if self._went_through(submission, chunk, error):
                return True
            submission.forget()
            return self._refused(group, chunk, error)
        try:
            submission.submitted(slurm_id, len(chunk))
        except StoreError:
            with suppress(SlurmError):
                scancel([slurm_id])  # nobody would know it
            raise
        self._watch(submission, chunk)
        return True

    def _watch(self, submission: Submission, chunk: Sequence[Work]) -> None:
        self._failures = 0
        self._polled = float("-inf")
        ids = submission.slurm_ids()
        for number, work in enumerate(chunk):
            self._watched[work.job_id] = Watched(submission, number, ids[number], work)
            del self._waiting[work.job_id]
        first, last = _title(chunk[0]), _title(chunk[-1])
        what = first if len(chunk) == 1 else f"{len(chunk)} jobs, {first} to {last},"
        self._say(f"submitted {what} as SLURM job {ids[0].partition('_')[0]}")
        self._once("Ctrl-C leaves the jobs in the queue, where they go on; the same command watches them again")

    def _went_through(self, submission: Submission, chunk: Sequence[Work], error: SlurmError) -> bool:
        """Whether SLURM has the jobs although its answer was lost."""
        if not error.is_away:
            return False
        try:
            there = submission.found_in(queue())
        except SlurmError:
            return False
        if there:
            self._watch(submission, chunk)
        return there

    def _refused(self, group: _Group, chunk: Sequence[Work], error: SlurmError) -> bool:
        """Less, later, or not at all; True where these jobs are settled."""
        if error.is_full:
            if len(chunk) > 1:
                self._longest = max(1, len(chunk) // 2)
            else:
                self._not_before = time.monotonic() + FULL_S
                self._once(f"SLURM takes no more jobs now ({error}); {len(self._waiting)} are submitted as others end")
            return False
        if error.is_away and self._failures < len(BACKOFF_S):
            self._not_before = time.monotonic() + BACKOFF_S[self._failures]
            self._failures += 1
            self._once(f"SLURM does not answer ({error}); trying again")
            return False
        reason = f"SLURM refused the job: {error}; {advice(group.asked, str(error))}"
        if not self._watched and not self._results:
            labels = ", ".join(dict.fromkeys(stage.kind for stage in chunk[0].stages))
            raise StudyError(
                f"SLURM refused {chunk[0].job_id} ({labels}): {error}\n"
                f"{advice(group.asked, str(error))}\nnothing was submitted"
            )
        self._settle(chunk, "failed", reason)
        return True

    def _settle(self, chunk: Sequence[Work], state: JobState, reason: str) -> None:
        """These jobs will not be submitted."""
        for work in chunk:
            del self._waiting[work.job_id]
            self._results.append(JobResult(work.job_id, state, work.stages[0].key, reason))

    def _once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._say(line)

    # ------------------------------------------------------------------ watching

    def _look(self) -> None:
        """Take what tasks have said, one look at a folder per submission."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        tasks = sorted(self._watched.values(), key=lambda task: str(task.submission.folder))
        for submission, group in groupby(tasks, key=lambda task: task.submission):
            ended = submission.ended()
            for task in group:
                if task.number in ended and (result := submission.result(task.number)) is not None:
                    self._take(task, result)

    def _take(self, task: Watched, result: JobResult) -> None:
        del self._watched[task.work.job_id]
        self._results.append(result)
        self._interval = POLL_S[0]

    def _poll(self) -> None:
        """One listing of all jobs, less often while nothing changes; where it fails, the last one stays true."""
        now = time.monotonic()
        if not self._watched or now - self._polled < self._interval:
            return
        self._polled = now
        try:
            entries = queue()
        except SlurmError as error:
            self._interval = POLL_S[1]
            self._once(f"squeue failed ({error}); jobs are thought to be as they were")
            return
        before = {job_id: task.entry for job_id, task in self._watched.items()}
        for task in list(self._watched.values()):
            self._judge(task, entries.get(task.slurm_id), now)
        same = before == {job_id: task.entry for job_id, task in self._watched.items()}
        self._interval = min(POLL_S[1], self._interval * 1.5) if same else POLL_S[0]

    def _judge(self, task: Watched, entry: Entry | None, now: float) -> None:
        """What a line of squeue, or its absence, means for a task."""
        if entry is not None and entry.comment != task.submission.comment:
            entry = None  # a scheduler that lost its memory has given the number to another job
        if entry is not None and entry.answer != "over":
            task.gone_since = None
            self._follow(task, entry, now)
        elif task.gone_since is None:
            task.gone_since = now
        task.entry = entry if entry is not None else task.entry
        if task.gone_since is None:
            return
        self._interval = min(self._interval, SETTLE_S)
        if now - task.gone_since >= SETTLE_S and task.number not in task.submission.ended():
            self._end(task, self._verdict(task, entry))

    def _end(self, task: Watched, result: JobResult) -> None:
        """Say in the task's place how it ended."""
        try:
            task.submission.end(task.number, result)
        except StoreError as error:
            result = replace(result, state="store", reason=str(error))
        self._take(task, result)

    def _follow(self, task: Watched, entry: Entry, now: float) -> None:
        """Tell what the reader would wonder about, and let go what only a broken node holds back."""
        if task.began and entry.answer == "waits":
            self._say(f"{task.work.job_id}: back in the queue, to go on from its checkpoint: {entry}")
        elif entry.is_stuck and entry != task.entry:
            self._once(f"{task.work.job_id}: {entry}")
        task.began = entry.answer == "works"
        if not entry.could_not_start:
            task.held_since = None
        elif task.held_since is None:
            task.held_since = now
        elif now - task.held_since >= RELEASE_S:
            self._release(task, entry)

    def _release(self, task: Watched, entry: Entry) -> None:
        """Once; a job that no node can start even then is given up."""
        if task.released:
            with suppress(SlurmError):
                scancel([task.slurm_id])
            reason = f"SLURM could not start job {task.slurm_id} twice ({entry.reason}); `sinfo -R` lists broken nodes"
            self._end(task, task.ended("failed", reason, self._store))
            return
        task.released, task.held_since = True, None
        try:
            call("scontrol", "release", task.slurm_id)
            self._say(f"{task.work.job_id}: a node could not start it, released to try another: {entry}")
        except SlurmError as error:
            self._say(f"{task.work.job_id}: {entry}; could not be released: {error}")

    def _verdict(self, task: Watched, entry: Entry | None) -> JobResult:
        """How a task ended that did not say so itself; one that needed more memory gets more the next time."""
        if not task.ran_out_of_memory(entry):
            return task.verdict(entry, self._store)
        job_id, asked = task.work.job_id, self._asked(task.work).memory_gb
        self._memory[job_id] = self._memory.get(job_id, 1.0) * MORE_MEMORY
        reason = f"{task.title} needed more than {asked:g} GB of memory; raise dispatch.slurm.memory_gb"
        return task.ended("vanished", reason, self._store)


def _title(work: Work) -> str:
    """The stage that others wait for, or the run."""
    return work.stages[0].label or work.job_id if work.shared else work.job_id.partition("-")[2] or work.job_id


def _shared_name(work: Work) -> str:
    """Equal work of any study has the same name, and runs one at a time."""
    return f"only-{work.stages[-1].key[:12]}"
