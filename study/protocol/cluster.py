"""What a protocol asks of SLURM: resources for every kind of stage, none of which can change a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BaseModel, ConfigDict, Field

from study.protocol.problems import Ledger
from study.records import Requests, Resources
from study.registry import TRAININGS, unknown

Word = Annotated[str, MinLen(1)]
Minutes = Annotated[int, Ge(1), Le(100 * 24 * 60)]
OURS = {
    "array": "arrays are made by the study",
    "dependency": "jobs wait for each other by themselves",
    "comment": "it names the study's submission, so that jobs are found again",
    "job-name": "it keeps equal pretraining runs apart",
    "output": "see `study logs`",
    "error": "see `study logs`",
    "open-mode": "logs of requeued jobs are appended",
    "signal": "it asks for the last checkpoint before the time limit",
    "time": "write timeout_min",
    "mem": "write memory_gb",
    "cpus-per-task": "write cpus",
    "gpus-per-node": "write gpus",
    "gpus": "write gpus beside `extra`",
    "partition": "write it beside `extra`",
    "account": "write it beside `extra`",
    "qos": "write it beside `extra`",
    "constraint": "write it beside `extra`",
    "exclude": "write it beside `extra`",
    "nodes": "a job is one process on one node",
    "ntasks": "a job is one process on one node",
    "export": "jobs need the environment of the one who submits",
}
"""Options of sbatch that `extra` may not set, and why."""


class StageResources(BaseModel):
    """What the jobs of one kind of stage ask for, where it differs from all the others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpus: Annotated[int, Ge(0), Le(64)] | None = None
    """Default: one where the partition has any; none for `data`."""
    cpus: Annotated[int, Ge(1), Le(1024)] | None = None
    memory_gb: Annotated[float, Gt(0)] | None = None
    timeout_min: Minutes | None = None
    """After so long a job keeps a checkpoint and is queued again."""
    partition: Word | None = None
    account: Word | None = None
    qos: Word | None = None
    constraint: Word | None = None
    exclude: Word | None = None
    """Nodes that are not used."""
    setup: tuple[Word, ...] | None = None
    """Lines of shell before the work, such as `module load cuda`."""
    extra: dict[Word, bool | int | str] | None = None
    """Further options of sbatch without the dashes, such as `{reservation: film}`; true for a bare flag."""

    def over(self, base: Resources) -> Resources:
        """`base` with everything that is given here."""
        given = {name: getattr(self, name) for name in StageResources.model_fields}
        if self.extra is not None:
            given["extra"] = tuple(sorted((name.replace("_", "-"), value) for name, value in self.extra.items()))
        return replace(base, **{name: value for name, value in given.items() if value is not None})


class SlurmSettings(StageResources):
    """What all jobs ask for, and what single kinds of stages ask for instead."""

    stages: dict[str, StageResources] = Field(default_factory=dict)
    """A training stage, `data`, or `evaluate` for everything after training."""
    array_chunk: Annotated[int, Ge(1), Le(100_000)] = 500
    """The longest array that is submitted at once; the cluster's own limit is kept anyway."""

    def requests(self) -> Requests:
        """The same for the dispatcher."""
        default = self.over(Resources())
        kinds = dict.fromkeys((*TRAININGS, "evaluate"), default) | {"data": replace(default, gpus=0)}
        kinds |= {name: settings.over(kinds[name]) for name, settings in self.stages.items()}
        return Requests(default, kinds, self.array_chunk)


def check_cluster(parsed: Mapping[str, Any], ledger: Ledger) -> None:
    """Stages are known, `extra` sets nothing that is ours, and jobs get the GPUs that a training is to use."""
    if "dispatch" not in parsed:
        return
    slurm: SlurmSettings = parsed["dispatch"].slurm
    known = ["data", *TRAININGS, "evaluate"]
    for name in slurm.stages:
        if name not in known:
            ledger.add(("dispatch", "slurm", "stages", name), unknown("kind of stage", name, known))
    for place, settings in ((), slurm), *((("stages", name), given) for name, given in slurm.stages.items()):
        for option in settings.extra or {}:
            if (why := OURS.get(option.replace("_", "-"))) is not None:
                ledger.add(("dispatch", "slurm", *place, "extra", option), f"cannot be set here; {why}")
    if not ledger.has_below(("dispatch",)):
        _enough_gpus(parsed, ledger)


def _enough_gpus(parsed: Mapping[str, Any], ledger: Ledger) -> None:
    dispatch, kinds = parsed["dispatch"], _shared_kinds(parsed)
    asked = dispatch.slurm.requests().kinds
    short = {kind: gpus for kind in kinds if (gpus := asked[kind].gpus or 1) < dispatch.gpus_per_run}
    if dispatch.cluster == "slurm" and short:
        found = ", ".join(f"{kind} {gpus}" for kind, gpus in short.items())
        ledger.add(
            ("dispatch", "gpus_per_run"),
            f"is {dispatch.gpus_per_run}, but jobs ask for fewer GPUs: {found}\n"
            f"write slurm: {{stages: {{{next(iter(short))}: {{gpus: {dispatch.gpus_per_run}}}}}}}, or {{gpus: …}} for all",
        )


def _shared_kinds(parsed: Mapping[str, Any]) -> list[str]:
    """Training stages of the arms that several GPUs can share."""
    stages = (stage for chain in (parsed.get("arms") or {}).values() for stage in chain or () if stage)
    return list(dict.fromkeys(stage.kind for stage in stages if "lr" in type(stage.settings).model_fields))
