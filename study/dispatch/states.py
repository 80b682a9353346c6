"""What became of every planned run, read from the store and from what failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from study.dispatch.logs import needed
from study.records import Plan, Run, RunStatus
from study.store import Store
from study.store.files import read_json
from study.store.lease import current_holder

FAILURES = ("failed", "killed", "vanished", "store")
"""How an attempt can end so that its stage counts as failed until it is tried again."""
COUNTED = ("failed", "killed", "vanished")
"""Those of them that say something of the stage: a full disk does not."""
MAX_ATTEMPTS = 8
"""A stage that has failed so often is not tried again before `study retry` allows it."""


@dataclass(frozen=True)
class Outcome:
    """What one `study run` did, and what is there now.

    Attributes:
        runs: one status per planned run, in the plan's order.
        stages: number of stages of the plan.
        done: stages that this call made.
        reused: stages that were there before, or that somebody else made meanwhile.
        failed: stages that failed in this call.
        seconds: wall time of this call.
        stopped: it was asked to stop (Ctrl-C).
        problem: why it gave up early (the disk is full, ...); empty as a rule.
        detached: it left while jobs go on in a scheduler's queue.
    """

    runs: tuple[RunStatus, ...]
    stages: int
    done: int
    reused: int
    failed: int
    seconds: float
    stopped: bool = False
    problem: str = ""
    detached: bool = False

    @property
    def complete(self) -> bool:
        """Whether every planned run is done."""
        return all(run.state == "done" for run in self.runs)

    @property
    def exit_code(self) -> int:
        """0 complete, 3 left while jobs go on, 4 runs are missing, 5 the disk said no, 130 stopped."""
        if self.detached:
            return 3
        if self.stopped:
            return 130
        if self.problem:
            return 5
        return 0 if self.complete else 4


def run_statuses(plan: Plan, store: Store, present: set[str], problems: Mapping[str, str]) -> tuple[RunStatus, ...]:
    """The state of every run.

    Args:
        plan: names runs and stages.
        store: `diverged` is read from the classifier's facts.json there.
        present: keys of finished stages.
        problems: key -> one line, for stages that failed.
    """
    owners = {key: job.runs for job in plan.jobs for key in job.stages}
    return tuple(_status(plan, run, store, present, problems, owners) for run in plan.runs)


def _status(
    plan: Plan,
    run: Run,
    store: Store,
    present: set[str],
    problems: Mapping[str, str],
    owners: Mapping[str, tuple[str, ...]],
) -> RunStatus:
    def status(state: str, reason: str = "", *, diverged: bool = False) -> RunStatus:
        return RunStatus(run.run_id, run.arm, run.model, run.seed, state, reason, run.pretrain_key, diverged)  # type: ignore[arg-type]

    if all(key in present for key in run.stages):
        return status("done", diverged=_diverged(store, run))
    keys = needed(plan, run)
    first = next((key for key in keys if key in problems and key not in present), None)
    if first is None:
        left = sum(key not in present for key in keys)
        return status("missing", f"{left} of {len(keys)} stages are not done")
    reason = f"{plan.stages[first].label or plan.stages[first].kind}: {problems[first]}"
    if set(owners.get(first, ())) <= {run.run_id}:
        return status("failed", reason)
    return status("blocked", f"blocked by {first[:6]}, which other runs need too: {reason}")


def _diverged(store: Store, run: Run) -> bool:
    facts = read_json(store.object_folder(run.training[-1]) / "facts.json") if run.training else None
    return bool((facts or {}).get("diverged", False))


def recorded_problems(plan: Plan, store: Store, present: set[str]) -> dict[str, str]:
    """Key -> one line, for unfinished stages whose newest attempt did not end well and is over.

    Attempts that `study retry` has forgiven do not count.
    """
    problems = {}
    for key in plan.stages:
        tries = store.counted_attempts(key) if key not in present else []
        ending = tries[-1].ending() if tries else None
        if ending is not None and ending.state in FAILURES:
            problems[key] = ending.reason or ending.state
        elif tries and ending is None and current_holder(store.workshop(key)) is None:
            problems[key] = "its process disappeared; `study run` goes on from the last checkpoint"
    return problems


def exhausted(plan: Plan, store: Store, present: set[str]) -> dict[str, str]:
    """Key -> one line, for unfinished stages that have failed too often to be tried again without being told to."""
    found = {}
    for key in plan.stages:
        endings = [attempt.ending() for attempt in store.counted_attempts(key)] if key not in present else []
        failures = [ending for ending in endings if ending is not None and ending.state in COUNTED]
        if len(failures) >= MAX_ATTEMPTS:
            reason = failures[-1].reason or failures[-1].state
            found[key] = f"{reason}; it has failed {len(failures)} times, `study retry` allows further tries"
    return found
