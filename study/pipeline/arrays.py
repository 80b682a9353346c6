"""Arrays with one row per film, written and read in pieces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Rows:
    """A `.npy` file that is filled from the top, chunk by chunk; memory holds one chunk.

    Args:
        path: of the file.
        count: rows that it will have.
    """

    def __init__(self, path: Path, count: int) -> None:
        self.path = path
        self.count = count
        self.filled = 0
        self._file: np.memmap[Any, Any] | None = None

    def add(self, chunk: NDArray[Any]) -> None:
        """Append rows; the first chunk decides shape and type."""
        if self._file is None:
            shape = (self.count, *chunk.shape[1:])
            self._file = np.lib.format.open_memmap(self.path, mode="w+", dtype=chunk.dtype, shape=shape)  # type: ignore[assignment]
        self._file[self.filled : self.filled + len(chunk)] = chunk
        self.filled += len(chunk)

    def close(self) -> None:
        """Write what is left; all rows must have come."""
        if self.filled != self.count or self._file is None:
            raise ValueError(f"{self.path.name}: {self.filled} of {self.count} rows were written")
        self._file.flush()
        self._file = None


def rows_in(path: Path) -> NDArray[Any]:
    """The array in a `.npy` file, read only where it is looked at."""
    stored: NDArray[Any] = np.load(path, mmap_mode="r")
    return stored
