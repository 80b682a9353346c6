"""Bootstrap fields of drafts: one set of image weights and one set of run weights for the whole study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from study.records import Design
from study.rng import numpy_generator
from study.statistics.auc import usable_classes, weighted_auc
from study.statistics.bootstrap import (
    CHUNK,
    SMALLEST,
    Resampler,
    finite,
    image_weights,
    percentile,
    run_weights,
    two_way,
)
from study.statistics.cells import Cells, Images, Predictions
from study.statistics.comparison import Draft
from study.statistics.effect_sizes import improvements, run_wins, wilson
from study.statistics.floats import Floats, Integers, number
from study.statistics.sentences import Note, note

BATCH = 48
"""Contrasts whose columns are held at a time: bounds memory; the weights are the same in every batch."""

SMALLEST_PERCENTILE = 30
"""Percentile limits over images need this many images or clusters."""

AGREES = (0.8, 1.6)
"""Resampled over computed standard error; outside it `bootstrap_disagrees` is noted."""

AUC_RESAMPLES = 2000
"""AUC replicates need sorting, not one matrix product; this many (or the design's number, if lower) are made."""

RARE_CLASS = 30
"""With fewer films of a class, AUC replicates are drawn within classes."""


class _Columns(NamedTuple):
    treatment: list[int]
    control: list[int]
    size: int
    improved: int


class _Replicates(NamedTuple):
    """[B, S], [B, S'] image-weighted figures of the runs, and [B] shares of images improved."""

    treatment: Floats
    control: Floats
    improved: Floats | None


def resample(design: Design, drafts: Sequence[Draft], cells: Cells) -> None:
    """Add resampled standard errors and limits to every draft that has enough images."""
    means = [made for made in drafts if made.compared is not None and _enough(made, cells)]
    for start in range(0, len(means), BATCH):
        resampler = Resampler(cells.images.n_clusters, design.resamples, design.resampling_seed)
        batch = [
            (made, _columns(made, resampler, cells.images, design.weight)) for made in means[start : start + BATCH]
        ]
        for made, columns in batch:
            _fill(made, design, _mean_replicates(resampler, columns))
    aucs = [made for made in drafts if made.rows is not None and made.fields.get("estimate") is not None]
    by_model: dict[str, Floats] = {}
    for made in aucs:
        model = made.contrast.model
        if not _enough(made, cells) or made.status == "undefined_metric":
            continue
        if model not in by_model:
            by_model[model] = auc_replicates(cells.predictions[model], cells.images, design)
        assert made.rows is not None
        sides = [np.stack([by_model[model][:, group].mean(axis=1) for group in groups], axis=1) for groups in made.rows]
        _fill(made, design, _Replicates(sides[0], sides[1], None))


def _enough(made: Draft, cells: Cells) -> bool:
    if made.status not in ("ok", "insufficient_runs"):
        return False
    n_clusters = made.fields["n_clusters"]
    if n_clusters < SMALLEST_PERCENTILE:
        made.notes.append(
            note("bootstrap_skipped_small_n", n=n_clusters, **units(n_clusters < made.fields["n_images"]))
        )
    return bool(n_clusters >= SMALLEST)


def units(patients: bool) -> dict[str, str]:
    """What the clusters are called."""
    return {"unit": "patients", "unit_ko": "환자"} if patients else {"unit": "images", "unit_ko": "이미지"}


def _columns(made: Draft, resampler: Resampler, images: Images, weight: str) -> _Columns:
    compared = made.compared
    assert compared is not None
    assert made.differences is not None
    codes = images.clusters[compared.images]
    sizes = np.bincount(codes, minlength=images.n_clusters).astype(np.float64)
    divisor = np.maximum(sizes, 1) if weight == "patient" else np.ones_like(sizes)

    def add(values: Floats) -> int:
        return resampler.add(np.bincount(codes, weights=values, minlength=images.n_clusters) / divisor)

    return _Columns(
        [add(row) for row in compared.treatment],
        [add(row) for row in compared.control],
        resampler.add(sizes / divisor),
        add(improvements(made.differences, made.facts.higher_is_better)),
    )


def _mean_replicates(resampler: Resampler, columns: _Columns) -> _Replicates:
    count = resampler.products([columns.size])
    with np.errstate(invalid="ignore", divide="ignore"):
        return _Replicates(
            resampler.products(columns.treatment) / count,
            resampler.products(columns.control) / count,
            (resampler.products([columns.improved]) / count)[:, 0],
        )


def _fill(made: Draft, design: Design, replicates: _Replicates) -> None:
    fields, alpha = made.fields, design.alpha
    enough = fields["n_clusters"] >= SMALLEST_PERCENTILE
    images_only = replicates.treatment.mean(axis=1) - replicates.control.mean(axis=1)
    if enough:
        limits = percentile(images_only, alpha)
        fields |= {"ci_bootstrap_models_low": number(limits.low), "ci_bootstrap_models_high": number(limits.high)}
    if replicates.improved is not None and made.differences is not None:
        _fill_improved(made, replicates.improved, alpha)
    if made.status != "ok":
        return
    weights = _run_weights(made, design, len(images_only))
    both = finite(two_way(replicates.treatment, replicates.control, weights))
    se = float(both.std(ddof=1))
    half = float(stats.t.ppf(1 - alpha / 2, fields["df"])) * se
    fields |= {
        "se_bootstrap": se,
        "ci_bootstrap_low": fields["estimate"] - half,
        "ci_bootstrap_high": fields["estimate"] + half,
    }
    wins = run_wins(replicates.treatment, replicates.control, made.facts.higher_is_better)
    share = np.einsum("bs,bt,bst->b", *weights, wins)
    limits = percentile(share[np.isfinite(replicates.treatment).all(axis=1)], alpha)
    fields |= {"p_improve_runs_low": number(limits.low), "p_improve_runs_high": number(limits.high)}
    made.notes.extend(_disagreement(se, fields["se"]))


def _run_weights(made: Draft, design: Design, resamples: int) -> tuple[Floats, Floats]:
    assert made.sides is not None
    names = ("pairs", "pairs") if made.paired else (made.contrast.treatment, made.contrast.control)
    sizes = [len(side.figures) for side in made.sides]
    drawn = [
        run_weights(name, size, resamples, design.resampling_seed) for name, size in zip(names, sizes, strict=True)
    ]
    return drawn[0], drawn[1]


def _fill_improved(made: Draft, replicates: Floats, alpha: float) -> None:
    d = made.differences
    assert d is not None
    n = len(d)
    if d.all() and made.fields["n_clusters"] == n:
        low, high = wilson(int(improvements(d, made.facts.higher_is_better).sum()), n, alpha)
    elif made.fields["n_clusters"] >= SMALLEST_PERCENTILE:
        low, high = percentile(replicates, alpha)
    else:
        return
    made.fields |= {"p_improve_images_low": number(low), "p_improve_images_high": number(high)}


def _disagreement(se_bootstrap: float, se: float) -> Iterator[Note]:
    ratio = se_bootstrap / se
    if not AGREES[0] <= ratio <= AGREES[1]:
        yield note("bootstrap_disagrees", ratio=float(f"{ratio:.2f}"))


def auc_replicates(predictions: Predictions, images: Images, design: Design) -> Floats:
    """[B, R] AUC (or its mean over usable classes) of every run of a model under resampled images.

    The study's image weights are used, drawn within classes where one has fewer than 30 films
    and no patient has several. Replicates without a class are NaN.
    """
    resamples = min(design.resamples, AUC_RESAMPLES)
    n_classes = predictions.probabilities.shape[2]
    classes = (1,) if n_classes == 2 else usable_classes(predictions.labels, n_classes)
    positives = [(predictions.labels == k).astype(np.int64) for k in classes]
    rare = min(int(min(p.sum(), len(p) - p.sum())) for p in positives) < RARE_CLASS
    if rare and not images.has_patients:
        chunks = _stratified(predictions.labels, resamples, design.resampling_seed)
    else:
        whole = image_weights(images.n_clusters, resamples, design.resampling_seed)
        chunks = (weights[:, images.clusters[predictions.images]] for weights in whole)
    found = []
    for weights in chunks:
        per_class = [
            [weighted_auc(run[:, k], positive, weights) for run in predictions.probabilities]
            for k, positive in zip(classes, positives, strict=True)
        ]
        found.append(np.mean(per_class, axis=0).T)
    return np.concatenate(found)


def _stratified(labels: Integers, resamples: int, seed: int) -> Iterator[Floats]:
    for start in range(0, resamples, CHUNK):
        generator = numpy_generator("bootstrap", seed, "strata", start)
        weights = np.zeros((min(CHUNK, resamples - start), len(labels)))
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            weights[:, rows] = generator.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=len(weights))
        yield weights
