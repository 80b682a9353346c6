"""Who is trained on, who is selected with, who is tested on: whole patients only.

A group is everything that must stay together: the films of a patient, and films with
identical content. Splits a manifest names are kept; the other labelled films are divided by
group so that every class has its share everywhere. Nothing depends on the order of the rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from study.errors import DataError
from study.rng import seed_of

LABELLED = ("train", "val", "test")
TRAIN_VAL = "train_val"
"""Given to films that are to be divided into train and val, never into test."""

GIVEN = (*LABELLED, TRAIN_VAL)
EXCLUDED = ""


@dataclass(frozen=True)
class Shares:
    """Settings for films whose split is open; the rest of val and test is for training."""

    val: float
    test: float
    seed: int
    given: str = "keep"

    @property
    def by_split(self) -> dict[str, float]:
        """Splits that get films, with their shares."""
        shares = {"train": 1 - self.val - self.test, "val": self.val, "test": self.test}
        return {split: share for split, share in shares.items() if share > 0}


def groups(patients: Sequence[str], contents: Sequence[str], names: Sequence[str]) -> list[str]:
    """The group of each film: its patient (or its own name), joined over films with identical content.

    Args:
        patients: id, or "" where unknown. contents: hash of the file. names: the film's id.

    Returns:
        One name per film, the smallest patient id (or film id) of the group.
    """
    own = [patient or name for patient, name in zip(patients, names, strict=True)]
    parent = {name: name for name in own}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    holders: dict[str, str] = {}
    for name, content in zip(own, contents, strict=True):
        first, second = sorted((root(name), root(holders.setdefault(content, name))))
        parent[second] = first
    return [root(name) for name in own]


def assign(
    labels: Sequence[int],
    group: Sequence[str],
    given: Sequence[str],
    *,
    shares: Shares,
    counted: Sequence[Sequence[int]] | None = None,
) -> list[str]:
    """The split of every film.

    Args:
        labels: class index, -1 where unlabelled.
        group: films that must stay together share a name.
        given: split from the manifest, "" where open, `TRAIN_VAL` where only test is ruled out.
        shares: how to divide labelled films whose split is open.
        counted: classes that a film counts as when they are divided; None: its label.

    Returns:
        train, val, test, unlabelled, or `EXCLUDED` for unlabelled films that belong to val or test.
    """
    films = range(len(labels))
    labelled = [film for film in films if labels[film] >= 0 and given[film] != "unlabelled"]
    fixed = {group[film]: given[film] for film in labelled if given[film] in LABELLED}
    halves = {group[film] for film in labelled if given[film] == TRAIN_VAL} - fixed.keys()
    whole: dict[str, Counter[int]] = defaultdict(Counter)
    half: dict[str, Counter[int]] = defaultdict(Counter)
    for film in labelled:
        if group[film] not in fixed:
            (half if group[film] in halves else whole)[group[film]].update(counted[film] if counted else [labels[film]])
    place = divide(whole, shares) | divide(half, replace(shares, test=0.0)) | fixed
    used = set(labelled)
    return [
        (given[film] if given[film] in LABELLED else place[group[film]])
        if film in used
        else _unlabelled(given[film], place.get(group[film], ""))
        for film in films
    ]


def _unlabelled(given: str, of_group: str) -> str:
    held_out = ("val", "test")
    return EXCLUDED if given in held_out or of_group in held_out else "unlabelled"


def divide(counts: Mapping[str, Counter[int]], shares: Shares) -> dict[str, str]:
    """A split for every group, so that each class comes as close to its shares as whole groups allow.

    Groups come in order of size, equal ones in an order drawn from the seed; each goes where its
    classes lack most, relative to their size. A class that has only as many groups left as there are
    splits without it goes to one of those.

    Args:
        counts: group -> films per class.
        shares: val, test and seed.
    """
    order = sorted(counts, key=lambda name: (-counts[name].total(), seed_of("split", shares.seed, name), name))
    total: Counter[int] = Counter()
    groups_left: Counter[int] = Counter()
    for name in order:
        total.update(counts[name])
        groups_left.update(counts[name].keys())
    lack = {(split, k): share * total[k] for split, share in shares.by_split.items() for k in total}
    holds: set[tuple[str, int]] = set()
    place: dict[str, str] = {}
    for name in order:
        classes = counts[name]
        starved = {
            split
            for k in classes
            for split in shares.by_split
            if (split, k) not in holds and groups_left[k] <= sum((s, k) not in holds for s in shares.by_split)
        }
        choice = max(
            (split for split in shares.by_split if not starved or split in starved),
            key=lambda split: sum(n * lack[split, k] / total[k] ** 2 for k, n in classes.items()),
        )
        place[name] = choice
        for k, n in classes.items():
            lack[choice, k] -= n
            groups_left[k] -= 1
            holds.add((choice, k))
    return place


_GIVEN_BY = {
    "column": (
        "the manifest's",
        "correct the column 'split', or leave it blank (or set split: {given: ignore})",
    ),
    "files": ("the given", "move the films, or set split: {given: ignore}"),
}


def check_leaks(
    labels: Sequence[int],
    patients: Sequence[str],
    given: Sequence[str],
    *,
    contents: Sequence[str],
    names: Sequence[str],
    given_by: Literal["column", "files"] = "column",
) -> None:
    """Refuse splits in which a patient or a file is in two of train, val and test.

    Raises:
        DataError: names the patients, or the files with identical content.
    """
    of_patient: dict[str, set[str]] = defaultdict(set)
    of_content: dict[str, dict[str, str]] = defaultdict(dict)
    for film, split in enumerate(given):
        if split in GIVEN and labels[film] >= 0:
            of_content[contents[film]][names[film]] = split
            if patients[film]:
                of_patient[patients[film]].add(split)
    leaks = [f"patient {p}: {_listed(splits)}" for p, splits in sorted(of_patient.items()) if len(splits) > 1]
    leaks += [
        "identical files: " + ", ".join(f"{name} ({split})" for name, split in sorted(films.items()))
        for films in of_content.values()
        if len(set(films.values())) > 1
    ]
    if leaks:
        shown = "".join(f"\n  {leak}" for leak in leaks[:20]) + (
            f"\n  ... and {len(leaks) - 20} more" if leaks[20:] else ""
        )
        whose, remedy = _GIVEN_BY[given_by]
        raise DataError(
            f"{whose} splits leak, {len(leaks)} time{'s' if len(leaks) > 1 else ''}:{shown}\n"
            f"each patient and each film belongs to one split; {remedy} to have whole patients divided"
        )


def check_classes(splits: Sequence[str], labels: Sequence[int], group: Sequence[str], classes: Sequence[str]) -> None:
    """Refuse labelled splits in which a class is missing.

    Labelled films that are all in train are accepted: they can be pretrained on.

    Raises:
        DataError: names what is missing and how many films and patients each class has.
    """
    films = [
        (split, label, name) for split, label, name in zip(splits, labels, group, strict=True) if split in LABELLED
    ]
    if {split for split, _, _ in films} <= {"train"}:
        return
    count = Counter((split, label) for split, label, _ in films)
    missing = [f"no '{name}' in {split}" for k, name in enumerate(classes) for split in LABELLED if not count[split, k]]
    if missing:
        rows = "".join(
            f"\n  {name}: "
            + ", ".join(f"{split} {count[split, k]}" for split in LABELLED)
            + f" films, {len({g for _, label, g in films if label == k})} patients or single films"
            for k, name in enumerate(classes)
        )
        raise DataError(
            f"every class must be in train, val and test, but there is {', '.join(missing)}:{rows}\n"
            "name the classes to use (classes: [...]), give more films of it, change the shares of val and test, or "
            "set split: {given: ignore} to divide films anew where the manifest's splits are the cause"
        )


def _listed(splits: set[str]) -> str:
    return " and ".join(split for split in GIVEN if split in splits)
