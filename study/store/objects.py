"""The store: finished stages by key, and the one rename that finishes them."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from study.errors import StoreError
from study.records import Stage
from study.store.attempts import (
    FORGIVEN,
    Attempt,
    Ending,
    EndState,
    attempts,
    canonical,
    close_abandoned,
    counted_attempts,
    discard_leftovers,
    files_below,
    newest_checkpoint,
)
from study.store.files import read_json, store_errors, sync_file, sync_folder, write_json
from study.store.lease import LEASE, Lease, current_holder
from study.store.provenance import provenance

SCHEMA = 1
MANIFEST = "manifest.json"


class Store:
    """A folder of finished stages that any number of processes may read and add to.

    Attributes:
        root: absolute path, `runs/` as a rule. Reading needs no folder to exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).resolve()

    def prepare(self) -> None:
        """Make the folders and write a probe.

        Raises:
            StoreError: the store is read-only or full, or its parts lie on different disks.
        """
        with store_errors(self.root):
            for name in ("objects", "stages", "studies", "quarantine"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            if (self.root / "objects").stat().st_dev != (self.root / "stages").stat().st_dev:
                raise StoreError(f"{self.root}: objects and stages must lie on one disk, or nothing can be published")
            probe = self.root / f".probe.{secrets.token_hex(4)}"
            try:
                probe.write_bytes(b"0" * 4096)
            finally:
                probe.unlink(missing_ok=True)

    def object_folder(self, key: str) -> Path:
        """Where the object is or will be."""
        return self.root / "objects" / key[:2] / key

    def workshop(self, key: str) -> Path:
        """Where the stage's lease and attempts are."""
        return self.root / "stages" / key[:2] / key

    def study_folder(self, study: str) -> Path:
        """Where a study keeps its locked protocol and its sessions."""
        return self.root / "studies" / study.replace(os.sep, "_")

    def events_folder(self, study: str, stage: Stage) -> Path:
        """Where a training stage's event files for TensorBoard go, where they are asked for."""
        name = re.sub(r"[^\w.-]+", "-", stage.label or stage.kind)
        return self.study_folder(study) / "tensorboard" / f"{name}-{stage.key[:6]}"

    # ------------------------------------------------------------------ reading

    def object_keys(self) -> list[str]:
        """Names of all objects, damaged ones included."""
        return sorted(path.name for path in (self.root / "objects").glob("*/*"))

    def has(self, key: str) -> bool:
        """Whether the stage is done: a manifest that can be read, and every file of its size."""
        return self.intact(key) is not None

    def held(self, stage: Stage) -> dict[str, Any] | None:
        """The manifest of a stage that is done, checked to be made from this very recipe, or None.

        Raises:
            StoreError: the object under this key was made from another recipe.
        """
        manifest = self.intact(stage.key)
        if manifest is not None and manifest.get("recipe") != (wanted := canonical(stage.recipe)):
            raise StoreError(
                f"{self.object_folder(stage.key) / MANIFEST}: holds another recipe than {stage.label or stage.key}\n"
                f"found {manifest.get('recipe')}\nwanted {wanted}\n"
                f"move {self.object_folder(stage.key)} away and run again"
            )
        return manifest

    def folder(self, key: str) -> Path:
        """The files of a finished stage.

        Raises:
            StoreError: the stage is not done, or damaged.
        """
        self.manifest(key)
        return self.object_folder(key)

    def manifest(self, key: str) -> dict[str, Any]:
        """What made a finished stage: recipe, versions, commit, host, seconds, sums of its files.

        Raises:
            StoreError: the stage is not done, or damaged.
        """
        manifest = self.intact(key)
        if manifest is None:
            found = "damaged" if self.object_folder(key).exists() else "absent"
            raise StoreError(f"{self.object_folder(key)}: {found}; `study run` makes it")
        return manifest

    def seconds(self, key: str) -> float:
        """How long the stage took, in seconds of wall time.

        Raises:
            StoreError: the stage is not done, or damaged.
        """
        return float(self.manifest(key)["seconds"])

    def damaged_files(self, key: str) -> list[str]:
        """Names of files of a finished stage whose sha256 is not the manifest's (reads everything)."""
        folder, files = self.folder(key), self.manifest(key)["files"]
        return [name for name, facts in files.items() if _sha256(folder / name) != facts["sha256"]]

    def attempts(self, key: str) -> list[Attempt]:
        """All tries at a stage, oldest first."""
        return attempts(self.workshop(key))

    def counted_attempts(self, key: str) -> list[Attempt]:
        """Tries at a stage since its failures were last forgiven, oldest first."""
        return counted_attempts(self.workshop(key))

    def newest_checkpoint(self, key: str) -> tuple[int, bytes] | None:
        """The intact checkpoint with the highest step over all tries, or None."""
        return newest_checkpoint(self.workshop(key))

    def intact(self, key: str) -> dict[str, Any] | None:
        """The manifest of a finished stage with every file of its size; None where it is absent or damaged."""
        folder = self.object_folder(key)
        manifest = read_json(folder / MANIFEST)
        files = manifest.get("files") if manifest else None
        if not isinstance(files, dict):
            return None
        try:
            whole = all(os.stat(f"{folder}/{name}").st_size == facts["size"] for name, facts in files.items())
        except (OSError, TypeError, KeyError):
            return None
        return manifest if whole else None

    # ------------------------------------------------------------------ writing

    def lease(self, stage: Stage, *, study: str) -> Lease | None:
        """The right to work on a stage, or None while a living process has it."""
        workshop = self.workshop(stage.key)
        with store_errors(workshop):
            (workshop / "attempts").mkdir(parents=True, exist_ok=True)
        if not (workshop / "recipe.json").exists():
            write_json(workshop / "recipe.json", canonical(stage.recipe))
        return Lease.take(workshop, study=study)

    def attempt(self, stage: Stage, lease: Lease) -> Attempt:
        """A new, empty try at a stage; a damaged object in its place is moved to quarantine."""
        workshop = self.workshop(stage.key)
        close_abandoned(workshop, keep=lease.attempt)
        if self.object_folder(stage.key).exists() and not self.has(stage.key):
            self.set_aside(self.object_folder(stage.key))
        return Attempt(workshop / "attempts" / lease.attempt).open()

    def publish(
        self, stage: Stage, attempt: Attempt, lease: Lease, *, seconds: float, peak_gb: float | None = None
    ) -> EndState:
        """Make the outputs of an attempt the stage's object, once and for all.

        Args:
            stage: what was made.
            attempt: whose `out` is renamed into place after its manifest was written.
            lease: looked at once more right before the rename.
            seconds: wall time of the work.
            peak_gb: largest resident memory of the process until now, where known.

        Returns:
            `done`; `fenced` where somebody took the lease over and will publish; `lost_race` where
            somebody already has. Ours is thrown away in both.

        Raises:
            StoreError: the disk is full or refuses.
        """
        out, target = attempt.out, self.object_folder(stage.key)
        with store_errors(out):
            files = {path.relative_to(out).as_posix(): _sealed(path) for path in files_below(out)}
            manifest = {
                "schema": SCHEMA,
                "key": stage.key,
                "kind": stage.kind,
                "label": stage.label,
                "recipe": canonical(stage.recipe),
                **provenance(),
                **_timed(out),
                "seconds": round(seconds, 3),
                "peak_gb": peak_gb,
                "attempt": attempt.path.name,
                "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                "files": files,
            }
            write_json(out / MANIFEST, manifest, durable=True)
            if not lease.mine():
                return "fenced"
            published = self._rename(out, target, stage.key)
        discard_leftovers(self.workshop(stage.key))
        return "done" if published else "lost_race"

    def _rename(self, out: Path, target: Path, key: str) -> bool:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(out, target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            if self.has(key):
                return False
            self.set_aside(target)
            os.rename(out, target)
        sync_folder(target.parent)
        return True

    def tidy(self, key: str) -> None:
        """Put away what a process left that died after publishing a stage and before giving its lease back.

        Closes its attempts, removes checkpoints and the dead lease; does nothing where no lease is left.

        Raises:
            StoreError: the disk is full or refuses.
        """
        workshop = self.workshop(key)
        if not (workshop / LEASE).exists() or current_holder(workshop) is not None:
            return
        manifest = self.intact(key)
        if manifest is None:
            return
        publisher = Attempt(workshop / "attempts" / manifest["attempt"])
        with store_errors(workshop):
            publisher.close(Ending("done", "", manifest["seconds"], None, manifest.get("peak_gb"), manifest["host"]))
            close_abandoned(workshop, keep=publisher.path.name)
            discard_leftovers(workshop)
            (workshop / LEASE).unlink(missing_ok=True)

    def forgive(self, key: str) -> int:
        """Let the tries at a stage so far no longer count as failures; how many there were that did."""
        tries = self.counted_attempts(key)
        if tries:
            write_json(self.workshop(key) / FORGIVEN, {"attempt": tries[-1].number, "time": time.time()})
        return len(tries)

    def set_aside(self, path: Path) -> Path:
        """Move something damaged to `quarantine/`; nothing is ever deleted there."""
        place = self.root / "quarantine" / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}-{path.name}"
        with store_errors(path):
            place.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # somebody else moved it
                os.rename(path, place)
        return place


def _timed(out: Path) -> dict[str, Any]:
    """What a training tells of its speed and memory, and of the GPU it used, which may be another process's."""
    timing = read_json(out / "timing.json")
    if timing is None:
        return {}
    device = {"device": timing["device_name"], "on_gpu": True} if timing.get("device_name") else {}
    return {"timing": timing, **device}


def _sealed(path: Path) -> dict[str, Any]:
    sync_file(path)
    return {"sha256": _sha256(path), "size": path.stat().st_size}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
