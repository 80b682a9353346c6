"""What is left to do is refused, with numbers, where the disk cannot hold it."""

from pathlib import Path
from typing import NamedTuple

import pytest
from toy_study import do, toy_plan

from study.dispatch import check_room, room
from study.dispatch.room import needed_bytes
from study.errors import StoreError
from study.records import Plan
from study.store import Store

PLAN = toy_plan()


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def finished(plan: Plan, **sizes: int) -> dict[str, dict[str, object]]:
    """A manifest for one stage of each of these kinds."""
    firsts = {kind: next(key for key, stage in plan.stages.items() if stage.kind == kind) for kind in sizes}
    return {firsts[kind]: {"files": {"a": {"size": size - 1}, "b": {"size": 1}}} for kind, size in sizes.items()}


def test_every_stage_needs_as_much_as_the_largest_of_its_kind_and_trainings_their_checkpoints() -> None:
    there = finished(PLAN, finetune=100, explain=7)
    todo = [stage for key, stage in PLAN.stages.items() if key not in there]
    kinds = [stage.kind for stage in todo]
    assert (kinds.count("finetune"), kinds.count("explain"), kinds.count("measure")) == (3, 3, 4)
    assert needed_bytes(PLAN, todo, there, workers=2) == 3 * 100 + 3 * 7 + 2 * 6 * 100
    assert needed_bytes(PLAN, todo, there, workers=9) == 3 * 100 + 3 * 7 + 3 * 6 * 100
    assert needed_bytes(PLAN, todo, {}, workers=2) == 0


def test_too_little_room_is_said_before_anything_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "runs")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: Usage(10**12, 0, 1))
    check_room(PLAN, store, workers=2)  # nothing is known yet
    do(PLAN, tmp_path)
    check_room(PLAN, store, workers=2)  # nothing is left
    more = toy_plan(seeds=(0, 1, 2))
    with pytest.raises(
        StoreError, match=r"the 9 stages that are left need about 0\.000 GB, judged by finished ones"
    ) as said:
        check_room(more, store, workers=2)
    assert "0.000 GB of 1000.000 GB are free there" in str(said.value)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: Usage(10**12, 0, 10**11))
    check_room(more, store, workers=2)
