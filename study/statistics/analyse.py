"""From the score table to everything the report reads."""

from __future__ import annotations

import pandas as pd

from study.errors import StudyError
from study.records import Analysis, Design, Finding
from study.statistics.agreement import agreements
from study.statistics.cells import gather
from study.statistics.comparison import Draft
from study.statistics.cross import cross_means
from study.statistics.curves import CurveTable, summarise
from study.statistics.dose_response import dose_responses
from study.statistics.drafts import draft
from study.statistics.families import settle
from study.statistics.means import figures_of, means, run_means
from study.statistics.notes import annotate, sentences
from study.statistics.omnibus_arms import omnibus
from study.statistics.rankings import rankings
from study.statistics.reliability import reliability
from study.statistics.resampling import resample
from study.statistics.sentences import note
from study.statistics.spreads import spreads
from study.statistics.summaries import components, image_differences, seed_differences
from study.statistics.two_by_two import factorial_effects
from study.statistics.undefined import with_rules


def analyse(
    design: Design,
    scores: pd.DataFrame,
    predictions: pd.DataFrame | None = None,
    curves: CurveTable | None = None,
    *,
    run_scores: pd.DataFrame | None = None,
    cross: pd.DataFrame | None = None,
    agreement: pd.DataFrame | None = None,
) -> Analysis:
    """Every contrast of the design with every question it can answer, and what tables and pictures need.

    Args:
        design: fixed before results are seen.
        scores: one row per run, image, attribution and metric: `run_id, arm, model, seed, image_id, cluster,
            attribution, metric, metric_version, value, reason`; NaN = undefined.
        predictions: one row per run and test image: `run_id, arm, model, seed, image_id, cluster, label, p_0 ...`;
            `auc`, `accuracy`, `brier`, `ece` and, where the design names more than two classes, `auc[class=...]` are
            made of it, as far as the design describes them.
        curves: (run id, attribution) -> deletion curves, rows in the order of the images in the tables.
        run_scores: figures that a run has one of, such as `unique_detectors[layer=2]`: `run_id, arm, model, seed,
            metric, value`; NaN = undefined. They get means, no contrasts.
        cross: maps of a run scored on models of other arms, one row per evaluator and image: `run_id, arm, model,
            seed, attribution, evaluator, image_id, cluster, metric, value`; NaN = undefined.
        agreement: rank correlation of the maps of every two runs, one row per pair and image: `model, arm_a, arm_b,
            attribution, run_a, run_b, image_id, cluster, value`; NaN = undefined.

    Returns:
        A design with one arm has no contrasts and so no findings; its rankings say which attribution method each
        metric prefers.
        Findings in the order of `design.contrasts`. `Finding.status` is `ok` where the question about retraining
        was answered, else the code of what prevented it; `notes` then starts with that code. The adjusted p
        belongs to the primary p, and to the p of the trained models where a single run per arm
        leaves only that.

    Raises:
        StudyError: a cell occurs twice, arms list different images, a contrast names an unknown metric, or the
            predictions have other columns than the design has classes.
    """
    unknown = [contrast for contrast in design.contrasts if contrast.metric not in design.metrics]
    if unknown:
        raise StudyError(
            f"contrast {unknown[0].contrast_id}: metric {unknown[0].metric!r} is not described by the design; "
            f"known: {', '.join(sorted(design.metrics))}"
        )
    cells = with_rules(design, gather(design, scores, predictions))
    parts, figures = components(design, cells), figures_of(design, cells, run_scores)
    drafts = [draft(design, contrast, cells, figures) for contrast in design.contrasts]
    resample(design, drafts, cells)
    ranked = rankings(design, cells)
    for made in drafts:
        annotate(made, design, cells, ranked)
    settle(design, drafts)
    findings = tuple(_finding(made) for made in drafts)
    doses, dose_levels = dose_responses(design, cells, figures)
    return Analysis(
        design=design,
        findings=findings,
        means=means(design, cells, figures),
        run_means=run_means(design, cells, figures),
        components=parts,
        image_differences=image_differences(drafts, cells),
        seed_differences=seed_differences(drafts, cells),
        curves=summarise(design, curves, cells) if curves else (),
        rankings=ranked,
        cross=cross_means(design, cross),
        spreads=spreads(design, cells, figures),
        factorial=factorial_effects(design, cells, figures, findings),
        doses=doses,
        dose_levels=dose_levels,
        notes=_study_notes(design),
        omnibus=omnibus(design, cells),
        agreement=agreements(design, agreement),
        reliability=reliability(design, cells, ranked, parts),
    )


def _finding(made: Draft) -> Finding:
    contrast = made.contrast
    return Finding(
        contrast_id=contrast.contrast_id,
        question=contrast.question,
        family=contrast.family,
        model=contrast.model,
        attribution=contrast.attribution,
        metric=contrast.metric,
        treatment=contrast.treatment,
        control=contrast.control,
        higher_is_better=made.facts.higher_is_better,
        status=made.status,
        margin=contrast.margin,
        margin_set_later=contrast.margin_set_later,
        **sentences(made.notes),
        **made.fields,
    )


def _study_notes(design: Design) -> tuple[str, ...]:
    """Sentences about the study as a whole."""
    found = []
    diverged = [run.run_id for run in design.runs if run.diverged]
    if diverged:
        found.append(note("diverged_runs", runs=", ".join(diverged)).english)
    return tuple(found)
