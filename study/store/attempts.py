"""One try at one stage: its private folder, how it ended, and its checkpoints."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from study.store.files import read_json, store_errors, sync_folder, write_atomic, write_json

EndState = Literal["done", "failed", "killed", "vanished", "stopped", "fenced", "lost_race", "store"]
KEPT_CHECKPOINTS = 2
FORGIVEN = "forgiven.json"
BALLAST_BYTES = 2**16


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, as written to its outcome.json.

    Attributes:
        state: `done`; `failed` (exception); `killed` (exit code or signal of the process);
            `vanished` (nobody saw it end); `stopped` (asked to, checkpoint kept); `fenced` and
            `lost_race` (another attempt was faster); `store` (the disk is full or refuses).
        reason: one line for tables; empty for `done`.
        seconds: wall time of the attempt, as far as known.
        exit_code: of the process, negative for a signal; None where the process lived on.
        peak_gb: largest resident memory of the process, where known.
        host: where it ran.
    """

    state: EndState
    reason: str = ""
    seconds: float = 0.0
    exit_code: int | None = None
    peak_gb: float | None = None
    host: str = ""


@dataclass(frozen=True)
class Attempt:
    """The folder of one try; only its own worker writes here.

    Attributes:
        path: `stages/<kk>/<key>/attempts/<generation>-<token>`.
    """

    path: Path

    @property
    def out(self) -> Path:
        """Where the stage writes; becomes the object when it is published."""
        return self.path / "out"

    @property
    def log(self) -> Path:
        """What the stage printed, with time stamps."""
        return self.path / "log.txt"

    @property
    def ballast(self) -> Path:
        """Room that is kept, so that even on a full disk it can be said how the attempt ended."""
        return self.path / "ballast"

    @property
    def number(self) -> int:
        """Generation, counted from 1."""
        return int(self.path.name[:4])

    def open(self) -> Attempt:
        """Make the empty folders, and the ballast."""
        with store_errors(self.path):
            self.out.mkdir(parents=True)
            self.ballast.write_bytes(bytes(BALLAST_BYTES))
        return self

    def close(self, ending: Ending) -> None:
        """Write outcome.json unless the attempt is closed already."""
        path = self.path / "outcome.json"
        self.ballast.unlink(missing_ok=True)
        if self.path.is_dir() and not path.exists():
            write_json(path, asdict(ending))

    def ending(self) -> Ending | None:
        """How it ended, or None while it is open."""
        content = read_json(self.path / "outcome.json")
        if content is None or "state" not in content:
            return None
        known = {field.name for field in fields(Ending)}
        return Ending(**{name: value for name, value in content.items() if name in known})

    def progress(self) -> dict[str, Any]:
        """The newest progress.json: step, of, time and the stage's own facts; empty before the first."""
        return read_json(self.path / "progress.json") or {}

    def save_checkpoint(self, step: int, payload: bytes) -> None:
        """Keep `payload` under `step`, with its sum, as a whole or not at all; then drop older ones."""
        folder = self.path / "ckpt"
        temporary = folder / f".{step}.{secrets.token_hex(4)}"
        final = folder / f"{step:012d}"
        with store_errors(folder):
            temporary.mkdir(parents=True)
            write_atomic(temporary / "payload", payload, durable=True)
            sums = {"step": step, "size": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
            write_json(temporary / "sums.json", sums, durable=True)
            shutil.rmtree(final, ignore_errors=True)
            os.rename(temporary, final)
            sync_folder(folder)
        for old in sorted(folder.glob("[0-9]*"))[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old, ignore_errors=True)


def attempts(workshop: Path) -> list[Attempt]:
    """All tries at a stage, oldest first."""
    return [Attempt(path) for path in sorted((workshop / "attempts").glob("[0-9]*-*"))]


def counted_attempts(workshop: Path) -> list[Attempt]:
    """Tries at a stage since its failures were last forgiven (`study retry`), oldest first."""
    forgiven = (read_json(workshop / FORGIVEN) or {}).get("attempt", 0)
    return [attempt for attempt in attempts(workshop) if attempt.number > forgiven]


def newest_checkpoint(workshop: Path) -> tuple[int, bytes] | None:
    """The intact checkpoint with the highest step over all attempts of a stage, or None."""
    folders = (workshop / "attempts").glob("*/ckpt/[0-9]*")
    for folder in sorted(folders, key=lambda path: path.name, reverse=True):
        found = _intact(folder)
        if found is not None:
            return found
    return None


def _intact(folder: Path) -> tuple[int, bytes] | None:
    sums = read_json(folder / "sums.json")
    with suppress(OSError, TypeError, KeyError):
        payload = (folder / "payload").read_bytes()
        if sums and hashlib.sha256(payload).hexdigest() == sums["sha256"]:
            return int(sums["step"]), payload
    return None


def discard_leftovers(workshop: Path) -> None:
    """Remove the checkpoints and unfinished outputs of a published stage; logs and outcomes stay."""
    for attempt in attempts(workshop):
        shutil.rmtree(attempt.path / "ckpt", ignore_errors=True)
        shutil.rmtree(attempt.out, ignore_errors=True)
    for stale in workshop.glob("lease.stale.*"):
        stale.unlink(missing_ok=True)


def close_abandoned(workshop: Path, *, keep: str) -> None:
    """Write `vanished` for tries that nobody closed, all but the one named `keep`."""
    for attempt in attempts(workshop):
        if attempt.path.name != keep and attempt.ending() is None:
            attempt.close(Ending("vanished", "the process disappeared without a word"))


def canonical(recipe: Any) -> Any:
    """A recipe as JSON gives it back (tuples as lists), so that two can be compared."""
    return json.loads(json.dumps(recipe, allow_nan=False))


def files_below(folder: Path) -> Iterator[Path]:
    """All files in a folder and its folders, in a stable order."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
