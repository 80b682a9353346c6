"""Which notes a finding carries: what happened to its runs and images, and how its tests compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from study.records import Contrast, Design, RunStatus
from study.statistics.auc import usable_classes
from study.statistics.cells import Block, Cells
from study.statistics.companions import smallest_sign_p
from study.statistics.comparison import FEWEST_PAIRS, Draft, find_block, n_pairs
from study.statistics.floats import Floats
from study.statistics.missing import (
    MISSING_BY_ARM,
    compare,
    missing_by_arm,
    pretraining_groups,
    shares_one_pretraining,
    undefined_as,
)
from study.statistics.resampling import units
from study.statistics.sentences import Note, note

FEW_CLUSTERS = 10
AT_LIMIT_SHARE = 0.15
MANY_ZEROS = 0.5
HEAVY_SHARE = 0.1
HEAVY_FROM = 20
"""With fewer images one of them always holds a tenth of the squared differences."""
UNRELIABLE_ALPHA = 0.4

_STATES_KO = {"failed": "실패", "blocked": "선행 단계 실패", "missing": "실행 안 됨", "done": "완료"}


def annotate(made: Draft, design: Design, cells: Cells, alphas: Mapping[tuple[str, str, str], float | None]) -> None:
    """Put the sentence of the status first, then every note that applies, in a fixed order."""
    contrast = made.contrast
    key = (contrast.model, contrast.attribution, contrast.metric)
    block = find_block(cells, key)
    before = [] if made.status == "ok" else [_status(made, cells)]
    found = [*_runs(made, design, _used(made, block, cells)), *_pretraining(made, design)]
    if made.compared is not None and block is not None and made.status != "no_data":
        found += [*_images(made, block), *_shape(made)]
    found += _precision(made, cells)
    made.notes = [*before, *found, *made.notes, *_companions(made.fields, design.alpha)]
    if contrast.margin is not None and contrast.margin_set_later:
        made.notes.append(note("margin_set_later"))
    alpha = alphas.get(key)
    if alpha is not None and alpha < UNRELIABLE_ALPHA and not made.facts.per_run:
        made.notes.append(note("metric_unreliable", alpha=float(alpha)))


def _status(made: Draft, cells: Cells) -> Note:
    fields, contrast = made.fields, made.contrast
    if made.status == "no_data":
        lacking = contrast.treatment if not fields.get("n_runs_treatment") else contrast.control
        return note("no_data", metric=made.facts.title, arm=lacking, n=0, listed=fields.get("n_images_listed", 0))
    if made.status == "insufficient_n":
        n = fields["n_clusters"]
        return note("insufficient_n", n=n, **units(n < fields["n_images"]))
    if made.status == "insufficient_runs":
        alone = [
            arm for arm, side in (("treatment", "n_runs_treatment"), ("control", "n_runs_control")) if fields[side] < 2
        ]
        return note("insufficient_runs", arm=", ".join(str(getattr(contrast, arm)) for arm in alone))
    if made.status == "zero_variance_shift":
        return note("zero_variance_shift", shift=float(fields["estimate"]))
    if made.status == "undefined_metric":
        reason = made.facts.undefined or "fewer than two films of a class"
        return note("undefined_metric", metric=made.facts.title, reason=reason, reason_ko="클래스별 영상 2장 미만")
    if made.status == "auc_boundary":
        return _boundary(made)
    return note(made.status)


def _boundary(made: Draft) -> Note:
    assert made.sides is not None
    figures = np.concatenate([side.figures for side in made.sides])
    return note("auc_boundary", runs=int(np.isin(figures, (0.0, 1.0)).sum()), n=len(figures))


def _planned(design: Design, contrast: Contrast, arm: str) -> tuple[RunStatus, ...]:
    return tuple(run for run in design.runs if run.arm == arm and run.model == contrast.model)


def _lost(run: RunStatus) -> bool:
    return run.state != "done" or run.diverged


def _used(made: Draft, block: Block | None, cells: Cells) -> set[str]:
    """Runs with at least one value of the contrast's metric."""
    if block is not None:
        return {run.run_id for run, row in zip(block.runs, block.values, strict=True) if np.isfinite(row).any()}
    predictions = cells.predictions.get(made.contrast.model) if made.contrast.metric == "auc" else None
    return {run.run_id for run in predictions.runs} if predictions else set()


def _runs(made: Draft, design: Design, used: set[str]) -> Iterator[Note]:
    contrast = made.contrast
    failed = []
    for arm in (contrast.treatment, contrast.control):
        planned = _planned(design, contrast, arm)
        lost = [run for run in planned if _lost(run) or run.run_id not in used]
        failed.append(sum(_lost(run) for run in planned))
        if lost:
            english = "; ".join(f"seed {run.seed} of {arm} {_reason(run)}" for run in lost)
            korean = ", ".join(f"시드 {run.seed}: {_reason_ko(run)}" for run in lost)
            yield note(
                "missing_runs", arm=arm, k=len(planned) - len(lost), n=len(planned), which=english, which_ko=korean
            )
    if failed[0] != failed[1]:
        yield note(
            "failures_by_arm",
            treatment=contrast.treatment,
            control=contrast.control,
            failed_treatment=failed[0],
            failed_control=failed[1],
        )


def _reason(run: RunStatus) -> str:
    if run.diverged:
        return "diverged"
    if run.state == "done":
        return "has no value of this metric"
    return f"{run.state}: {run.reason}" if run.reason else run.state


def _reason_ko(run: RunStatus) -> str:
    if run.diverged:
        return "발산"
    if run.state == "done":
        return "이 지표의 값 없음"
    return f"{_STATES_KO[run.state]} ({run.reason})" if run.reason else _STATES_KO[run.state]


def _pretraining(made: Draft, design: Design) -> Iterator[Note]:
    contrast = made.contrast
    sides = []
    for arm in (contrast.treatment, contrast.control):
        runs = tuple(run for run in _planned(design, contrast, arm) if not _lost(run))
        sides.append(runs)
        groups = pretraining_groups(runs)
        if 1 < len(groups) < len(runs):
            yield note("pretraining_runs_averaged", arm=arm, runs=len(runs), n=len(groups))
        elif shares_one_pretraining(runs):
            yield note("conditional_on_pretraining", arm=arm)
    if design.seeding == "paired" and not made.paired and 1 < n_pairs(sides[0], sides[1]) < FEWEST_PAIRS:
        yield note("few_pairs", n=n_pairs(sides[0], sides[1]))


def _images(made: Draft, block: Block) -> Iterator[Note]:
    compared, contrast = made.compared, made.contrast
    assert compared is not None
    used = len(compared.images)
    if used < compared.n_listed:
        absent = compared.n_listed - compared.n_applicable
        yield note(
            "exclusions",
            used=used,
            listed=compared.n_listed,
            not_applicable=absent,
            incomplete=compared.n_applicable - used,
        )
    if not compared.complete:
        full = _complete_share(block, contrast)
        yield note("available_cells", share=f"{100 * full:.0f}", undefined=compared.n_undefined)
    p_missing = missing_by_arm(block, contrast.treatment, contrast.control)
    if p_missing is not None and p_missing < MISSING_BY_ARM:
        worst = _with_undefined_as_worst(made, block)
        made.fields["estimate_undefined_worst"] = worst
        yield note(
            "missing_by_arm",
            p=f"{p_missing:.3f}" if p_missing >= 0.0005 else "< 0.001",
            worst=worst if worst is not None else "–",
            dropped=float(made.fields["estimate"]),
        )


def _complete_share(block: Block, contrast: Contrast) -> float:
    rows = np.concatenate([block.rows(contrast.treatment), block.rows(contrast.control)])
    applicable = np.isfinite(block.values).any(axis=0)
    full = np.isfinite(block.values[rows]).all(axis=0)
    return float(full.sum() / max(int(applicable.sum()), 1))


def _with_undefined_as_worst(made: Draft, block: Block) -> float | None:
    higher = made.facts.higher_is_better
    worst = None if higher is None else made.facts.bounds[0 if higher else 1]
    if worst is None:
        return None
    again = compare(undefined_as(block, worst), made.contrast.treatment, made.contrast.control, paired=made.paired)
    return float(again.differences.mean())


def _shape(made: Draft) -> Iterator[Note]:
    compared, d = made.compared, made.differences
    assert compared is not None
    assert d is not None
    yield from _identical_runs(made)
    if not made.facts.per_run:
        values = np.concatenate([compared.treatment.ravel(), compared.control.ravel()])
        low, high = made.facts.bounds
        for code, limit in (("ceiling", high), ("floor", low)):
            share = float((values == limit).mean()) if limit is not None else 0.0
            if share >= AT_LIMIT_SHARE:
                assert limit is not None
                yield note(code, share=f"{100 * share:.0f}", limit=f"{limit:g}")
    if made.status in ("no_variation", "insufficient_n"):
        return
    if np.ptp(d) == 0 and made.status != "zero_variance_shift":
        yield note("zero_variance_shift", shift=float(d[0]))
    zeros = float((d == 0).mean())
    if zeros > MANY_ZEROS:
        yield note("many_ties", share=f"{100 * zeros:.0f}")
    n_nonzero = made.fields.get("n_nonzero", len(d))
    if smallest_sign_p(n_nonzero) > 0.05:
        yield note("underpowered_exact", n=n_nonzero, floor=f"{smallest_sign_p(n_nonzero):g}")
    yield from _tails(made, d)


def _identical_runs(made: Draft) -> Iterator[Note]:
    assert made.sides is not None
    for arm, side in zip((made.contrast.treatment, made.contrast.control), made.sides, strict=True):
        figures = side.figures
        if len(figures) > 1 and np.ptp(figures) <= 1e-12 * np.abs(figures).max():
            yield note("zero_run_variance", arm=arm)


def _tails(made: Draft, d: Floats) -> Iterator[Note]:
    if len(d) < HEAVY_FROM:
        return
    squares = d**2
    total = float(squares.sum())
    facts = {"trimmed": float(made.fields["trimmed_mean"]), "hl": float(made.fields["hodges_lehmann"])}
    shares = squares / total if total > 0 else squares
    if shares.max() > HEAVY_SHARE:
        count = int((shares > HEAVY_SHARE).sum())
        yield note("heavy_tails", n=count, share=f"{100 * float(shares.max()):.0f}", **facts)
    elif d.mean() * np.median(d) < 0:
        yield note("mean_median_sign", **facts)


def _precision(made: Draft, cells: Cells) -> Iterator[Note]:
    fields = made.fields
    if made.status == "ok":
        fewest = min(fields["n_runs_treatment"], fields["n_runs_control"])
        if fewest == 2:
            yield note("two_runs", df=f"{fields['df']:.1f}")
        if fields["v_case"] < 0:
            yield note("v_case_negative")
        floor = fields["p_permutation_floor"]
        if floor is not None and floor > 0.05:
            runs = {"treatment": fields["n_runs_treatment"], "control": fields["n_runs_control"]}
            yield note("permutation_floor", **runs, floor=f"{floor:.3g}")
    if made.status in ("ok", "insufficient_runs") and fields["n_clusters"] < FEW_CLUSTERS:
        yield note("few_clusters", n=fields["n_clusters"], **units(fields["n_clusters"] < fields["n_images"]))
    if made.rows is not None:
        if made.status == "ok" and made.sides is not None:
            figures = np.concatenate([side.figures for side in made.sides])
            if np.isin(figures, (0.0, 1.0)).any():
                yield _boundary(made)
        predictions = cells.predictions[made.contrast.model]
        n_classes = predictions.probabilities.shape[2]
        used = len(usable_classes(predictions.labels, n_classes))
        if n_classes > 2 and used < n_classes:
            yield note("classes_left_out", k=used, n=n_classes)


def _companions(fields: Mapping[str, float | None], alpha: float) -> Iterator[Note]:
    """Why the primary analysis and its companions disagree, where they do."""
    p, p_models, p_images = fields.get("p_value"), fields.get("p_models"), fields.get("p_images")
    if p is not None and p >= alpha:
        if p_models is not None and p_models < alpha:
            yield note("models_not_recipe")
        elif p_images is not None and p_images < alpha:
            yield note("few_images")
    p_rank = fields.get("p_wilcoxon")
    if p_models is not None and p_rank is not None and (p_models < alpha) != (p_rank < alpha):
        yield note("rank_vs_mean")


def sentences(finding_notes: list[Note]) -> dict[str, Any]:
    """The fields of a `Finding` that hold notes: codes and both languages, in the same order."""
    return {
        "notes": tuple(item.code for item in finding_notes),
        "sentences_en": tuple(item.english for item in finding_notes),
        "sentences_ko": tuple(item.korean for item in finding_notes),
    }
