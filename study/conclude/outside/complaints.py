"""What is wrong with a table: one sentence per kind of mistake, with its first line and how often it occurs."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.errors import Problem

Rows = Sequence[int] | NDArray[np.integer[Any]]


class Complaints:
    """Collects problems of one table by row; rows are turned into lines of the file only when asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: list[tuple[int | None, str, str]] = []
        self._skipped: list[int] = []
        self._widths: dict[tuple[int, int], list[int]] = {}

    def __bool__(self) -> bool:
        return bool(self._found or self._skipped)

    def add(self, where: str, message: str, rows: Rows | None = None) -> None:
        """Note a problem of these rows (counted from 0 among those that were read), or of the whole table."""
        if rows is None or not len(rows):
            self._found.append((None, where, message))
            return
        more = f"\nthe same in {len(rows) - 1:,} more row{'s' if len(rows) > 2 else ''}" if len(rows) > 1 else ""
        self._found.append((int(rows[0]), where, message + more))

    def odd_row(self, number: int, actual: int, expected: int) -> None:
        """Note that the `number`-th written line (the names are the first) has another number of fields."""
        self._skipped.append(number)
        self._widths.setdefault((actual, expected), []).append(number)

    def problems(self) -> list[Problem]:
        """Everything noted, with lines of the file (rows, in a parquet file)."""
        if self._path.suffix == ".parquet":
            return [
                Problem(0, where if row is None else f"row {row + 1}  {where}", text)
                for row, where, text in self._found
            ]
        blank = self._blank_lines() if self else []
        found = [
            Problem(0 if row is None else _line(self._written(row), blank), where, text)
            for row, where, text in self._found
        ]
        for (actual, expected), numbers in self._widths.items():
            comma = "; is it a decimal comma, or a comma in a name without quotes?" if actual > expected else ""
            more = f"\nthe same in {len(numbers) - 1:,} more" if len(numbers) > 1 else ""
            text = f"found {actual} fields; the first line has {expected}{comma}{more}"
            found.append(Problem(_line(numbers[0], blank), "row", text))
        return sorted(found)

    def _written(self, row: int) -> int:
        """The place among the written lines of a row, of which the skipped ones were not counted."""
        number = row + 2
        for skipped in sorted(self._skipped):
            number += skipped <= number
        return number

    def _blank_lines(self) -> list[int]:
        """Lines without anything, which the reader passes over."""
        with gzip.open(self._path) if self._path.suffix == ".gz" else self._path.open("rb") as file:
            return [number for number, line in enumerate(file, start=1) if line in (b"\n", b"\r\n")]


def _line(number: int, blank: Sequence[int]) -> int:
    """The line of the `number`-th line that is not blank."""
    for line in blank:
        number += line <= number
    return number
