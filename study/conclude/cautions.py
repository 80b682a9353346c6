"""What a reader should be warned of: what the stages and the films left behind. The report has the words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from study.records import Caution, Dataset, LearningCurve, Plan
from study.store import Store

HOMOGENEOUS = ("host", "device", "versions")
"""Fields of a manifest that should be equal over all runs of a comparison."""
SATURATED = 0.99
HARDLY_LEARNT = 2.0
"""Accuracy of a proxy task that says nothing any more, and accuracy in multiples of chance that says too little."""
MOSTLY_LETTERS = 0.5


def cautions(
    plan: Plan, store: Store, datasets: Mapping[str, Dataset], learning: Iterable[LearningCurve]
) -> tuple[Caution, ...]:
    """All of them, each once: of the datasets (by name), of the training stages, and of their facts."""
    rows = [(row.arm, row.seed, row.facts) for row in learning]
    found = [*unreadable(datasets), *mixed(plan, store), *proxy(rows), *unseen_centre(rows), *pasted_letters(rows)]
    return tuple(caution for place, caution in enumerate(found) if caution not in found[:place])


def unreadable(datasets: Mapping[str, Dataset]) -> Iterator[Caution]:
    """Datasets with files that could not be used."""
    for name, dataset in datasets.items():
        if k := len(dataset.quarantined):
            yield Caution("unreadable", {"name": name, "k": k, "n": k + len(dataset.image_ids)})


def mixed(plan: Plan, store: Store) -> Iterator[Caution]:
    """Training stages that were made with different software or machines."""
    keys = {key for run in plan.runs for key in run.training if store.has(key)}
    manifests = [store.manifest(key) for key in sorted(keys)]
    for field in HOMOGENEOUS:
        values = {repr(manifest.get(field)) for manifest in manifests}
        if len(values) > 1:
            yield Caution(f"mixed_{field}", {"n": len(values)})


def proxy(rows: Iterable[tuple[str, int, Mapping[str, Any]]]) -> Iterator[Caution]:
    """Proxy tasks that saturated or were hardly learnt, from (arm, seed, facts)."""
    for arm, seed, row in rows:
        accuracy, chance = row.get("accuracy"), row.get("chance")
        if accuracy is None or chance is None:
            continue
        values = {"arm": arm, "seed": seed, "accuracy": accuracy, "chance": chance}
        if accuracy >= SATURATED:
            yield Caution("saturated", values)
        elif accuracy <= HARDLY_LEARNT * chance:
            yield Caution("unlearnt", values)


def unseen_centre(rows: Iterable[tuple[str, int, Mapping[str, Any]]]) -> Iterator[Caution]:
    """Masks that hide the centre nearly always, from (arm, seed, facts)."""
    for arm, _, row in rows:
        if row.get("centre_hardly_seen"):
            yield Caution("unseen_centre", {"arm": arm, "share": row["masked_central"]})


def pasted_letters(rows: Iterable[tuple[str, int, Mapping[str, Any]]]) -> Iterator[Caution]:
    """SaliencyMix that pastes side letters, from (arm, seed, facts): one per arm, its worst run."""
    shares: dict[str, float] = {}
    for arm, _, row in rows:
        if (share := row.get("peaks_in_marker")) is not None and share >= MOSTLY_LETTERS:
            shares[arm] = max(share, shares.get(arm, 0.0))
    for arm, share in shares.items():
        yield Caution("pasted_letters", {"arm": arm, "share": share})
