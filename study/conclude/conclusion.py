"""Analyse what is finished and write the report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from study import data, statistics
from study.conclude.agreement import agreement
from study.conclude.cautions import cautions
from study.conclude.facts import chains, dataset_facts, provenance, rates
from study.conclude.gallery import check_picked, gallery
from study.conclude.gather import Scores, gather, learning_curves
from study.conclude.masks import mask_examples
from study.conclude.methods import method_gallery
from study.conclude.numbered import Conclusion, manifest_of, next_number, results_of, write
from study.protocol import Comparison, Lock, Protocol
from study.records import Dataset, Design, Plan, ReportInput, RunStatus, StudyFacts
from study.registry import class_auc_facts
from study.report.notes import read_notes
from study.store import Store


def conclude(
    protocol: Protocol, plan: Plan, store: Store, *, lock: Lock, statuses: Sequence[RunStatus], folder: Path, key: str
) -> Conclusion:
    """Statistics and report of everything that is finished, written into `folder` under `key`."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = replace(gather(plan, store), agreement=agreement(plan, store, folder / "findings" / statistics.PAIRS))
    contents = _contents(protocol, plan, store, lock, statuses, tables=tables, folder=folder)
    return write(contents, folder, key, cross=tables.cross, agreement=tables.agreement)


def design(
    protocol: Comparison,
    statuses: Sequence[RunStatus],
    lock: Lock,
    classes: tuple[str, ...],
    *,
    several: bool = False,
) -> Design:
    """What the statistics must know besides the scores; `classes` are the target's, as in the predictions.

    `several` says whether a film may have several of them, or none.
    """
    return Design(
        study=protocol.study,
        arms=protocol.arm_names,
        reference=protocol.reference,
        models=protocol.models,
        seeds=protocol.seeds,
        seeding=protocol.seeding,
        contrasts=protocol.contrasts(lock.margins_set_later),
        metrics=protocol.metric_facts | class_auc_facts(classes, several=several),
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
    target = by_name[protocol.target]
    notes = protocol.report.notes_path(protocol.root)
    by_hand = tuple(read_notes(notes).by_hand)
    check_picked(by_hand, target, notes)
    analysis = statistics.analyse(
        design(protocol, statuses, lock, target.classes, several=target.findings is not None),
        tables.scores,
        tables.predictions,
        curves=tables.curves,
        run_scores=tables.run_scores,
        cross=tables.cross,
        agreement=tables.agreement,
    )
    learning = learning_curves(plan, store)
    shown = protocol.report.images
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
        rates=rates(plan),
        datasets={name: dataset_facts(dataset) for name, dataset in by_name.items()},
        provenance=provenance(plan, store) | {"rebuild": _rebuild(protocol)},
        warnings=cautions(plan, store, by_name, learning),
        date=datetime.now().date().isoformat(),
        number=next_number(folder),
    )
    return ReportInput(
        facts=facts,
        analysis=analysis,
        gallery=gallery(analysis, tables.scores, plan, store, by_key, by_hand=by_hand) if shown else (),
        learning=learning,
        languages=protocol.report.languages,
        notes_path=notes,
        previous_results=results_of(folder) if before else None,
        methods=method_gallery(plan, store, protocol.reference, tables.predictions, by_key) if shown else (),
        masks=mask_examples(plan, store, by_key) if shown else (),
    )


def _rebuild(protocol: Protocol) -> str:
    """The command that makes this report again."""
    source = protocol.source
    shipped = source.resolve().parent == Path("protocols").resolve()
    return f"make study PROTOCOL={source.stem if shipped else os.path.relpath(source)}"


def _datasets(plan: Plan, store: Store) -> dict[str, Dataset]:
    keys = [key for key, stage in plan.stages.items() if stage.kind == "data" and store.has(key)]
    return {key: data.load(store.folder(key)) for key in keys}
