"""Analyse what is finished and write the report, unless exactly this report is there already."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from study import __version__, data, statistics
from study.conclude.agreement import agreement
from study.conclude.facts import (
    chains,
    dataset_facts,
    homogeneity,
    masking_warnings,
    peak_warnings,
    provenance,
    proxy_warnings,
    quarantine_warnings,
)
from study.conclude.gallery import gallery
from study.conclude.gather import Scores, gather, learning_curves
from study.conclude.methods import method_gallery
from study.conclude.numbered import Conclusion, manifest_of, next_number, present, results_of, write
from study.errors import StudyError
from study.protocol import Comparison, Lock, Protocol
from study.records import Dataset, Design, Plan, ReportInput, RunStatus, StudyFacts
from study.registry import class_auc_facts
from study.store import Store

VERSION = 3
"""Raise it when findings or pages change for equal scores."""


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
    if there := present(folder, key):
        return there
    folder.mkdir(parents=True, exist_ok=True)
    tables = replace(gather(plan, store), agreement=agreement(plan, store, folder / "findings" / statistics.PAIRS))
    contents = _contents(protocol, plan, store, lock, statuses, tables=tables, folder=folder)
    return write(contents, folder, key, cross=tables.cross, agreement=tables.agreement)


def design(protocol: Comparison, statuses: Sequence[RunStatus], lock: Lock, classes: tuple[str, ...]) -> Design:
    """What the statistics must know besides the scores; `classes` are the target's, as in the predictions."""
    return Design(
        study=protocol.study,
        arms=protocol.arm_names,
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
        factorial=protocol.factorial,
        dose=protocol.dose,
        rules=protocol.analysis.rules,
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
        agreement=tables.agreement,
    )
    learning = learning_curves(plan, store)
    before = manifest_of(folder)
    facts = StudyFacts(
        study=plan.study,
        question=protocol.question,
        title=protocol.title,
        protocol=protocol.plain(),
        protocol_hash=lock.hash,
        protocol_locked=lock.locked_at,
        deviations=lock.deviations,
        chains=chains(plan, store),
        datasets={name: dataset_facts(dataset) for name, dataset in by_name.items()},
        provenance=provenance(plan, store) | {"rebuild": _rebuild(protocol)},
        warnings=(
            *quarantine_warnings(by_name),
            *homogeneity(plan, store),
            *dict.fromkeys(proxy_warnings((f"{row.arm}, seed {row.seed}", row.facts) for row in learning)),
            *dict.fromkeys(masking_warnings((row.arm, row.facts) for row in learning)),
            *peak_warnings((row.arm, row.facts) for row in learning),
        ),
        date=datetime.now().date().isoformat(),
        number=next_number(folder),
    )
    return ReportInput(
        facts=facts,
        analysis=analysis,
        gallery=gallery(analysis, tables.scores, plan, store, by_key),
        learning=learning,
        languages=protocol.report.languages,
        notes_path=protocol.report.notes_path(protocol.root),
        previous_results=results_of(folder) if before else None,
        methods=method_gallery(plan, store, protocol.reference, tables.predictions, by_key),
    )


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
