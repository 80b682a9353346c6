"""Event files that TensorBoard shows while a stage trains; nothing reads them again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Events:
    """One scalar per history entry and epoch.

    Args:
        folder: of the event files, made when it is absent; None writes nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._writer: Any = None

    def open(self, *, after: int) -> None:
        """Begin behind epoch `after`; what an earlier attempt wrote of later epochs is hidden."""
        if self._folder is None:
            return
        from torch.utils.tensorboard import SummaryWriter  # an optional package

        self._writer = SummaryWriter(str(self._folder), purge_step=after + 1)  # type: ignore[no-untyped-call]

    def write(self, epoch: int, scalars: Mapping[str, float | int | None]) -> None:
        """Scalars of an epoch counted from 1; None is left out."""
        if self._writer is None:
            return
        for name, value in scalars.items():
            if value is not None and name != "epoch":
                self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
