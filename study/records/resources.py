"""What jobs ask of a scheduler; never part of a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

Extra = tuple[tuple[str, str | int | bool], ...]


@dataclass(frozen=True)
class Resources:
    """What one job asks for.

    Attributes:
        gpus: per job; None asks for one where the partition has any.
        cpus: per job.
        memory_gb: per job.
        timeout_min: after so long the job keeps a checkpoint and goes to the back of the queue.
        partition, account, qos, constraint, exclude: as sbatch calls them; None leaves them out.
        setup: lines of shell before the work.
        extra: further options of sbatch, name and value; True is a flag without value.
    """

    gpus: int | None = None
    cpus: int = 2
    memory_gb: float = 8.0
    timeout_min: int = 240
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    setup: tuple[str, ...] = ()
    extra: Extra = ()

    def with_largest(self, other: Resources) -> Resources:
        """The larger of each amount; everything else is ours."""
        return replace(
            self,
            gpus=_larger(self.gpus, other.gpus),
            cpus=max(self.cpus, other.cpus),
            memory_gb=max(self.memory_gb, other.memory_gb),
            timeout_min=max(self.timeout_min, other.timeout_min),
        )

    def suits(self, other: Resources) -> bool:
        """Whether both differ in amounts only, so that one job can do the work of both."""
        return self.with_largest(other) == other.with_largest(self)


def _larger(one: int | None, other: int | None) -> int | None:
    """Of two numbers of GPUs; None (one, if there are any) is more than 0 and less than any other."""
    return max(one, other, key=lambda gpus: 0.5 if gpus is None else gpus)


@dataclass(frozen=True)
class Requests:
    """What the jobs of a study ask for.

    Attributes:
        default: for kinds of stages that are not named.
        kinds: stage kind -> what its jobs ask for; `evaluate` stands for everything that is not named.
        array_chunk: the longest array that is submitted at once.
    """

    default: Resources = Resources()
    kinds: Mapping[str, Resources] = field(default_factory=dict)
    array_chunk: int = 500

    def of(self, kinds: Iterable[str]) -> Resources:
        """What a job asks for that does stages of these kinds: the largest of each amount, the rest as the first."""
        first, *others = (self.kinds.get(kind) or self.kinds.get("evaluate", self.default) for kind in kinds)
        for other in others:
            first = first.with_largest(other)
        return first
