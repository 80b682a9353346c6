"""Which folders of calls and of SLURM jobs may go."""

import json
import os
import time
from pathlib import Path

import pytest
from toy_study import toy_plan

from study.dispatch import ended, ended_folders
from study.dispatch.place import JobResult, Work
from study.dispatch.session import Session
from study.dispatch.squeue import Entry, SlurmError
from study.dispatch.submissions import Submission
from study.store import Store

LONG_AGO = time.time() - 7200.0


def begun(store: Store, *, dead: bool) -> Path:
    """A session of this process, or of one that is gone."""
    record = Session.begin(store, "toy").folder / "conductor.json"
    if dead:
        record.write_text(json.dumps({**json.loads(record.read_text()), "start": 1}))
    return record.parent


def submitted(store: Store, number: str, *, ended: int = 0) -> Submission:
    """Two tasks, the first `ended` of which have said how they ended."""
    plan = toy_plan()
    made = Submission.begin(store, "toy", [Work.of(plan, job) for job in plan.jobs[1:3]], {})
    made.submitted(number, 2)
    for task in range(ended):
        made.end(task, JobResult(plan.jobs[1 + task].job_id, "done"))
    return made


def test_a_study_that_is_conducted_keeps_everything_and_an_idle_one_nothing_that_has_ended(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    assert ended_folders(store) == []
    dead = begun(store, dead=True)
    over = submitted(store, "10", ended=2).folder
    half, old = (store.study_folder("toy") / "sessions" / name for name in ("20260101-half", "20260101-old"))
    half.mkdir()
    old.mkdir()
    os.utime(old, (LONG_AGO, LONG_AGO))
    assert ended_folders(store) == [old, dead, over]
    begun(store, dead=False)
    assert ended_folders(store) == []


def test_jobs_that_did_not_say_how_they_ended_stay_unless_slurm_has_forgotten_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "runs")
    there, gone, young = (submitted(store, number, ended=1) for number in ("10", "20", "30"))
    for each in (there, gone):
        os.utime(each.folder, (LONG_AGO, LONG_AGO))
    entries = {"10_1": Entry("10_1", "PENDING", comment=there.comment)}
    monkeypatch.setattr(ended, "queue", lambda: entries)
    assert ended_folders(store) == [gone.folder]
    assert young.folder.exists()

    def silent() -> dict[str, Entry]:
        raise SlurmError("squeue did not answer within 60 s")

    monkeypatch.setattr(ended, "queue", silent)
    assert ended_folders(store) == []
