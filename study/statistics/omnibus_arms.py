"""Three arms or more at once, for every attribution and metric: context for the contrasts, never a gate before them.

Training again and new images: Obuchowski and Rockette's F. These trained models, runs averaged, on new images:
repeated measures (Greenhouse-Geisser always applied), ranks of the arms with a critical difference, and the signed
rank against the reference with Holm's adjustment. Blocks are images, or patients where one has several; never rows,
which share images and models.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from study.records import Design, Omnibus
from study.statistics.cells import Cells, Key
from study.statistics.companions import signed_rank
from study.statistics.comparison import FEWEST_PAIRS
from study.statistics.floats import Floats, magnitude, number, rounded
from study.statistics.influence import cluster_totals
from study.statistics.missing import arm_values, common_seeds, shares_one_pretraining
from study.statistics.multiplicity import adjust
from study.statistics.notes import sentences
from study.statistics.omnibus import (
    critical_difference,
    friedman,
    nemenyi_against,
    nested_f,
    paired_f,
    repeated_measures,
)
from study.statistics.rankings import FEW_BLOCKS, rank_groups
from study.statistics.resampling import units
from study.statistics.sentences import Note, note
from study.statistics.several import Together, together

FEWEST_ARMS = 3
"""Two arms are a contrast, which says all that these tests could."""


def omnibus(design: Design, cells: Cells) -> tuple[Omnibus, ...]:
    """Every model, attribution that is no control, and per-image metric of a design with three arms or more."""
    if len(design.arms) < FEWEST_ARMS:
        return ()
    keys = [
        (model, attribution, metric)
        for model in design.models
        for attribution in design.attributions
        for metric, facts in design.metrics.items()
        if not facts.per_run and (model, attribution, metric) in cells.blocks
    ]
    return tuple(_omnibus(design, cells, key) for key in keys)


def _omnibus(design: Design, cells: Cells, key: Key) -> Omnibus:
    model, attribution, metric = key
    facts, block = design.metrics[metric], cells.blocks[key]
    arms = tuple(arm for arm in design.arms if arm_values(block, arm)[0])
    found = together(block, arms, design, cells) if arms else together(None, arms, design, cells)
    status = _status(found)
    fields: dict[str, Any] = {
        "n_runs": tuple(len(runs) for runs in found.runs),
        "n_images": found.n_images,
        "n_blocks": found.n_clusters,
        "blocks": "patients" if found.patients else "images",
        "seeding": "paired" if found.paired else "nested",
    }
    notes = [*_first(found, status, facts.title), *_runs(found, design), *_images(found, status)]
    if status not in ("too_few_arms", "insufficient_n"):
        assert found.by_image is not None
        fields["means"] = tuple(float(side.figures.mean()) for side in found.sides)
        by_block = cluster_totals(found.by_image, found.clusters) / np.bincount(found.clusters)
        made, more = _models(rounded(by_block), found, design, facts.higher_is_better)
        fields |= made
        notes += [note(code, **units(found.patients)) if code == "omnibus_ties" else note(code) for code in more]
    if status == "ok":
        fields |= (recipe := _recipe(found))
        if not recipe:
            status = "zero_run_variance"
            notes.insert(0, note(status, arm=", ".join(found.arms)))
    return Omnibus(
        model,
        attribution,
        metric,
        facts.higher_is_better,
        found.arms,
        design.reference,
        status,
        **fields,
        **sentences(notes),
    )


def _status(found: Together) -> str:
    if len(found.arms) < FEWEST_ARMS:
        return "too_few_arms"
    if found.n_clusters < 2:
        return "insufficient_n"
    return "ok" if found.fewest > 1 else "insufficient_runs"


def _recipe(found: Together) -> dict[str, float | None]:
    """F for retraining and new images; empty where nothing varies over runs."""
    test = paired_f(found.sides) if found.paired else nested_f(found.sides)
    scale = magnitude(*found.values)
    if not test.denominator > (1e-12 * scale) ** 2 or not np.isfinite(test.df2):
        return {}
    return {"f_recipe": test.f, "df1_recipe": float(test.df1), "df2_recipe": test.df2, "p_recipe": test.p_value}


def _models(values: Floats, found: Together, design: Design, higher: bool | None) -> tuple[dict[str, Any], list[str]]:
    """Repeated measures and ranks over blocks, from `values` [T, G]; and codes of what could not be had."""
    fields: dict[str, Any] = {}
    codes: list[str] = []
    n_arms, n_blocks = values.shape
    left = rounded(values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean(), magnitude(values))
    if n_blocks > n_arms and left.any():
        fields |= _repeated(values)
    elif n_blocks > n_arms:
        codes.append("omnibus_no_residual")
    test = friedman(-values.T if higher else values.T)
    if np.isnan(test.chi2):
        return fields, [*codes, "omnibus_ties"]
    fields |= {
        "friedman_chi2": number(test.chi2),
        "friedman_p": number(test.p_value),
        "kendall_w": number(test.kendall_w),
        "iman_davenport_f": number(test.iman_davenport_f),
        "iman_davenport_p": number(test.iman_davenport_p),
    }
    if higher is not None:
        difference = critical_difference(n_arms, n_blocks, design.alpha)
        bars = rank_groups(test.average_ranks.tolist(), difference)
        fields |= {
            "average_ranks": tuple(test.average_ranks.tolist()),
            "critical_difference": difference,
            "groups": tuple(tuple(found.arms[i] for i in bar) for bar in bars),
        }
    if design.reference in found.arms:
        fields |= _against(values, found.arms.index(design.reference), test.average_ranks)
    return fields, codes


def _repeated(values: Floats) -> dict[str, float | None]:
    test = repeated_measures(values.T)
    named = {
        "f_models": test.f,
        "df1_models": test.df1 * test.gg_epsilon,
        "df2_models": test.df2 * test.gg_epsilon,
        "p_models": test.p_gg,
        "p_uncorrected": test.p_value,
        "p_huynh_feldt": test.p_hf,
        "gg_epsilon": test.gg_epsilon,
        "hf_epsilon": test.hf_epsilon,
        "mauchly_w": test.mauchly_w,
        "mauchly_p": test.mauchly_p,
        "partial_eta_squared": test.partial_eta_squared,
        "generalised_eta_squared": test.generalised_eta_squared,
    }
    return {name: number(value) for name, value in named.items()}


def _against(values: Floats, reference: int, average_ranks: Floats) -> dict[str, tuple[float | None, ...]]:
    """Every arm against the reference: from all pairs of ranks, and by the signed rank with Holm's adjustment."""
    others = [i for i in range(len(values)) if i != reference]
    scale = magnitude(values)
    differences = [rounded(values[i] - values[reference], scale) for i in others]
    tests = [(signed_rank(d), signed_rank(d, "drop")) for d in differences]
    ranked = [number(ours.p_value) for ours, _ in tests]
    dropped = [number(theirs.p_normal) for _, theirs in tests]
    apart = nemenyi_against(average_ranks, values.shape[1], reference)

    def placed(found: list[float | None]) -> tuple[float | None, ...]:
        return (*found[:reference], None, *found[reference:])

    return {
        "p_nemenyi": placed([number(apart[i]) for i in others]),
        "p_wilcoxon": placed(ranked),
        "p_holm": placed(adjust(ranked, "holm")),
        "p_wilcoxon_dropped": placed(dropped),
        "p_holm_dropped": placed(adjust(dropped, "holm")),
    }


def _first(found: Together, status: str, metric: str) -> Iterator[Note]:
    """The sentence of the status."""
    if status == "too_few_arms":
        yield note("too_few_arms", metric=metric, n=len(found.arms))
    if status == "insufficient_n":
        yield note("insufficient_n", n=found.n_clusters, **units(found.patients))
    if status == "insufficient_runs":
        single = [arm for arm, runs in zip(found.arms, found.runs, strict=True) if len(runs) < 2]
        yield note("insufficient_runs", arm=", ".join(single))


def _runs(found: Together, design: Design) -> Iterator[Note]:
    left_out = [arm for arm in design.arms if arm not in found.arms]
    if left_out and found.arms:
        yield note("arms_left_out", arms=", ".join(left_out), n=len(found.arms))
    if design.seeding == "paired" and found.arms and not found.paired:
        n = len(common_seeds(found.runs))
        if n < FEWEST_PAIRS:
            yield note("few_pairs", n=n)
    for arm, runs in zip(found.arms, found.runs, strict=True):
        if shares_one_pretraining(runs):
            yield note("conditional_on_pretraining", arm=arm)


def _images(found: Together, status: str) -> Iterator[Note]:
    used, unit, k = found.n_images, units(found.patients), len(found.arms)
    if used < found.n_listed:
        apart = {"not_applicable": found.n_listed - found.n_applicable, "incomplete": found.n_applicable - used}
        yield note("exclusions", used=used, listed=found.n_listed, **apart)
    if not found.complete and used:
        yield note("available_cells", share=f"{100 * found.share_complete:.0f}", undefined=found.n_undefined)
    if status in ("ok", "insufficient_runs"):
        if found.n_clusters <= k:
            yield note("omnibus_few_blocks", n=found.n_clusters, k=k, least=k + 1, **unit)
        if found.n_clusters < FEW_BLOCKS:
            yield note("few_blocks", n=found.n_clusters, **unit)
