"""Objects that are not what their manifests say are named, and none is deleted."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from study.records import Stage
from study.store import Store, verify


def name_of(recipe: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:24]


def made(store: Store, kind: str) -> str:
    recipe = {"kind": kind}
    stage = Stage(name_of(recipe), kind, recipe, {}, f"the {kind}")
    lease = store.lease(stage, study="s")
    assert lease is not None
    attempt = store.attempt(stage, lease)
    (attempt.out / "maps").mkdir()
    (attempt.out / "maps" / "a.npy").write_bytes(b"123456")
    (attempt.out / "facts.json").write_text("{}")
    assert store.publish(stage, attempt, lease, seconds=1.0) == "done"
    lease.release()
    return stage.key


def flip(folder: Path) -> None:
    (folder / "maps" / "a.npy").write_bytes(b"123457")


def cut(folder: Path) -> None:
    (folder / "facts.json").write_bytes(b"{")


def lose(folder: Path) -> None:
    (folder / "maps" / "a.npy").unlink()


def empty(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b"")


def rename(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "recipe": {"kind": "another"}}))


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (flip, "maps/a.npy: changed since they were made"),
        (cut, "facts.json: of another size"),
        (lose, "maps/a.npy: absent"),
        (empty, "its manifest.json is absent or cannot be read"),
        (rename, "its recipe is not the one that its name was made from"),
    ],
)
def test_every_kind_of_damage_is_named_with_its_file(tmp_path: Path, harm: Any, problem: str) -> None:
    store = Store(tmp_path / "runs")
    good, bad = made(store, "good"), made(store, "bad")
    assert verify(store, store.object_keys(), name_of=name_of) == (2, 16, ())
    harm(store.object_folder(bad))
    found = verify(store, store.object_keys(), name_of=name_of)
    assert found.objects == 2
    assert [(each.key, each.problem) for each in found.broken] == [(bad, problem)]
    assert found.broken[0].label == (bad if harm is empty else "the bad")
    assert verify(store, [good, "f" * 24], name_of=name_of) == (1, 8, ())


def test_many_damaged_files_are_cut_short(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    key = made(store, "many")
    path = store.object_folder(key) / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] |= {f"{n}.npy": {"size": 1, "sha256": ""} for n in range(5)}
    path.write_text(json.dumps(manifest))
    [broken] = verify(store, [key], name_of=name_of).broken
    assert broken.problem == "0.npy, 1.npy, 2.npy and 2 more: absent"
