"""What every p, interval and ± must carry: which question it answers, over how many runs and images, and m.

One place for these words, so that captions, notes and sentences say the same of the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from study.report import numbers
from study.report.terms import TERMS, Text, fill, join, same

Row = Mapping[str, Any]
"""One contrast, mean or ranking of `results`."""


def question(rows: Sequence[Row]) -> Text:
    """What the 95% intervals of contrasts are about: retraining and new images, or only new images of these models."""
    lone = [row["ci_low"] is None for row in rows if row["estimate"] is not None]
    if lone and all(lone):
        return TERMS["extent.models"]
    return TERMS["extent.mixed" if any(lone) else "extent.recipe"]


def of_contrast(row: Row) -> Text:
    """`3 + 3 runs, 60 images` of one contrast."""
    runs = fill("extent.pair", a=row["n_runs_treatment"], b=row["n_runs_control"])
    return join([runs, images([row])], ", ")


def of_contrasts(rows: Sequence[Row]) -> Text:
    """`2 to 3 runs per arm, 60 images` over several contrasts that could be computed."""
    return join([runs(rows), images(rows)], ", ")


def of_metrics(results: Row, metrics: Iterable[str]) -> Text:
    """`60 images` of the means of these metrics."""
    wanted = set(metrics)
    return images([mean for mean in results["means"] if mean["metric"] in wanted])


def runs(rows: Sequence[Row]) -> Text:
    """`2 to 3 runs per arm` of contrasts or of means; empty without any."""
    names = ("n_runs_treatment", "n_runs_control", "n_runs")
    counts = [row[name] for row in rows for name in names if row.get(name)]
    if not counts:
        return same("")
    return TERMS["extent.run"] if max(counts) == 1 else fill("extent.runs", n=_span(counts))


def images(rows: Sequence[Row]) -> Text:
    """`60 images`, `58 to 60 images of 20 patients`; empty where no row has an image."""
    used = [row for row in rows if row.get("n_images")]
    if not used:
        return same("")
    patients = [row["n_clusters"] for row in used if 0 < row.get("n_clusters", 0) < row["n_images"]]
    counts = _span([row["n_images"] for row in used])
    return fill("extent.patients", n=counts, g=_span(patients)) if patients else fill("extent.images", n=counts)


def tests(rows: Sequence[Row]) -> Text:
    """`m = 3`, or with several families `m = 3 (primary), m = 54 (secondary)`: the tests that were adjusted for."""
    families: dict[str, set[int]] = {}
    for row in rows:
        if row["m"]:
            families.setdefault(row["family"], set()).add(row["m"])
    parts = [(family, fill("m.tests", m=_span(sizes))) for family, sizes in families.items()]
    if len(parts) == 1:
        return parts[0][1]
    return join([fill("extent.family", m=m, family=TERMS[f"family.{family}"]) for family, m in parts], ", ")


def _span(counts: Iterable[int]) -> Text:
    low, high = min(counts := list(counts)), max(counts)
    if low == high:
        return same(numbers.count(low))
    return fill("interval", low=numbers.count(low), high=numbers.count(high))
