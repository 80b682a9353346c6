"""A survey of a study as a text for people and as data for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from study.dispatch.columns import aligned, breadth, wrapped
from study.dispatch.display import BLOCKED, DONE, FAILED, WAITING, folded, grid
from study.dispatch.facts import Said, facts, next_commands
from study.dispatch.logs import needed
from study.dispatch.survey import About, Survey, survey
from study.records import Plan, Run, RunStatus
from study.store import Store

SHOWN = 12
LABEL = 13
"""Columns before the words of a fact."""
_MARKS = {"done": DONE, "failed": FAILED, "blocked": BLOCKED, "missing": WAITING}


def status(plan: Plan, store: Store, said: Said | None = None, *, about: About | None = None) -> str:
    """A table of arms and seeds, why runs failed, stages, pairs, hours, and what to do next.

    Args:
        plan: runs and stages.
        store: read only; anybody may look while a study runs.
        said: how the user names the study; its name as a rule.
        about: what the plan does not say.
    """
    return as_text(survey(plan, store, about), said or Said(plan.study))


def as_text(found: Survey, said: Said, *, width: int | None = None, height: int | None = None) -> str:
    """The survey for a terminal.

    Args:
        found: what to tell.
        said: how the user names the study.
        width: columns to keep to, commands and reasons apart; None for lines of any length.
        height: lines to keep to, by leaving out arms that are all done or all to do; None for all of them.
    """
    room = None if width is None else width - LABEL
    rows = [(name, wrapped(parts, room)) for name, parts in facts(found).items()] + [
        ("next", next_commands(found, said))
    ]
    below = [f"  {name if not place else '':<9}  {words}" for name, lines in rows for place, words in enumerate(lines)]
    below = [*_failures(found, said), *below]
    table = _table(found, width, None if height is None else height - len(below) - 1)
    return "\n".join([headline(found), *table, *below, ""])


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
    """The survey as JSON can say it; seconds and hours are wall time, what is not known is None."""
    return {
        "study": found.plan.study,
        "complete": found.complete,
        "living": found.living,
        "runs": [asdict(run) for run in found.runs],
        "stages": {"planned": len(found.states), **found.counts},
        "contrasts": [asdict(pair) for pair in found.pairs],
        "hours": {"used": asdict(found.used), "reused": asdict(found.reused)},
        "remaining_s": found.remaining,
        "work_s": found.left.work if found.left else None,
        "remaining_is_a_guess": found.is_guess,
        "workers": found.workers,
        "queue": {
            entry.job: {"state": entry.state, "reason": entry.reason, "nodes": entry.nodes} for entry in found.jobs
        },
        "next": list(next_commands(found, said)),
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


def _table(found: Survey, width: int | None, height: int | None) -> list[str]:
    """Arms and seeds; where that is too wide, stages in work are told by their percent alone."""
    rows = grid(found.plan, cells(found))
    if width is not None and breadth(rows) > width:
        rows = [[row[0], *map(_short, row[1:])] for row in rows]
    shown, note = folded(rows, height)
    return [*aligned(shown, width), *([note] if note else [])]


def _short(cell: str) -> str:
    return " ".join(cell.split()[-2:]) if cell.endswith(" %") else cell
