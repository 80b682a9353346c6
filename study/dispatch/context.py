"""What a stage may ask of the place it runs in, answered with files of its attempt."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from study.records import Allowance
from study.store import Attempt, Store
from study.store.files import write_json

PROGRESS_S = 1.0
LOOK_S = 0.2


class AttemptContext:
    """`records.StageContext` for one attempt.

    Args:
        store: where older checkpoints of the stage are found.
        key: of the stage.
        attempt: gets progress.json and new checkpoints.
        stop: asked at most five times a second; its first True is final.
        allowance: what a training may use.
        events: folder for event files.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        attempt: Attempt,
        *,
        stop: Callable[[], bool],
        allowance: Allowance,
        events: Path | None,
    ) -> None:
        self.allowance, self.events = allowance, events
        self._store, self._key, self._attempt, self._stop = store, key, attempt, stop
        self._told = self._looked = float("-inf")
        self._stopping = False

    def progress(self, step: int, of: int, **facts: float | str) -> None:
        """Tell how far the stage is; written at most once a second."""
        now = time.monotonic()
        if now - self._told < PROGRESS_S:
            return
        self._told = now
        content = {"step": int(step), "of": int(of), "time": time.time(), "facts": facts}
        write_json(self._attempt.path / "progress.json", content)

    def should_stop(self) -> bool:
        """True once the stage should save a checkpoint and raise `errors.Stopped`."""
        now = time.monotonic()
        if not self._stopping and now - self._looked >= LOOK_S:
            self._looked = now
            self._stopping = self._stop()
        return self._stopping

    def save_checkpoint(self, step: int, payload: bytes) -> None:
        """Keep `payload` so that a later attempt can go on from `step`."""
        self._attempt.save_checkpoint(step, payload)

    def load_checkpoint(self) -> tuple[int, bytes] | None:
        """The newest intact checkpoint of the stage, from any attempt, or None."""
        return self._store.newest_checkpoint(self._key)
