"""Failures that no longer count, and runs that are to be made again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from study.dispatch.logs import find_run, needed
from study.dispatch.states import recorded_problems
from study.records import Plan
from study.store import Store


def forgive(plan: Plan, store: Store, run_names: Sequence[str] = ()) -> list[str]:
    """Let the failures of the stages that these runs need no longer count; one line per stage.

    Their checkpoints stay, and the next `study run` goes on from them.

    Args:
        run_names: `arm/seed`, `arm/model/seed` or run ids; every run of the plan where empty.

    Raises:
        StudyError: no run of the plan has one of these names.
        StoreError: the store cannot be written.
    """
    wanted = _wanted(plan, run_names)
    present = {key for key in plan.stages if store.has(key)}
    lines = []
    for key, problem in recorded_problems(plan, store, present).items():
        if key in wanted:
            tries = store.forgive(key)
            attempts = f"{tries} attempt{'s' if tries != 1 else ''}"
            lines.append(f"{plan.stages[key].label or key}: {attempts} forgiven ({problem})")
    return lines


def make_again(plan: Plan, store: Store, run_names: Sequence[str]) -> int:
    """Move what only these runs have made to quarantine/, objects and attempts; returns the number of folders.

    What other runs of the plan use as well stays.

    Raises:
        StudyError: no run of the plan has one of these names.
        StoreError: the store cannot be written.
    """
    runs = {find_run(plan, name).run_id for name in run_names}
    users = Counter(key for run in plan.runs if run.run_id not in runs for key in needed(plan, run))
    moved = 0
    for key in _wanted(plan, run_names):
        for folder in (store.object_folder(key), store.workshop(key) / "attempts"):
            if key not in users and folder.exists():
                store.set_aside(folder)
                moved += 1
    return moved


def _wanted(plan: Plan, run_names: Sequence[str]) -> Collection[str]:
    runs = [find_run(plan, name) for name in run_names] or plan.runs
    return dict.fromkeys(key for run in runs for key in (*needed(plan, run), *run.crossing))
