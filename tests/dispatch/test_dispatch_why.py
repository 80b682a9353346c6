"""Why a stage is not cached, in the words of its recipe."""

from dataclasses import replace
from pathlib import Path

import pytest
from toy_study import do, stage, toy_plan

from study.dispatch import why
from study.dispatch.why import leaves, nearest
from study.errors import StudyError
from study.records import Plan
from study.store import Store


def changed(plan: Plan, label: str, **settings: object) -> Plan:
    """The plan with other settings of one stage, and new keys for all that follow from it."""
    renamed: dict[str, str] = {}
    stages = {}
    for key, old in plan.stages.items():
        parents = {role: renamed[parent] for role, parent in old.parents.items()}
        wanted = {**old.recipe["settings"], **(settings if old.label == label else {})}
        new = stage(old.kind, old.recipe["name"], parents, **wanted)
        renamed[key] = new.key
        stages[new.key] = new
    runs = tuple(
        replace(
            run,
            training=tuple(renamed[key] for key in run.training),
            predict=renamed[run.predict],
            explain={name: renamed[key] for name, key in run.explain.items()},
            measure={name: renamed[key] for name, key in run.measure.items()},
        )
        for run in plan.runs
    )
    jobs = tuple(replace(job, stages=tuple(renamed[key] for key in job.stages)) for job in plan.jobs)
    return Plan(plan.study, stages, runs, jobs)


def test_the_changed_setting_is_named_with_old_and_new_and_what_follows_is_counted(tmp_path: Path) -> None:
    plan = toy_plan()
    do(plan, tmp_path)
    store = Store(tmp_path / "runs")
    assert why(plan, store, "mae/1") == "mae-vit-seed1: all 6 stages are cached\n"
    wanted = changed(plan, "mae seed1", sleep=0.5)
    key, old = (next(k for k, s in each.stages.items() if s.label == "mae seed1")[:6] for each in (wanted, plan))
    lines = why(wanted, store, "mae/1").splitlines()
    assert lines[:4] == ["mae-vit-seed1: 5 of 6 stages are not cached", "", f"mae seed1  (mae {key})", lines[3]]
    assert lines[3].startswith(f"  nearest: mae seed1  ({old}, 20")
    assert lines[4:] == [
        "    settings.sleep  0.0 -> 0.5",
        "",
        "4 more differ from stored ones only in what they are made from, which is said above",
    ]
    assert why(wanted, store, "mae/0") == "mae-vit-seed0: all 6 stages are cached\n"


def test_a_change_further_down_is_told_beside_the_new_parents(tmp_path: Path) -> None:
    plan = toy_plan(seeds=(0,))
    do(plan, tmp_path)
    wanted = changed(changed(plan, "mae seed0", sleep=0.5), "explain mae-vit-seed0", steps=3)
    text = why(wanted, Store(tmp_path / "runs"), "mae/0")
    assert "    settings.sleep  0.0 -> 0.5\n" in text
    assert "    settings.steps      1 -> 3\n" in text
    assert '    parents.classifier  "' in text
    assert text.endswith("\n3 more differ from stored ones only in what they are made from, which is said above\n")


def test_nothing_of_its_kind_a_failure_and_damage_are_said(tmp_path: Path) -> None:
    plan = toy_plan(seeds=(0,), trouble={"finetune mae-vit-seed0": {"do": "raise"}})
    store = Store(tmp_path / "runs")
    assert "data shoulder  (data " in (text := why(plan, store, "mae/0"))
    assert "  the store holds no mae at all\n" in text
    do(plan, tmp_path)
    (store.object_folder(next(iter(plan.stages))) / "result.txt").unlink()
    text = why(plan, store, "mae/0")
    assert f"  its object is damaged: {store.object_folder(next(iter(plan.stages)))}\n" in text
    assert "  its last attempt failed: ValueError: the loss is a teapot\n" in text
    with pytest.raises(StudyError, match="is no run of toy"):
        why(plan, store, "mae/7")


def test_the_nearest_is_the_one_with_the_fewest_differing_leaves_and_the_newest_of_equals() -> None:
    wanted = stage("mae", "x", {"data": "d"}, sleep=1.0, steps=5)
    far = stage("mae", "x", {"data": "e"}, sleep=2.0, steps=6)
    near = [stage("mae", "x", {"data": "d"}, sleep=2.0, steps=5), stage("mae", "y", {"data": "d"}, sleep=1.0, steps=5)]
    times = ("2026-01-03T00:00:00", "2026-01-01T00:00:00", "2026-01-02T00:00:00")
    stored = [
        (leaves(each.recipe), {"key": each.key, "finished": time})
        for each, time in zip((far, *near), times, strict=True)
    ]
    found = nearest(wanted, stored)
    assert found is not None
    assert found.changes == {"name": ('"y"', '"x"')}
    found = nearest(wanted, stored[:2])
    assert found is not None
    assert found.changes == {"settings.sleep": ("2.0", "1.0")}
    assert nearest(wanted, []) is None


def test_leaves_are_dotted_and_a_list_is_one() -> None:
    assert leaves({"a": {"b": 1, "c": [1, {"d": 2}]}, "e": None}) == {"a.b": "1", "a.c": '[1, {"d": 2}]', "e": "null"}
