"""A job in SLURM's queue as its conductor sees it, and what became of one that did not say so itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from study.dispatch.place import JobResult, JobState, Work
from study.dispatch.squeue import Entry
from study.dispatch.submissions import Submission
from study.dispatch.task import last_words
from study.store import Store
from study.store.files import read_json


@dataclass
class Watched:
    """A task that was submitted and has not ended.

    Attributes:
        submission, number: whose task it is.
        slurm_id: what SLURM calls it.
        work: what it does.
        entry: its newest line of squeue; None before the first.
        gone_since: when squeue first no longer had it among those that go on; None while it does.
        held_since: when it was first seen held because a node could not start it; None while it is not.
        began: whether it ran when it was last seen.
        released: whether it was held so and let go once.
    """

    submission: Submission
    number: int
    slurm_id: str
    work: Work
    entry: Entry | None = None
    gone_since: float | None = None
    held_since: float | None = None
    began: bool = False
    released: bool = False

    @property
    def title(self) -> str:
        """`SLURM job 12_3`."""
        return f"SLURM job {self.slurm_id}"

    def ended(self, state: JobState, reason: str, store: Store) -> JobResult:
        """A result in place of the task's own."""
        return JobResult(self.work.job_id, state, self.unfinished(store), reason)

    def unfinished(self, store: Store) -> str:
        """Key of the stage that was worked on last, or of the first that is not there."""
        keys = [stage.key for stage in self.work.stages]
        for folder in reversed(self.submission.task_folders(self.number)):
            attempt = Path(str((read_json(folder / "current.json") or {}).get("attempt", "none")))
            if attempt.parent.parent.name in keys:
                return attempt.parent.parent.name
        return next((key for key in keys if not store.has(key)), keys[0])

    def last_words(self) -> str:
        """The end of its standard error."""
        return last_words(self.submission, self.slurm_id)

    def ran_out_of_memory(self, entry: Entry | None) -> bool:
        """Whether SLURM ended it because it needed more memory than it had asked for."""
        words = self.last_words().lower()
        known = entry is not None and entry.state == "OUT_OF_MEMORY"
        return known or "exceeded memory limit" in words or "oom-kill" in words

    def verdict(self, entry: Entry | None, store: Store) -> JobResult:
        """How it ended for all that squeue (None: nothing any more) and its files say."""
        state, folders = entry.state if entry else "", self.submission.task_folders(self.number)
        if entry is not None and entry.goes_again:
            return self.ended("interrupted", f"{self.title} ended with {state}", store)
        if state == "CANCELLED" or (folders and (folders[-1] / "terminated.json").exists()):
            reason = f"{self.title} was cancelled; `study run` goes on from the last checkpoint"
            return self.ended("failed", reason, store)
        if not state and not folders:
            return self.ended("interrupted", f"{self.title} is unknown to SLURM now, and had not begun", store)
        said = f"ended with {state}" if state else "is gone"
        return self.ended("vanished", f"{self.title} {said} without a word: {self.last_words()}", store)
