"""Bootstrap fields of drafts: one set of image weights and one set of run weights for the whole study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from study.errors import StudyError
from study.records import Design
from study.statistics.bootstrap import (
    SMALLEST,
    Resampler,
    acceleration,
    bca,
    finite,
    limit_error,
    percentile,
    run_weights,
    two_way,
)
from study.statistics.cells import Cells, Images
from study.statistics.comparison import Draft
from study.statistics.effect_sizes import improvements, run_wins, wilson
from study.statistics.figure_replicates import figure_replicates
from study.statistics.floats import Floats, Integers, number
from study.statistics.resampled_effects import (
    SMALLEST_PERCENTILE,
    Resamples,
    UnitColumns,
    fill_costly,
    fill_over_images,
    fill_percentiles,
    unit_columns,
)
from study.statistics.run_contrasts import is_auc
from study.statistics.sentences import Note, note

BATCH = 48
"""Contrasts whose columns are held at a time: bounds memory; the weights are the same in every batch."""

AGREES = (0.8, 1.6)
"""Resampled over computed standard error; outside it `bootstrap_disagrees` is noted."""


class _Columns(NamedTuple):
    treatment: list[int]
    control: list[int]
    size: int
    improved: int
    units: UnitColumns | None


class _Replicates(NamedTuple):
    """[B, S], [B, S'] image-weighted figures of the runs, and [B] shares of images improved."""

    treatment: Floats
    control: Floats
    improved: Floats | None


def resample(design: Design, drafts: Sequence[Draft], cells: Cells) -> None:
    """Add resampled standard errors and limits to every draft that has enough images.

    Raises:
        StudyError: images are to be drawn within classes, and some class is not known.
    """
    shared = Resamples(design, cells.images, strata_of(design, cells))
    means = [made for made in drafts if made.compared is not None and _enough(made)]
    for start in range(0, len(means), BATCH):
        resampler = shared.resampler()
        batch = [
            (made, _columns(made, resampler, cells.images, design.weight)) for made in means[start : start + BATCH]
        ]
        for made, columns in batch:
            _fill(made, design, _mean_replicates(resampler, columns))
            if columns.units is not None:
                fill_over_images(made, columns.units, resampler, design.alpha)
            fill_costly(made, shared, _run_weights(made, design, shared.n_fewer))
    known: dict[tuple[str, str], Floats] = {}
    for made in drafts:
        if made.rows is None or made.status == "undefined_metric" or not _enough(made):
            continue
        key = (made.contrast.model, made.contrast.metric)
        if key not in known:
            known[key] = figure_replicates(key[1], cells.predictions[key[0]], shared)
        sides = [np.stack([known[key][:, group].mean(axis=1) for group in groups], axis=1) for groups in made.rows]
        _fill(made, design, _Replicates(sides[0], sides[1], None))


def strata_of(design: Design, cells: Cells) -> Integers | None:
    """[G] stratum of each cluster: the classes of its images; None where all are drawn from together."""
    if design.rules.strata == "none":
        return None
    if not cells.predictions:
        raise StudyError(
            "images cannot be drawn within classes: there are no predictions, and the classes are in their column "
            "`label`; give the predictions, or set analysis.strata to none"
        )
    labels = np.full(len(cells.images.ids), -1, dtype=np.int64)
    for predictions in cells.predictions.values():
        if predictions.labels.ndim == 2:
            raise StudyError(
                "images cannot be drawn within classes: an image may have several of them; set analysis.strata to none"
            )
        labels[predictions.images] = predictions.labels
    found: list[set[int]] = [set() for _ in range(cells.images.n_clusters)]
    for code, label in zip(cells.images.clusters.tolist(), labels.tolist(), strict=True):
        found[code].add(label)
    kinds = sorted({tuple(sorted(classes)) for classes in found})
    place = {kind: i for i, kind in enumerate(kinds)}
    return np.array([place[tuple(sorted(classes))] for classes in found], dtype=np.int64)


def _enough(made: Draft) -> bool:
    """Whether there is a spread to resample; says so where there are fewer than 8 images or patients."""
    if made.status not in ("ok", "insufficient_runs"):
        return False
    n_clusters = made.fields["n_clusters"]
    if n_clusters < SMALLEST:
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
        unit_columns(made, resampler, images),
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
    images_only = replicates.treatment.mean(axis=1) - replicates.control.mean(axis=1)
    fields["n_resamples"] = len(images_only)
    _fill_models(made, design, finite(images_only))
    if replicates.improved is not None and made.differences is not None:
        _fill_improved(made, replicates.improved, alpha)
    made.replicates = images_only if design.rules.simultaneous else None
    if made.status != "ok":
        return
    weights = _run_weights(made, design, len(images_only))
    estimates = two_way(replicates.treatment, replicates.control, weights)
    made.replicates = estimates if design.rules.simultaneous else None
    both = finite(estimates)
    se = float(both.std(ddof=1))
    half = float(stats.t.ppf(1 - alpha / 2, fields["df"])) * se
    fields |= {
        "se_bootstrap": se,
        "ci_bootstrap_low": fields["estimate"] - half,
        "ci_bootstrap_high": fields["estimate"] + half,
        "bootstrap_error": half / np.sqrt(2 * (len(both) - 1)),
    }
    wins = run_wins(replicates.treatment, replicates.control, made.facts.higher_is_better)
    share = np.einsum("bs,bt,bst->b", *weights, wins)
    fill_percentiles(made, "p_improve_runs", share[np.isfinite(images_only)], alpha)
    made.notes.extend(_disagreement(se, fields["se"]))


def _fill_models(made: Draft, design: Design, replicates: Floats) -> None:
    """Percentile and BCa limits over images, for these models."""
    fields, alpha = made.fields, design.alpha
    if not len(replicates) or np.ptp(replicates) == 0:
        return
    fields["bootstrap_models_error"] = limit_error(len(replicates), float(replicates.std(ddof=1)), alpha)
    if fields["n_clusters"] >= SMALLEST_PERCENTILE:
        limits = percentile(replicates, alpha)
        fields |= {"ci_bootstrap_models_low": number(limits.low), "ci_bootstrap_models_high": number(limits.high)}
    corrected = bca(replicates, fields["estimate"], _acceleration(made, design), alpha)
    fields |= {"ci_bca_models_low": number(corrected.low), "ci_bca_models_high": number(corrected.high)}


def _acceleration(made: Draft, design: Design) -> float:
    """From leaving out one cluster: exact for means, through the influence vectors for figures of runs."""
    if made.differences is None or made.clusters is None:
        assert made.sides is not None
        influence = made.sides[0].influence.mean(axis=0) - made.sides[1].influence.mean(axis=0)
        # h of DeLong points up where a film lifts the figure, h of a jackknife where leaving it out does
        return acceleration(-influence if is_auc(made.contrast.metric) else influence)
    sizes: Floats = np.bincount(made.clusters).astype(np.float64)
    totals: Floats = np.asarray(np.bincount(made.clusters, weights=made.differences), dtype=np.float64)
    if design.weight == "patient":
        totals, sizes = totals / sizes, np.ones_like(sizes)
    return acceleration((totals.sum() - totals) / (sizes.sum() - sizes))


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
        made.fields |= {"p_improve_images_low": number(low), "p_improve_images_high": number(high)}
    elif made.fields["n_clusters"] >= SMALLEST_PERCENTILE:
        fill_percentiles(made, "p_improve_images", replicates, alpha)


def _disagreement(se_bootstrap: float, se: float) -> Iterator[Note]:
    ratio = se_bootstrap / se
    if not AGREES[0] <= ratio <= AGREES[1]:
        yield note("bootstrap_disagrees", ratio=float(f"{ratio:.2f}"))
