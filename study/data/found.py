"""What a format finds on the disk before a film is decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from study.data.decode import IMAGE_FILES, Decoder
from study.data.manifest import Row
from study.data.parts import Masks
from study.records import Quarantined


@dataclass(frozen=True)
class Found:
    """The films of a dataset as its files name them.

    Attributes:
        source: file or folder that messages name.
        folder: the rows' images start here.
        rows: sorted by image.
        classes: labels in the format's own order; None: sorted.
        several: whether a label lists all findings of a film, those among `classes` to be learnt.
        decoder: reads the files.
        masks: part masks, or None.
        broken: films whose annotation cannot be used.
        left_out: films not used, by reason.
        given_by: what says the splits, for messages.
        facts: further choices and counts for the report.
    """

    source: Path
    folder: Path
    rows: Sequence[Row]
    classes: tuple[str, ...] | None = None
    several: bool = False
    decoder: Decoder = IMAGE_FILES
    masks: Masks | None = None
    broken: tuple[Quarantined, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    given_by: Literal["column", "files"] = "files"
    facts: Mapping[str, Any] = field(default_factory=dict)
