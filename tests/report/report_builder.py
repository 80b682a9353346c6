"""A made-up study for the report's tests: every number here is invented, for layout only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from study.records import (
    Analysis,
    ArmChain,
    Components,
    Contrast,
    CurveSummary,
    Design,
    Deviation,
    Finding,
    GalleryMap,
    GalleryRow,
    ImageDifference,
    LearningCurve,
    Mean,
    MetricFacts,
    ReportInput,
    RunMean,
    RunStatus,
    SeedDifference,
    StudyFacts,
)
from study.registry import METRICS, RUN_METRICS

ARMS = ("baseline", "mae_random", "mae_center", "proxy")
QUESTIONS = {
    "mae_random": "Does chest-MAE pretraining move attributions into the human box?",
    "mae_center": "Is center masking different from the baseline?",
    "proxy": "Does a shoulder proxy step add to it?",
}
NAMES = (
    *("ehr", "energy_pg", "insertion", "deletion", "deletion_lerf"),
    *("average_drop", "coherency", "complexity", "adcc"),
)
LEVELS = {"ehr": 0.49, "energy_pg": 0.56, "insertion": 0.66, "deletion": 0.21, "deletion_lerf": 0.71, "adcc": 0.7}


@dataclass(frozen=True)
class Made:
    """Knobs of the made-up study."""

    arms: tuple[str, ...] = ARMS
    models: tuple[str, ...] = ("vit_small", "densenet121")
    seeds: tuple[int, ...] = (11, 12, 13)
    images: int = 60
    margin: float | None = 0.02
    metrics: tuple[str, ...] = NAMES
    failed: bool = True
    undefined: bool = False
    primary: str = "ehr"
    gallery: bool = True
    languages: tuple[Any, ...] = ("en", "ko")


def metric_facts(names: Sequence[str]) -> dict[str, MetricFacts]:
    facts = {name: METRICS[name].facts(name) for name in names}
    return facts | {name: RUN_METRICS[name] for name in ("auc", "accuracy")}


def made_up(made: Made = Made()) -> ReportInput:
    """A whole `ReportInput`."""
    analysis = _analysis(made)
    return ReportInput(
        facts=_facts(made),
        analysis=analysis,
        gallery=tuple(_gallery(made, analysis)) if made.gallery else (),
        learning=tuple(_learning(made)),
        languages=made.languages,
    )


def _runs(made: Made) -> Iterator[RunStatus]:
    for model in made.models:
        for arm in made.arms:
            for seed in made.seeds:
                lost = made.failed and (arm, model, seed) == (made.arms[-1], made.models[-1], made.seeds[-1])
                yield RunStatus(
                    f"{arm}-{model}-seed{seed}",
                    arm,
                    model,
                    seed,
                    "failed" if lost else "done",
                    reason="loss was not finite in epoch 31" if lost else "",
                )


def _design(made: Made) -> Design:
    contrasts = []
    for model in made.models:
        for arm in made.arms[1:]:
            for attribution in ("gradcam", "integrated_gradients"):
                for metric in made.metrics:
                    primary = attribution == "gradcam" and metric == made.primary
                    contrasts.append(
                        Contrast(
                            f"{arm}-{model}-{attribution}-{metric}",
                            QUESTIONS.get(arm, f"Does {arm} change the primary metric?"),
                            "primary" if primary else "secondary",
                            arm,
                            made.arms[0],
                            model,
                            attribution,
                            metric,
                            made.margin if primary else None,
                        )
                    )
    return Design(
        study="made_up",
        arms=made.arms,
        reference=made.arms[0],
        models=made.models,
        seeds=made.seeds,
        seeding="nested",
        contrasts=tuple(contrasts),
        metrics=metric_facts(made.metrics),
        attributions=("gradcam", "integrated_gradients"),
        controls=("control_random", "control_center", "control_fakecam"),
        runs=tuple(_runs(made)),
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


def _analysis(made: Made) -> Analysis:
    rng = np.random.default_rng(20240415)
    design = _design(made)
    run_means = tuple(_run_means(made, design, rng))
    findings = tuple(_finding(made, design, contrast, rng) for contrast in design.contrasts)
    primary = [finding for finding in findings if finding.family == "primary" and finding.estimate is not None]
    return Analysis(
        design=design,
        findings=findings,
        means=tuple(_means(made, design, run_means)),
        run_means=run_means,
        components=(Components(made.models[0], "gradcam", made.primary, 0.0001, 0.0003, 0.001, 0.01),),
        image_differences=tuple(_image_differences(made, primary, rng)),
        seed_differences=tuple(
            SeedDifference(f.contrast_id, seed, (f.estimate or 0) + float(rng.normal(0, 0.006)))
            for f in primary
            for seed in made.seeds[: f.n_runs_treatment]
        ),
        curves=tuple(_curves(made, design)),
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
                yield RunMean(run.run_id, run.arm, run.model, run.seed, attribution, metric, level, made.images, 0)
        for metric, level in (("auc", 0.81), ("accuracy", 0.74)):
            value = level + 0.01 * arm + float(rng.normal(0, 0.004))
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


def _stages(arm: str) -> tuple[tuple[str, str], ...]:
    last = ("finetune", "shoulder, 40 epochs")
    if arm == "baseline":
        return (last,)
    if arm == "proxy":
        return (("mae", "chest, random 75%"), ("rotation", "shoulder"), last)
    return (("mae", f"chest, {'center' if 'center' in arm else 'random'} 75%"), last)


def _facts(made: Made) -> StudyFacts:
    return StudyFacts(
        study="made_up",
        question="Does MAE pretraining change where attributions lie? (made-up data)",
        title="Chest-MAE pretraining: where attributions lie",
        protocol={
            "study": "made_up",
            "target": "shoulder",
            "image_size": 64,
            "target_class": "label",
            "report": {"notice": "Made-up data, for tests only"},
        },
        protocol_hash="sha256:9c1e77a0b1c2d3e4",
        protocol_locked="2024-04-01T09:30:00+00:00",
        deviations=(Deviation("2024-04-03T10:00:00", "seeds", "[11, 12]", "[11, 12, 13]", 4),) if made.failed else (),
        chains=tuple(ArmChain(arm, _stages(arm), ("a1b2c3",) * len(_stages(arm))) for arm in made.arms),
        datasets={
            "shoulder": {
                "films": {"train": 300, "val": 100, "test": made.images + 2},
                "classes": ["normal", "loose"],
                "resize": "letterbox",
                "mean": 0.4312,
                "digest": "sha256:1f0c9ae2",
                "quarantined": [{"path": "images/broken_017.png", "reason": "the file ends too early"}],
            },
            "chest": {"films": {"unlabelled": 2000}, "digest": "sha256:77d041b3", "quarantined": []},
        },
        provenance={
            "commit": "4be21f0aa1",
            "clean": True,
            "versions": {"python": "3.11.2", "torch": "2.15", "timm": "1.0"},
            "host": "workstation",
            "hardware": "2 cores, 24 GB",
            "seconds": {"mae": 1200.0, "finetune": 810.0, "explain": 60.0},
        },
        warnings=("Only one reader drew boxes. Agreement with this reader is measured.",),
        date="2024-04-15",
        number=7,
    )


def _gallery(made: Made, analysis: Analysis) -> Iterator[GalleryRow]:
    size = 64
    y, x = np.mgrid[0:size, 0:size]
    rng = np.random.default_rng(7)
    for model in made.models:
        contrast = next((f for f in analysis.findings if f.family == "primary" and f.model == model), None)
        rows = [d for d in analysis.image_differences if contrast and d.contrast_id == contrast.contrast_id]
        if not rows:
            return
        rows.sort(key=lambda row: -row.difference)
        middle = len(rows) // 2
        chosen = [*rows[:2], *rows[middle : middle + 2], *rows[-2:]]
        for row, rule in zip(chosen, ("gain", "gain", "median", "median", "loss", "loss"), strict=True):
            film = (40 + 150 * np.exp(-((x - 34) ** 2 + (y - 30) ** 2) / 260)).astype(np.uint8)
            maps = []
            for arm in made.arms:
                cx, cy = rng.uniform(18, 48, 2)
                blob = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 60).astype(np.float32)
                maps.append(GalleryMap(arm, blob, float(rng.uniform(0.3, 0.7))))
            yield GalleryRow(
                row.image_id,
                model,
                rule,  # type: ignore[arg-type]
                row.contrast_id,
                row.difference,
                "loose",
                film,
                np.array([[20, 16, 46, 44]], dtype=np.int32),
                tuple(maps),
            )


def _learning(made: Made) -> Iterator[LearningCurve]:
    epochs = list(range(1, 21))
    for model in made.models:
        for arm in made.arms:
            for seed in made.seeds:
                for place, (kind, _) in enumerate(_stages(arm), start=1):
                    loss = [1.0 / (epoch + seed % 3) + 0.1 for epoch in epochs]
                    yield LearningCurve(
                        f"{arm}-{model}-seed{seed}", arm, model, seed, f"{place} {kind}", epochs, {"loss": loss}, {}
                    )


def without_margin(report: ReportInput) -> ReportInput:
    """The same report, no margin declared."""
    findings = tuple(replace(finding, margin=None, p_tost=None) for finding in report.analysis.findings)
    return replace(report, analysis=replace(report.analysis, findings=findings))
