"""Perturbation curves: an arm's mean, and its difference from the reference on the same images, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import stats

from study.records import CurveSummary, Design, RunStatus
from study.statistics.cells import Cells
from study.statistics.floats import Floats, Integers
from study.statistics.influence import of_mean
from study.statistics.primary import crossed

CurveTable = Mapping[tuple[str, str], Mapping[str, Floats]]
"""(run id, attribution) -> `deletion_morf`, `deletion_lerf` [n, steps + 1] and `fractions` [steps + 1]."""

CURVES = ("insertion_morf", "deletion_morf", "deletion_lerf")
"""The curves of the report; inserting the most relevant pixels first is `deletion_lerf` reversed."""


class Difference(NamedTuple):
    """Difference from the reference at every step, with a pointwise interval."""

    estimate: Floats
    low: Floats
    high: Floats


def summarise(design: Design, curves: CurveTable, cells: Cells) -> tuple[CurveSummary, ...]:
    """Mean curves of every arm, model and attribution, controls included.

    Means are over runs and over the images whose curve is defined in every run of the arm; the
    difference is on images defined in both arms, its interval pointwise from the primary analysis
    (from images alone where an arm has one run).
    """
    found = []
    for model in design.models:
        for attribution in (*design.attributions, *design.controls):
            stacks = _stacks(design, curves, model, attribution)
            for curve in CURVES:
                found.extend(_arms(design, stacks, (model, attribution, curve), cells))
    return tuple(found)


class _Stack(NamedTuple):
    """Curves [S, n, steps + 1] of one arm, every kind, and the runs' seeds."""

    by_curve: Mapping[str, Floats]
    fractions: Floats
    seeds: tuple[int, ...]


def _stacks(design: Design, curves: CurveTable, model: str, attribution: str) -> dict[str, _Stack]:
    stacks = {}
    for arm in design.arms:
        runs = [run for run in design.runs if _counts(run, arm, model) and (run.run_id, attribution) in curves]
        tables = [curves[run.run_id, attribution] for run in runs]
        if not tables:
            continue
        morf = np.stack([np.asarray(table["deletion_morf"], dtype=np.float64) for table in tables])
        lerf = np.stack([np.asarray(table["deletion_lerf"], dtype=np.float64) for table in tables])
        by_curve = {"insertion_morf": lerf[:, :, ::-1], "deletion_morf": morf, "deletion_lerf": lerf}
        fractions = np.asarray(tables[0]["fractions"], dtype=np.float64)
        stacks[arm] = _Stack(by_curve, fractions, tuple(run.seed for run in runs))
    return stacks


def _counts(run: RunStatus, arm: str, model: str) -> bool:
    return run.arm == arm and run.model == model and run.state == "done" and not run.diverged


def _arms(design: Design, stacks: dict[str, _Stack], names: tuple[str, str, str], cells: Cells) -> list[CurveSummary]:
    model, attribution, curve = names
    found = []
    for arm, stack in stacks.items():
        values = stack.by_curve[curve]
        defined = np.isfinite(values).all(axis=(0, 2))
        if not defined.any():
            continue
        difference: Difference | None = None
        if arm != design.reference and design.reference in stacks:
            difference = _difference(design, (stack, stacks[design.reference]), curve, cells)
        fractions = 1 - stack.fractions[::-1] if curve == "insertion_morf" else stack.fractions
        found.append(
            CurveSummary(
                arm,
                model,
                attribution,
                curve,
                fractions=_plain(fractions),
                mean=_plain(values[:, defined].mean(axis=(0, 1))),
                difference=_plain(difference.estimate) if difference else (),
                difference_low=_plain(difference.low) if difference else (),
                difference_high=_plain(difference.high) if difference else (),
                n_runs=len(values),
                n_images=int(defined.sum()),
            )
        )
    return found


def _difference(design: Design, sides: tuple[_Stack, _Stack], curve: str, cells: Cells) -> Difference | None:
    arm, reference = sides
    a, b = arm.by_curve[curve], reference.by_curve[curve]
    if a.shape[1:] != b.shape[1:]:
        return None
    seeds = [seed for seed in arm.seeds if seed in reference.seeds]
    paired = design.seeding == "paired" and len(seeds) >= 4
    if paired:
        a, b = a[[arm.seeds.index(seed) for seed in seeds]], b[[reference.seeds.index(seed) for seed in seeds]]
    shared = np.isfinite(a).all(axis=(0, 2)) & np.isfinite(b).all(axis=(0, 2))
    clusters = cells.images.clusters if len(cells.images.ids) == a.shape[1] else np.arange(a.shape[1])
    if len(np.unique(clusters[shared])) < 2:
        return None
    return curve_difference(a[:, shared], b[:, shared], clusters[shared], paired=paired, alpha=design.alpha)


def curve_difference(
    treatment: Floats, control: Floats, clusters: Integers, *, paired: bool = False, alpha: float = 0.05
) -> Difference:
    """Treatment minus control at every step.

    Args:
        treatment: [S, n, K] without NaN.
        control: [S', n, K] without NaN.
        clusters: [n] codes.
        paired: seeds are paired and in the same order.
        alpha: 1 - level of the pointwise interval.

    Returns:
        Limits equal the estimate where the standard error is zero (all curves agree exactly).
    """
    arms = (of_mean(treatment, clusters), of_mean(control, clusters))
    estimate = arms[0].figures.mean(axis=0) - arms[1].figures.mean(axis=0)
    n_clusters = arms[0].influence.shape[1]
    if min(len(treatment), len(control)) >= 2:
        used = (arms[0] - arms[1],) if paired else arms
        result = crossed(used, (1.0,) if paired else (1.0, -1.0), alpha=alpha)
        se, df = result.se, result.df
    else:
        contrast = arms[0].influence.mean(axis=0) - arms[1].influence.mean(axis=0)
        se, df = np.sqrt((contrast**2).sum(axis=0)), np.full_like(estimate, n_clusters - 1.0)
    half = np.where(se > 0, stats.t.ppf(1 - alpha / 2, np.where(np.isfinite(df), df, 1.0)) * se, 0.0)
    return Difference(estimate, estimate - half, estimate + half)


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
