"""From the score table to everything the report reads."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from study.errors import StudyError
from study.records import Analysis, Design, Finding
from study.statistics.cells import gather
from study.statistics.comparison import Draft, draft
from study.statistics.cross import cross_means
from study.statistics.curves import CurveTable, summarise
from study.statistics.means import figures_of, means, run_means
from study.statistics.multiplicity import adjust
from study.statistics.notes import annotate, sentences
from study.statistics.rankings import rankings
from study.statistics.resampling import resample
from study.statistics.sentences import note
from study.statistics.summaries import components, image_differences, seed_differences


def analyse(
    design: Design,
    scores: pd.DataFrame,
    predictions: pd.DataFrame | None = None,
    curves: CurveTable | None = None,
    *,
    run_scores: pd.DataFrame | None = None,
    cross: pd.DataFrame | None = None,
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
    cells = gather(design, scores, predictions)
    drafts = [draft(design, contrast, cells) for contrast in design.contrasts]
    resample(design, drafts, cells)
    parts, figures = components(design, cells), figures_of(design, cells, run_scores)
    alphas = {(part.model, part.attribution, part.metric): part.alpha for part in parts}
    for made in drafts:
        annotate(made, design, cells, alphas)
    return Analysis(
        design=design,
        findings=_findings(drafts),
        means=means(design, cells, figures),
        run_means=run_means(design, cells, figures),
        components=parts,
        image_differences=image_differences(drafts, cells),
        seed_differences=seed_differences(drafts, cells),
        curves=summarise(design, curves, cells) if curves else (),
        rankings=rankings(design, cells),
        cross=cross_means(design, cross),
        notes=_study_notes(design),
    )


def _findings(drafts: Sequence[Draft]) -> tuple[Finding, ...]:
    families: dict[str, list[Draft]] = {}
    for made in drafts:
        families.setdefault(_family(made), []).append(made)
    for name, members in families.items():
        _adjust(members, name)
    return tuple(_finding(made) for made in drafts)


def _family(made: Draft) -> str:
    """Primary contrasts are one family; secondary ones one family per question."""
    contrast = made.contrast
    return f"secondary {contrast.question}" if contrast.family == "secondary" else contrast.family


def _adjust(members: Sequence[Draft], family: str) -> None:
    if family == "exploratory":
        for made in members:
            made.fields |= {"m": 0}
        return
    method = "holm" if family == "primary" else "bh"
    adjusted = adjust([_tested(made) for made in members], method)
    for made, p in zip(members, adjusted, strict=True):
        made.fields |= {"m": len(members), "p_adjusted": p, "adjustment": method}


def _tested(made: Draft) -> float | None:
    """The p that a family adjusts: of the recipe, or of these models where there is one run per arm."""
    name = "p_models" if made.status == "insufficient_runs" else "p_value"
    p: float | None = made.fields.get(name)
    return p


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
