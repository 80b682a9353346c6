"""A study from outside: status, logs, cancel."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from study.cli.app import app
from study.cli.options import RUNS, Data, Models, Name, Opened, Runs, Seeds, Size, open_protocol, read_protocol
from study.errors import StudyError

if TYPE_CHECKING:
    from study.dispatch import About, Said, Survey
    from study.protocol.schema import DispatchSettings

Of = Annotated[str, typer.Option("--protocol", help="a YAML file, or the name of one in protocols/")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="arm/seed, arm/model/seed or a run id")]
EVERY_S = 2.0


@app.command()
def status(
    name: Name,
    seeds: Seeds = None,
    models: Models = None,
    data: Data = None,
    image_size: Size = None,
    runs: Runs = RUNS,
    watching: Annotated[
        bool, typer.Option("--watch", help="look again and again until the study is done, or nobody works on it")
    ] = False,
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", help="between two looks of --watch")] = EVERY_S,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON; with --watch one line per change")] = False,
) -> None:
    """Show which runs are done, in work, failed or missing, why, and what to do next."""
    from study import dispatch

    if every <= 0:
        raise StudyError(f"--every: found {every:g}; must be seconds above 0")
    wishes = {"seeds": seeds, "models": models, "data": data, "image_size": image_size}
    opened = open_protocol(name, runs, **wishes)
    words, about = said(name, runs, **wishes), about_of(opened)

    def look(finished: dict[str, Any] | None = None) -> Survey:
        return dispatch.survey(opened.plan, opened.store, about, finished=finished)

    if watching:
        found = dispatch.watch(look, words, every_s=every, as_json=as_json)
        raise typer.Exit(0 if found.complete else 4)
    if as_json:
        print(json.dumps(dispatch.as_data(look(), words), ensure_ascii=False, indent=1))
    else:
        console = Console()
        print(dispatch.as_text(look(), words, width=console.width if console.is_terminal else None), end="")


@app.command()
def logs(
    run_name: RunName,
    name: Of = "mae_effect",
    seeds: Seeds = None,
    models: Models = None,
    data: Data = None,
    image_size: Size = None,
    runs: Runs = RUNS,
    stage: Annotated[
        str | None, typer.Option("--stage", help="only stages of this kind (finetune), or the one with this key")
    ] = None,
    attempt: Annotated[int | None, typer.Option("--attempt", help="this attempt instead of the newest")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on printing while the run is worked on")] = False,
) -> None:
    """Show what the stages of one run printed."""
    from study import dispatch

    opened = open_protocol(name, runs, seeds=seeds, models=models, data=data, image_size=image_size)
    print(dispatch.logs(opened.plan, opened.store, run_name, stage=stage, attempt=attempt), end="", flush=True)
    if follow:
        for line in dispatch.follow(opened.plan, opened.store, run_name, stage=stage):
            print(line, end="", flush=True)


@app.command()
def cancel(name: Name, runs: Runs = RUNS) -> None:
    """Ask every living `study run` of a protocol to stop and keep its checkpoints, and end its SLURM jobs."""
    from study import dispatch
    from study.store import Store

    study = read_protocol(name).study
    asked = dispatch.cancel(Store(runs), study)
    ended = dispatch.cancel_jobs(Store(runs), study)
    said = [f"asked {asked} to stop"] if asked else []
    said += [f"ended {ended.jobs} SLURM jobs"] if ended.jobs else []
    print(f"{study}: {' and '.join(said) or 'nothing is running'}")
    if ended.left:
        raise StudyError(f"{study}: SLURM has not ended {', '.join(ended.left)} yet; see `squeue -j {ended.left[0]}`")


def said(name: str, runs: Path, **wishes: Any) -> Said:
    """How the user names the study, so that messages can say whole commands."""
    from study.dispatch import Said

    options: list[str] = []
    for option in ("seeds", "models", "data", "image_size"):
        value = wishes.get(option)
        for word in value if isinstance(value, list) else [value] if value is not None else []:
            options += [f"--{option.replace('_', '-')}", str(word)]
    return Said(name, (*options, *elsewhere(runs)))


def elsewhere(runs: Path) -> tuple[str, ...]:
    """The option that says where the store is, where it is not in its usual place."""
    return ("--runs", str(runs)) if runs != RUNS else ()


def about_of(opened: Opened) -> About:
    """What a survey of the study must know besides its plan."""
    from study.dispatch import About
    from study.plan.cost import expected

    protocol, plan, store = opened.protocol, opened.plan, opened.store

    def seconds(key: str) -> float | None:
        manifest = store.intact(key)
        return float(manifest["seconds"]) if manifest is not None else None

    def guess(keys: Collection[str]) -> float:
        return expected(plan, keys, lambda stage: seconds(stage.key)).work

    return About(
        contrasts=protocol.contrasts(),
        paired=protocol.seeding == "paired",
        locked_at=_locked_at(opened),
        workers=workers_of(protocol.dispatch),
        guess=guess,
        queues=protocol.dispatch.cluster == "slurm",
    )


def workers_of(settings: DispatchSettings) -> int | None:
    """How many stages can be in work at once; None where SLURM decides."""
    from study.dispatch.slots import slots

    if settings.cluster != "local":
        return 1 if settings.cluster == "inline" else settings.workers
    try:
        return len(slots(settings.workers, settings.allowance))
    except StudyError:  # too few GPUs here: `study run` refuses, who only looks need not care
        return settings.workers or 1


def _locked_at(opened: Opened) -> datetime | None:
    from study.store.files import read_json

    locked = read_json(opened.store.study_folder(opened.plan.study) / "lock.json") or {}
    try:
        return datetime.fromisoformat(str(locked.get("locked_at")))
    except ValueError:
        return None
