"""Ways to the same result, timed in turns, and the table that comes of it."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import torch
from peer_cases import Case
from torch import Tensor

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
OURS, FORWARDS = "study", "forwards"
NOISE = 1.05
"""A peer is called faster where it takes less than our time divided by this: repeats differ by as much."""

MOSTLY_FORWARDS = 1.25
"""Where our time is less than this times that of our forwards, nothing but the network could be made faster."""

LEAST_SECONDS, ENOUGH_SECONDS = 10.0, 25.0
"""A row is repeated until it took so long, however often that is, and no more once it took so long."""


@dataclass(frozen=True)
class Way:
    """One package's way.

    Attributes:
        who: the package.
        run: does the work for all its films and returns what is compared, [n, ...], or None.
        images: how many films these are.
        note: where its work differs from ours.
        pooled: the result is the mean over the films, [...].
    """

    who: str
    run: Callable[[], Tensor | None]
    images: int
    note: str = ""
    pooled: bool = False


@dataclass(frozen=True)
class Row:
    """A piece of work and the ways to it, ours first.

    Attributes:
        what: of the table.
        ways: ours first; `FORWARDS` is our number of images through the network and nothing else.
        atol: up to which results are equal.
        half: we promise at most half of the peers' forwards, and at most 1.05 times the time of ours.
        times: we promise to be so many times as fast as the peer `times_who`, unless our time is that of our forwards.
    """

    what: str
    ways: tuple[Way, ...]
    atol: float = 1e-5
    half: bool = False
    times: float = 1.0
    times_who: str = ""


@dataclass
class Line:
    """A measured way: seconds and forwards per image; `equal` is None where results were not compared."""

    case: str
    row: Row
    way: Way
    seconds: float = float("inf")
    forwards: float = 0.0
    equal: bool | None = None
    ratio: float = field(default=float("nan"))
    slower: float = field(default=float("nan"))


def measured(case: Case, row: Row, *, repeats: int, clock: str) -> list[Line]:
    """Every way of a row, in turns; the fastest of each counts, so that other work on the machine does not decide."""
    lines = [Line(case.name, row, way) for way in row.ways]
    results: list[Tensor | None] = [None] * len(lines)
    spent, rounds = 0.0, 0
    while rounds == 0 or ((rounds < repeats or spent < LEAST_SECONDS) and spent < ENOUGH_SECONDS):
        rounds += 1
        for turn in range(len(lines)):
            # who goes first changes, because a way leaves memory and caches as the next one finds them
            place = (turn + rounds - 1) % len(lines)
            line = lines[place]
            case.seen, start = 0, CLOCKS[clock]()
            results[place] = line.way.run()
            seconds = CLOCKS[clock]() - start
            spent += seconds
            line.seconds = min(line.seconds, seconds / line.way.images)
            line.forwards = case.seen / line.way.images
    for line, result in zip(lines[1:], results[1:], strict=True):
        line.equal = _equal(results[0], result, line.way, row.atol)
    for line in lines:
        line.slower = line.seconds / lines[0].seconds
    return lines


def _equal(ours: Tensor | None, theirs: Tensor | None, way: Way, atol: float) -> bool | None:
    if ours is None or theirs is None:
        return None
    same_films = ours[: way.images].double()
    return torch.allclose(same_films.mean(dim=0) if way.pooled else same_films, theirs.double(), atol=atol, rtol=0)


def broken(lines: Sequence[Line]) -> list[str]:
    """What was promised of these lines of one row and does not hold."""
    ours, row = lines[0], lines[0].row
    where = f"{row.what}, {ours.case}"
    found = []
    for line in lines[1:]:
        if line.equal is False:
            found.append(f"{where}: result differs from {line.way.who}")
        if line.way.who == FORWARDS:
            if ours.seconds > 1.05 * line.seconds:
                found.append(f"{where}: {ours.seconds / line.seconds:.3f} times its forwards, promised 1.05")
            continue
        if line.seconds * NOISE < ours.seconds:
            found.append(f"{where}: {line.way.who} is faster, {line.seconds:.4f} s per image, ours {ours.seconds:.4f}")
        if row.half and ours.forwards > 0.5 * line.forwards:
            found.append(f"{where}: {ours.forwards:g} forwards, {line.way.who} {line.forwards:g}; promised half")
        if line.way.who == row.times_who and line.slower < row.times and not ours.ratio < MOSTLY_FORWARDS:
            found.append(f"{where}: {line.slower:.1f} times as fast as {line.way.who}, promised {row.times:g}")
    return found


HEAD = (
    "work",
    "network",
    "by",
    "images",
    "forwards / image",
    "seconds / image",
    "time / pure forwards",
    "time / ours",
    "same result",
    "remarks",
)


def table(lines: Sequence[Line]) -> str:
    """Markdown."""
    rows = [HEAD, tuple("-" * 3 for _ in HEAD), *(_cells(line) for line in lines)]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _cells(line: Line) -> tuple[str, ...]:
    same = {True: "yes", False: "NO", None: ""}[line.equal]
    return (
        line.row.what,
        line.case,
        line.way.who if line.way.who != FORWARDS else "the forwards alone",
        str(line.way.images),
        f"{line.forwards:.4g}" if line.forwards else "",
        f"{line.seconds:.3g}",
        f"{line.ratio:.2f}" if line.ratio == line.ratio else "",
        f"{line.slower:.2f}",
        same,
        line.way.note,
    )


def machine(threads: int, clock: str) -> str:
    """One line: processor, threads, versions, day."""
    names = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    model = names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
    day = datetime.now(UTC).date().isoformat()
    kind = "wall clock" if clock == "wall" else "processor time"
    return f"{model}, {threads} thread{'s' * (threads != 1)}, torch {torch.__version__}, {kind}, {day}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf8").splitlines() if Path(path).exists() else []
