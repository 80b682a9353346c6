"""A survey of a study as a text for people and as data for programs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from study.dispatch.display import BLOCKED, DONE, FAILED, WAITING, duration, grid
from study.dispatch.logs import needed
from study.dispatch.survey import About, Hours, Pairs, Survey, survey
from study.records import Plan, Run, RunStatus
from study.store import Store

SHOWN = 12
_MARKS = {"done": DONE, "failed": FAILED, "blocked": BLOCKED, "missing": WAITING}


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


def status(plan: Plan, store: Store, said: Said | None = None, *, about: About | None = None) -> str:
    """A table of arms and seeds, why runs failed, stages, pairs, hours, and what to do next.

    Args:
        plan: runs and stages.
        store: read only; anybody may look while a study runs.
        said: how the user names the study; its name as a rule.
        about: what the plan does not say.
    """
    return as_text(survey(plan, store, about), said or Said(plan.study))


def as_text(found: Survey, said: Said) -> str:
    """The survey for a terminal, at any width."""
    rows = [
        ("stages", _stages(found)),
        ("contrasts", " · ".join(_pair(each, found) for each in found.pairs)),
        ("queue", _queue(found)),
        ("compute", _compute(found)),
        ("left", _left(found)),
        *(("next" if not place else "", words) for place, words in enumerate(_next(found, said))),
    ]
    facts = [f"  {name:<9}  {words}" for name, words in rows if words]
    return "\n".join([headline(found), *_aligned(grid(found.plan, cells(found))), *_failures(found, said), *facts, ""])


def headline(found: Survey) -> str:
    """`mae_effect: 13 of 15 runs done, 1 failed, 1 blocked`."""
    runs = found.runs
    counts = {state: sum(run.state == state for run in runs) for state in ("failed", "blocked", "missing")}
    parts = [f"{sum(run.state == 'done' for run in runs)} of {len(runs)} runs done"]
    parts += [f"{count} {state}" for state, count in counts.items() if count]
    diverged = sum(run.diverged for run in runs)
    parts += [f"{diverged} diverged"] if diverged else []
    return f"{found.plan.study}: {', '.join(parts)}"


def cells(found: Survey) -> dict[str, str]:
    """Run id -> done, failed, blocked, waiting, or the stage in work with its percent."""
    return {run.run_id: _cell(found, run, state) for run, state in zip(found.plan.runs, found.runs, strict=True)}


def as_data(found: Survey, said: Said) -> dict[str, Any]:
    """The survey as JSON can say it; seconds and hours are wall time, an unknown `remaining_s` is None."""
    return {
        "study": found.plan.study,
        "complete": found.complete,
        "living": found.living,
        "runs": [asdict(run) for run in found.runs],
        "stages": {"planned": len(found.states), **found.counts},
        "contrasts": [asdict(pair) for pair in found.pairs],
        "hours": {"used": asdict(found.used), "reused": asdict(found.reused)},
        "remaining_s": found.remaining,
        "remaining_is_a_guess": found.is_guess,
        "workers": found.about.workers,
        "next": list(_next(found, said)),
        "unfinished": [
            {
                "key": key,
                "kind": found.plan.stages[key].kind,
                "label": found.plan.stages[key].label,
                "state": state,
                "reason": found.reasons.get(key, ""),
                "progress": dict(found.in_work.get(key, {})),
            }
            for key, state in found.states.items()
            if key not in found.finished
        ],
    }


def short_name(plan: Plan, run: Run | RunStatus) -> str:
    """`arm/seed`, with the model between them where the study has several."""
    one_model = len({each.model for each in plan.runs}) == 1
    return f"{run.arm}/{run.seed}" if one_model else f"{run.arm}/{run.model}/{run.seed}"


def _cell(found: Survey, run: Run, state: RunStatus) -> str:
    if state.state == "done":
        return f"{DONE} D" if state.diverged else DONE
    for key in needed(found.plan, run) if found.in_work else ():
        if key in found.in_work:
            step, of = found.in_work[key].get("step"), found.in_work[key].get("of")
            kind = found.plan.stages[key].kind
            return f"{kind} {100 * step // of} %" if isinstance(step, int) and isinstance(of, int) and of else kind
    return _MARKS[state.state]


def _failures(found: Survey, said: Said) -> list[str]:
    """Every reason once, with the runs that it holds for and the command that shows the log of the first."""
    groups: dict[tuple[str, str], list[RunStatus]] = {}
    for run in found.runs:
        if run.state in ("failed", "blocked") or run.diverged:
            reason = run.reason or "diverged: its loss stopped being finite; the run counts"
            groups.setdefault((run.state, reason), []).append(run)
    lines = []
    for (state, reason), runs in list(groups.items())[:SHOWN]:
        others = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
        lines += [f"  {_MARKS[state]} {runs[0].run_id}{others}: {reason}"]
        lines += [f"      {said.of_run('logs', short_name(found.plan, runs[0]))}"]
    if len(groups) > SHOWN:
        lines.append(f"  … and {len(groups) - SHOWN} reasons more: {said.command('status', '--json')}")
    return lines


def _stages(found: Survey) -> str:
    parts = [f"{count} {state}" for state, count in found.counts.items()]
    return f"{', '.join(parts)} of {len(found.states)}"


def _queue(found: Survey) -> str:
    """What SLURM says of the study's jobs; empty elsewhere."""
    jobs = list(dict.fromkeys(found.queue.values()))
    more = [f"{len(jobs) - SHOWN} jobs more"] if len(jobs) > SHOWN else []
    return " · ".join([*jobs[:SHOWN], *more])


def _pair(pair: Pairs, found: Survey) -> str:
    models = len({each.model for each in found.pairs}) > 1
    name = f"{pair.treatment} vs {pair.control}{f' ({pair.model})' if models else ''}"
    if found.about.paired:
        return f"{name}: {pair.complete} of {pair.planned} pairs"
    return f"{name}: {pair.treatment_done} and {pair.control_done} of {pair.planned} runs"


def _compute(found: Survey) -> str:
    """`3.2 GPU hours and 0.4 CPU hours, 1.0 GPU hours more reused`; empty before the first stage."""
    mine, reused = _spoken(found.used), _spoken(found.reused)
    if mine and reused:
        return f"{mine} used; {reused} reused"
    return f"{mine} used" if mine else f"{reused} reused" if reused else ""


def _spoken(hours: Hours) -> str:
    parts = [(hours.gpu, "GPU"), (hours.cpu, "CPU")]
    return " and ".join(f"{value:.3g} {device} hours" for value, device in parts if value)


def _left(found: Survey) -> str:
    if found.remaining is None:
        return "not known until one stage of every kind is done"
    if not found.remaining:
        return ""
    basis = "a coarse guess" if found.is_guess else "from the times of finished stages"
    workers = found.about.workers
    return f"about {duration(found.remaining)} with {workers} worker{'s' * (workers != 1)} ({basis})"


def _next(found: Survey, said: Said) -> Sequence[str]:
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


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
