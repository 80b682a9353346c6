"""A protocol's way to a report: plan, run, report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from study.cli.app import app
from study.cli.look import about_of, said, workers_of
from study.cli.options import (
    REPORTS,
    RUNS,
    Cluster,
    Data,
    Lang,
    Models,
    Name,
    Opened,
    Reports,
    Runs,
    Seeds,
    Size,
    Workers,
    open_protocol,
    read_protocol,
)
from study.errors import StudyError
from study.protocol import Lock, lock
from study.records import RunStatus

if TYPE_CHECKING:
    from study.conclude import Conclusion
    from study.dispatch import Said
    from study.report.terms import Language


@app.command()
def plan(
    name: Name,
    seeds: Seeds = None,
    models: Models = None,
    data: Data = None,
    image_size: Size = None,
    cluster: Cluster = None,
    workers: Workers = None,
    runs: Runs = RUNS,
) -> None:
    """Show what would run, what is finished already, and how long the rest may take."""
    from study.plan import render_plan

    wishes = {"seeds": seeds, "models": models, "data": data, "image_size": image_size}
    opened = open_protocol(name, runs, **wishes, cluster=cluster, workers=workers)
    looks = {key: opened.store.intact(key) for key in opened.plan.stages}
    seconds = {key: float(manifest["seconds"]) for key, manifest in looks.items() if manifest is not None}
    at_once = workers_of(opened.protocol.dispatch)
    tree = render_plan(
        opened.plan, opened.protocol, seconds.__contains__, lambda stage: seconds.get(stage.key), workers=at_once
    )
    Console().print(tree)


@app.command()
def run(
    name: Name,
    seeds: Seeds = None,
    models: Models = None,
    data: Data = None,
    image_size: Size = None,
    cluster: Cluster = None,
    workers: Workers = None,
    runs: Runs = RUNS,
    reports: Reports = REPORTS,
    lang: Lang = None,
) -> None:
    """Do everything that is not done yet, then write the report."""
    from study import dispatch

    wishes = {"seeds": seeds, "models": models, "data": data, "image_size": image_size, "lang": lang}
    opened = open_protocol(name, runs, **wishes, cluster=cluster, workers=workers)
    settings = opened.protocol.dispatch
    if settings.cluster == "slurm":
        dispatch.check_programs()
    dispatch.check_room(opened.plan, opened.store, workers=workers_of(settings) or len(opened.plan.runs))
    _begin(opened)
    outcome = dispatch.run(
        opened.plan,
        store=opened.store,
        root=opened.protocol.root,
        cluster=settings.cluster,
        workers=settings.workers,
        requests=settings.slurm.requests(),
        allowance=settings.allowance,
        display=dispatch.open_display(),
    )
    if outcome.problem:
        print(outcome.problem, file=sys.stderr)
    if not outcome.complete:
        _complain(opened, said(name, runs, **wishes))
    if not outcome.stopped and any(status.state == "done" for status in outcome.runs):
        summarise(_conclude(opened, outcome.runs, reports))
    raise typer.Exit(outcome.exit_code)


@app.command()
def report(
    name: Name,
    seeds: Seeds = None,
    models: Models = None,
    data: Data = None,
    image_size: Size = None,
    runs: Runs = RUNS,
    reports: Reports = REPORTS,
    lang: Lang = None,
    show: Annotated[
        bool, typer.Option("--show", help="print page 1 of the report that is there; write nothing")
    ] = False,
) -> None:
    """Write the report again from what is finished; computes no new run."""
    from study.dispatch.states import recorded_problems, run_statuses

    if show:
        asked = read_protocol(name, lang=lang)
        _show(asked.study, reports, asked.report.languages if lang else (None,))
        return
    opened = open_protocol(name, runs, seeds=seeds, models=models, data=data, image_size=image_size, lang=lang)
    present = {key for key in opened.plan.stages if opened.store.has(key)}
    problems = recorded_problems(opened.plan, opened.store, present)
    statuses = run_statuses(opened.plan, opened.store, present, problems)
    if not any(status.state == "done" for status in statuses):
        raise StudyError(
            f"{opened.plan.study}: no run is finished, so there is nothing to report; first: study run {name}"
        )
    if not all(status.state == "done" for status in statuses):
        wishes = {"seeds": seeds, "models": models, "data": data, "image_size": image_size}
        _complain(opened, said(name, runs, **wishes))
    summarise(_conclude(opened, statuses, reports))


def _show(study: str, reports: Path, languages: Sequence[Language | None]) -> None:
    """Page 1 of the report that is there, in each language; None is the report's first one."""
    from study.conclude.numbered import manifest_of, results_of
    from study.report import summary

    folder = reports / study
    if not manifest_of(folder):
        raise StudyError(f"{folder}: there is no report yet; first: study report {study}")
    results = results_of(folder)
    print("\n".join(summary(results, language) for language in languages), end="")


def _lock(opened: Opened, finished: int) -> Lock:
    """Lock the protocol, or note its changes, with the number of runs that are finished now."""
    folder = opened.store.study_folder(opened.plan.study)
    now = datetime.now().astimezone()
    return lock(opened.protocol, folder, runs_finished=finished, now=now, digests=opened.digests, files=opened.files)


def _begin(opened: Opened) -> None:
    """Lock the protocol, and record what the study uses and which films it has read."""
    from study.store import record_dag

    _lock(opened, sum(all(opened.store.has(key) for key in run.stages) for run in opened.plan.runs))
    record_dag(opened.store.study_folder(opened.plan.study), opened.plan)
    opened.keep_hashes()


def _conclude(opened: Opened, statuses: Sequence[RunStatus], reports: Path) -> Conclusion:
    from study.conclude import conclude

    locked = _lock(opened, sum(status.state == "done" for status in statuses))
    return conclude(opened.protocol, opened.plan, opened.store, lock=locked, statuses=statuses, reports=reports)


def _complain(opened: Opened, words: Said) -> None:
    """What is missing and why, on stderr."""
    from study import dispatch

    print(dispatch.status(opened.plan, opened.store, words, about=about_of(opened)), end="", file=sys.stderr)


def summarise(conclusion: Conclusion) -> None:
    """Page 1 in a few lines, and where the report is."""
    from study.report import summary

    print(f"\n{summary(conclusion.results).rstrip()}\n")
    deviations = conclusion.results.get("protocol", {}).get("deviations", [])
    if deviations:
        print(f"changes of the protocol since it was locked: {len(deviations)}; the report lists them")
    page = conclusion.folder / ("report.html" if conclusion.pdf_problem else "report.pdf")
    print(f"{'report (unchanged)' if conclusion.reused else 'report'}: {page}")
    if conclusion.pdf_problem:
        print(f"no PDF: {conclusion.pdf_problem}", file=sys.stderr)
