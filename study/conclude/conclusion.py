"""Analyse what is finished and write the report, unless exactly this report is there already."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from study import __version__, data, report, statistics
from study.conclude.facts import (
    chains,
    dataset_facts,
    homogeneity,
    provenance,
    proxy_warnings,
    quarantine_warnings,
)
from study.conclude.gallery import gallery
from study.conclude.gather import Scores, gather, learning_curves
from study.conclude.methods import method_gallery
from study.errors import DependencyError, StudyError
from study.protocol import Lock, Protocol
from study.records import Dataset, Design, Plan, ReportInput, RunStatus, StudyFacts
from study.registry import class_auc_facts
from study.store import Store

VERSION = 2
"""Raise it when findings or pages change for equal scores."""


@dataclass(frozen=True)
class Conclusion:
    """A finished report.

    Attributes:
        folder: `reports/<study>`.
        results: the content of results.json.
        reused: True when this very report was there already.
        pdf_problem: why there is no PDF, or None.
    """

    folder: Path
    results: Mapping[str, Any]
    reused: bool
    pdf_problem: str | None = None


def conclude(
    protocol: Protocol, plan: Plan, store: Store, *, lock: Lock, statuses: Sequence[RunStatus], reports: Path
) -> Conclusion:
    """Statistics and report of everything that is finished.

    Args:
        statuses: one per planned run; those not done are named in the report.
        reports: folder of all reports; this study's are in a folder of its name.

    Raises:
        StudyError: when no run is finished.
    """
    if not any(status.state == "done" for status in statuses):
        raise StudyError(f"{plan.study}: no run is finished, so there is nothing to report; see `study status`.")
    folder = reports / plan.study
    key = _key(protocol, plan, store, lock, statuses)
    before = _manifest(folder)
    if before.get("key") == key and all((folder / name).is_file() for name in before["files"]):
        return Conclusion(folder, _results(folder), reused=True, pdf_problem=before.get("pdf_problem"))
    folder.mkdir(parents=True, exist_ok=True)
    tables = gather(plan, store)
    contents = _contents(protocol, plan, store, lock, statuses, tables=tables, folder=folder)
    return _write(contents, tables, folder, key)


def design(protocol: Protocol, statuses: Sequence[RunStatus], lock: Lock, classes: tuple[str, ...]) -> Design:
    """What the statistics must know besides the scores; `classes` are the target's, as in the predictions."""
    return Design(
        study=protocol.study,
        arms=tuple(protocol.arms),
        reference=protocol.reference,
        models=protocol.models,
        seeds=protocol.seeds,
        seeding=protocol.seeding,
        contrasts=protocol.contrasts(lock.margins_set_later),
        metrics=protocol.metric_facts | class_auc_facts(classes),
        classes=classes,
        attributions=tuple(a for a in protocol.attribution_labels if a not in protocol.control_labels),
        controls=protocol.control_labels,
        runs=tuple(statuses),
        alpha=protocol.analysis.alpha,
        resamples=protocol.analysis.resamples,
        resampling_seed=protocol.analysis.resampling_seed,
        weight=protocol.analysis.weight,
    )


def _contents(
    protocol: Protocol,
    plan: Plan,
    store: Store,
    lock: Lock,
    statuses: Sequence[RunStatus],
    *,
    tables: Scores,
    folder: Path,
) -> ReportInput:
    by_key = _datasets(plan, store)
    by_name = {str(plan.stages[key].places["name"]): dataset for key, dataset in by_key.items()}
    analysis = statistics.analyse(
        design(protocol, statuses, lock, by_name[protocol.target].classes),
        tables.scores,
        tables.predictions,
        curves=tables.curves,
        run_scores=tables.run_scores,
        cross=tables.cross,
    )
    learning = learning_curves(plan, store)
    before = _manifest(folder)
    facts = StudyFacts(
        study=plan.study,
        question=protocol.question,
        title=protocol.title,
        protocol=protocol.plain(),
        protocol_hash=lock.hash,
        protocol_locked=lock.locked_at,
        deviations=lock.deviations,
        chains=chains(plan),
        datasets={name: dataset_facts(dataset) for name, dataset in by_name.items()},
        provenance=provenance(plan, store) | {"rebuild": _rebuild(protocol)},
        warnings=(
            *quarantine_warnings(by_name),
            *homogeneity(plan, store),
            *dict.fromkeys(proxy_warnings((f"{row.arm}, seed {row.seed}", row.facts) for row in learning)),
        ),
        date=datetime.now().date().isoformat(),
        number=_next_number(folder),
    )
    return ReportInput(
        facts=facts,
        analysis=analysis,
        gallery=gallery(analysis, tables.scores, plan, store, by_key),
        learning=learning,
        languages=protocol.report.languages,
        notes_path=protocol.report.notes_path(protocol.root),
        previous_results=_results(folder) if before else None,
        methods=method_gallery(plan, store, protocol.reference, tables.predictions, by_key),
    )


def _write(contents: ReportInput, tables: Scores, folder: Path, key: str) -> Conclusion:
    """Render beside the present report, then put the new one in its place."""
    fresh = folder / ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    problem = None
    statistics.write_findings(contents.analysis, fresh / "findings", cross=tables.cross)
    try:
        report.render(contents, fresh)
    except DependencyError as error:
        problem = str(error)
    _archive(folder)
    files = sorted(str(path.relative_to(fresh)) for path in fresh.rglob("*") if path.is_file())
    for path in sorted(fresh.iterdir()):
        path.rename(folder / path.name)
    fresh.rmdir()
    manifest = {"key": key, "number": contents.facts.number, "files": files, "pdf_problem": problem}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf8")
    return Conclusion(folder, _results(folder), reused=False, pdf_problem=problem)


def _archive(folder: Path) -> None:
    """Move the present report, if there is one, to `earlier/<number>`; a half-written one is dropped."""
    before = _manifest(folder)
    (folder / "manifest.json").unlink(missing_ok=True)
    place = folder / "earlier" / f"{before['number']:03d}" if before else None
    if place:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    for path in sorted(folder.iterdir()):
        if path.name in {".new", "earlier", "notes.yaml"}:
            continue
        if place:
            path.rename(place / path.name)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _next_number(folder: Path) -> int:
    """One more than the highest number that a report of this study has had."""
    earlier = [int(path.name) for path in (folder / "earlier").glob("*") if path.name.isdecimal()]
    return max([int(_manifest(folder).get("number", 0)), *earlier]) + 1


def _key(protocol: Protocol, plan: Plan, store: Store, lock: Lock, statuses: Sequence[RunStatus]) -> str:
    notes = protocol.report.notes_path(protocol.root)
    content = {
        "version": [VERSION, __version__],
        "protocol": {name: value for name, value in protocol.plain().items() if name != "dispatch"},
        "lock": asdict(lock),
        "runs": [asdict(status) for status in statuses],
        "stages": sorted(key for key in plan.stages if store.has(key)),
        "notes": notes.read_text(encoding="utf8") if notes and notes.is_file() else None,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _rebuild(protocol: Protocol) -> str:
    """The command that makes this report again."""
    source = protocol.source
    shipped = source.resolve().parent == Path("protocols").resolve()
    return f"make study PROTOCOL={source.stem if shipped else os.path.relpath(source)}"


def _datasets(plan: Plan, store: Store) -> dict[str, Dataset]:
    keys = [key for key, stage in plan.stages.items() if stage.kind == "data" and store.has(key)]
    return {key: data.load(store.folder(key)) for key in keys}


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf8"))
    except (OSError, ValueError):
        return {}
    return manifest if {"key", "number", "files"} <= manifest.keys() else {}


def _results(folder: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf8"))
    return results
