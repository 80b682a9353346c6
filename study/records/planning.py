"""Stages, runs and jobs of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Stage:
    """One step of work, named by the hash of everything that can change its numbers.

    Attributes:
        key: 24 hex digits.
        kind: `data`, a training stage's name, `predict`, `explain`, `perturb`, `mask`, `cascade`, `dissect`,
            `measure`.
        recipe: what was hashed: kind, version, settings, model, seed, data digest, parents.
        parents: role -> key, such as `{"data": ..., "initial": ...}`.
        label: for people; never part of the key.
        places: for `data` stages, the dataset's name and its path settings; never part of the key.
    """

    key: str
    kind: str
    recipe: Mapping[str, Any]
    parents: Mapping[str, str]
    label: str
    places: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One arm, one model, one seed, and the stages that make and judge it.

    Attributes:
        run_id: `arm-model-seedN`, unique in the study.
        training: keys of the chain's stages in order; the last one is the classifier.
        pretrain_key: key of the last stage before the supervised one, or None.
        predict: key of the predictions on the target's validation and test films.
        explain, perturb, mask, cascade: attribution label -> key.
        measure: (attribution label, metric label) -> key.
        cross: (attribution label, metric label, arm) -> key of the curves of this run's maps on that arm's model.
        dissect: key of the network dissection, or None.
        crossing: keys that need models of other arms; the run is done without them.
    """

    run_id: str
    arm: str
    model: str
    seed: int
    training: tuple[str, ...]
    pretrain_key: str | None
    predict: str
    explain: Mapping[str, str]
    perturb: Mapping[str, str]
    mask: Mapping[str, str]
    measure: Mapping[tuple[str, str], str]
    cascade: Mapping[str, str] = field(default_factory=dict)
    cross: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    dissect: str | None = None
    crossing: tuple[str, ...] = ()

    @property
    def stages(self) -> tuple[str, ...]:
        """Every key this run needs, training first."""
        shared = (*self.explain.values(), *self.perturb.values(), *self.mask.values(), *self.cascade.values())
        dissect = (self.dissect,) if self.dissect else ()
        keys = dict.fromkeys((*self.training, self.predict, *dissect, *shared, *self.measure.values()))
        return tuple(key for key in keys if key not in self.crossing)


@dataclass(frozen=True)
class Job:
    """Stages that one worker does one after the other.

    Attributes:
        job_id: stable within the plan, such as `train-3fa9c1` or `evaluate-baseline-vit-seed0`.
        stages: keys in order.
        after: job ids that must have ended before this one can succeed.
        runs: run ids that need it.
    """

    job_id: str
    stages: tuple[str, ...]
    after: tuple[str, ...]
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """All stages of a study in an order in which they can be done."""

    study: str
    stages: Mapping[str, Stage]
    runs: tuple[Run, ...]
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Allowance:
    """What one training may use of its place, and what it leaves beside its result; never part of a key.

    Attributes:
        gpus: how many share the training, one process each.
        cpus: processes that share it where there is no GPU.
        tensorboard: whether it writes event files.
    """

    gpus: int = 1
    cpus: int = 1
    tensorboard: bool = False


class StageContext(Protocol):
    """What a stage may ask of the place it runs in."""

    @property
    def allowance(self) -> Allowance:
        """What a training may use."""

    @property
    def events(self) -> Path | None:
        """Folder for event files; None where nobody wants any."""

    def progress(self, step: int, of: int, **facts: float | str) -> None:
        """Tell how far the stage is; cheap, may be called every step."""

    def should_stop(self) -> bool:
        """True when the stage should save a checkpoint and raise `errors.Stopped`."""

    def save_checkpoint(self, step: int, payload: bytes) -> None:
        """Keep `payload` so that a later attempt can go on from `step`; atomic, keeps two."""

    def load_checkpoint(self) -> tuple[int, bytes] | None:
        """The newest intact checkpoint of this stage, from any attempt, or None."""
