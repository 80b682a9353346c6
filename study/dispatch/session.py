"""The folder of one `study run`: who conducts it, and whether it was asked to stop."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from study.store import Holder, Store
from study.store.files import read_json, store_errors, write_atomic, write_json
from study.store.lease import BEAT_S, is_fresh

CONDUCTOR = "conductor.json"


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
        write_json(folder / CONDUCTOR, Holder.here().as_json())
        return cls(folder)

    @cached_property
    def conductor(self) -> Holder | None:
        """The process that conducts; None where the file is gone."""
        return Holder.read(read_json(self.folder / CONDUCTOR))

    def lives(self) -> bool:
        """Whether its conductor does; on another machine, whether it has told so lately."""
        if self.conductor is None:
            return False
        alive = self.conductor.alive()
        return is_fresh(self.folder / CONDUCTOR) if alive is None else alive

    @contextmanager
    def beating(self, beat_s: float = BEAT_S) -> Iterator[None]:
        """Tell other machines every `beat_s` seconds that the conductor lives."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(beat_s):
                with suppress(OSError):
                    os.utime(self.folder / CONDUCTOR)

        heart = threading.Thread(target=beat, name="conductor", daemon=True)
        heart.start()
        try:
            yield
        finally:
            over.set()
            heart.join(timeout=5)

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


def sessions(store: Store, study: str) -> list[Session]:
    """All of a study, oldest first."""
    return [Session(path.parent) for path in sorted((store.study_folder(study) / "sessions").glob(f"*/{CONDUCTOR}"))]


def cancel(store: Store, study: str) -> int:
    """Ask every living `study run` of a study to stop, as Ctrl-C would; returns how many there are.

    One on another machine that has not told for a while that it lives is asked too, but not counted.
    """
    asked = [each for each in sessions(store, study) if each.conductor and each.conductor.alive() is not False]
    living = sum(session.lives() for session in asked)
    for session in asked:
        session.ask_to_stop()
    return living
