"""What travels between the conductor and the places where jobs are done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from study.records import Allowance, Job, Plan, Stage

JobState = Literal["done", "failed", "vanished", "blocked", "deferred", "stopped", "interrupted", "store"]


@dataclass(frozen=True)
class Work:
    """A job with everything that a worker must know of it; travels as JSON.

    `shared` work is needed by several runs, and perhaps by other studies.
    """

    study: str
    job_id: str
    stages: tuple[Stage, ...]
    shared: bool = False
    allowance: Allowance = field(default_factory=Allowance)

    @classmethod
    def of(cls, plan: Plan, job: Job, allowance: Allowance | None = None) -> Work:
        """The job's stages, as every place sees them: recipes are JSON, so tuples are lists."""
        stages = tuple(plan.stages[key] for key in job.stages)
        work = cls(plan.study, job.job_id, stages, len(job.runs) > 1, allowance or Allowance())
        return cls.read(json.loads(json.dumps(work.as_json())))

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Work:
        """The work in a JSON object."""
        stages = tuple(Stage(**stage) for stage in content["stages"])
        allowance = Allowance(**content["allowance"])
        return cls(content["study"], content["job_id"], stages, content["shared"], allowance)

    def as_json(self) -> dict[str, Any]:
        """What `read` understands."""
        stages = [{name: _plain(value) for name, value in vars(stage).items()} for stage in self.stages]
        words = {"study": self.study, "job_id": self.job_id, "shared": self.shared}
        return {**words, "stages": stages, "allowance": asdict(self.allowance)}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


@dataclass(frozen=True)
class JobResult:
    """How a job ended.

    Attributes:
        job_id: of the plan.
        state: `done`; `failed` (an exception); `vanished` (the process died, may be repeated);
            `blocked` (a parent is absent); `deferred` (somebody else works on the stage);
            `stopped` (asked to); `interrupted` (its node, time or place in the queue was taken away; to be done
            again, as often as need be); `store` (the disk is full or refuses).
        stage: key of the stage at which it ended early, empty for `done`.
        reason: one line, empty for `done`.
        made, found: keys that were published by this job, and that were there before.
    """

    job_id: str
    state: JobState
    stage: str = ""
    reason: str = ""
    made: tuple[str, ...] = ()
    found: tuple[str, ...] = ()

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> JobResult:
        """The result in a JSON object."""
        return cls(**{**content, "made": tuple(content["made"]), "found": tuple(content["found"])})

    def as_json(self) -> dict[str, Any]:
        """What `read` understands."""
        return asdict(self)


class Place(Protocol):
    """Where jobs are done. None of its methods waits for a job, except `start` of `inline`.

    Attributes:
        queues: it takes jobs before those they wait for have ended, keeps their order itself, and goes on with them
            when the conductor leaves.
    """

    queues: bool

    @property
    def size(self) -> int:
        """How many jobs can run at once."""

    def free(self) -> int:
        """How many jobs could be started now."""

    def start(self, work: Work, after: tuple[str, ...] = ()) -> None:
        """Begin a job, once the jobs `after` that were started before have ended."""

    def unstarted(self) -> Mapping[str, str]:
        """Job id -> why, for jobs that were handed over and are not being worked on."""

    def collect(self) -> list[JobResult]:
        """Results of jobs that ended since the last call, of vanished processes too."""

    def stop(self) -> None:
        """Ask everything that runs to keep a checkpoint and end."""

    def close(self, grace_s: float) -> None:
        """End all processes, by force after `grace_s` seconds."""
