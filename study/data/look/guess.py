"""Which format a folder has: every format is asked, the surest comes first."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from study.data.csv import MANIFEST, only_table
from study.data.reader import LAYOUT, Guess, Reader
from study.data.walk import SUFFIXES
from study.errors import DataError
from study.registry import FORMATS


def guesses(path: Path) -> tuple[Guess, ...]:
    """The formats that a folder could have, the likeliest first.

    Raises:
        DataError: there is no such place, or nothing in it that a format reads.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; a folder of films, or the file that describes one, is expected")
    found: list[Guess] = []
    for name in FORMATS:
        reader: Reader = FORMATS.load(name)
        if reader.recognise is not None and (guess := reader.recognise(path)) is not None:
            found.append(guess)
    if not found:
        kinds = ", ".join(sorted(SUFFIXES))
        what = "is not a file that describes films" if path.is_file() else "holds neither films nor a description"
        raise DataError(
            f"{path} {what}: expected are a manifest.csv, images ({kinds}), DICOM files, or a data set of "
            f"one of the formats {', '.join(name for name in FORMATS if name != 'phantom')}"
        )
    best = max(guess.sure for guess in found)
    likely = [_with_table(guess, path) for guess in found if guess.sure >= min(best, LAYOUT)]
    return tuple(sorted(likely, key=lambda guess: -guess.sure))


def _with_table(guess: Guess, path: Path) -> Guess:
    """With the table of labels that lies in the folder, for the formats that have the setting."""
    table = only_table(path) if path.is_dir() and guess.format not in ("csv", "nih14") else None
    if table is None or table.name == MANIFEST:
        return guess
    how = f"{guess.how}, and labels in {table.name}"
    return replace(guess, settings={**guess.settings, "labels": table}, how=how)


def settings_line(guess: Guess, extra: Sequence[str] = (), *, start: Path | None = None) -> str:
    """The dataset as a protocol writes it, on one line: `{format: yolo, folder: ../films}`.

    Args:
        guess: format and settings.
        extra: further settings, written.
        start: folder of the protocol, for relative places; None: absolute.
    """
    parts = [f"format: {guess.format}"]
    parts += [f"{key}: {written(value, start)}" for key, value in guess.settings.items()]
    return "{" + ", ".join([*parts, *extra]) + "}"


def written(value: Any, start: Path | None) -> str:
    """A setting's value in YAML, places relative to `start` or absolute."""
    if isinstance(value, Path):
        value = str(value.absolute()) if start is None else os.path.relpath(value.absolute(), start.absolute())
    if isinstance(value, str) and value.replace("_", "").replace("/", "").replace(".", "").replace("-", "").isalnum():
        plainly = (
            value.isascii() and not value[0].isdigit() and value.lower() not in ("yes", "no", "true", "false", "null")
        )
        return value if plainly else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)
