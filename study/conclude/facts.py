"""What a report says of a study besides its numbers: chains, data, provenance."""

from __future__ import annotations

import os
import platform
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from study.conclude.gather import read_facts
from study.protocol import stages as stage_settings
from study.records import ArmChain, Dataset, Plan, Stage, StageRate
from study.registry import TRAININGS
from study.store import Store


def chains(plan: Plan, store: Store) -> tuple[ArmChain, ...]:
    """The arms as chains of stages, from each arm's first run; given weights with what was taken of them."""
    first = {run.arm: run for run in reversed(plan.runs)}
    arms = dict.fromkeys(run.arm for run in plan.runs)
    varied = _varied([plan.stages[key] for run in first.values() for key in run.training])
    return tuple(
        ArmChain(
            arm,
            tuple(
                (plan.stages[key].kind, _given(plan.stages[key], store) or _short(plan.stages[key], plan, varied))
                for key in first[arm].training
            ),
            first[arm].training,
        )
        for arm in arms
    )


def rates(plan: Plan) -> tuple[StageRate, ...]:
    """Learning rates of the training stages of every model, each once, in the order of the chains."""
    found: dict[StageRate, None] = {}
    for run in plan.runs:
        for stage in (plan.stages[key] for key in run.training):
            settings = stage.recipe["settings"]
            if settings.get("lr") is not None:
                data = str(plan.stages[stage.parents["data"]].places.get("name") or "")
                found[StageRate(run.model, stage.kind, data, settings["lr"], settings["batch_size"])] = None
    return tuple(found)


def _varied(stages: Iterable[Stage]) -> set[tuple[str, str]]:
    """(kind, setting) pairs in which stages of one kind differ, beside those that every box names."""
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for stage in stages:
        for name, value in stage.recipe["settings"].items():
            values[stage.kind, name].add(repr(value))
    named = {"masking", "mask_ratio", "epochs"}
    return {(kind, name) for (kind, name), found in values.items() if len(found) > 1 and name not in named}


def _given(stage: Stage, store: Store) -> str:
    """`vit-s_mae.pth: 150 of 150 tensors; left out: 2 head`; empty for a stage that trains."""
    if not TRAININGS[stage.kind].given:
        return ""
    source = str(stage.recipe["settings"]["timm"] or Path(str(stage.places["file"])).name)
    summary = read_facts(store, stage.key)["summary"] if store.has(stage.key) else ""
    return f"{source}: {summary}" if summary else source


def _short(stage: Stage, plan: Plan, varied: Collection[tuple[str, str]]) -> str:
    """One line for a box of the design figure, such as `chest, random 75 %`; of what varies, what is not as usual."""
    settings = stage.recipe["settings"]
    parts = [str(plan.stages[stage.parents["data"]].places.get("name") or "")]
    if "masking" in settings:
        parts.append(f"{settings['masking']} {settings['mask_ratio']:.0%}".replace("%", " %"))
    if "epochs" in settings:
        parts.append(f"{settings['epochs']} epochs")
    usual = getattr(stage_settings, TRAININGS[stage.kind].settings).model_fields
    parts += [
        f"{name.replace('_', ' ')} {_spoken(value)}"
        for name, value in settings.items()
        if (stage.kind, name) in varied and _spoken(value) != _spoken(usual[name].default)
    ]
    return ", ".join(part for part in parts if part)


def _spoken(value: Any) -> str:
    """`0.002`, `0.08 to 1` of a range, and of a group of settings the first one."""
    if isinstance(value, Mapping):
        return _spoken(next(iter(value.values())))
    if isinstance(value, list | tuple):
        return " to ".join(map(_spoken, value)) if len(value) == 2 else ", ".join(map(_spoken, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """Counts and choices of one dataset, as plain data; what a reader asks first comes first."""
    splits = {split: len(dataset.rows(split)) for split in ("train", "val", "test", "unlabelled")}
    test = dataset.rows("test")
    several = dataset.findings
    counts = [(dataset.labels[test] == k).sum() if several is None else 0 for k in range(len(dataset.classes))]
    if several is not None:
        counts = list(several.present[test].sum(axis=0))
    labels = {name: int(count) for name, count in zip(dataset.classes, counts, strict=True)}
    counted = {
        "films": len(dataset.image_ids),
        "splits": splits,
        "classes": list(dataset.classes),
        "test_labels": labels,
        "test_with_boxes": sum(len(dataset.boxes[row]) > 0 for row in test),
        **({} if several is None else {"test_explained": len(dataset.explained)}),
        "test_patients": len({dataset.clusters[row] for row in test}),
    }
    return {
        **counted,
        **dataset.facts,
        "mean": dataset.mean,
        "std": dataset.std,
        "size_px": list(dataset.images.shape[1:]),
        "bits": dataset.images.dtype.itemsize * 8,
        "quarantined": [{"path": q.path, "reason": q.reason} for q in dataset.quarantined],
    }


def provenance(plan: Plan, store: Store) -> dict[str, Any]:
    """Where every number came from: commit, versions, hardware, seconds per kind of stage."""
    manifests = [store.manifest(key) for key in plan.stages if store.has(key)]
    seconds: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    for manifest in manifests:
        kind = str(manifest["recipe"]["kind"])
        seconds[kind] += float(manifest.get("seconds", 0.0))
        counts[kind] += 1
    return {
        **software(),
        "versions": manifests[0].get("versions", {}) if manifests else {},
        "hosts": sorted({str(manifest.get("host", "")) for manifest in manifests}),
        "seconds": {kind: round(seconds[kind], 1) for kind in sorted(seconds)},
        "stages": {kind: counts[kind] for kind in sorted(counts)},
    }


def software() -> dict[str, Any]:
    """Commit of this package, and the Python and the system that it runs on."""
    return {
        **_commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }


def _commit() -> dict[str, Any]:
    """Commit of the checkout that holds the package, or nothing outside one."""

    def git(*words: str) -> str | None:
        command = ["git", "-C", str(Path(__file__).parent), *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "--short=10", "HEAD")
    return {"commit": commit, "clean": git("status", "--porcelain", "--", "study") == "" if commit else None}
