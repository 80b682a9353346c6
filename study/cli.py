"""The command line: each command reads a protocol and hands it to the stations, nothing more.

    validate plan run status logs cancel report    a protocol's way to a report
    list new schema                                what a protocol can say, and a first one

`run` always means "make it complete": there is no resume and no force. Exit codes: 0 complete,
1 a bug of ours (with a traceback), 2 the user's to fix, 4 runs are missing, 5 the disk said no,
130 stopped.
"""

from __future__ import annotations

import difflib
import json
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from study import __version__
from study.errors import StudyError, UnsupportedError
from study.protocol import Lock, Protocol, json_schema, lock, read
from study.records import Plan, RunStatus

if TYPE_CHECKING:
    from study.conclude import Conclusion
    from study.store import Store

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Controlled comparisons of image classifiers: a YAML protocol in, a report out.",
)

Name = Annotated[str, typer.Argument(metavar="PROTOCOL", help="a YAML file, or the name of one in protocols/")]
Seeds = Annotated[str | None, typer.Option("--seeds", help="how many seeds, or a list such as 0,1,2")]
Models = Annotated[str | None, typer.Option("--models", help="models instead of the protocol's, with commas")]
Data = Annotated[
    list[str] | None, typer.Option("--data", metavar="[NAME=]PATH", help="real films for the target, or for NAME")
]
Size = Annotated[int | None, typer.Option("--image-size", help="side of the images in pixels")]
Cluster = Annotated[str | None, typer.Option("--cluster", help="where to work: local, inline or slurm")]
Workers = Annotated[int | None, typer.Option("--workers", help="stages at a time")]
Runs = Annotated[Path, typer.Option("--runs", help="folder of everything computed")]
Reports = Annotated[Path, typer.Option("--reports", help="folder of the reports")]
Lang = Annotated[str | None, typer.Option("--lang", help="languages of the report: en, ko or both")]

RUNS, REPORTS, PROTOCOLS = Path("runs"), Path("reports"), Path("protocols")


@dataclass(frozen=True)
class Opened:
    """A protocol with everything that follows from it without computing."""

    protocol: Protocol
    digests: Mapping[str, str]
    plan: Plan
    store: Store


@app.command()
def validate(
    name: Name, seeds: Seeds = None, models: Models = None, data: Data = None, image_size: Size = None
) -> None:
    """Check a protocol; say everything that is wrong with it."""
    protocol = _read(name, seeds=seeds, models=models, data=data, image_size=image_size)
    runs = len(protocol.arms) * len(protocol.models) * len(protocol.seeds)
    tested = sum(contrast.family == "primary" for contrast in protocol.contrasts())
    print(f"{protocol.source}: fine; {runs} runs, {tested} primary contrast{'s' if tested != 1 else ''}")


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
    opened = _open(name, runs, **wishes, cluster=cluster, workers=workers)
    store = opened.store
    tree = render_plan(
        opened.plan,
        opened.protocol,
        store.has,
        lambda stage: store.seconds(stage.key) if store.has(stage.key) else None,
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
    opened = _open(name, runs, **wishes, cluster=cluster, workers=workers)
    settings = opened.protocol.dispatch
    if settings.cluster == "slurm":
        raise UnsupportedError("cluster 'slurm' is not available in this version; use local or inline")
    _lock(opened)
    outcome = dispatch.run(
        opened.plan,
        store=opened.store,
        root=opened.protocol.root,
        cluster=settings.cluster,
        workers=settings.workers,
        display=dispatch.open_display(),
    )
    if outcome.problem:
        print(outcome.problem, file=sys.stderr)
    if not outcome.complete:
        _complain(opened, name, runs)
    if not outcome.stopped and any(status.state == "done" for status in outcome.runs):
        _summarise(_conclude(opened, outcome.runs, reports))
    raise typer.Exit(outcome.exit_code)


@app.command()
def status(
    name: Name,
    seeds: Seeds = None,
    models: Models = None,
    data: Data = None,
    image_size: Size = None,
    runs: Runs = RUNS,
) -> None:
    """Show which runs are done, in work, failed or missing."""
    from study import dispatch

    opened = _open(name, runs, seeds=seeds, models=models, data=data, image_size=image_size)
    print(dispatch.status(opened.plan, opened.store, command=_logs_command(name, runs)), end="")


@app.command()
def logs(
    run_name: Annotated[str, typer.Argument(metavar="RUN", help="arm/seed, arm/model/seed or a run id")],
    name: Annotated[
        str, typer.Option("--protocol", help="a YAML file, or the name of one in protocols/")
    ] = "mae_effect",
    seeds: Seeds = None,
    models: Models = None,
    data: Data = None,
    image_size: Size = None,
    runs: Runs = RUNS,
) -> None:
    """Show what the stages of one run printed."""
    from study import dispatch

    opened = _open(name, runs, seeds=seeds, models=models, data=data, image_size=image_size)
    print(dispatch.logs(opened.plan, opened.store, run_name), end="")


@app.command()
def cancel(name: Name, runs: Runs = RUNS) -> None:
    """Ask every living `study run` of a protocol to stop and keep its checkpoints."""
    from study import dispatch
    from study.store import Store

    study = _read(name).study
    asked = dispatch.cancel(Store(runs), study)
    print(f"{study}: asked {asked} to stop" if asked else f"{study}: nothing is running")


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
) -> None:
    """Write the report again from what is finished; computes no new run."""
    from study.dispatch.states import recorded_problems, run_statuses

    opened = _open(name, runs, seeds=seeds, models=models, data=data, image_size=image_size, lang=lang)
    present = {key for key in opened.plan.stages if opened.store.has(key)}
    problems = recorded_problems(opened.plan, opened.store, present)
    statuses = run_statuses(opened.plan, opened.store, present, problems)
    if not any(status.state == "done" for status in statuses):
        raise StudyError(
            f"{opened.plan.study}: no run is finished, so there is nothing to report; first: study run {name}"
        )
    _summarise(_conclude(opened, statuses, reports))


@app.command("list")
def list_() -> None:
    """List everything a protocol can name."""
    from study.listing import tables

    console = Console()
    for table in tables():
        console.print(table)


@app.command()
def new(
    folder: Annotated[
        Path, typer.Option("--data", prompt="Folder of the films", help="folder with films or a manifest")
    ],
    name: Annotated[str, typer.Option("--name", prompt="Name of the study", help="name of the study and its file")],
    model: Annotated[str, typer.Option("--model", help="a model name")] = "vit_phantom",
    out: Annotated[Path | None, typer.Option("--out", help="file to write; default: protocols/NAME.yaml")] = None,
) -> None:
    """Look at a folder of films and write a commented protocol for it."""
    from study.draft import draft

    path = out or PROTOCOLS / f"{name}.yaml"
    facts = draft(name, folder, model=model, path=path)
    print(f"{facts.films} films found; wrote {path}\nlook it through, then: study plan {path if out else name}")


@app.command()
def schema(
    out: Annotated[Path, typer.Option("--out", help="file to write")] = PROTOCOLS / "schema.json",
) -> None:
    """Write the JSON Schema of protocols, from which editors complete and check."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf8")
    print(f"wrote {out}")


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        print(f"study {__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a mistake of the user is one message on stderr and exit code 2."""
    if threading.current_thread() is threading.main_thread():
        # Before and after the work, which counts Ctrl-C itself; typer would end by the signal, without a code.
        signal.signal(signal.SIGINT, lambda _number, _frame: sys.exit(130))
    try:
        app(args=arguments)
    except StudyError as error:
        print(str(error).rstrip(), file=sys.stderr)
        sys.exit(error.exit_code)


def _open(name: str, runs: Path, **wishes: Any) -> Opened:
    """The checked protocol, its plan, and the store."""
    from study import data
    from study.plan import expand
    from study.store import Store

    protocol = _read(name, **wishes)
    digests = {
        dataset: data.digest(protocol.data[dataset].model_dump(), root=protocol.root)
        for dataset in protocol.datasets_used
    }
    return Opened(protocol, digests, expand(protocol, digests), Store(runs))


def _read(name: str, **wishes: Any) -> Protocol:
    """The protocol with the options of the command line as overrides."""
    lang = wishes.get("lang")
    return read(
        _find(name),
        {
            "seeds": _seeds(wishes.get("seeds")),
            "models": [word.strip() for word in wishes["models"].split(",")] if wishes.get("models") else None,
            "data": _paths(wishes["data"]) if wishes.get("data") else None,
            "languages": ["en", "ko"] if lang == "both" else [lang] if lang else None,
            **{key: wishes.get(key) for key in ("image_size", "cluster", "workers")},
        },
    )


def _find(name: str) -> Path:
    """The file that a path or a bare name means."""
    path = Path(name)
    if path.is_file() or path.parent != Path():
        return path
    inside = PROTOCOLS / (name if path.suffix else f"{name}.yaml")
    if inside.is_file():
        return inside
    known = sorted(file.stem for file in PROTOCOLS.glob("*.yaml"))
    near = difflib.get_close_matches(path.stem, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise StudyError(
        f"there is no protocol '{name}', here or in {PROTOCOLS}/{hint}\nknown: {', '.join(known) or 'none'}"
    )


def _seeds(text: str | None) -> int | list[Any] | str | None:
    """`5` is a count, `0,1,2` a list; anything else is left for the checks to refuse."""
    if text is None:
        return None
    words = [int(word) if word.strip().isdecimal() else word.strip() for word in text.split(",")]
    return words if len(words) > 1 else words[0]


def _paths(entries: Sequence[str]) -> dict[str, str]:
    """`NAME=PATH` or `PATH` (for the target, name "")."""
    pairs = (entry.rpartition("=") if not Path(entry).exists() else ("", "", entry) for entry in entries)
    return {name: path for name, _, path in pairs}


def _lock(opened: Opened) -> Lock:
    """Lock the protocol, or note its changes, with the number of runs that are finished now."""
    finished = sum(all(opened.store.has(key) for key in run.stages) for run in opened.plan.runs)
    folder = opened.store.study_folder(opened.plan.study)
    now = datetime.now().astimezone()
    return lock(opened.protocol, folder, runs_finished=finished, now=now, digests=opened.digests)


def _conclude(opened: Opened, statuses: Sequence[RunStatus], reports: Path) -> Conclusion:
    from study.conclude import conclude

    return conclude(opened.protocol, opened.plan, opened.store, lock=_lock(opened), statuses=statuses, reports=reports)


def _complain(opened: Opened, name: str, runs: Path) -> None:
    """What is missing and why, on stderr."""
    from study import dispatch

    print(dispatch.status(opened.plan, opened.store, command=_logs_command(name, runs)), end="", file=sys.stderr)


def _logs_command(name: str, runs: Path) -> str:
    return f"study logs --protocol {name}" + (f" --runs {runs}" if runs != RUNS else "")


def _summarise(conclusion: Conclusion) -> None:
    """Page 1 in a few lines, and where the report is."""
    from study.report import summary

    print(f"\n{summary(conclusion.results).rstrip()}\n")
    deviations = conclusion.results.get("protocol", {}).get("deviations", [])
    if deviations:
        print(f"{len(deviations)} change(s) of the protocol since it was locked; the report lists them")
    page = conclusion.folder / ("report.html" if conclusion.pdf_problem else "report.pdf")
    print(f"{'report (unchanged)' if conclusion.reused else 'report'}: {page}")
    if conclusion.pdf_problem:
        print(f"no PDF: {conclusion.pdf_problem}", file=sys.stderr)
