"""Folders of calls of `study run` and of SLURM jobs that have ended: nothing reads them any more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from study.dispatch.session import CONDUCTOR, sessions
from study.dispatch.squeue import SlurmError, queue
from study.dispatch.submissions import Submission, living, submissions
from study.store import Store

YOUNG_S = 3600.0
"""A folder that is not complete and younger than this may still be in the making."""


def ended_folders(store: Store) -> list[Path]:
    """Sessions and submissions of all studies whose processes and jobs are gone, in order.

    A study that somebody conducts keeps all of its. Where SLURM would have to tell whether jobs have ended, and does
    not answer, they stay too.
    """
    names = sorted(path.name for path in (store.root / "studies").glob("*") if path.is_dir())
    free = [name for name in names if not any(session.lives() for session in sessions(store, name))]
    return [path for name in free for path in (*_sessions(store, name), *_submissions(store, name))]


def _sessions(store: Store, study: str) -> Iterator[Path]:
    for folder in sorted((store.study_folder(study) / "sessions").glob("*")):
        if (folder / CONDUCTOR).exists() or _is_old(folder):
            yield folder


def _submissions(store: Store, study: str) -> list[Path]:
    mine = submissions(store, study)
    over = [each for each in mine if len(each.ended()) == len(each.signatures())]
    unsure = [each for each in mine if each not in over and _is_old(each.folder)]
    try:
        there = {each for each, _, _ in living(store, study, queue())} if unsure else set[Submission]()
    except SlurmError:
        return [each.folder for each in over]
    return [each.folder for each in mine if each in over or (each in unsure and each not in there)]


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > YOUNG_S
    except OSError:
        return False
