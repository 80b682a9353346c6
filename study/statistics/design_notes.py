"""Which notes a result of several arms carries: what happened to its runs and images, and how its answers compare."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from study.records import Contrast, Design, Factorial
from study.statistics.cells import Block
from study.statistics.comparison import FEWEST_PAIRS
from study.statistics.means import RunFigures
from study.statistics.missing import (
    MISSING_BY_ARM,
    arm_values,
    common_seeds,
    missing_by_arm,
    pretraining_groups,
    shares_one_pretraining,
)
from study.statistics.multiplicity import adjust
from study.statistics.notes import FEW_CLUSTERS, companion_notes, pooling
from study.statistics.resampling import units
from study.statistics.run_words import is_lost, planned, reason, reason_ko, without_value
from study.statistics.sentences import Note, note
from study.statistics.several import Source
from study.statistics.weighted import Answered


def notes_of(made: Answered, design: Design, contrast: Contrast, source: Source) -> list[Note]:
    """The status's sentence first, then every note that applies, in a fixed order."""
    found = [] if made.status == "ok" else [_status(made, design, contrast)]
    found += [*_runs(made, design, contrast, source), *_pretraining(made, design, contrast)]
    if isinstance(source, Block) and made.status != "no_data":
        found += _images(made, source)
    found += _precision(made)
    if design.rules.pool_run_variance and made.status == "ok":
        cut = made.together
        found.append(pooling((*cut.sides, *cut.others), paired=cut.paired, pools=cut.pools))
    found += companion_notes(made.fields, design.alpha)
    if contrast.margin is not None and contrast.margin_set_later:
        found.append(note("margin_set_later"))
    return found


def _status(made: Answered, design: Design, contrast: Contrast) -> Note:
    cut, facts = made.together, design.metrics[contrast.metric]
    if made.status == "no_data":
        empty = [arm for arm, runs in zip(cut.arms, cut.runs, strict=True) if not runs]
        if empty:
            return note("no_data_of", arms=", ".join(empty), listed=cut.n_listed)
        return note("no_images_in_common", listed=cut.n_listed)
    if made.status == "insufficient_n":
        return note("insufficient_n", n=cut.n_clusters, **units(cut.patients))
    if made.status == "insufficient_runs":
        single = [arm for arm, runs in zip(cut.arms, cut.runs, strict=True) if len(runs) < 2]
        return note("insufficient_runs", arm=", ".join(single))
    if made.status == "zero_variance_shift":
        return note("contrast_constant", value=float(made.fields["estimate"]))
    if made.status == "undefined_metric":
        undefined = facts.undefined or "fewer than two films of a class"
        return note("undefined_metric", metric=facts.title, reason=undefined, reason_ko="클래스별 영상 2장 미만")
    if made.status == "auc_boundary":
        figures = np.concatenate([side.figures for side in cut.sides])
        return note("auc_boundary", runs=int(np.isin(figures, (0.0, 1.0)).sum()), n=len(figures))
    return note(made.status)


def _runs(made: Answered, design: Design, contrast: Contrast, source: Source) -> Iterator[Note]:
    used: set[str] = set()
    if isinstance(source, Block):
        used = {run.run_id for run, row in zip(source.runs, source.values, strict=True) if np.isfinite(row).any()}
    elif isinstance(source, RunFigures):
        used = {run.run_id for run in source.runs}
    failed = {}
    for arm in made.together.arms:
        wanted = planned(design, contrast.model, arm)
        absent = without_value(wanted, used)
        failed[arm] = sum(is_lost(run) for run in wanted)
        if absent:
            english = "; ".join(f"seed {run.seed} of {arm} {reason(run)}" for run in absent)
            korean = ", ".join(f"시드 {run.seed}: {reason_ko(run)}" for run in absent)
            k = len(wanted) - len(absent)
            yield note("missing_runs", arm=arm, k=k, n=len(wanted), which=english, which_ko=korean)
    if len(set(failed.values())) > 1:
        yield note("failures_by_cell", counts=", ".join(f"{arm} {n}" for arm, n in failed.items()))


def _pretraining(made: Answered, design: Design, contrast: Contrast) -> Iterator[Note]:
    finished = []
    for arm in made.together.arms:
        runs = tuple(run for run in planned(design, contrast.model, arm) if not is_lost(run))
        finished.append(runs)
        groups = pretraining_groups(runs)
        if 1 < len(groups) < len(runs):
            yield note("pretraining_runs_averaged", arm=arm, runs=len(runs), n=len(groups))
        elif shares_one_pretraining(runs):
            yield note("conditional_on_pretraining", arm=arm)
    pairs = len(common_seeds(finished))
    if design.seeding == "paired" and not made.together.paired and 1 < pairs < FEWEST_PAIRS:
        yield note("few_pairs", n=pairs)


def _images(made: Answered, block: Block) -> Iterator[Note]:
    cut = made.together
    if cut.n_images < cut.n_listed:
        yield note(
            "exclusions",
            used=cut.n_images,
            listed=cut.n_listed,
            not_applicable=cut.n_listed - cut.n_applicable,
            incomplete=cut.n_applicable - cut.n_images,
        )
    if not cut.complete:
        yield note("available_cells", share=f"{100 * cut.share_complete:.0f}", undefined=cut.n_undefined)
    pairs = list(combinations(cut.arms, 2))
    adjusted = adjust([missing_by_arm(block, a, b) for a, b in pairs])
    least = min((p for p in adjusted if p is not None), default=1.0)
    if least < MISSING_BY_ARM:
        shares = ", ".join(f"{arm} {100 * _share_undefined(block, arm):.0f}%" for arm in cut.arms)
        p = f"{least:.3f}" if least >= 0.0005 else "< 0.001"
        runs = sum(len(block.rows(arm)) for arm in cut.arms)
        yield note("missing_by_cell", shares=shares, m=len(pairs), p=p, n=len(block.images), runs=runs)


def _share_undefined(block: Block, arm: str) -> float:
    applicable = np.isfinite(block.values).any(axis=0)
    return float(np.isnan(arm_values(block, arm)[1][:, applicable]).mean())


def _precision(made: Answered) -> Iterator[Note]:
    cut = made.together
    if made.status not in ("no_data", "insufficient_n", "no_variation"):
        for arm, side in zip(cut.arms, cut.sides, strict=True):
            if len(side.figures) > 1 and np.ptp(side.figures) <= 1e-12 * np.abs(side.figures).max():
                yield note("zero_run_variance", arm=arm)
    if made.status == "ok":
        if cut.fewest == 2:
            yield note("two_runs_somewhere", df=f"{made.fields['df']:.1f}")
        if made.fields["v_case"] < 0:
            yield note("v_case_negative")
    if made.status in ("ok", "insufficient_runs") and cut.n_clusters < FEW_CLUSTERS:
        yield note("few_clusters", n=cut.n_clusters, **units(cut.patients))


def interaction_notes(made: Answered, factorial: Factorial, *, inside: bool) -> Iterator[Note]:
    """Which effects answer the question, and why."""
    margin, factor = made.fields.get("margin"), factorial.factors[0].replace("_", " ")
    if made.status != "ok":
        yield note("interaction_unknown", factor=factor)
    elif margin is None:
        yield note("interaction_without_margin", factor=factor)
    elif inside:
        yield note("interaction_inside", margin=float(margin))
    else:
        yield note("interaction_open", margin=float(margin), factor=factor)
