"""Reports of a study as numbered folders: the newest in its place, earlier ones beside it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.errors import DependencyError, StudyError
from study.records import ReportInput
from study.store import Lease

if TYPE_CHECKING:
    import pandas as pd

LOCK = "lock"
"""Folder of the lock of an analysis file, which has no folder among the runs."""
KEPT = {".new", "earlier", "notes.yaml", LOCK}
LEASES = ("lease.", ".lease.", ".clock.")
WAIT_S = 0.2


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


def once(folder: Path, key: str, make: Callable[[], Conclusion]) -> Conclusion:
    """The report in the folder if it has this very key, else what `make` writes there.

    Several processes may call it at the same time: one writes, the others wait and find what it has written.

    Raises:
        StudyError: the folder cannot be written.
    """
    if there := present(folder, key):
        return there
    with _alone(folder):
        return present(folder, key) or make()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """With the folder's lease, as soon as no living process has it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error.strerror) from error
    if not os.access(folder, os.W_OK):
        raise _unwritable(folder, "it is read-only")
    while (lease := Lease.take(folder, study=folder.name)) is None:
        time.sleep(WAIT_S)
    try:
        with lease.beating():
            yield
    finally:
        lease.release()
        for stale in folder.glob("lease.stale.*"):
            stale.unlink(missing_ok=True)


def _unwritable(folder: Path, why: str | None) -> StudyError:
    return StudyError(
        f"{folder}: no report can be written there: {why}\n"
        "make the folder writable for this user, or choose another one with --reports"
    )


def present(folder: Path, key: str) -> Conclusion | None:
    """The report in the folder if it is whole and has this very key."""
    before = manifest_of(folder)
    if before.get("key") == key and all((folder / name).is_file() for name in before["files"]):
        return Conclusion(folder, results_of(folder), reused=True, pdf_problem=before.get("pdf_problem"))
    return None


def write(
    contents: ReportInput,
    folder: Path,
    key: str,
    *,
    cross: pd.DataFrame | None = None,
    agreement: pd.DataFrame | None = None,
) -> Conclusion:
    """Render beside the present report, then put the new one in its place."""
    from study import report, statistics  # only to write: a report that is there is found without them

    fresh = folder / ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    problem = None
    statistics.write_findings(contents.analysis, fresh / "findings", cross=cross, agreement=agreement)
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
    return Conclusion(folder, results_of(folder), reused=False, pdf_problem=problem)


def _archive(folder: Path) -> None:
    """Move the present report, if there is one, to `earlier/<number>`; a half-written one is dropped."""
    before = manifest_of(folder)
    (folder / "manifest.json").unlink(missing_ok=True)
    place = folder / "earlier" / f"{before['number']:03d}" if before else None
    if place:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    for path in sorted(folder.iterdir()):
        if path.name in KEPT or path.name.startswith(LEASES):
            continue
        if place:
            path.rename(place / path.name)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def next_number(folder: Path) -> int:
    """One more than the highest number that a report of this study has had."""
    earlier = [int(path.name) for path in (folder / "earlier").glob("*") if path.name.isdecimal()]
    return max([int(manifest_of(folder).get("number", 0)), *earlier]) + 1


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of the present report; empty where there is none, or none that is whole."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf8"))
    except (OSError, ValueError):
        return {}
    return manifest if {"key", "number", "files"} <= manifest.keys() else {}


def results_of(folder: Path) -> dict[str, Any]:
    """The present report's results.json."""
    results: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf8"))
    return results
