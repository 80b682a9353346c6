"""From what a format found to a dataset: what all formats of real films have in common.

Films are decoded one by one, broken ones quarantined; boxes and masks follow into the square; whole patients are
divided; leaks between given splits are refused.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from study.data.artifact import Films, finish
from study.data.collect import Collected, Entry, collect, source_bits, write_images
from study.data.findings import check_findings, counted_as, record
from study.data.findings import facts as finding_facts
from study.data.fingerprint import files_sha256
from study.data.found import Found
from study.data.manifest import Fault, Row, listing
from study.data.parts import write_parts
from study.data.reader import Guess, Reader
from study.data.resize import Rule
from study.data.splits import EXCLUDED, GIVEN, Shares, assign, check_classes, check_leaks, groups
from study.errors import DataError
from study.records import Findings
from study.registry import unknown

SHOWN = 20

Find = Callable[[Mapping[str, Any], Path], Found]


@dataclass(frozen=True)
class Choices:
    """The settings that every format has (`FilmSettings`), as they arrive here."""

    format: str
    classes: Sequence[str] | None
    others: Literal["drop", "unlabelled"]
    split: Mapping[str, Any]
    resize: Rule
    max_quarantined: float


@dataclass(frozen=True)
class Divided:
    """Films that were read, with their class, group and split, one value per entry.

    Where films have `findings`, `labels` says only whether a film is labelled (0) or not (-1).
    """

    entries: Sequence[Entry]
    labels: Sequence[int]
    groups: Sequence[str]
    splits: Sequence[str]
    findings: Findings | None = None

    @property
    def kept(self) -> list[int]:
        """Entries that are not excluded."""
        return [k for k, split in enumerate(self.splits) if split != EXCLUDED]


def film_format(find: Find, recognise: Callable[[Path], Guess | None]) -> Reader:
    """A format of real films, made from the function that finds them and the one that recognises a folder."""
    return Reader(partial(prepare, find), partial(digest, find), find, recognise)


def prepare(find: Find, name: str, settings: Mapping[str, Any], *, image_size: int, root: Path, out: Path) -> None:
    """Find the films, decode them, divide them and write the dataset into `out`.

    Raises:
        DataError: the annotations are faulty, splits leak, too many files are broken, a class is missing, or a part
            mask cannot be used.
    """
    choices = Choices(**{key: settings[key] for key in Choices.__dataclass_fields__})
    found = find(settings, root)
    classes = _classes(found, choices)
    chosen = _chosen(found, classes, choices)
    if not chosen:
        raise DataError(
            f"{found.source}: no film is left, all {len(found.rows)} have labels outside the setting `classes`"
        )
    collected = collect(
        chosen, found.folder, image_size=image_size, rule=choices.resize, out=out, decoder=found.decoder
    )
    collected.broken += found.broken
    _check_broken(collected, found, choices.max_quarantined)
    _check_boxes(collected.entries, found.source)
    divided = _divide(collected.entries, classes, choices, found)
    if not divided.kept:
        raise DataError(f"{found.source}: no film is left; unlabelled films that belong to val or test are not used")
    facts = {**_facts(divided, choices), **found.facts}
    if divided.findings is not None:
        facts |= finding_facts(divided.findings, divided.splits, classes)
    facts["left_out"] = {**found.left_out, **_left_out(divided, len(found.rows) - len(chosen))}
    if found.masks is not None:
        kept = [divided.entries[k] for k in divided.kept]
        facts["parts"] = write_parts(found.masks, kept, image_size=image_size, rule=choices.resize, out=out)
    write_images(collected.entries, divided.kept, out)
    films = _films(divided, collected, classes, facts)
    finish(films if found.masks is None else replace(films, part_names=found.masks.names), name=name, out=out)


def digest(find: Find, settings: Mapping[str, Any], *, root: Path) -> str:
    """`sha256:` of the rows and of the bytes of their files and masks, in the order of the images' names.

    Raises:
        DataError: the annotations are faulty.
    """
    found = find(settings, root)
    total = hashlib.sha256()
    contents = files_sha256([found.folder / row.image for row in found.rows])
    for row, content in zip(found.rows, contents, strict=True):
        frame = [] if row.frame is None else [row.frame]
        entry = [row.image, row.label, row.split, row.patient, row.boxes, content, *frame]
        entry += [row.target] if found.several else []
        total.update(json.dumps(entry).encode() + b"\n")
    if found.masks is not None:
        total.update(json.dumps([found.masks.names, found.masks.contents()]).encode() + b"\n")
    if found.broken:
        total.update(json.dumps([[file.path, file.reason] for file in found.broken]).encode() + b"\n")
    return f"sha256:{total.hexdigest()}"


def _classes(found: Found, choices: Choices) -> tuple[str, ...]:
    if found.several:
        return tuple(found.classes or ())
    present = {row.label for row in found.rows if row.label}
    known = sorted(present) if found.classes is None else [name for name in found.classes if name in present]
    classes = tuple(known if choices.classes is None else choices.classes)
    noun = "label of the manifest" if found.given_by == "column" else "class of these films"
    strangers = [unknown(noun, label, known) for label in classes if label not in known]
    if strangers:
        raise DataError(f"{found.source}, setting `classes`:\n" + "\n".join(strangers))
    return classes


def _chosen(found: Found, classes: Sequence[str], choices: Choices) -> list[Row]:
    """Rows to read: other labels are blanked or left out, given splits perhaps forgotten."""
    rows = list(found.rows)
    if choices.others == "drop" and not found.several:
        rows = [row for row in rows if not row.label or row.label in classes]
    if choices.split["given"] == "ignore":
        rows = [replace(row, split="" if row.split in GIVEN else row.split) for row in rows]
    if found.several:
        return rows
    return [row if row.label in classes else replace(row, label="") for row in rows]


def _check_broken(collected: Collected, found: Found, most: float) -> None:
    broken, total = collected.broken, len(collected.broken) + len(collected.entries)
    if collected.entries and len(broken) <= most * total:
        return
    rows = "".join(f"\n  {file.path}: {file.reason}" for file in broken[:SHOWN])
    more = f"\n  ... and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
    raise DataError(
        f"{found.folder}: {len(broken)} of {total} files cannot be used, more than max_quarantined allows ({most:g}):{rows}{more}\n"
        f"is this the folder of the images? (setting `{'images' if found.given_by == 'column' else 'folder'}`)"
    )


def _check_boxes(entries: Sequence[Entry], source: Path) -> None:
    faults = [
        Fault(
            e.row.line,
            "boxes" if e.row.line else e.row.image,
            f"{list(box)} lies outside the film, which has {e.size[0]} x {e.size[1]} pixels",
        )
        for e in entries
        for box in e.outside
    ]
    if faults:
        raise DataError(listing(source, faults))


def _divide(entries: Sequence[Entry], classes: Sequence[str], choices: Choices, found: Found) -> Divided:
    rows = [entry.row for entry in entries]
    names, patients, given = [r.image for r in rows], [r.patient for r in rows], [r.split for r in rows]
    if found.several:
        labels = [0 if row.label else -1 for row in rows]
        counted = [counted_as(row, classes) for row in rows]
    else:
        labels = [classes.index(row.label) if row.label else -1 for row in rows]
        counted = [(label,) for label in labels]
    contents = [entry.content for entry in entries]
    check_leaks(labels, patients, given, contents=contents, names=names, given_by=found.given_by)
    group = groups(patients, contents, names)
    splits = assign(labels, group, given, shares=Shares(**choices.split), counted=counted)
    labels = [-1 if split == "unlabelled" else label for label, split in zip(labels, splits, strict=True)]
    if not found.several:
        check_classes(splits, labels, group, classes)
        return Divided(entries, labels, group, splits)
    findings = record(rows, [label >= 0 for label in labels], classes)
    check_findings(findings, splits, classes)
    return Divided(entries, labels, group, splits, findings)


def _films(divided: Divided, collected: Collected, classes: tuple[str, ...], facts: Mapping[str, Any]) -> Films:
    kept = divided.kept
    entries = [divided.entries[k] for k in kept]
    measured = any(entry.spacing for entry in entries)
    several = divided.findings
    return Films(
        image_ids=[entry.row.image for entry in entries],
        labels=[divided.labels[k] for k in kept],
        classes=classes,
        splits=[divided.splits[k] for k in kept],
        clusters=[divided.groups[k] for k in kept],
        boxes=[entry.boxes for entry in entries],
        quarantined=tuple(collected.broken),
        facts=facts,
        findings=None if several is None else Findings(several.present[kept], several.targets[kept]),
        columns={"pixel_spacing_mm": [json.dumps(entry.spacing) for entry in entries]} if measured else {},
    )


def _left_out(divided: Divided, outside: int) -> dict[str, int]:
    """Readable films that are not used, by reason."""
    reasons = {
        "label outside the chosen classes": outside,
        "unlabelled film of a val or test patient": list(divided.splits).count(EXCLUDED),
    }
    return {reason: count for reason, count in reasons.items() if count}


def _facts(divided: Divided, choices: Choices) -> dict[str, Any]:
    """Choices and counts that the report states."""
    entries = divided.entries
    sides = np.array([entry.size for entry in entries])
    contents = Counter(entry.content for entry in entries)
    open_splits = sum(not entry.row.split for entry, label in zip(entries, divided.labels, strict=True) if label >= 0)
    deep = sum(entry.deep for entry in entries)
    facts = {
        "format": choices.format,
        "resize": choices.resize,
        "resampling": "lanczos",
        "source_px": {"smallest": sides.min(axis=0).tolist(), "largest": sides.max(axis=0).tolist()},
        "source_bits": source_bits(entries),
        "deep_films": deep,
        "white": "the largest value of the bit depth that holds every film with more than 8 bits" if deep else "255",
        "patients": len({entry.row.patient for entry in entries if entry.row.patient}),
        "films_without_patient": sum(not entry.row.patient for entry in entries),
        "divided_by": "patient" if any(entry.row.patient for entry in entries) else "film",
        "labelled_films_divided_here": open_splits,
        "identical_files": sum(count - 1 for count in contents.values()),
        "boxes_clipped": sum(entry.clipped for entry in entries),
        "notes": [f"{entry.row.image}: {entry.note}" for entry in entries if entry.note],
    }
    if moved := sum(entry.moved for entry in entries):
        facts["films_with_boxes_drawn_on_another_size"] = moved
    if spacing := [entry.spacing for entry in entries if entry.spacing]:
        facts["pixel_spacing_mm"] = _spread(spacing) | {"films_without": len(entries) - len(spacing)}
    return facts


def _spread(spacing: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Smallest, median and largest height of a pixel."""
    heights = sorted(height for height, _ in spacing)
    return {"smallest": heights[0], "median": heights[len(heights) // 2], "largest": heights[-1]}
