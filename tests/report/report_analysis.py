"""Made-up findings, means, differences and curves for the report's tests: invented, for layout only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from report_design import Made, study_design
from report_rankings import cross, rankings
from report_reliability import components, omnibus, reliability, run_agreement

from study.records import (
    Analysis,
    Contrast,
    CurveSummary,
    Design,
    Finding,
    ImageDifference,
    Mean,
    RunMean,
    SeedDifference,
)

RUN_LEVELS = {"auc": 0.81, "accuracy": 0.74, "ece": 0.06, "brier": 0.31}
LEVELS = {"ehr": 0.49, "energy_pg": 0.56, "insertion": 0.66, "deletion": 0.21, "deletion_lerf": 0.71, "adcc": 0.7}


def analysis(made: Made) -> Analysis:
    rng = np.random.default_rng(20240415)
    design = study_design(made)
    run_means = tuple(_run_means(made, design, rng))
    findings = tuple(_finding(made, design, contrast, rng) for contrast in design.contrasts)
    primary = [finding for finding in findings if finding.family == "primary" and finding.estimate is not None]
    return Analysis(
        design=design,
        findings=findings,
        means=tuple(_means(made, design, run_means)),
        run_means=run_means,
        components=tuple(components(design, made.primary)),
        image_differences=tuple(_image_differences(made, primary, rng)),
        seed_differences=tuple(
            SeedDifference(f.contrast_id, seed, (f.estimate or 0) + float(rng.normal(0, 0.006)))
            for f in primary
            for seed in made.seeds[: f.n_runs_treatment]
        ),
        curves=tuple(_curves(made, design)),
        rankings=() if made.undefined else tuple(rankings(design, made.metrics, n=made.images)),
        cross=tuple(cross(design, made.cross, n=made.images)),
        omnibus=() if made.undefined else tuple(omnibus(design, made.metrics, n=made.images)),
        agreement=() if made.undefined else tuple(run_agreement(design, n=made.images)),
        reliability=() if made.undefined else tuple(reliability(design, made.metrics, n=made.images)),
    )


def _run_means(made: Made, design: Design, rng: np.random.Generator) -> Iterator[RunMean]:
    if made.undefined:
        return
    for run in design.runs:
        if run.state != "done":
            continue
        arm, model = design.arms.index(run.arm), design.models.index(run.model)
        for attribution in (*design.attributions, *design.controls):
            for metric in made.metrics:
                level = LEVELS.get(metric, 0.4) + effect(arm, model, metric) + float(rng.normal(0, 0.006))
                if attribution in design.controls:
                    level = {"control_center": 0.46, "control_random": 0.21}.get(attribution, 0.2)
                    level += 0.001 * arm
                yield RunMean(run.run_id, run.arm, run.model, run.seed, attribution, metric, level, made.images, 0)
        for metric in (name for name, facts in design.metrics.items() if facts.per_run):
            value = RUN_LEVELS.get(metric.partition("[")[0], 0.8) + 0.01 * arm + float(rng.normal(0, 0.004))
            if "detectors" in metric:
                value = float(rng.integers(4, 9))
            yield RunMean(run.run_id, run.arm, run.model, run.seed, "", metric, value, made.images, 0)


def _means(made: Made, design: Design, run_means: Sequence[RunMean]) -> Iterator[Mean]:
    groups: dict[tuple[str, str, str, str], list[RunMean]] = {}
    for run in run_means:
        groups.setdefault((run.arm, run.model, run.attribution, run.metric), []).append(run)
    for (arm, model, attribution, metric), runs in groups.items():
        values = np.array([run.value for run in runs], dtype=float)
        several = len(values) > 1
        yield Mean(
            arm,
            model,
            attribution,
            metric,
            n_runs=len(values),
            n_images=made.images,
            n_undefined=2 if (metric, attribution) == ("ehr", "gradcam") and arm == made.arms[-1] else 0,
            mean=float(values.mean()),
            sd_runs=float(values.std(ddof=1)) if several else None,
            sd_images=0.11,
            ci_low=float(values.mean()) - 0.02 if several else None,
            ci_high=float(values.mean()) + 0.02 if several else None,
            lowest_run=float(values.min()),
            highest_run=float(values.max()),
        )


def _image_differences(made: Made, primary: Sequence[Finding], rng: np.random.Generator) -> Iterator[ImageDifference]:
    for finding in primary:
        control = np.clip(rng.normal(0.49, 0.11, made.images), 0.02, 0.98)
        difference = rng.normal(finding.estimate or 0, 0.07, made.images)
        for place in range(made.images):
            value = float(np.clip(control[place] + difference[place], 0, 1))
            yield ImageDifference(
                finding.contrast_id, f"img_{place:03d}", value, float(control[place]), value - float(control[place])
            )


def _curves(made: Made, design: Design) -> Iterator[CurveSummary]:
    if made.undefined or "insertion" not in made.metrics:
        return
    x = np.linspace(0, 1, 33)
    shapes = {
        "insertion_morf": 0.08 + 0.84 * (1 - np.exp(-4 * x)),
        "deletion_morf": 0.08 + 0.84 * np.exp(-5 * x),
        "deletion_lerf": 0.08 + 0.84 * (1 - x**3),
    }
    for model in design.models:
        for place, arm in enumerate(design.arms):
            for curve, shape in shapes.items():
                bump = 0.02 * place * np.sin(np.pi * x)
                reference = arm == design.reference
                yield CurveSummary(
                    arm,
                    model,
                    "gradcam",
                    curve,
                    x.tolist(),
                    (shape + bump).tolist(),
                    [] if reference else bump.tolist(),
                    [] if reference else (bump - 0.01).tolist(),
                    [] if reference else (bump + 0.01).tolist(),
                    len(made.seeds),
                    made.images,
                )


def effect(arm: int, model: int, metric: str) -> float:
    """Invented difference from the baseline, metric units."""
    size = (0.0, 0.044, 0.004, 0.012)[arm % 4] * (1.0, 0.35)[model % 2]
    return -size if metric in ("deletion", "average_drop", "complexity") else size


def _finding(made: Made, design: Design, contrast: Contrast, rng: np.random.Generator) -> Finding:
    arm, model = design.arms.index(contrast.treatment), design.models.index(contrast.model)
    done = [run for run in design.runs if run.state == "done" and run.model == contrast.model]
    counts = [sum(run.arm == name for run in done) for name in (contrast.treatment, contrast.control)]
    family = [c for c in design.contrasts if c.family == contrast.family]
    base: dict[str, Any] = {
        **{name: getattr(contrast, name) for name in ("contrast_id", "question", "family", "model", "attribution")},
        **{name: getattr(contrast, name) for name in ("metric", "treatment", "control", "margin", "margin_set_later")},
        "m": len(family),
        "metric_version": 1,
        "higher_is_better": design.metrics[contrast.metric].higher_is_better,
        "n_runs_treatment": counts[0],
        "n_runs_control": counts[1],
        "n_images": made.images,
        "n_images_listed": made.images + 2,
        "n_clusters": made.images // 2,
    }
    if made.undefined:
        sentences = {"en": f"No value of {contrast.metric}.", "ko": f"{contrast.metric} 값 없음."}
        return Finding(
            **base,
            status="no_data",
            notes=("no_data",),
            sentences_en=(sentences["en"],),
            sentences_ko=(sentences["ko"],),
        )
    estimate = effect(arm, model, contrast.metric) + float(rng.normal(0, 0.0004))
    half = 0.0097 if model == 0 else 0.016
    level = LEVELS.get(contrast.metric, 0.4)
    one = min(counts) < 2
    numbers = _numbers(estimate, half, one=one, margin=contrast.margin, m=len(family))
    return Finding(
        **base,
        **numbers,
        status="insufficient_runs" if one else "ok",
        notes=("insufficient_runs",) if one else ("few_clusters",) if contrast.family == "primary" else (),
        sentences_en=("One run of baseline: nothing can be said about retraining.",)
        if one
        else ("30 patients: interval is approximate.",)
        if contrast.family == "primary"
        else (),
        sentences_ko=("실행 1회: 재학습에 대해서는 알 수 없음.",)
        if one
        else ("환자 30명: 근사 신뢰구간.",)
        if contrast.family == "primary"
        else (),
        mean_control=level,
        mean_treatment=level + estimate,
        adjustment="holm" if contrast.family == "primary" else "bh",
    )


def _numbers(estimate: float, half: float, *, one: bool, margin: float | None, m: int) -> dict[str, Any]:
    p = float(np.clip(np.exp(-3.0 * abs(estimate) / half), 1e-7, 1.0))
    numbers: dict[str, Any] = {
        "estimate": estimate,
        "estimate_models": estimate,
        "ci_models_low": estimate - 0.6 * half,
        "ci_models_high": estimate + 0.6 * half,
        "p_models": p,
        "p_improve_images": 0.5 + 4 * estimate,
    }
    if one:
        return {**numbers, "p_adjusted": min(1.0, p * m)}
    inside = margin is not None and abs(estimate) + 0.82 * half < margin
    return {
        **numbers,
        "se": half / 2.1,
        "df": 9.3,
        "ci_low": estimate - half,
        "ci_high": estimate + half,
        "ci90_low": estimate - 0.82 * half,
        "ci90_high": estimate + 0.82 * half,
        "ci_images_low": estimate - 0.8 * half,
        "ci_images_high": estimate + 0.8 * half,
        "p_value": p,
        "p_adjusted": min(1.0, p * m),
        "p_tost": None if margin is None else 0.01 if inside else 0.4,
    }
