"""What `study run` shows while it works: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from study.dispatch.logs import needed
from study.records import Job, Plan, Run, Stage

SHOWN = 8
"""Stages in work that are told of; a cluster may have hundreds."""
LEAST_ROWS = 3
DONE, FAILED, BLOCKED, WAITING = "✓", "✗", "⊘", "·"
_STYLES = {DONE: "green", FAILED: "bold red", BLOCKED: "yellow", WAITING: "dim"}


@dataclass(frozen=True)
class StageInWork:
    """A stage that is being worked on.

    Attributes:
        stage: which.
        runs: ids of the runs that need it.
        progress: its newest progress.json: `step`, `of`, `facts`; empty before the first.
        seconds: since it was first seen.
    """

    stage: Stage
    runs: tuple[str, ...]
    progress: Mapping[str, Any]
    seconds: float

    @property
    def percent(self) -> int | None:
        """How far it is, or None where it does not say."""
        of = self.progress.get("of")
        return int(100 * self.progress["step"] / of) if of else None


@dataclass(frozen=True)
class Snapshot:
    """The state of a study at one moment.

    Attributes:
        plan: what is being done.
        present: keys of finished stages.
        problems: key -> one line, for failed stages.
        in_work: what runs now.
        jobs_left: jobs that wait or run.
        elapsed: seconds since the start of the call.
        remaining: expected seconds to the end; None while that cannot be told.
    """

    plan: Plan
    present: frozenset[str]
    problems: Mapping[str, str]
    in_work: tuple[StageInWork, ...]
    jobs_left: int
    elapsed: float
    remaining: float | None


class Display:
    """Shows nothing; the base of those that do."""

    wants_snapshots = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""

    def say(self, line: str) -> None:
        """Something happened that a reader should know."""

    def finished(self, job: Job, snapshot: Snapshot) -> None:
        """A job has done all its stages."""

    def show(self, snapshot: Snapshot) -> None:
        """Draw the present state."""


class LineDisplay(Display):
    """One line per finished job: time, what, how far the study is, how long it will take.

    Args:
        stream: where lines go, standard output as a rule.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def say(self, line: str) -> None:
        """Print a line at once."""
        print(f"{time.strftime('%H:%M:%S')}  {line}", file=self._stream, flush=True)

    def finished(self, job: Job, snapshot: Snapshot) -> None:
        """Print what was finished."""
        self.say(f"{title(job, snapshot.plan)} done · {summary(snapshot)}")


class LiveDisplay(Display):
    """A table of arms and seeds that is redrawn in place, what runs now below it.

    Args:
        console: a terminal.
    """

    wants_snapshots = True

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing; the last table stays."""
        self._live.stop()

    def say(self, line: str) -> None:
        """Print a line above the table."""
        self._live.console.print(Text(f"{time.strftime('%H:%M:%S')}  {line}"))

    def show(self, snapshot: Snapshot) -> None:
        """Redraw."""
        self._live.update(render(snapshot, self._live.console.height - 1), refresh=True)


def open_display(stream: TextIO | None = None) -> Display:
    """A live table where `stream` (standard output as a rule) is a terminal, plain lines elsewhere."""
    console = Console(file=stream or sys.stdout)
    return LiveDisplay(console) if console.is_terminal else LineDisplay(stream)


def render(snapshot: Snapshot, height: int | None = None) -> Group:
    """The table, what runs now, and the summary, in `height` lines of a terminal."""
    running = [Text(f"  {_running(stage)}", no_wrap=True, overflow="ellipsis") for stage in snapshot.in_work]
    if len(running) > SHOWN:
        running[SHOWN:] = [Text(f"  … and {len(running) - SHOWN} more")]
    content = grid(snapshot.plan, cells(snapshot))
    (header, *rows), note = folded(content, None if height is None else height - len(running) - 2)
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number == 0 else "center", no_wrap=True)
    for first, *others in rows:
        table.add_row(first, *(Text(cell, style=_STYLES.get(cell, "cyan")) for cell in others))
    return Group(table, *([Text(note)] if note else []), *running, Text(summary(snapshot)))


def cells(snapshot: Snapshot) -> dict[str, str]:
    """Run id -> what its cell says: done, failed, blocked, waiting, or the stage with its percent."""
    shared = {key for job in snapshot.plan.jobs if len(job.runs) > 1 for key in job.stages}
    busy = {run_id: _short(stage) for stage in snapshot.in_work for run_id in stage.runs}
    return {run.run_id: _cell(snapshot, run, busy, shared) for run in snapshot.plan.runs}


def _cell(snapshot: Snapshot, run: Run, busy: Mapping[str, str], shared: set[str]) -> str:
    if snapshot.present.issuperset(run.stages):
        return DONE
    if run.run_id in busy:
        return busy[run.run_id]
    broken = set(snapshot.problems) & set(needed(snapshot.plan, run)) if snapshot.problems else set()
    if broken:
        return BLOCKED if broken <= shared else FAILED
    return WAITING


def grid(plan: Plan, content: Mapping[str, str]) -> list[list[str]]:
    """Rows of arms, below the name of their model where there are several; columns of seeds; the first is the header."""
    models = dict.fromkeys(run.model for run in plan.runs)
    seeds = sorted({run.seed for run in plan.runs})
    rows = [["", *(f"seed {seed}" if seed == seeds[0] else str(seed) for seed in seeds)]]
    for model in models:
        rows += [[model, *([""] * len(seeds))]] if len(models) > 1 else []
        mine = {(run.arm, run.seed): content[run.run_id] for run in plan.runs if run.model == model}
        indent = "  " if len(models) > 1 else ""
        for arm in dict.fromkeys(arm for arm, _ in mine):
            rows.append([f"{indent}{arm}", *(mine.get((arm, seed), "") for seed in seeds)])
    return rows


def folded(rows: list[list[str]], height: int | None) -> tuple[list[list[str]], str]:
    """The rows of a grid that fit, and what is said of the others; arms that are all done or all to do go first.

    Args:
        rows: the header first.
        height: lines for all that is returned; None for any number. A few rows stay in any case.
    """
    if height is None or len(rows) <= height:
        return rows, ""
    plain = [len({*row[1:]}) == 1 and row[1] in (DONE, WAITING) for row in rows]
    order = sorted(range(1, len(rows)), key=lambda place: plain[place])
    kept = sorted(order[: max(LEAST_ROWS, height - 2)])
    left_out = sum(any(rows[place][1:]) for place in order if place not in kept)
    return [rows[0], *(rows[place] for place in kept)], f"  … and {left_out} arms more"


def summary(snapshot: Snapshot) -> str:
    """`12 of 39 stages · 3 min 5 s so far · about 12 min left`."""
    parts = [
        f"{len(snapshot.present)} of {len(snapshot.plan.stages)} stages",
        f"{duration(snapshot.elapsed)} so far",
    ]
    if snapshot.problems:
        parts.insert(1, f"{len(snapshot.problems)} failed")
    if snapshot.remaining is not None and snapshot.jobs_left:
        parts.append(f"about {duration(snapshot.remaining)} left")
    return " · ".join(parts)


def title(job: Job, plan: Plan) -> str:
    """What a finished job was: its last training stage with the arms that need it, or the run that was evaluated."""
    last = plan.stages[job.stages[-1]]
    if last.kind in ("predict", "explain", "perturb", "mask", "cascade", "dissect", "measure"):
        runs = ", ".join(job.runs)
        return f"maps of {runs} on other models" if job.job_id.startswith("cross-") else f"evaluation of {runs}"
    arms = dict.fromkeys(run.arm for run in plan.runs if run.run_id in job.runs)
    label = last.label or f"{last.kind} {last.key[:6]}"
    return f"{label} ({', '.join(arms)})" if arms and last.kind != "data" else label


def duration(seconds: float) -> str:
    """`8 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _short(stage: StageInWork) -> str:
    return stage.stage.kind if stage.percent is None else f"{stage.stage.kind} {stage.percent} %"


def _running(stage: StageInWork) -> str:
    parts = [stage.stage.label or stage.stage.kind]
    if stage.percent is not None:
        parts.append(f"{stage.percent} %")
    facts = stage.progress.get("facts") or {}
    parts += [f"{name.replace('_', ' ')} {_fact(value)}" for name, value in facts.items()]
    return " · ".join((*parts, duration(stage.seconds)))


def _fact(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)
