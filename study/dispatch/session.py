"""The folder of one `study run`: who conducts it, and whether it was asked to stop."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from study.store import Holder, Store
from study.store.files import read_json, store_errors, write_atomic, write_json


@dataclass(frozen=True)
class Session:
    """`studies/<study>/sessions/<time>-<token>/`, with a folder per worker below."""

    folder: Path

    @classmethod
    def begin(cls, store: Store, study: str) -> Session:
        """A new session, conducted by this process."""
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
        folder = store.study_folder(study) / "sessions" / name
        with store_errors(folder):
            folder.mkdir(parents=True)
        write_json(folder / "conductor.json", Holder.here().as_json())
        return cls(folder)

    @cached_property
    def conductor(self) -> Holder | None:
        """The process that conducts; None where the file is gone."""
        return Holder.read(read_json(self.folder / "conductor.json"))

    def ask_to_stop(self) -> None:
        """Let every worker of the session keep a checkpoint and end."""
        write_atomic(self.folder / "stop", b"")

    def asked_to_stop(self) -> bool:
        """Whether somebody has called `ask_to_stop`, here or in another process."""
        return (self.folder / "stop").exists()

    def is_over(self) -> bool:
        """Whether workers should end: they were asked to, or nobody conducts them any more."""
        if self.asked_to_stop():
            return True
        return self.conductor is None or self.conductor.alive() is False


def cancel(store: Store, study: str) -> int:
    """Ask every living `study run` of a study to stop, as Ctrl-C would; returns how many there are."""
    folders = (store.study_folder(study) / "sessions").glob("*/conductor.json")
    sessions = [Session(path.parent) for path in folders]
    living = [session for session in sessions if session.conductor and session.conductor.alive() is not False]
    for session in living:
        session.ask_to_stop()
    return len(living)
