"""Which objects a study uses: one file per plan that it was run with, so that garbage can be told from work."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from study.records import Plan
from study.store.files import read_json, store_errors, write_json

SCHEMA = 1
FOLDER = "dags"


def record_dag(folder: Path, plan: Plan) -> Path:
    """Write `dags/<digest>.json` into a study's folder: every stage with kind, label and parents.

    A plan that was recorded before gets the present time only; the newest file is the study's latest plan.

    Args:
        folder: `runs/studies/<study>`.
        plan: what is about to be done.

    Raises:
        StoreError: the folder cannot be written.
    """
    digest = hashlib.sha256(" ".join(sorted(plan.stages)).encode()).hexdigest()[:12]
    path = folder / FOLDER / f"{digest}.json"
    with store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if keys_of(path) == set(plan.stages):
            os.utime(path)
            return path
    stages = {
        key: {"kind": stage.kind, "label": stage.label, "parents": dict(stage.parents)}
        for key, stage in plan.stages.items()
    }
    content = {"schema": SCHEMA, "study": plan.study, "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "stages": stages}
    write_json(path, content, durable=True)
    return path


def dags(folder: Path) -> list[Path]:
    """The recorded plans of a study's folder that can be read, oldest first."""
    readable = [path for path in (folder / FOLDER).glob("*.json") if keys_of(path) is not None]
    return sorted(readable, key=lambda path: (path.stat().st_mtime_ns, path.name))


def keys_of(path: Path) -> set[str] | None:
    """Keys of the stages of a recorded plan; None where it cannot be read."""
    stages = (read_json(path) or {}).get("stages")
    return set(stages) if isinstance(stages, dict) else None
