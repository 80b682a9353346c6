"""Films that may have several findings, or none: what their labels say, which one is explained, how they are divided.

A label lists the findings of a film, as in `Effusion|Mass`; a name that is not among the chosen findings (`No
Finding`, or one that is not learnt) adds nothing, so that a film without any of them is negative for all. Maps explain
one finding of a film, its target: the one that its boxes show, else the first of its findings in the chosen order. A
film without findings has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from study.data.manifest import Fault, Row
from study.data.splits import LABELLED
from study.errors import DataError
from study.records import Findings
from study.registry import unknown

SEPARATOR = "|"
NOTHING_ELSE = -1
"""What a film without findings counts as when films are divided."""


def listed(label: str, findings: Sequence[str]) -> tuple[int, ...]:
    """Indices of the findings that a label names, ascending, each once."""
    named = {name.strip() for name in label.split(SEPARATOR)}
    return tuple(k for k, name in enumerate(findings) if name in named)


def check_named(rows: Sequence[Row], findings: Sequence[str], source: Path) -> None:
    """Refuse findings that no label names.

    Raises:
        DataError: names them, and the nearest ones that there are.
    """
    known = sorted({name.strip() for row in rows for name in row.label.split(SEPARATOR) if name.strip()})
    if strangers := [unknown("label of the manifest", name, known) for name in findings if name not in known]:
        raise DataError(f"{source}, setting `classes`:\n" + "\n".join(strangers))


def aimed(rows: Sequence[Row], findings: Sequence[str]) -> tuple[list[Row], list[Fault], int]:
    """Rows with a target for each film that has boxes; which of them cannot have one; boxes that were left out.

    A film's boxes show the finding that its target names. Boxes without a target show the film's only finding; boxes of
    a finding that is not learnt are left out.
    """
    kept: list[Row] = []
    faults: list[Fault] = []
    left_out = 0
    for row in rows:
        own = [findings[k] for k in listed(row.label, findings)]
        named = [name.strip() for name in row.label.split(SEPARATOR)]
        if row.target and row.target not in named:
            faults.append(Fault(row.line, "target", f"'{row.target}' is not among the film's labels, '{row.label}'"))
        elif row.boxes and not row.target and len(own) > 1:
            text = f"the film has boxes and {len(own)} findings, {', '.join(own)}; name the one that the boxes show"
            faults.append(Fault(row.line, "target", text))
        target = row.target or (own[0] if len(own) == 1 else "")
        if target in own:
            kept.append(replace(row, target=target))
        else:
            left_out += len(row.boxes) if row.label else 0
            kept.append(replace(row, target="", boxes=()))
    return kept, faults, left_out


def record(rows: Sequence[Row], labelled: Sequence[bool], findings: Sequence[str]) -> Findings:
    """What is present on each film, and its target; nothing where it is not labelled."""
    present = np.zeros((len(rows), len(findings)), dtype=np.bool_)
    targets = np.full(len(rows), -1, dtype=np.int64)
    for place, (row, known) in enumerate(zip(rows, labelled, strict=True)):
        own = listed(row.label, findings) if known else ()
        present[place, list(own)] = True
        if own:
            targets[place] = findings.index(row.target) if row.target else own[0]
    return Findings(present, targets)


def counted_as(row: Row, findings: Sequence[str]) -> tuple[int, ...]:
    """The classes that a film counts as when films are divided: its findings, or that it has none."""
    return listed(row.label, findings) or (NOTHING_ELSE,)


def check_findings(found: Findings, splits: Sequence[str], findings: Sequence[str]) -> None:
    """Refuse labelled splits in which no finding can be judged: each needs one that some films have and some lack.

    Labelled films that are all in train are accepted: they can be pretrained on. A finding that is missing in one split
    only is accepted and counted (`undecided`): its AUC is undefined there.

    Raises:
        DataError: names the split and how many films have each finding.
    """
    used = [split for split in LABELLED if split in splits]
    if used in ([], ["train"]):
        return
    lacking = [split for split in LABELLED if len(undecided(found, splits, findings, split)) == len(findings)]
    if lacking:
        rows = "".join(f"\n  {split}: {_counts(found, splits, findings, split)}" for split in LABELLED)
        raise DataError(
            f"every split needs a finding that some of its films have and some lack; there is none in "
            f"{' and '.join(lacking)}:{rows}\nname other findings, give more films, or change the shares of val and "
            "test (or set split: {given: ignore} to divide films anew where given splits are the cause)"
        )


def undecided(found: Findings, splits: Sequence[str], findings: Sequence[str], split: str) -> list[str]:
    """Findings that all films of a split have, or none."""
    here = found.present[np.asarray(splits) == split]
    return [name for name, column in zip(findings, here.T, strict=True) if column.all() or not column.any()]


def facts(found: Findings, splits: Sequence[str], findings: Sequence[str]) -> dict[str, Any]:
    """Balance of the labels for the report: films, films with none, and with each finding, by split."""
    return {
        "several_labels": True,
        "films_by_finding": {
            split: {name: int(n) for name, n in zip(findings, here.sum(axis=0), strict=True)}
            for split, here in _by_split(found, splits)
        },
        "films_without_finding": {split: int((~here.any(axis=1)).sum()) for split, here in _by_split(found, splits)},
        "findings_all_or_none_have": {
            split: undecided(found, splits, findings, split) for split, _ in _by_split(found, splits)
        },
    }


def _by_split(found: Findings, splits: Sequence[str]) -> Iterator[tuple[str, Any]]:
    given = np.asarray(splits)
    return ((split, found.present[given == split]) for split in LABELLED if split in splits)


def _counts(found: Findings, splits: Sequence[str], findings: Sequence[str], split: str) -> str:
    here = found.present[np.asarray(splits) == split]
    named = ", ".join(f"{name} {int(n)}" for name, n in zip(findings, here.sum(axis=0), strict=True))
    return f"{len(here)} films; {named}"
