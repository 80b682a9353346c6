"""What a report says of a study besides its numbers: chains, data, provenance, warnings."""

from __future__ import annotations

import os
import platform
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from study.records import ArmChain, Dataset, Plan, Stage
from study.store import Store

HOMOGENEOUS = ("host", "device", "versions")
"""Fields of a manifest that should be equal over all runs of a comparison."""


def chains(plan: Plan) -> tuple[ArmChain, ...]:
    """The arms as chains of stages, from each arm's first run."""
    first = {run.arm: run for run in reversed(plan.runs)}
    arms = dict.fromkeys(run.arm for run in plan.runs)
    varied = _varied([plan.stages[key] for run in first.values() for key in run.training])
    return tuple(
        ArmChain(
            arm,
            tuple((plan.stages[key].kind, _short(plan.stages[key], plan, varied)) for key in first[arm].training),
            first[arm].training,
        )
        for arm in arms
    )


def _varied(stages: Iterable[Stage]) -> set[tuple[str, str]]:
    """(kind, setting) pairs in which stages of one kind differ, beside those that every box names."""
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for stage in stages:
        for name, value in stage.recipe["settings"].items():
            values[stage.kind, name].add(repr(value))
    named = {"masking", "mask_ratio", "epochs"}
    return {(kind, name) for (kind, name), found in values.items() if len(found) > 1 and name not in named}


def _short(stage: Stage, plan: Plan, varied: Collection[tuple[str, str]]) -> str:
    """One line for a box of the design figure, such as `chest, random 75 %`."""
    settings = stage.recipe["settings"]
    parts = [str(plan.stages[stage.parents["data"]].places.get("name") or "")]
    if "masking" in settings:
        parts.append(f"{settings['masking']} {settings['mask_ratio']:.0%}".replace("%", " %"))
    parts.append(f"{settings['epochs']} epochs")
    parts += [f"{name.replace('_', ' ')} {value}" for name, value in settings.items() if (stage.kind, name) in varied]
    return ", ".join(part for part in parts if part)


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """Counts and choices of one dataset, as plain data."""
    splits = {split: len(dataset.rows(split)) for split in ("train", "val", "test", "unlabelled")}
    test = dataset.rows("test")
    labels = {name: int((dataset.labels[test] == k).sum()) for k, name in enumerate(dataset.classes)}
    return {
        **dataset.facts,
        "films": len(dataset.image_ids),
        "splits": splits,
        "classes": list(dataset.classes),
        "test_labels": labels,
        "test_with_boxes": sum(len(dataset.boxes[row]) > 0 for row in test),
        "test_patients": len({dataset.clusters[row] for row in test}),
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
        **_commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "versions": manifests[0].get("versions", {}) if manifests else {},
        "hosts": sorted({str(manifest.get("host", "")) for manifest in manifests}),
        "seconds": {kind: round(seconds[kind], 1) for kind in sorted(seconds)},
        "stages": {kind: counts[kind] for kind in sorted(counts)},
    }


def homogeneity(plan: Plan, store: Store) -> list[str]:
    """Sentences about training stages that were made with different software or machines."""
    keys = {key for run in plan.runs for key in run.training if store.has(key)}
    manifests = [store.manifest(key) for key in sorted(keys)]
    warnings = []
    for field in HOMOGENEOUS:
        values = {repr(manifest.get(field)) for manifest in manifests}
        if len(values) > 1:
            warnings.append(f"Training stages were made with {len(values)} different values of '{field}'.")
    return warnings


def quarantine_warnings(datasets: Mapping[str, Dataset]) -> list[str]:
    """One sentence per dataset with files that could not be used."""
    return [
        f"Data '{name}': {len(dataset.quarantined)} of {len(dataset.quarantined) + len(dataset.image_ids)} "
        "files could not be read and were left out; section 9 lists them."
        for name, dataset in datasets.items()
        if dataset.quarantined
    ]


def proxy_warnings(facts: Iterable[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Sentences about proxy tasks that saturated or failed, from (label, facts) pairs."""
    warnings = []
    for label, row in facts:
        accuracy, chance = row.get("accuracy"), row.get("chance")
        if accuracy is None or chance is None:
            continue
        if accuracy >= 0.99:
            warnings.append(f"{label}: the proxy task is saturated (accuracy {accuracy:.3f}).")
        elif accuracy <= 2 * chance:
            warnings.append(
                f"{label}: the proxy task was hardly learnt (accuracy {accuracy:.3f}, chance {chance:.3f})."
            )
    return warnings


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
