"""A folder of films, its format recognised and completed with the defaults of a protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from study.data import Look, guesses, look_at
from study.data.reader import Guess
from study.protocol import data as formats
from study.registry import FORMATS


def examine(path: Path, *, every: bool = False) -> Look:
    """What is in a folder, read as the likeliest format.

    Args:
        path: a folder, or the file that describes one.
        every: decode all films, not some hundred.

    Raises:
        DataError: nothing there that a format reads, or films that contradict what is said of them.
    """
    first, *others = guesses(path)
    return look_at(path, first, complete(first), others=others, every=every)


def complete(guess: Guess) -> dict[str, Any]:
    """The settings of a guess with all defaults, places as text."""
    given = {key: str(value) if isinstance(value, Path) else value for key, value in guess.settings.items()}
    settings = getattr(formats, FORMATS[guess.format].settings)(**given)
    plain: dict[str, Any] = settings.model_dump(mode="json")
    return plain
