"""What was handed to SLURM and what came back, as files; they outlive the process that submitted.

    studies/<study>/submissions/<time>-<token>/    one call of sbatch: a job, or an array of jobs
        plan.json                     the tasks' job ids and stages; written before sbatch
        jobs.json                     SLURM's id; written after
        settings.json  work/<n>.json  what a task does
        tasks/<n>-<restart>/          the worker's folder, a new one each time SLURM starts the task
        done/<n>.json                 how the task ended, once it will not be started again
        cancelled                     every task stops, keeps its checkpoint and is not started again
        submitit/                     the script, and what SLURM itself printed

The comment of every SLURM job names its submission, so that a job whose submitter died between sbatch and jobs.json is
found again.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from study.dispatch.place import JobResult, Work
from study.dispatch.squeue import Entry
from study.store import Store
from study.store.files import read_json, store_errors, write_atomic, write_json

Signature = tuple[str, tuple[str, ...]]
"""Job id and keys of its stages: two tasks with the same do the same."""
_COMMENT = "study:"


@dataclass(frozen=True)
class Submission:
    """One call of sbatch.

    Attributes:
        folder: see above.
    """

    folder: Path

    @classmethod
    def begin(cls, store: Store, study: str, works: Sequence[Work], settings: Mapping[str, Any]) -> Submission:
        """A new one, with everything that its tasks will read."""
        name = f"{datetime.now():%Y%m%d-%H%M%S-%f}-{secrets.token_hex(3)}"
        made = cls(store.study_folder(study) / "submissions" / name)
        with store_errors(made.folder):
            for part in ("work", "tasks", "done"):
                (made.folder / part).mkdir(parents=True)
        write_json(made.folder / "settings.json", dict(settings))
        for number, work in enumerate(works):
            write_json(made.folder / "work" / f"{number}.json", work.as_json())
        tasks = [{"job_id": work.job_id, "keys": [stage.key for stage in work.stages]} for work in works]
        write_json(made.folder / "plan.json", {"tasks": tasks}, durable=True)
        return made

    @property
    def comment(self) -> str:
        """What its SLURM jobs carry."""
        return f"{_COMMENT}{self.folder.name}"

    def submitted(self, slurm_id: str, tasks: int) -> None:
        """Note what SLURM calls it; several tasks are an array."""
        write_json(self.folder / "jobs.json", {"job": slurm_id, "array": tasks > 1, "tasks": tasks}, durable=True)

    def forget(self) -> None:
        """Remove what SLURM did not take."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def signatures(self) -> tuple[Signature, ...]:
        """What each task does, in order."""
        tasks = (read_json(self.folder / "plan.json") or {}).get("tasks", [])
        return tuple((task["job_id"], tuple(task["keys"])) for task in tasks)

    def slurm_ids(self) -> tuple[str, ...]:
        """What SLURM calls each task; none before they were submitted."""
        jobs = read_json(self.folder / "jobs.json")
        if jobs is None:
            return ()
        return tuple(f"{jobs['job']}_{number}" if jobs["array"] else jobs["job"] for number in range(jobs["tasks"]))

    def found_in(self, entries: Mapping[str, Entry]) -> bool:
        """Whether SLURM has it; what only its submitter would have noted is noted now."""
        if (self.folder / "jobs.json").exists():
            return True
        mine = next((entry.job for entry in entries.values() if entry.comment == self.comment), None)
        if mine is not None:
            self.submitted(mine.partition("_")[0], len(self.signatures()))
        return mine is not None

    def ended(self) -> set[int]:
        """Numbers of the tasks that will not be started again, from one look at a folder."""
        try:
            names = os.listdir(self.folder / "done")
        except FileNotFoundError:
            return set()
        return {int(name.removesuffix(".json")) for name in names if name[0].isdigit()}

    def result(self, number: int) -> JobResult | None:
        """How a task ended, once it has."""
        content = read_json(self.folder / "done" / f"{number}.json")
        return JobResult.read(content) if content is not None else None

    def end(self, number: int, result: JobResult) -> None:
        """Say how a task ended; the first word counts."""
        path = self.folder / "done" / f"{number}.json"
        if not path.exists():
            write_json(path, result.as_json(), durable=True)

    def task_folders(self, number: int) -> list[Path]:
        """One per start of the task, oldest first."""
        folders = (self.folder / "tasks").glob(f"{number}-*")
        return sorted(folders, key=lambda path: int(path.name.partition("-")[2]))

    def cancel(self) -> None:
        """Let tasks that run stop, and tasks that would begin not begin."""
        write_atomic(self.folder / "cancelled", b"")

    def is_cancelled(self) -> bool:
        """Whether `cancel` was called, here or in another process."""
        return (self.folder / "cancelled").exists()


def submissions(store: Store, study: str) -> list[Submission]:
    """All of a study, oldest first."""
    return [Submission(path.parent) for path in sorted((store.study_folder(study) / "submissions").glob("*/plan.json"))]


def living(store: Store, study: str, entries: Mapping[str, Entry]) -> Iterator[tuple[Submission, int, Entry]]:
    """Tasks of a study that SLURM still has, in the order of their submission."""
    for submission in submissions(store, study):
        ended = submission.ended()
        if len(ended) < len(submission.signatures()) and submission.found_in(entries):
            for number, slurm_id in enumerate(submission.slurm_ids()):
                entry = entries.get(slurm_id)
                if number not in ended and entry and entry.comment == submission.comment and entry.answer != "over":
                    yield submission, number, entry
