"""`results.json`: everything the page says, unrounded. The page is rendered from this object.

Schema `report/1`. Undefined is null, never NaN; names of members are those of the records.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from study.records import (
    Analysis,
    Caution,
    Components,
    Contrast,
    Design,
    Finding,
    Mean,
    MethodRow,
    MetricFacts,
    Ranking,
    ReportInput,
    RunStatus,
    StudyFacts,
)
from study.registry import RUN_METRICS
from study.report import names
from study.report.checks import automatic_checks
from study.report.design_files import members
from study.report.notes import Notes
from study.report.terms import fill
from study.report.verdict import judge

SCHEMA = "report/1"
Results = dict[str, Any]


def results(report: ReportInput, notes: Notes) -> Results:
    """The whole report as plain data, in the order of the page."""
    facts, analysis = report.facts, report.analysis
    design = analysis.design
    content = {
        "schema": SCHEMA,
        "study": facts.study,
        "report": facts.number,
        "date": facts.date,
        "title": facts.title,
        "question": facts.question,
        "languages": list(report.languages),
        "protocol": _protocol(facts),
        "alpha": design.alpha,
        "seeding": design.seeding,
        "seeds": design.seeds,
        "counts": _counts(analysis),
        "arms": _arms(facts, design, notes),
        "models": design.models,
        "rates": facts.rates,
        "metrics": {name: {**asdict(m), "title": names.metric_title(m)} for name, m in _metrics(analysis).items()},
        "attributions": _attributions(design),
        "questions": _questions(design.contrasts),
        "contrasts": [_contrast(finding, analysis) for finding in together(analysis.findings)],
        "means": [_mean(mean, design) for mean in analysis.means if mean.attribution not in design.controls],
        "controls": [_mean(mean, design) for mean in analysis.means if mean.attribution in design.controls],
        "above_centre": _above_centre(analysis),
        "runs": design.runs,
        "run_means": analysis.run_means,
        "components": [_component(part) for part in analysis.components],
        "omnibus": analysis.omnibus,
        "run_agreement": analysis.agreement,
        "reliability": analysis.reliability,
        "rankings": [{**asdict(row), "best": _best(row)} for row in analysis.rankings],
        "outranked": _outranked(analysis),
        "cross": analysis.cross,
        **members(analysis),
        "checks": automatic_checks(report),
        "gallery": [_gallery_row(row) for row in report.gallery],
        "method_gallery": [_method_row(row) for row in report.methods],
        "notes": analysis.notes,
        "warnings": [_warning(caution) for caution in facts.warnings],
        "datasets": facts.datasets,
        "tables": facts.tables,
        "settings": facts.protocol,
        "provenance": facts.provenance,
    }
    plain_content: Results = plain(content)
    return plain_content


def _warning(caution: Caution) -> Results:
    return {**asdict(caution), "words": fill(f"caution.{caution.kind}", **caution.values)}


def together(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with the models of one contrast side by side, contrasts in their first order."""
    listed = list(findings)
    places: dict[tuple[str, ...], int] = {}
    for finding in listed:
        places.setdefault(_contrast_of(finding), len(places))
    return sorted(listed, key=lambda finding: places[_contrast_of(finding)])


def _contrast_of(finding: Finding) -> tuple[str, ...]:
    pair = (finding.treatment, finding.control)
    return (finding.family, finding.question, *pair, finding.attribution, finding.metric)


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: NaN and infinities are None, records are dictionaries."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, Sequence | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def _metrics(analysis: Analysis) -> Mapping[str, MetricFacts]:
    """The design's metrics, and those that the statistics made of a run's predictions (`auc[class=loose]`)."""
    found = dict(analysis.design.metrics)
    for label in dict.fromkeys(mean.metric for mean in analysis.means):
        if label not in found and names.base(label) in RUN_METRICS:
            found[label] = replace(RUN_METRICS[names.base(label)], name=label)
    return found


def _protocol(facts: StudyFacts) -> Mapping[str, Any]:
    return {
        "hash": facts.protocol_hash,
        "locked": facts.protocol_locked,
        "deviations": [asdict(deviation) for deviation in facts.deviations],
    }


def _counts(analysis: Analysis) -> Mapping[str, Any]:
    design = analysis.design
    finished = [run for run in design.runs if run.state == "done"]
    per_arm = [len(_finished(design.runs, arm, model)) for arm in design.arms for model in design.models]
    primary = [contrast for contrast in design.contrasts if contrast.family == "primary"]
    listed, used = _images(analysis)
    return {
        "runs_planned": len(design.runs),
        "runs_finished": len(finished),
        "arms": len(design.arms),
        "models": len(design.models),
        "seeds": len(design.seeds),
        "runs_per_arm_lowest": min(per_arm, default=0),
        "runs_per_arm_highest": max(per_arm, default=0),
        "images_listed": listed,
        "images_used": used,
        "primary_contrasts": len(primary),
        "questions": len({contrast.question for contrast in primary}),
        "attributions": len(set(design.attributions) - set(design.controls)),
        "controls": len(design.controls),
        "metrics": sum(not facts.per_run for facts in design.metrics.values()),
    }


def _images(analysis: Analysis) -> tuple[int, int]:
    """Films listed and films with a value: of the primary contrasts, else of any, else of any metric of maps."""
    chosen = [finding for finding in analysis.findings if finding.family == "primary"] or list(analysis.findings)
    if chosen:
        return max(each.n_images_listed for each in chosen), max(each.n_images for each in chosen)
    rows = [run for run in analysis.run_means if run.attribution]
    listed = max((run.n_images + run.n_undefined for run in rows), default=0)
    return listed, max((run.n_images for run in rows), default=0)


def _best(row: Ranking) -> list[str]:
    """The best map and all within the critical difference of it, best first; empty without one."""
    if row.critical_difference is None or not row.attributions:
        return []
    pairs = sorted(zip(row.average_ranks, row.attributions, strict=True), key=lambda pair: pair[0])
    return [label for rank, label in pairs if label == pairs[0][1] or rank - pairs[0][0] < row.critical_difference]


def _outranked(analysis: Analysis) -> list[Mapping[str, Any]]:
    """Per map and control: on how many of the metrics that rank both the map outranks the control."""
    controls = analysis.design.controls
    found: dict[tuple[str, str, str, str], list[bool]] = {}
    for row in analysis.rankings:
        for label in (label for label in row.attributions if label not in controls):
            for control in (control for control in row.attributions if control in controls):
                above = control in row.above_control.get(label, ())
                found.setdefault((row.model, row.arm, label, control), []).append(above)
    return [
        {"model": model, "arm": arm, "attribution": label, "control": control, "k": sum(all_), "n": len(all_)}
        for (model, arm, label, control), all_ in found.items()
    ]


def _finished(runs: Sequence[RunStatus], arm: str, model: str) -> list[RunStatus]:
    return [run for run in runs if run.arm == arm and run.model == model and run.state == "done"]


def _arms(facts: StudyFacts, design: Design, notes: Notes) -> list[Mapping[str, Any]]:
    spoken = names.arm_names(design.arms, notes.arms)
    chains = {chain.arm: chain for chain in facts.chains}
    return [
        {
            "arm": arm,
            "name": spoken[arm],
            "index": index,
            "reference": arm == design.reference,
            "stages": [list(stage) for stage in chains[arm].stages] if arm in chains else [],
            "runs": {model: len(_finished(design.runs, arm, model)) for model in design.models},
            "runs_planned": {
                model: sum(run.arm == arm and run.model == model for run in design.runs) for model in design.models
            },
        }
        for index, arm in enumerate(design.arms)
    ]


def _attributions(design: Design) -> Mapping[str, Mapping[str, Any]]:
    return {
        label: {"title": names.attribution_title(label), "control": label in design.controls}
        for label in dict.fromkeys((*design.attributions, *design.controls))
    }


def _questions(contrasts: Sequence[Contrast]) -> list[Mapping[str, str]]:
    asked = dict.fromkeys(contrast.question for contrast in contrasts if contrast.family == "primary")
    return [{"id": f"Q{place}", "question": question} for place, question in enumerate(asked, start=1)]


def _contrast(finding: Finding, analysis: Analysis) -> Mapping[str, Any]:
    if finding.family != "primary":
        return {**asdict(finding), "verdict": None}
    facts = analysis.design.metrics[finding.metric]
    return {**asdict(finding), "verdict": asdict(judge(finding, alpha=analysis.design.alpha, unit=facts.unit))}


def _mean(mean: Mean, design: Design) -> Mapping[str, Any]:
    return {**asdict(mean), "n_runs_planned": sum(r.arm == mean.arm and r.model == mean.model for r in design.runs)}


def _component(part: Components) -> Mapping[str, Any]:
    """Variance components and their roots, in units of the metric."""
    names = ("run", "arm_by_image", "residual", "image")
    found = {name: getattr(part, name) for name in names}
    roots = {name: None if value is None else math.sqrt(value) for name, value in found.items()}
    return {**asdict(part), "sd": roots}


def _above_centre(analysis: Analysis) -> list[Mapping[str, Any]]:
    """The reference arm's means minus those of the centre-prior map, where both were measured."""
    design = analysis.design
    found = {(m.attribution, m.model, m.metric): m.mean for m in analysis.means if m.arm == design.reference}
    centres = [label for label in design.controls if names.base(label) == "control_center"]
    real = [label for label in design.attributions if label not in design.controls]
    rows: list[Mapping[str, Any]] = []
    for attribution, model, metric in ((a, b, c) for a in real for b in design.models for c in design.metrics):
        value = found.get((attribution, model, metric))
        centre = next((found.get((label, model, metric)) for label in centres), None)
        if value is not None and centre is not None:
            rows.append(
                {
                    "arm": design.reference,
                    "model": model,
                    "attribution": attribution,
                    "metric": metric,
                    "value": value,
                    "centre": centre,
                    "difference": value - centre,
                }
            )
    return rows


def _gallery_row(row: Any) -> Mapping[str, Any]:
    return {
        "image_id": row.image_id,
        "model": row.model,
        "rule": row.rule,
        "contrast_id": row.contrast_id,
        "difference": row.difference,
        "label": row.label,
        "values": {map_.arm: map_.value for map_ in row.maps},
    }


def _method_row(row: MethodRow) -> Mapping[str, Any]:
    return {
        "image_id": row.image_id,
        "run_id": row.run_id,
        "rule": row.rule,
        "probability": row.probability,
        "label": row.label,
        "attributions": [map_.attribution for map_ in row.maps],
    }
