"""The table `labels` beside a folder: what the folder cannot say of its films.

A CSV file with the column `image` and any of `label`, `split`, `patient_id` and `boxes`, as in a manifest. A film
is found by its path in the folder or by its name, each with or without suffix, as long as only one film has it.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from study.data import manifest
from study.data.manifest import Fault, Row, listing
from study.errors import DataError


@dataclass(frozen=True)
class Merged:
    """Rows with the table's labels; which of them it does not name; what the report should know."""

    rows: list[Row]
    has_labels: bool = False
    unlisted: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


class Names:
    """Films by every name they may be called."""

    def __init__(self, images: Sequence[str]) -> None:
        self._films: dict[str, set[str]] = defaultdict(set)
        for image in images:
            for name in _names(image):
                self._films[name].add(image)

    def find(self, written: str) -> list[str]:
        """The films of this name: one, none, or several that share it. A whole path is told from a mere name."""
        for name in (_normal(written), *_names(written)):
            if found := self._films.get(name):
                exact = [image for image in found if _normal(image) == name]
                return exact or sorted(found)
        return []


def merge(rows: Sequence[Row], settings: Mapping[str, Any], root: Path, *, boxes: bool) -> Merged:
    """The rows of a folder with what its table `labels` says of them; as they are without one.

    Args:
        rows: as the folder has them.
        settings: of a folder format: `labels` and `unlisted`.
        root: relative paths start there.
        boxes: whether the table's boxes count; False where the format has its own.

    Raises:
        DataError: the table is faulty, names a film twice or by a name that several have, or names none of them.
    """
    if settings["labels"] is None:
        return Merged(list(rows))
    path = root / settings["labels"]
    listed, columns = manifest.read(path), manifest.columns(path)
    entries, strangers = _match(listed, Names([row.image for row in rows]), path)
    if not entries:
        raise DataError(
            f"{path} (setting `labels`) names none of the films: it has '{listed[0].image}' where the folder has "
            f"'{rows[0].image}'; write the path below the folder, or the file's name"
        )
    if "boxes" not in columns or not boxes:
        columns = tuple(name for name in columns if name != "boxes")
    known = [_joined(row, entries[row.image], columns) for row in rows if row.image in entries]
    others = [row for row in rows if row.image not in entries]
    facts = {"labels_table": {"films_listed": len(known), "listed_without_film": strangers}}
    if settings["unlisted"] == "drop":
        left_out = {"not in the table of labels": len(others)} if others else {}
        return Merged(known, "label" in columns, facts=facts, left_out=left_out)
    blanked = [replace(row, label="") for row in others]
    together = sorted(known + blanked, key=lambda row: row.image)
    return Merged(together, "label" in columns, frozenset(row.image for row in others), facts)


def _match(listed: Sequence[Row], names: Names, path: Path) -> tuple[dict[str, Row], int]:
    entries: dict[str, Row] = {}
    faults: list[Fault] = []
    strangers = 0
    for entry in sorted(listed, key=lambda row: row.line):
        films = names.find(entry.image)
        if len(films) > 1:
            several = ", ".join(films[:3])
            faults.append(Fault(entry.line, "image", f"'{entry.image}' could be any of {len(films)} films: {several}"))
        elif films and films[0] in entries:
            first = entries[films[0]].line
            faults.append(Fault(entry.line, "image", f"'{entry.image}' is the film that line {first} names already"))
        elif films:
            entries[films[0]] = entry
        else:
            strangers += 1
    if faults:
        raise DataError(listing(path, faults))
    return entries, strangers


def _joined(row: Row, entry: Row, columns: Sequence[str]) -> Row:
    return replace(
        row,
        label=entry.label if "label" in columns else row.label,
        split=entry.split or row.split,
        patient=entry.patient or row.patient,
        boxes=entry.boxes if "boxes" in columns else row.boxes,
        frame=None if "boxes" in columns else row.frame,
    )


def _names(image: str) -> tuple[str, ...]:
    path = PurePosixPath(_normal(image))
    stem = path.with_suffix("") if path.name else path
    return tuple(dict.fromkeys((path.as_posix(), stem.as_posix(), path.name, stem.name)))


def _normal(text: str) -> str:
    """One spelling for letters that file systems store composed or decomposed, such as Hangul."""
    return unicodedata.normalize("NFC", text)
