"""What is said of a study below its table: counts, queue, hours, time left, and the next command."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass

from study.dispatch.display import duration
from study.dispatch.squeue import Entry
from study.dispatch.survey import Hours, Pairs, Survey

SHOWN = 12
FEW_PAIRS = 8
SILENT_S = 120.0


@dataclass(frozen=True)
class Said:
    """How the user names the study on the command line, so that a text can say the next command.

    Attributes:
        protocol: as it was typed.
        options: words that every command about this study needs, such as `("--seeds", "3")`.
    """

    protocol: str
    options: tuple[str, ...] = ()

    def command(self, name: str, *words: str) -> str:
        """`study NAME PROTOCOL WORDS OPTIONS`, quoted for a shell."""
        return shlex.join(("study", name, self.protocol, *words, *self.options))

    def of_run(self, name: str, run: str) -> str:
        """`study NAME RUN --protocol PROTOCOL OPTIONS`, quoted for a shell."""
        return shlex.join(("study", name, run, "--protocol", self.protocol, *self.options))


def facts(found: Survey) -> dict[str, list[str]]:
    """Name -> the parts of a sentence or list, without those that say nothing."""
    rows = {
        "stages": [_stages(found)],
        "contrasts": _contrasts(found),
        "queue": _queue(found.jobs),
        "silent": _silent(found),
        "compute": [_compute(found)],
        "left": [_left(found)],
    }
    return {name: parts for name, parts in rows.items() if any(parts)}


def _stages(found: Survey) -> str:
    parts = [f"{count} {state}" for state, count in found.counts.items()]
    return f"{', '.join(parts)} of {len(found.states)}"


def _queue(jobs: Sequence[Entry]) -> list[str]:
    """`3 running: 12_0, 12_1, 12_2 (n1, n2)`, `4 pending: 12_3, … 12_6 (Priority)`; one job in full."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in jobs:
        why = "" if entry.answer == "works" else entry.why
        groups.setdefault((entry.state, why), []).append(entry)
    parts = [str(each[0]) if len(each) == 1 else _many(each) for each in groups.values()]
    more = [f"{len(parts) - SHOWN} kinds of jobs more"] if len(parts) > SHOWN else []
    return [*parts[:SHOWN], *more]


def _many(jobs: Sequence[Entry]) -> str:
    ids = [entry.job for entry in jobs]
    shown = ids if len(ids) <= 4 else [*ids[:2], f"… {ids[-1]}"]
    whys = ", ".join(dict.fromkeys(entry.why for entry in jobs if entry.why))
    state = jobs[0].state.lower().replace("_", " ")
    return f"{len(jobs)} {state} as SLURM jobs {', '.join(shown)}{f' ({whys})' if whys else ''}"


def _contrasts(found: Survey) -> list[str]:
    """Each with its count; many of them as counts alone, since `--json` names them."""
    models = len({each.model for each in found.pairs}) > 1
    counts = [_count(each, paired=found.about.paired) for each in found.pairs]
    if len(counts) > FEW_PAIRS:
        return [f"{counts.count(count)} with {count}" for count in dict.fromkeys(counts)]
    names = [f"{each.treatment} vs {each.control}{f' ({each.model})' if models else ''}" for each in found.pairs]
    return [f"{name}: {count}" for name, count in zip(names, counts, strict=True)]


def _count(pair: Pairs, *, paired: bool) -> str:
    if paired:
        return f"{pair.complete} of {pair.planned} pairs"
    return f"{pair.treatment_done} and {pair.control_done} of {pair.planned} runs"


def _silent(found: Survey) -> list[str]:
    """Stages in work that told of a step, and then of none for minutes."""
    times = {key: progress.get("time") for key, progress in found.in_work.items()}
    ages = {key: time.time() - told for key, told in times.items() if isinstance(told, int | float)}
    stages = found.plan.stages
    return [f"{stages[key].label or key}: no step for {duration(age)}" for key, age in ages.items() if age > SILENT_S]


def _compute(found: Survey) -> str:
    """`3.2 GPU hours and 0.4 CPU hours, 1.0 GPU hours more reused`; empty before the first stage."""
    mine, reused = _spoken(found.used), _spoken(found.reused)
    if mine and reused:
        return f"{mine} used; {reused} reused"
    return f"{mine} used" if mine else f"{reused} reused" if reused else ""


def _spoken(hours: Hours) -> str:
    return " and ".join(_amount(value, device) for value, device in ((hours.gpu, "GPU"), (hours.cpu, "CPU")) if value)


def _amount(hours: float, device: str) -> str:
    """`3.2 GPU hours`, `4.7 CPU minutes`, `12 CPU seconds`."""
    for unit, count in (("hours", hours), ("minutes", hours * 60)):
        if count >= 1:
            return f"{count:.3g} {device} {unit}"
    return f"{max(1, round(hours * 3600))} {device} seconds"


def _left(found: Survey) -> str:
    """Time to the end; on SLURM without what jobs wait in its queue, since nobody knows that."""
    if found.left is None:
        return "not known until one stage of every kind is done"
    if not found.left.work:
        return ""
    basis = "a coarse guess" if found.is_guess else "from the times of finished stages"
    if found.remaining is None:
        least = "" if found.is_guess else f", {duration(found.left.chain)} if all jobs ran at once"
        return f"about {duration(found.left.work)} of work{least}; SLURM decides how many jobs run ({basis})"
    workers = found.workers or 1
    if found.jobs or found.about.queues:
        what = f"job{'s' * (workers != 1)} at a time, waits in the queue apart"
    else:
        what = f"worker{'s' * (workers != 1)}"
    return f"about {duration(found.remaining)} with {workers} {what} ({basis})"


def next_commands(found: Survey, said: Said) -> Sequence[str]:
    """What the user can do now, the likeliest first."""
    if found.whole:
        return [f"{said.command('report')}  (everything is done)"]
    if not found.idle:
        return [said.command("status", "--watch"), said.command("cancel")]
    missing = sum(run.state != "done" for run in found.runs)
    stages = len(found.states) - len(found.finished)
    what = f"the {missing} missing" if missing else f"{stages} stage{'s' * (stages > 1)} that no run needs to count"
    answers = [f"{said.command('run')}  (does {what})"]
    if any(run.state == "done" for run in found.runs):
        answers.append(f"{said.command('report')}  (partial, marked as such)")
    return answers
