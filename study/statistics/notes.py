"""Which notes a finding carries: what happened to its runs and images, and how its tests compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from study.records import Contrast, Design, Ranking
from study.statistics.auc import usable_classes
from study.statistics.cells import Block, Cells
from study.statistics.companions import smallest_sign_p
from study.statistics.comparison import FEWEST_PAIRS, Draft, find_block
from study.statistics.effect_sizes import improvements
from study.statistics.floats import Floats
from study.statistics.missing import common_seeds, pretraining_groups, shares_one_pretraining
from study.statistics.primary import ArmFigures
from study.statistics.resampling import units
from study.statistics.run_contrasts import is_auc
from study.statistics.run_words import is_lost, planned, reason, reason_ko
from study.statistics.sentences import Note, note
from study.statistics.undefined import missing_notes, rule_notes

FEW_CLUSTERS = 10
AT_LIMIT_SHARE = 0.15
MANY_ZEROS = 0.5
HEAVY_SHARE = 0.1
HEAVY_FROM = 20
"""With fewer images one of them always holds a tenth of the squared differences."""
UNRELIABLE_ALPHA = 0.4


def annotate(made: Draft, design: Design, cells: Cells, rankings: Sequence[Ranking] = ()) -> None:
    """Put the sentence of the status first, then every note that applies, in a fixed order.

    Args:
        made: filled by the comparison and the resampling.
        design: as given to `analyse`.
        cells: all scores.
        rankings: their alpha says whether images agree on the order of attribution methods.
    """
    contrast = made.contrast
    key = (contrast.model, contrast.attribution, contrast.metric)
    block = find_block(cells, key)
    before = [] if made.status == "ok" else [_status(made, cells)]
    found = [*_runs(made, design, _used(made, block, cells)), *_pretraining(made, design)]
    if made.compared is not None and block is not None and made.status != "no_data":
        found += [*_images(made, block, design, cells), *_shape(made, design.alpha)]
    found += _precision(made, design, cells)
    made.notes = [*before, *found, *made.notes, *companion_notes(made.fields, design.alpha)]
    if contrast.margin is not None and contrast.margin_set_later:
        made.notes.append(note("margin_set_later"))
    made.notes.extend(_reliability(made, design, rankings))


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


def _reliability(made: Draft, design: Design, rankings: Sequence[Ranking]) -> Iterator[Note]:
    """Images that rank attribution methods at random on this metric, in the reference arm; controls are no methods."""
    wanted = (made.contrast.model, design.reference, made.contrast.metric)
    for row in rankings:
        methods = [label for label in row.attributions if label not in design.controls]
        known = (row.model, row.arm, row.metric) == wanted and len(methods) > 1
        if known and row.alpha is not None and row.alpha < UNRELIABLE_ALPHA:
            yield note("metric_unreliable", alpha=float(row.alpha), n=len(row.attributions), arm=row.arm)


def _boundary(made: Draft) -> Note:
    assert made.sides is not None
    figures = np.concatenate([side.figures for side in made.sides])
    return note("auc_boundary", runs=int(np.isin(figures, (0.0, 1.0)).sum()), n=len(figures))


def _used(made: Draft, block: Block | None, cells: Cells) -> set[str]:
    """Runs with at least one value of the contrast's metric."""
    if block is not None:
        return {run.run_id for run, row in zip(block.runs, block.values, strict=True) if np.isfinite(row).any()}
    predictions = cells.predictions.get(made.contrast.model) if made.rows is not None else None
    return {run.run_id for run in predictions.runs} if predictions else set()


def _runs(made: Draft, design: Design, used: set[str]) -> Iterator[Note]:
    contrast = made.contrast
    failed = []
    for arm in (contrast.treatment, contrast.control):
        wanted = planned(design, contrast.model, arm)
        lost = [run for run in wanted if is_lost(run) or run.run_id not in used]
        failed.append(sum(is_lost(run) for run in wanted))
        if lost:
            english = "; ".join(f"seed {run.seed} of {arm} {reason(run)}" for run in lost)
            korean = ", ".join(f"시드 {run.seed}: {reason_ko(run)}" for run in lost)
            yield note(
                "missing_runs", arm=arm, k=len(wanted) - len(lost), n=len(wanted), which=english, which_ko=korean
            )
    if failed[0] != failed[1]:
        yield note(
            "failures_by_arm",
            treatment=contrast.treatment,
            control=contrast.control,
            failed_treatment=failed[0],
            failed_control=failed[1],
        )


def _pretraining(made: Draft, design: Design) -> Iterator[Note]:
    contrast = made.contrast
    sides = []
    for arm in (contrast.treatment, contrast.control):
        runs = tuple(run for run in planned(design, contrast.model, arm) if not is_lost(run))
        sides.append(runs)
        groups = pretraining_groups(runs)
        if 1 < len(groups) < len(runs):
            yield note("pretraining_runs_averaged", arm=arm, runs=len(runs), n=len(groups))
        elif shares_one_pretraining(runs):
            yield note("conditional_on_pretraining", arm=arm)
    if design.seeding == "paired" and not made.paired and 1 < len(common_seeds(sides)) < FEWEST_PAIRS:
        yield note("few_pairs", n=len(common_seeds(sides)))


def _images(made: Draft, block: Block, design: Design, cells: Cells) -> Iterator[Note]:
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
    if block.listed is not None:
        yield note("images_common", low=block.listed[0], high=block.listed[1], n=compared.n_listed)
    yield from rule_notes(made, block)
    yield from missing_notes(made, block, design, cells)


def _complete_share(block: Block, contrast: Contrast) -> float:
    rows = np.concatenate([block.rows(contrast.treatment), block.rows(contrast.control)])
    applicable = np.isfinite(block.values).any(axis=0)
    full = np.isfinite(block.values[rows]).all(axis=0)
    return float(full.sum() / max(int(applicable.sum()), 1))


def _shape(made: Draft, alpha: float) -> Iterator[Note]:
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
    if smallest_sign_p(n_nonzero) > alpha:
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
    robust = {"trimmed": made.fields["trimmed_mean"], "hl": made.fields["hodges_lehmann"]}
    facts = {name: round(float(value), 4) + 0.0 for name, value in robust.items()}
    shares = squares / total if total > 0 else squares
    opposite = d.mean() * np.median(d) < 0
    if shares.max() > HEAVY_SHARE or opposite:
        count = int((shares > HEAVY_SHARE).sum()) or _carriers(d)
        yield note("heavy_tails", n=count, share=f"{100 * float(shares.max()):.0f}", **facts)
    if opposite:
        yield note("mean_median_sign")


def _carriers(d: Floats) -> int:
    """How many of the differences, largest first, must go for the mean to have the sign of the median."""
    towards = np.sort(d * np.sign(d.mean()))[::-1]
    left = towards.sum() - np.cumsum(towards)
    return int(np.argmax(left <= 0)) + 1


def _precision(made: Draft, design: Design, cells: Cells) -> Iterator[Note]:
    fields = made.fields
    if made.status == "ok":
        fewest = min(fields["n_runs_treatment"], fields["n_runs_control"])
        if fewest == 2:
            yield note("two_runs", df=f"{fields['df']:.1f}")
        if fields["v_case"] < 0:
            yield note("v_case_negative")
        floor = fields["p_permutation_floor"]
        if floor is not None and floor > design.alpha:
            runs = {"treatment": fields["n_runs_treatment"], "control": fields["n_runs_control"]}
            yield note("permutation_floor", **runs, floor=f"{floor:.3g}")
        if design.rules.pool_run_variance:
            assert made.sides is not None
            yield pooling((*made.sides, *made.others), paired=made.paired, pools=made.pools)
    if made.status in ("ok", "insufficient_runs") and fields["n_clusters"] < FEW_CLUSTERS:
        yield note("few_clusters", n=fields["n_clusters"], **units(fields["n_clusters"] < fields["n_images"]))
    if made.fields.get("p_mcnemar") is not None:
        yield _disagreeing(made)
    if made.rows is not None and is_auc(made.contrast.metric):
        if made.status == "ok" and made.sides is not None:
            figures = np.concatenate([side.figures for side in made.sides])
            if np.isin(figures, (0.0, 1.0)).any():
                yield _boundary(made)
        predictions = cells.predictions[made.contrast.model]
        n_classes = predictions.probabilities.shape[2]
        used = len(usable_classes(predictions.labels, n_classes))
        means_classes = n_classes > 2 or predictions.labels.ndim == 2
        if made.contrast.metric == "auc" and means_classes and used < n_classes:
            yield note("classes_left_out", k=used, n=n_classes)


def pooling(arms: Sequence[ArmFigures], *, paired: bool, pools: bool) -> Note:
    """Whose run variance was used, where one for all arms was asked for."""
    if paired:
        return note("pooling_paired")
    if not pools:
        return note("pooling_refused", n=len(arms))
    spreads = [float(arm.figures.std(ddof=1)) for arm in arms]
    ratio = f"{max(spreads) / min(spreads):.1f}" if min(spreads) > 0 else "∞"
    return note("run_variance_pooled", n=len(arms), runs=sum(len(arm.figures) for arm in arms), ratio=ratio)


def _disagreeing(made: Draft) -> Note:
    """The exact McNemar test of one run per arm, with what it rests on."""
    assert made.differences is not None
    p = made.fields["p_mcnemar"]
    better = int(improvements(made.differences, made.facts.higher_is_better)[made.differences != 0].sum())
    return note(
        "exact_mcnemar",
        n=made.fields["n_discordant"],
        images=made.fields["n_images"],
        better=better,
        treatment=made.contrast.treatment,
        p=f"= {p:.3f}" if p >= 0.0005 else "< 0.001",
    )


def companion_notes(fields: Mapping[str, float | None], alpha: float) -> Iterator[Note]:
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
