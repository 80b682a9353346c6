"""The SLURM jobs of a study for everybody: what they are doing, and their end. Needs no living `study run`."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from study.dispatch.squeue import Entry, SlurmError, queue, scancel
from study.dispatch.submissions import living
from study.errors import StoreError, StudyError
from study.store import Store


@dataclass(frozen=True)
class Cancelled:
    """What became of a study's SLURM jobs.

    Attributes:
        jobs: how many were there.
        left: ids of those that SLURM had not ended within the limit.
    """

    jobs: int
    left: tuple[str, ...]


def cancel_jobs(store: Store, study: str, *, limit_s: float = 60.0) -> Cancelled:
    """End every SLURM job of a study; those that run keep a checkpoint first.

    Those that wait go first, or they would begin when what they wait for ends.

    Raises:
        StudyError: SLURM does not answer.
    """
    if not _has_any(store, study):
        return Cancelled(0, ())
    try:
        found = list(living(store, study, queue()))
        for submission in dict.fromkeys(submission for submission, _, _ in found):
            with suppress(StoreError):  # on a full disk SLURM's word has to do
                submission.cancel()
        scancel([entry.job for _, _, entry in found if entry.answer == "waits"])
        scancel([entry.job for _, _, entry in found if entry.answer != "waits"])
        until = time.monotonic() + limit_s
        left = [entry for _, _, entry in found]
        while left and time.monotonic() < until:
            time.sleep(1.0)
            now = queue()
            left = [now[entry.job] for entry in left if entry.job in now and now[entry.job].answer != "over"]
    except SlurmError as error:
        raise StudyError(f"{study}: jobs in SLURM could not be cancelled: {error}") from error
    return Cancelled(len(found), tuple(entry.job for entry in left))


def in_queue(store: Store, study: str) -> dict[str, Entry]:
    """Stage key -> the job that the stage is in, of every stage in a job that SLURM still has.

    Empty where nothing was submitted, or SLURM does not answer.
    """
    if not _has_any(store, study):
        return {}
    try:
        found = list(living(store, study, queue()))
    except SlurmError:
        return {}
    tasks = ((submission.signatures()[number][1], entry) for submission, number, entry in found)
    return {key: entry for keys, entry in tasks for key in keys}


def queued(store: Store, study: str) -> dict[str, str]:
    """Stage key -> `pending as SLURM job 12_3 (Resources)`; see `in_queue`."""
    return {key: str(entry) for key, entry in in_queue(store, study).items()}


def _has_any(store: Store, study: str) -> bool:
    return (store.study_folder(study) / "submissions").is_dir()
