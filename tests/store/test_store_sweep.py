"""What may be deleted is what no study's plan names; nothing goes while somebody works."""

import os
from pathlib import Path

import pytest

from study.errors import StudyError
from study.records import Plan, Stage
from study.store import Ending, Store, delete, record_dag, sweep
from study.store.attempts import Attempt
from study.store.dags import dags, keys_of

KEYS = tuple(letter * 24 for letter in "abcd")


def stage(key: str) -> Stage:
    return Stage(key, "finetune", {"kind": "finetune", "name": key}, {}, f"finetune {key[0]}")


def plan(*keys: str) -> Plan:
    return Plan("mine", {key: stage(key) for key in keys}, (), ())


def make(store: Store, key: str, size: int = 1000) -> None:
    lease = store.lease(stage(key), study="mine")
    assert lease is not None
    attempt = store.attempt(stage(key), lease)
    (attempt.out / "weights").write_bytes(b"0" * size)
    assert store.publish(stage(key), attempt, lease, seconds=1.0) == "done"
    attempt.close(Ending("done"))
    lease.release()


def sizes(store: Store, **how: bool) -> dict[str, int]:
    return {heap.title.split()[0]: len(heap.paths) for heap in sweep(store, **how).heaps}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Four objects; the study was run with a, b, c, later with a, b only; d was never part of it."""
    store = Store(tmp_path / "runs")
    store.prepare()
    for key in KEYS:
        make(store, key)
    folder = store.study_folder("mine")
    os.utime(record_dag(folder, plan(*KEYS[:3])), (1e9, 1e9))
    record_dag(folder, plan(*KEYS[:2]))
    return store


def test_objects_of_any_plan_stay_and_with_latest_those_of_the_newest(store: Store) -> None:
    found = sweep(store)
    assert (found.objects[0], found.used, found.studies) == (4, 3, ("mine",))
    assert found.heaps[0].paths == (store.object_folder(KEYS[3]),)
    assert 1000 < found.heaps[0].size < 3000
    assert sizes(store) == {"objects": 1, "logs": 1, "leftovers": 0, "dead": 0, "folders": 0}
    assert sizes(store, latest=True) == {"objects": 2, "logs": 2, "leftovers": 0, "dead": 0, "folders": 0}


def test_looking_deletes_nothing_and_deleting_takes_exactly_what_was_shown(store: Store) -> None:
    before = sorted(store.root.rglob("*"))
    found = sweep(store)
    assert sorted(store.root.rglob("*")) == before
    assert delete(store, found) == 2
    gone = {store.object_folder(KEYS[3]), store.workshop(KEYS[3])}
    expected = [path for path in before if not gone & {path, *path.parents}]
    assert sorted(store.root.rglob("*")) == expected
    assert [store.has(key) for key in KEYS] == [True, True, True, False]
    assert sum(heap.size for heap in sweep(store).heaps) == 0


def test_while_somebody_works_nothing_is_deleted(store: Store) -> None:
    other = stage("e" * 24)
    lease = store.lease(other, study="other")
    assert lease is not None
    found = sweep(store)
    assert not any(store.workshop(other.key) in heap.paths for heap in found.heaps)
    with pytest.raises(
        StudyError, match=rf"nothing was deleted, stages are being worked on: eeeeee by process {os.getpid()}"
    ):
        delete(store, found)
    assert store.has(KEYS[3])
    lease.release()
    delete(store, sweep(store))
    assert not store.has(KEYS[3])


@pytest.mark.parametrize("how", ["a new plan", "a plan that is used again", "a plan that is gone"])
def test_a_study_that_begins_meanwhile_keeps_its_objects(store: Store, how: str) -> None:
    found = sweep(store, latest=True)
    folder = store.study_folder("mine")
    if how == "a new plan":
        record_dag(folder, plan(KEYS[3]))
    elif how == "a plan that is used again":
        record_dag(folder, plan(*KEYS[:3]))
    else:
        dags(folder)[0].unlink()
    with pytest.raises(StudyError, match="a study was begun meanwhile"):
        delete(store, found)
    assert [store.has(key) for key in KEYS] == [True] * 4
    assert not list(store.root.glob(".gc-*"))


def test_objects_stay_while_a_study_has_not_said_what_it_uses(store: Store) -> None:
    (store.study_folder("old one") / "sessions").mkdir(parents=True)
    found = sweep(store)
    assert found.unplanned == ("old one",)
    assert sizes(store) == {"objects": 0, "logs": 0, "leftovers": 0, "dead": 0, "folders": 0}
    record_dag(store.study_folder("old one"), plan(KEYS[3]))
    assert sizes(store) == {"objects": 0, "logs": 0, "leftovers": 0, "dead": 0, "folders": 0}
    dags(store.study_folder("old one"))[0].write_text('{"stages": ')
    assert sweep(store).unplanned == ("old one",), "a damaged plan is no plan"


def test_leftovers_of_a_finished_stage_go_and_its_logs_stay(store: Store) -> None:
    workshop = store.workshop(KEYS[0])
    attempt = Attempt(workshop / "attempts" / "0002-abcdef").open()
    attempt.log.write_text("said something\n")
    attempt.close(Ending("lost_race"))
    attempt.save_checkpoint(5, b"12345")
    (workshop / "lease.stale.1234").write_text("{}")
    assert sizes(store) == {"objects": 1, "logs": 1, "leftovers": 2, "dead": 1, "folders": 0}
    delete(store, sweep(store))
    assert sorted(path.name for path in attempt.path.iterdir()) == ["log.txt", "outcome.json"]
    assert store.has(KEYS[0])


def test_an_unfinished_stage_keeps_its_two_newest_checkpoints_over_all_attempts(store: Store) -> None:
    key = "f" * 24
    record_dag(store.study_folder("mine"), plan(*KEYS, key))
    (store.workshop(key) / "attempts").mkdir(parents=True)
    for number, steps in ((1, (10, 20)), (2, (30, 40))):
        attempt = Attempt(store.workshop(key) / "attempts" / f"000{number}-abcdef").open()
        for step in steps:
            attempt.save_checkpoint(step, b"12345")
        attempt.close(Ending("stopped"))
    assert sizes(store) == {
        "objects": 0,
        "logs": 0,
        "leftovers": 4,
        "dead": 0,
        "folders": 0,
    }  # two out/, steps 10 and 20
    delete(store, sweep(store))
    assert store.newest_checkpoint(key) == (40, b"12345")
    assert sorted(path.name for path in store.workshop(key).glob("attempts/*/ckpt/*")) == [
        f"{n:012d}" for n in (30, 40)
    ]


def test_what_a_killed_process_left_in_the_root_goes(store: Store) -> None:
    (store.root / ".gc-abc").mkdir()
    (store.root / ".gc-abc" / "0-x").write_bytes(b"1" * 50)
    (store.root / ".probe.1234").write_bytes(b"1" * 50)
    (store.workshop(KEYS[0]) / "lease.json").write_text('{"pid": ')
    heap = sweep(store).heaps[3]
    assert (len(heap.paths), heap.size) == (3, 108)
    delete(store, sweep(store))
    assert not [path for path in store.root.iterdir() if path.name.startswith(".")]


def test_quarantine_is_counted_and_never_swept(store: Store) -> None:
    (store.root / "quarantine" / "x").write_bytes(b"1" * 70)
    assert sweep(store).quarantined == 70
    delete(store, sweep(store))
    assert (store.root / "quarantine" / "x").exists()


def test_an_absent_store_holds_nothing(tmp_path: Path) -> None:
    found = sweep(Store(tmp_path / "runs"))
    assert (found.objects, found.size, found.studies) == ((0, 0), 0, ())
    assert not (tmp_path / "runs").exists()


def test_a_plan_is_recorded_once_and_the_last_used_is_the_newest(tmp_path: Path) -> None:
    one, two = record_dag(tmp_path, plan(*KEYS[:1])), record_dag(tmp_path, plan(*KEYS))
    os.utime(one, (1e9, 1e9))
    assert dags(tmp_path) == [one, two]
    os.utime(two, (1e9 + 1, 1e9 + 1))
    assert record_dag(tmp_path, plan(*KEYS[:1])) == one
    assert dags(tmp_path) == [two, one]
    assert keys_of(two) == set(KEYS)
