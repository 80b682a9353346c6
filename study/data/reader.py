"""What a data format has to offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.data.found import Found

NAMED, PAIRED, LAYOUT, FALLBACK = 4, 3, 2, 1
"""How sure a guess is: files only this format has, a second file for films as it has, folders laid out as in it, or
nothing that speaks against it."""


@dataclass(frozen=True)
class Guess:
    """A folder recognised as a format.

    Attributes:
        format: its name.
        settings: what a protocol has to say beside `format`; places are `Path`s.
        how: what was seen, for people.
        sure: `NAMED`, `PAIRED`, `LAYOUT` or `FALLBACK`.
    """

    format: str
    settings: Mapping[str, Any]
    how: str
    sure: int


@dataclass(frozen=True)
class Reader:
    """A data format as the registry names it.

    Attributes:
        prepare: `(name, settings, *, image_size, root, out)`, writes a dataset's files into `out`.
        digest: `(settings, *, root) -> "sha256:..."` of whatever decides the films.
        find: `(settings, root)`, the films without their pixels; None where there are no files.
        recognise: `(folder) -> Guess` where a folder (or its file of names) looks like this format, else None.
    """

    prepare: Callable[..., None]
    digest: Callable[..., str]
    find: Callable[[Mapping[str, Any], Path], Found] | None = None
    recognise: Callable[[Path], Guess | None] | None = None
