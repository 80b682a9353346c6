"""What a data format has to offer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reader:
    """A data format as the registry names it.

    Attributes:
        prepare: `(name, settings, *, image_size, root, out)`, writes a dataset's files into `out`.
        digest: `(settings, *, root) -> "sha256:..."` of whatever decides the films.
    """

    prepare: Callable[..., None]
    digest: Callable[..., str]
