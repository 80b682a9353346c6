"""What a study looks like that has ended well, whatever has happened to its processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from study.store import Store
from study.store.lease import current_holder

PROTOCOL = Path(__file__).resolve().parents[2] / "protocols" / "smoke.yaml"
AFTER_DEATH = ("done", "killed", "vanished")
"""How an attempt can end that has published: its process may have been killed right after."""


@dataclass(frozen=True)
class Calm:
    """How a study ends that was left alone.

    Attributes:
        findings: bytes of its findings.json.
        keys: of its objects.
    """

    findings: bytes
    keys: frozenset[str]


def calm_of(folder: Path) -> Calm:
    """Of the study in a folder that has ended."""
    return Calm(findings(folder), frozenset(Store(folder / "runs").object_keys()))


def command(folder: Path, name: str, *words: str) -> list[str]:
    """A command about the study of PROTOCOL whose runs and reports are in `folder`."""
    return [sys.executable, "-m", "study", name, str(PROTOCOL), "--runs", str(folder / "runs"), *words]


def findings(folder: Path) -> bytes:
    """The findings.json of the one report in a folder."""
    [found] = (folder / "reports").glob("*/findings/findings.json")
    return found.read_bytes()


def identity(folder: Path) -> tuple[str, int]:
    """Attempt and inode of an object: published again it has others."""
    return str(json.loads((folder / "manifest.json").read_bytes())["attempt"]), folder.stat().st_ino


def problems(folder: Path, calm: Calm, seen: Mapping[str, tuple[str, int]]) -> list[str]:
    """All that is wrong with a study that has ended, one line each.

    Args:
        folder: of everything it has made.
        calm: what it must end as.
        seen: key -> `identity` of objects that were seen earlier.
    """
    store = Store(folder / "runs")
    if store.object_keys() != sorted(calm.keys):
        return [f"{len(store.object_keys())} objects, {len(calm.keys)} in the undisturbed study, or other ones"]
    return [
        *_findings(folder, calm),
        *(line for key in sorted(calm.keys) for line in (*_object(store, key, seen.get(key)), *_workshop(store, key))),
        *(f"{path}: in quarantine" for path in (store.root / "quarantine").iterdir()),
        *(f"{path}: a lease" for path in store.root.rglob("lease*")),
        *(f"{path}: a report that was not finished" for path in (folder / "reports").glob("*/.new*")),
        *_said(folder, len(calm.keys)),
    ]


def _findings(folder: Path, calm: Calm) -> Iterator[str]:
    if findings(folder) != calm.findings:
        yield "findings.json: other bytes than those of the undisturbed study"


def _object(store: Store, key: str, seen: tuple[str, int] | None) -> Iterator[str]:
    """An object is whole, holds nothing else, and is the one that was there when we looked first."""
    folder = store.object_folder(key)
    files = {"manifest.json", *store.manifest(key)["files"]}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if there != files:
        yield f"{folder}: holds {sorted(there ^ files)} too much or too little"
    if seen not in (None, identity(folder)):
        yield f"{folder}: published twice, by {seen} and {identity(folder)}"
    if [path.name for path in folder.parent.iterdir() if path.name not in store.object_keys()]:
        yield f"{folder.parent}: holds {sorted(path.name for path in folder.parent.iterdir())}"


def _workshop(store: Store, key: str) -> Iterator[str]:
    """One attempt has published, no other one says so, all are over, and nobody works on it."""
    workshop, publisher = store.workshop(key), store.manifest(key)["attempt"]
    endings = {attempt.path.name: attempt.ending() for attempt in store.attempts(key)}
    for name, ending in endings.items():
        where = f"{workshop / 'attempts' / name}: {store.manifest(key)['label']}"
        if ending is None:
            yield f"{where}: looks as if it were still running"
        elif name == publisher and ending.state not in AFTER_DEATH:
            yield f"{where}: has published, but ended as {ending.state}"
        elif name != publisher and ending.state in ("done", "lost_race", "fenced", "failed", "store"):
            yield f"{where}: ended as {ending.state}, but {publisher} has published"
    if publisher not in endings:
        yield f"{workshop}: no attempt {publisher}, which has published"
    for left in (*workshop.glob("attempts/*/out"), *workshop.glob("attempts/*/ckpt")):
        yield f"{left}: of a stage that is published"
    if (holder := current_holder(workshop)) is not None:
        yield f"{workshop}: {holder} works on it"


def _said(folder: Path, stages: int) -> Iterator[str]:
    """What `study status` and `study verify` say of it."""
    asked = subprocess.run(command(folder, "status", "--json"), capture_output=True, text=True)
    status = json.loads(asked.stdout) if asked.returncode == 0 else {}
    said = {name: status.get(name) for name in ("complete", "living", "unfinished")}
    if said != {"complete": True, "living": 0, "unfinished": []} or status["stages"] != {
        "planned": stages,
        "done": stages,
    }:
        yield f"study status: exit code {asked.returncode}: {asked.stdout}{asked.stderr}"
    checked = subprocess.run(command(folder, "verify"), capture_output=True, text=True)
    if checked.returncode != 0 or not checked.stdout.endswith(" read: none broken\n"):
        yield f"study verify: exit code {checked.returncode}: {checked.stdout}{checked.stderr}"
