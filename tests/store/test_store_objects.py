"""What is published is whole, is there once, and is what its recipe says."""

import errno
import json
import os
import subprocess
from pathlib import Path

import pytest

from study.errors import StoreError
from study.records import Stage
from study.store import Attempt, Ending, Lease, Store
from study.store.files import explain, is_disk_error, read_json, write_atomic, write_json

STAGE = Stage("ab" + "0" * 22, "mae", {"schema": 1, "kind": "mae", "settings": {"epochs": 2}}, {}, "mae seed0")


def opened(store: Store, stage: Stage = STAGE) -> tuple[Attempt, Lease]:
    lease = store.lease(stage, study="toy")
    assert lease is not None
    return store.attempt(stage, lease), lease


def published(store: Store, text: str = "weights", stage: Stage = STAGE) -> None:
    attempt, lease = opened(store, stage)
    (attempt.out / "weights.bin").write_text(text)
    assert store.publish(stage, attempt, lease, seconds=1.5) == "done"
    lease.release()


def test_a_published_stage_tells_what_it_was_made_of_and_how(tmp_path: Path) -> None:
    store = Store(tmp_path)
    published(store)
    manifest = store.manifest(STAGE.key)
    assert manifest["schema"] == 1
    assert manifest["recipe"] == STAGE.recipe
    assert manifest["seconds"] == store.seconds(STAGE.key) == 1.5
    # printf weights | sha256sum
    sha256 = "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
    assert manifest["files"] == {"weights.bin": {"sha256": sha256, "size": 7}}
    assert {"python", "torch", "timm", "numpy"} <= set(manifest["versions"])
    assert manifest["host"]
    assert manifest["device"]
    assert store.folder(STAGE.key) == tmp_path / "objects" / "ab" / STAGE.key
    assert store.damaged_files(STAGE.key) == []


def test_an_absent_stage_is_an_error_that_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"absent; `study run` makes it"):
        Store(tmp_path).folder(STAGE.key)


def test_a_folder_without_a_manifest_is_not_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.object_folder(STAGE.key).mkdir(parents=True)
    (store.object_folder(STAGE.key) / "weights.bin").write_text("half")
    assert not store.has(STAGE.key)


def test_what_a_dead_publisher_left_is_put_away_and_a_living_one_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    attempt, lease = opened(store)
    (attempt.out / "weights.bin").write_text("weights")
    store.publish(STAGE, attempt, lease, seconds=1.5, peak_gb=0.25)
    store.tidy(STAGE.key)
    assert lease.mine()
    assert attempt.ending() is None
    write_json(lease.path, {**json.loads(lease.path.read_text()), "start": 1})  # another process had our id
    attempt.save_checkpoint(7, b"late")
    store.tidy(STAGE.key)
    assert attempt.ending() == Ending("done", "", 1.5, None, 0.25, store.manifest(STAGE.key)["host"])
    assert sorted(path.name for path in store.workshop(STAGE.key).rglob("*") if path.is_file()) == [
        "outcome.json",
        "recipe.json",
    ]


def test_a_dead_lease_of_a_stage_that_is_not_published_is_for_the_next_attempt(tmp_path: Path) -> None:
    store = Store(tmp_path)
    attempt, lease = opened(store)
    write_json(lease.path, {**json.loads(lease.path.read_text()), "start": 1})
    store.tidy(STAGE.key)
    assert lease.mine()
    assert attempt.ending() is None


@pytest.mark.parametrize("damage", ["truncated manifest", "empty manifest", "missing file", "short file", "no object"])
def test_a_damaged_object_is_moved_to_quarantine_and_made_again(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    published(store)
    folder = store.folder(STAGE.key)
    manifest = folder / "manifest.json"
    if damage == "truncated manifest":
        manifest.write_bytes(manifest.read_bytes()[:40])
    elif damage == "empty manifest":
        manifest.write_bytes(b"")
    elif damage == "no object":
        manifest.write_text("[1, 2]")
    elif damage == "missing file":
        (folder / "weights.bin").unlink()
    else:
        (folder / "weights.bin").write_text("wei")
    assert not store.has(STAGE.key)
    with pytest.raises(StoreError, match="damaged"):
        store.folder(STAGE.key)
    published(store)
    assert store.has(STAGE.key)
    assert [path.name[-24:] for path in (tmp_path / "quarantine").iterdir()] == [STAGE.key]


def test_a_changed_byte_is_found_by_its_sum(tmp_path: Path) -> None:
    store = Store(tmp_path)
    published(store)
    (store.folder(STAGE.key) / "weights.bin").write_text("Weights")
    assert store.has(STAGE.key)
    assert store.damaged_files(STAGE.key) == ["weights.bin"]


def test_an_object_of_another_recipe_under_the_same_key_is_refused_with_both(tmp_path: Path) -> None:
    store = Store(tmp_path)
    published(store)
    other = Stage(STAGE.key, "mae", {**STAGE.recipe, "settings": {"epochs": 3}}, {}, "mae seed0")
    assert store.held(STAGE)
    with pytest.raises(StoreError, match=r"(?s)another recipe than mae seed0.*'epochs': 2.*'epochs': 3"):
        store.held(other)


def test_tuples_and_lists_are_one_recipe(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with_tuple = Stage(STAGE.key, "mae", {"settings": {"sizes": (1, 2)}}, {}, "")
    published(store, stage=with_tuple)
    assert store.held(Stage(STAGE.key, "mae", {"settings": {"sizes": [1, 2]}}, {}, ""))


def test_the_second_of_two_attempts_loses_and_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    slow, slow_lease = opened(store)
    (slow.out / "weights.bin").write_text("slow")
    slow_lease.release()
    fast, fast_lease = opened(store)
    (fast.out / "weights.bin").write_text("fast")
    slow_lease.path.write_text(json.dumps({"token": slow_lease.token}))  # both believe that they hold it
    (slow.path / "saved").mkdir()
    (slow.out).rename(slow.path / "saved" / "out")
    fast_lease.path.write_text(json.dumps({"token": fast_lease.token}))
    assert store.publish(STAGE, fast, fast_lease, seconds=1) == "done"
    (slow.path / "saved" / "out").rename(slow.out)
    slow_lease.path.write_text(json.dumps({"token": slow_lease.token}))
    assert store.publish(STAGE, slow, slow_lease, seconds=1) == "lost_race"
    assert (store.folder(STAGE.key) / "weights.bin").read_text() == "fast"


def test_whoever_lost_the_lease_does_not_publish(tmp_path: Path) -> None:
    store = Store(tmp_path)
    attempt, lease = opened(store)
    (attempt.out / "weights.bin").write_text("orphan")
    write_json(lease.path, {"token": "somebody else's"})
    assert store.publish(STAGE, attempt, lease, seconds=1) == "fenced"
    assert not store.has(STAGE.key)
    lease.release()
    assert read_json(lease.path) == {"token": "somebody else's"}


def test_publishing_removes_checkpoints_of_all_attempts_and_keeps_their_logs(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, lease = opened(store)
    first.save_checkpoint(1, b"one")
    first.log.write_text("a line")
    lease.release()
    published(store)
    assert store.newest_checkpoint(STAGE.key) is None
    assert not first.out.exists()
    assert first.log.read_text() == "a line"


def test_paths_with_spaces_quotes_and_hangul_work(tmp_path: Path) -> None:
    store = Store(tmp_path / "my 'runs' \"어깨\" %j")
    store.prepare()
    published(store)
    assert Store(tmp_path / "my 'runs' \"어깨\" %j").has(STAGE.key)


def test_an_atomic_file_is_old_or_new_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    write_atomic(path, b"old")
    write_atomic(path, b"new", durable=True)
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["small.json"]


def test_a_failed_write_keeps_the_old_file_and_says_how_much_room_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "small.json"
    write_atomic(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(
        StoreError, match=r"(?s)small\.json: .*No space left.*GB of .*GB are free.*finished stages are kept"
    ):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["small.json"]


def test_a_read_only_store_names_the_way_out(tmp_path: Path) -> None:
    text = explain(OSError(errno.EROFS, "Read-only file system"), tmp_path / "runs")
    assert "Read-only file system" in text
    assert "another one with --runs" in text


def test_a_store_that_is_a_file_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StoreError, match="runs"):
        Store(tmp_path / "runs").prepare()


def test_a_full_disk_is_recognised_behind_other_exceptions() -> None:
    error = RuntimeError("PytorchStreamWriter failed writing file data.pkl: file write failed")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert is_disk_error(error)
    assert is_disk_error(RuntimeError("I/O error: No space left on device (os error 28)"))
    assert not is_disk_error(ValueError("the loss is not finite"))


def test_a_disk_that_fills_up_while_publishing_is_a_store_error_and_nothing_is_published(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("cannot mount a small file system here (needs root)")
    try:
        store = Store(disk / "runs")
        store.prepare()
        attempt, lease = opened(store)
        with pytest.raises(OSError, match="No space left"):
            (attempt.out / "weights.bin").write_bytes(b"0" * 1_000_000)
        with pytest.raises(StoreError, match=r"No space left(?s:.*)0\.000 GB of 0\.000 GB are free"):
            store.publish(STAGE, attempt, lease, seconds=1)
        with pytest.raises(StoreError, match="No space left"):
            store.prepare()
        assert not store.has(STAGE.key)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
