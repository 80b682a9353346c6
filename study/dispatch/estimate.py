"""How long the rest will take, from the stages that are done."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from statistics import median
from typing import NamedTuple

from study.records import Plan, Stage


class Left(NamedTuple):
    """Seconds of work, and of the longest chain of jobs: what it takes one worker, and any number of them."""

    work: float
    chain: float

    def wall(self, workers: int) -> float:
        """Seconds to the end with so many at a time: the work shared out, or the chain."""
        return max(self.work / workers, self.chain)


class Estimate:
    """Expected seconds of a plan's stages: medians of finished stages of the same kind.

    Args:
        plan: whose stages are estimated.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seconds: dict[tuple[str, ...], list[float]] = {}
        self._groups: dict[str, tuple[tuple[str, ...], ...]] = {}

    def learn(self, key: str, seconds: float) -> None:
        """A stage of the plan took so long."""
        for group in self._kin(key):
            self._seconds.setdefault(group, []).append(seconds)

    def of(self, key: str) -> float | None:
        """Expected seconds of a stage, from its nearest kin; None while no such stage is done."""
        for group in self._kin(key):
            if group in self._seconds:
                return float(median(self._seconds[group]))
        return None

    def _kin(self, key: str) -> tuple[tuple[str, ...], ...]:
        if key not in self._groups:
            self._groups[key] = _groups(self._plan.stages[key])
        return self._groups[key]

    def remaining(self, keys: Collection[str], running: Mapping[str, float], size: int) -> float | None:
        """Seconds until `keys` are done with `size` workers; None while that cannot be told.

        Args:
            keys: stages that will still be done (not those that are blocked by a failure).
            running: key -> seconds spent on it so far.
            size: number of workers.
        """
        left = self.left(keys, running)
        return None if left is None else left.wall(size)

    def left(self, keys: Collection[str], running: Mapping[str, float]) -> Left | None:
        """What `keys` will still take; None while that cannot be told. Arguments as for `remaining`."""
        left: dict[str, float] = {}
        for key in keys:
            expected = self.of(key)
            if expected is None:
                return None
            left[key] = max(0.0, expected - running.get(key, 0.0))
        return Left(sum(left.values()), self._longest_chain(left))

    def _longest_chain(self, left: Mapping[str, float]) -> float:
        until: dict[str, float] = {}
        for job in self._plan.jobs:  # in order of dependency
            before = max((until.get(other, 0.0) for other in job.after), default=0.0)
            until[job.job_id] = before + sum(left.get(key, 0.0) for key in job.stages)
        return max(until.values(), default=0.0)


def _groups(stage: Stage) -> tuple[tuple[str, ...], ...]:
    """From the nearest kin to the whole kind."""
    recipe = stage.recipe
    nearest = tuple(str(recipe.get(name, "")) for name in ("model", "attribution", "metric", "settings"))
    near = tuple(str(recipe.get(name, "")) for name in ("model", "attribution", "metric"))
    return (stage.kind, *nearest), (stage.kind, *near), (stage.kind,)
