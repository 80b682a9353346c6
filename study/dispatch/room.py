"""Whether the disk has room for what is to be done, as far as that can be told from what is finished."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from study.errors import StoreError
from study.records import Plan, Stage
from study.registry import TRAININGS
from study.store import Store
from study.store.files import room

CHECKPOINTS = 2 * 3
"""A training keeps two checkpoints, each of the weights and about two numbers more for each of them."""


def check_room(plan: Plan, store: Store, *, workers: int) -> None:
    """Refuse to begin what the disk cannot hold.

    A stage is taken to need as much as the largest finished one of its kind and model; kinds of which none is
    finished are left out, so a first call is never refused.

    Args:
        plan: what is to be done.
        store: where.
        workers: how many trainings keep checkpoints at the same time.

    Raises:
        StoreError: there is less room than that.
    """
    finished = {key: manifest for key in plan.stages if (manifest := store.intact(key)) is not None}
    todo = [stage for key, stage in plan.stages.items() if key not in finished]
    if not todo or not finished:
        return
    needed = needed_bytes(plan, todo, finished, workers=workers)
    if needed > shutil.disk_usage(store.root).free:
        raise StoreError(
            f"{store.root}: the {len(todo)} stages that are left need about {needed / 1e9:.3f} GB, judged by finished "
            f"ones of their kind; {room(store.root)}\nnothing was begun: free some space (`study gc` shows what no study "
            "uses), or choose another folder with --runs"
        )


def needed_bytes(plan: Plan, todo: list[Stage], finished: Mapping[str, Mapping[str, Any]], *, workers: int) -> int:
    """Bytes that the objects of these stages will take, and the checkpoints on the way."""
    largest: dict[tuple[str, str], int] = {}
    for key, manifest in finished.items():
        kin = _kin(plan.stages[key])
        size = sum(int(facts["size"]) for facts in manifest["files"].values())
        largest[kin] = max(largest.get(kin, 0), size)
    sizes = [largest.get(_kin(stage), 0) for stage in todo]
    trainings = sorted((size for stage, size in zip(todo, sizes, strict=True) if stage.kind in TRAININGS), reverse=True)
    return sum(sizes) + CHECKPOINTS * sum(trainings[:workers])


def _kin(stage: Stage) -> tuple[str, str]:
    return stage.kind, str(stage.recipe.get("model", ""))
