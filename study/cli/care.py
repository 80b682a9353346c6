"""What keeps a store in order: retry, why, verify, gc."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from study.cli.app import app
from study.cli.look import Of, RunName, elsewhere, said
from study.cli.options import DIGESTS, RUNS, Data, Models, Name, Opened, Runs, Seeds, Size, open_protocol
from study.errors import StudyError

BROKEN = 4
"""Exit code where objects are broken and stay in their place."""


@app.command()
def retry(
    name: Name,
    run_names: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="arm/seed, arm/model/seed or run ids; default: all")
    ] = None,
    seeds: Seeds = None,
    models: Models = None,
    data: Data = None,
    image_size: Size = None,
    runs: Runs = RUNS,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="also move what these runs have made to quarantine/, to make it again")
    ] = False,
) -> None:
    """Forget the failures of stages, so that the next `study run` does them."""
    from study import dispatch

    wishes = {"seeds": seeds, "models": models, "data": data, "image_size": image_size}
    opened = open_protocol(name, runs, **wishes)
    forgiven = dispatch.forgive(opened.plan, opened.store, run_names or ())
    for line in forgiven:
        print(line)
    moved = _make_again(opened, run_names or ()) if fresh else 0
    if not forgiven and not moved:
        print(f"{opened.plan.study}: nothing has failed there")
        return
    if fresh:
        print(f"{moved} folders moved to {opened.store.root / 'quarantine'}")
    print(f"next: {said(name, runs, **wishes).command('run')}")


def _make_again(opened: Opened, run_names: list[str] | tuple[str, ...]) -> int:
    from study import dispatch

    if not run_names:
        raise StudyError("--fresh: say which runs, such as mae_random/1; what they have made is moved away")
    if not dispatch.survey(opened.plan, opened.store).idle:
        raise StudyError(f"--fresh: {opened.plan.study} is being worked on; stop it first with `study cancel`")
    return dispatch.make_again(opened.plan, opened.store, run_names)


@app.command()
def why(
    run_name: RunName,
    name: Of = "mae_effect",
    seeds: Seeds = None,
    models: Models = None,
    data: Data = None,
    image_size: Size = None,
    runs: Runs = RUNS,
) -> None:
    """Say why the stages of a run are not cached: what differs from the nearest ones that are."""
    from study import dispatch

    opened = open_protocol(name, runs, seeds=seeds, models=models, data=data, image_size=image_size)
    print(dispatch.why(opened.plan, opened.store, run_name), end="")


@app.command()
def verify(
    name: Annotated[
        str | None, typer.Argument(metavar="[PROTOCOL]", help="only what this protocol uses; default: everything")
    ] = None,
    runs: Runs = RUNS,
    mend: Annotated[bool, typer.Option("--mend", help="move what is broken to quarantine/")] = False,
) -> None:
    """Read every finished stage again and compare its files with their checksums."""
    from study.plan import key
    from study.store import Store
    from study.store import verify as checked

    store = Store(runs)
    keys = store.object_keys() if name is None else list(open_protocol(name, runs).plan.stages)
    found = checked(store, keys, name_of=key)
    for each in found.broken:
        print(f"{each.label}: {each.problem}\n    {store.object_folder(each.key)}")
        if mend:
            print(f"    moved to {store.set_aside(store.object_folder(each.key))}")
    print(f"{found.objects} objects, {spoken_size(found.size)} read: {len(found.broken) or 'none'} broken")
    if found.broken and not mend:
        words = [*([name] if name else []), "--mend", *elsewhere(runs)]
        print(
            f"`{shlex.join(('study', 'verify', *words))}` moves them to quarantine/, the next `study run` makes them again"
        )
        raise typer.Exit(BROKEN)


@app.command()
def gc(
    runs: Runs = RUNS,
    really: Annotated[bool, typer.Option("--delete", help="delete; without it nothing is touched")] = False,
    latest: Annotated[
        bool,
        typer.Option("--latest", help="keep only what the newest plan of each study uses, not what earlier plans used"),
    ] = False,
) -> None:
    """Show what no study uses any more, and delete it when told to."""
    from study import data, dispatch
    from study.store import Store, delete, sweep

    store = Store(runs)
    found = sweep(store, latest=latest, ended=dispatch.ended_folders(store))
    absent = data.of_absent_files(store.root / DIGESTS)
    number, size = found.objects
    print(f"{store.root}: {number} objects, {spoken_size(size)}; {found.used} of them used by a study")
    for heap in found.heaps:
        print(f"  {len(heap.paths):>6}  {heap.title:<56}  {spoken_size(heap.size):>9}")
    print(f"  {len(absent):>6}  remembered hashes of films that are gone")
    if found.quarantined:
        print(
            f"  quarantine/ holds {spoken_size(found.quarantined)}; we never empty it: look, and remove what is in it"
        )
    for study in found.unplanned:
        print(
            f"  '{study}' was never run by this version, so what it uses is not known and all objects stay; "
            f"run it once more, or move {store.study_folder(study)} away"
        )
    if not absent and not any(heap.paths for heap in found.heaps):
        print("nothing to delete")
    elif really:
        deleted = delete(store, found)
        if absent:
            data.forget(store.root / DIGESTS, set(absent))
        print(f"deleted {deleted} files and folders, {spoken_size(found.size)}")
    else:
        again = shlex.join(("study", "gc", *(["--latest"] if latest else []), *elsewhere(runs), "--delete"))
        print(f"`{again}` would free {spoken_size(found.size)}; nothing was deleted")


def spoken_size(size: int) -> str:
    """`812 B`, `3.2 MB`, `1.4 GB`."""
    value, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.0f} B" if units[0] == "B" else f"{value:.1f} {units[0]}"
