"""The state of a study as a text for people, from files alone; reads, never writes objects."""

from __future__ import annotations

from collections.abc import Mapping

from study.dispatch.display import BLOCKED, DONE, FAILED, WAITING, grid
from study.dispatch.logs import needed
from study.dispatch.states import recorded_problems, run_statuses, stages_in_work
from study.records import Plan, Run, RunStatus
from study.store import Store

_MARKS = {"done": DONE, "failed": FAILED, "blocked": BLOCKED, "missing": WAITING}


def status(plan: Plan, store: Store, study: str | None = None, *, command: str = "study logs") -> str:
    """A table of arms and seeds, then why runs failed and the command that shows each log.

    Args:
        plan: runs and stages.
        store: read only; anybody may look while a study runs.
        study: name in the first line, the plan's as a rule.
        command: how the user calls `logs`, such as `study logs protocols/mae_effect.yaml`.
    """
    present = {key for key in plan.stages if store.has(key)}
    problems = recorded_problems(plan, store, present)
    in_work = stages_in_work(plan, store, present)
    runs = run_statuses(plan, store, present, problems)
    marks = {run.run_id: _mark(plan, run, state, in_work) for run, state in zip(plan.runs, runs, strict=True)}
    lines = [_headline(study or plan.study, runs), *_aligned(grid(plan, marks))]
    one_model = len({run.model for run in plan.runs}) == 1
    for state in runs:
        if state.state in ("failed", "blocked") or state.diverged:
            name = f"{state.arm}/{state.seed}" if one_model else f"{state.arm}/{state.model}/{state.seed}"
            reason = state.reason or "diverged: its loss stopped being finite; the run counts"
            lines += [f"  {_MARKS[state.state]} {state.run_id}: {reason}", f"      {command} {name}"]
    return "\n".join(lines) + "\n"


def _mark(plan: Plan, run: Run, state: RunStatus, in_work: Mapping[str, Mapping[str, object]]) -> str:
    if state.state == "done":
        return f"{DONE} D" if state.diverged else DONE
    for key in needed(plan, run):
        if key in in_work:
            step, of = in_work[key].get("step"), in_work[key].get("of")
            kind = plan.stages[key].kind
            return f"{kind} {100 * step // of} %" if isinstance(step, int) and isinstance(of, int) and of else kind
    return _MARKS[state.state]


def _headline(study: str, runs: tuple[RunStatus, ...]) -> str:
    counts = {state: sum(run.state == state for run in runs) for state in ("failed", "blocked", "missing")}
    parts = [f"{sum(run.state == 'done' for run in runs)} of {len(runs)} runs done"]
    parts += [f"{count} {state}" for state, count in counts.items() if count]
    diverged = sum(run.diverged for run in runs)
    parts += [f"{diverged} diverged"] if diverged else []
    return f"{study}: {', '.join(parts)}"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
