"""What may be deleted from a store: what no study uses, and what was left over by work that has ended."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from study.errors import StudyError
from study.store.attempts import KEPT_CHECKPOINTS, Attempt
from study.store.dags import dags, keys_of
from study.store.files import store_errors
from study.store.lease import current_holder
from study.store.objects import Store

TRASH = ".gc-"


@dataclass(frozen=True)
class Heap:
    """Things of one sort that may be deleted.

    Attributes:
        title: for people.
        paths: files and folders.
        size: bytes in them.
    """

    title: str
    paths: tuple[Path, ...]
    size: int


@dataclass(frozen=True)
class Sweep:
    """What `study gc` would delete, and what it must know before it does.

    Attributes:
        heaps: what may go, empty ones included.
        objects: number of objects, and the bytes in them.
        used: how many of them a study uses.
        studies: names of the studies whose plans say what is used.
        unplanned: studies without a recorded plan. While there is one, no object and no workshop is garbage.
        working: who works on a stage now. While somebody does, nothing may be deleted.
        quarantined: bytes in quarantine/, which is never swept.
        roots: the recorded plans that were read, with the times of their last use.
    """

    heaps: tuple[Heap, ...]
    objects: tuple[int, int]
    used: int
    studies: tuple[str, ...]
    unplanned: tuple[str, ...]
    working: tuple[str, ...]
    quarantined: int
    roots: tuple[tuple[Path, int], ...]

    @property
    def size(self) -> int:
        """Bytes that deleting would free."""
        return sum(heap.size for heap in self.heaps)


def sweep(store: Store, *, latest: bool = False, ended: Sequence[Path] = ()) -> Sweep:
    """Look through the store; deletes nothing.

    Args:
        latest: keep only what the newest plan of each study uses, not what any of its plans used.
        ended: folders of calls and jobs that have ended; who started them can tell.
    """
    folders = sorted(path for path in (store.root / "studies").glob("*") if path.is_dir())
    planned = {folder: dags(folder) for folder in folders}
    unplanned = tuple(folder.name for folder, found in planned.items() if not found)
    chosen = [path for found in planned.values() for path in (found[-1:] if latest else found)]
    kept = set().union(*(keys_of(path) or set() for path in chosen))
    objects = sorted((store.root / "objects").glob("*/*"))
    workshops = sorted((store.root / "stages").glob("*/*"))
    holders = {path.name: holder for path in workshops if (holder := current_holder(path)) is not None}
    strange = [path for path in workshops if path.name not in kept and path.name not in holders]
    free = [path for path in workshops if path.name in kept and path.name not in holders]
    if unplanned:
        strange, free = [], [path for path in workshops if path.name not in holders]
    garbage = [path for path in objects if path.name not in kept] if not unplanned else []
    return Sweep(
        heaps=(
            _heap("objects that no study uses", garbage),
            _heap("logs and checkpoints of stages that no study uses", strange),
            _heap("leftovers of attempts that have ended", [path for each in free for path in _leftovers(store, each)]),
            _heap("dead leases and temporary files", [*_trash(store), *(p for each in free for p in _leases(each))]),
            _heap("folders of `study run` and of SLURM jobs that have ended", ended),
        ),
        objects=(len(objects), sum(map(size_of, objects))),
        used=sum(path.name in kept for path in objects),
        studies=tuple(folder.name for folder, found in planned.items() if found),
        unplanned=unplanned,
        working=tuple(f"{key[:6]} by {holder}" for key, holder in holders.items()),
        quarantined=size_of(store.root / "quarantine"),
        roots=tuple((path, path.stat().st_mtime_ns) for found in planned.values() for path in found),
    )


def delete(store: Store, found: Sweep) -> int:
    """Delete what a sweep has found; returns the number of files and folders.

    Everything is renamed out of its place before it is deleted, so that nobody ever meets half an object.

    Raises:
        StudyError: somebody works in the store, or a study was begun since the sweep; then nothing more is deleted.
        StoreError: the disk refuses.
    """
    if found.working:
        raise StudyError(
            f"{store.root}: nothing was deleted, stages are being worked on: {', '.join(found.working[:3])}\n"
            "wait until they are done, or stop them with `study cancel`"
        )
    trash = store.root / f"{TRASH}{secrets.token_hex(3)}"
    paths = [path for heap in found.heaps for path in heap.paths]
    with store_errors(store.root):
        trash.mkdir()
        try:
            for place, path in enumerate(paths):
                _check_roots(store, found)
                if path.exists():
                    os.rename(path, trash / f"{place}-{path.name}")
        finally:
            shutil.rmtree(trash)
    return len(paths)


def size_of(path: Path) -> int:
    """Bytes in a file, or in all files below a folder; 0 where there is nothing."""
    if not path.is_dir():
        return path.lstat().st_size if path.exists() else 0
    return sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(path) for name in names)


def _check_roots(store: Store, found: Sweep) -> None:
    """A study that begins records its plan first; from then on our list of garbage is out of date."""
    now = sum(1 for _ in (store.root / "studies").glob("*/dags/*.json"))
    try:
        same = now == len(found.roots) and all(path.stat().st_mtime_ns == used for path, used in found.roots)
    except FileNotFoundError:
        same = False
    if not same:
        raise StudyError(f"{store.root}: a study was begun meanwhile, so the rest was kept; call `study gc` again")


def _heap(title: str, paths: Sequence[Path]) -> Heap:
    return Heap(title, tuple(paths), sum(map(size_of, paths)))


def _leftovers(store: Store, workshop: Path) -> Iterator[Path]:
    """Unpublished outputs, and checkpoints that no attempt will go on from; logs and outcomes stay."""
    attempts = [Attempt(path) for path in sorted((workshop / "attempts").glob("[0-9]*-*"))]
    yield from (attempt.out for attempt in attempts if attempt.out.is_dir())
    if store.has(workshop.name):
        yield from (attempt.path / "ckpt" for attempt in attempts if (attempt.path / "ckpt").is_dir())
        return
    checkpoints = [path for attempt in attempts for path in (attempt.path / "ckpt").glob("[0-9]*")]
    yield from sorted(checkpoints, key=lambda path: path.name)[:-KEPT_CHECKPOINTS]


def _leases(workshop: Path) -> Iterator[Path]:
    for pattern in ("lease.stale.*", "lease.json", ".lease.*", ".clock.*"):
        yield from workshop.glob(pattern)


def _trash(store: Store) -> Iterator[Path]:
    """What a killed process left in the store's root."""
    for pattern in (f"{TRASH}*", ".probe.*", ".digests.json.*"):
        yield from store.root.glob(pattern)
