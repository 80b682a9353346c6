"""Scores made elsewhere: table and analysis file -> findings and report.

In: a table with one row per arm, seed, image, attribution and metric, and a file that says what is asked of it. Out:
the report of a study, without what needs films or a plan. What is not known of such a study is not said.

`reading` turns a file into codes and numbers, `checking` complains about cells, `frames` hands them to the
statistics, and this module puts them together.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from study import __version__, statistics
from study.conclude.asked import VERSION
from study.conclude.conclusion import design
from study.conclude.facts import software
from study.conclude.numbered import LOCK, Conclusion, manifest_of, next_number, once, results_of, write
from study.conclude.outside.checking import SCORES, check_table, undefined_by_reason
from study.conclude.outside.frames import (
    check_clusters,
    facts_of,
    prediction_frame,
    same_seeds,
    score_frame,
    share_clusters,
    statuses,
    with_model,
)
from study.conclude.outside.predictions import check_predictions, columns_of
from study.conclude.outside.reading import Table, read_table
from study.errors import StudyError, listed
from study.protocol import AnalysisFile, Lock, OutsideStudy, lock_declared, read_analysis
from study.records import Analysis, ReportInput, RunStatus, ScoreFile, StudyFacts

NOTHING_DONE = "nothing was analysed"


@dataclass(frozen=True)
class Outside:
    """Everything that was read, checked."""

    study: OutsideStudy
    file: AnalysisFile
    scores: Table
    predictions: Table | None
    runs: tuple[RunStatus, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """The scores, and the predictions where there are any."""
        return (self.scores,) if self.predictions is None else (self.scores, self.predictions)


def conclude_scores(
    scores: Path,
    protocol: Path,
    *,
    predictions: Path | None = None,
    reports: Path,
    languages: Sequence[str] | None = None,
    now: datetime | None = None,
) -> Conclusion:
    """Statistics and report of a score table, unless exactly this report is there already.

    Args:
        scores: csv (also csv.gz), tsv or parquet: `arm, seed, image_id, [cluster], [model], attribution, metric, value`
            and, optionally, `pretrain_run`, `reason`, `metric_version`.
        protocol: the analysis file.
        predictions: `arm, seed, image_id, [cluster], [model], label, p_0, p_1, ...`; gives AUC, accuracy, brier, ece.
        reports: folder of all reports; the lock of the analysis file lives in this study's.
        languages: of the report, instead of the file's.
        now: time of the analysis.

    Raises:
        StudyError: every mistake of the file and of the tables in one message.
    """
    moment = now or datetime.now().astimezone()
    found = read_outside(scores, protocol, predictions, languages)
    folder = reports / found.study.study
    _refuse_foreign(folder, found.study.study)
    lock = lock_declared(
        found.study,
        found.study.declared(),
        folder / LOCK,
        runs_finished=sum(run.state == "done" for run in found.runs),
        now=moment,
    )
    key = _key(found, lock)

    def make() -> Conclusion:
        analysis = analyse(found, lock)
        return write(_contents(found, lock, analysis, folder=folder, today=moment), folder, key)

    return once(folder, key, make)


def read_outside(
    scores: Path, protocol: Path, predictions: Path | None = None, languages: Sequence[str] | None = None
) -> Outside:
    """The file and the tables, checked against each other; as `conclude_scores` says."""
    file = read_analysis(protocol, languages)
    table = read_table(scores, SCORES)
    with_model(table, file.model)
    check_table(table, file)
    classes = 0
    other: Table | None = None
    if predictions is not None:
        columns = columns_of(predictions)
        classes = len(columns.numbers)
        other = read_table(predictions, columns)
        with_model(other, file.model)
        check_predictions(other, table)
        check_clusters(other, table)
        share_clusters(table, other)
    study = file.checked(facts_of(table, classes))
    _raise(file, [table] if other is None else [table, other])
    assert study is not None
    for each in (table, other):
        if each is not None:
            same_seeds(each)
    return Outside(study, file, table, other, statuses(study, table))


def analyse(found: Outside, lock: Lock) -> Analysis:
    """The statistics of what was read."""
    classes = () if found.predictions is None else tuple(str(k) for k in range(len(found.predictions.numbers)))
    return statistics.analyse(
        design(found.study, found.runs, lock, classes),
        score_frame(found.scores, found.file),
        None if found.predictions is None else prediction_frame(found.predictions),
    )


def _raise(file: AnalysisFile, tables: Sequence[Table]) -> None:
    """End with every problem of every file, where there is any."""
    parts = [
        listed(str(source), problems, NOTHING_DONE)
        for source, problems in (
            *((table.path, table.complaints.problems()) for table in tables),
            (file.path, sorted(file.ledger.problems)),
        )
        if problems
    ]
    if parts:
        raise StudyError("\n".join(parts))


def _refuse_foreign(folder: Path, study: str) -> None:
    """A study of this package and an analysis of another table must not share a folder."""
    if manifest_of(folder) and not (folder / LOCK).is_dir():
        raise StudyError(
            f"{folder}: holds the reports of a study that was run here; give the analysis another name than '{study}'"
        )


def _contents(found: Outside, lock: Lock, analysis: Analysis, *, folder: Path, today: datetime) -> ReportInput:
    study = found.study
    facts = StudyFacts(
        study=study.study,
        question=study.question,
        title=study.title,
        protocol=study.plain(),
        protocol_hash=lock.hash,
        protocol_locked=lock.locked_at,
        deviations=lock.deviations,
        chains=(),
        datasets={},
        provenance=software() | {"rebuild": _rebuild(found)},
        warnings=(),
        date=today.date().isoformat(),
        number=next_number(folder),
        tables=tuple(_source(table) for table in found.tables),
    )
    return ReportInput(
        facts=facts,
        analysis=analysis,
        gallery=(),
        learning=(),
        languages=study.report.languages,
        notes_path=study.report.notes_path(study.root),
        previous_results=results_of(folder) if manifest_of(folder) else None,
    )


def _source(table: Table) -> ScoreFile:
    """What the report says of a table."""
    scores = "value" in table.numbers
    return ScoreFile(
        table.path.name,
        table.sha256,
        table.n_rows,
        scores=scores,
        encoding=table.encoding,
        ignored=table.ignored,
        has_clusters="cluster" in table.keys,
        undefined=undefined_by_reason(table) if scores else {},
    )


def _rebuild(found: Outside) -> str:
    """The command that makes this report again."""
    words = ["study", "analyse", str(found.scores.path), "--protocol", str(found.study.source)]
    if found.predictions is not None:
        words += ["--predictions", str(found.predictions.path)]
    return shlex.join(words)


def _key(found: Outside, lock: Lock) -> str:
    notes = found.study.report.notes_path(found.study.root)
    content: dict[str, Any] = {
        "version": [VERSION, __version__],
        "protocol": found.study.plain(),
        "lock": asdict(lock),
        "tables": [(table.path.name, table.sha256) for table in found.tables],
        "command": _rebuild(found),
        "notes": notes.read_text(encoding="utf8") if notes.is_file() else None,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
