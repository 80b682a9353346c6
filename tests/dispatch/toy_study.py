"""A study whose stages count instead of computing, for tests of the dispatcher.

What a stage does is said by its recipe, so that every process can read it:
`{"do": "write", "steps": 3, "sleep": 0.02, ...}`. Every call of a stage adds a line to
`root/calls.txt`. `python toy_study.py STORE ROOT ...` is a conductor in its own process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study import dispatch
from study.dispatch import slurm
from study.errors import Stopped
from study.records import Job, Plan, Requests, Resources, Run, Stage
from study.store import Store, objects

EXECUTOR = "toy_study:execute"
SMALL = Requests(Resources(gpus=0, cpus=1, memory_gb=0.5, timeout_min=10))


def execute(
    stage: Stage, *, inputs: Mapping[str, Path], out: Path, context: Any, root: Path, siblings: Sequence[Stage]
) -> None:
    """Hash the parents, in as many steps as the recipe says, with a checkpoint after each."""
    settings = stage.recipe["settings"]
    with (root / "calls.txt").open("a") as file:
        file.write(f"{stage.key} {stage.kind}\n")
    print(f"working on {stage.label}")
    _misbehave(settings, root / f"did-{stage.key}")
    found = context.load_checkpoint()
    step, digest = (found[0], found[1].decode()) if found else (0, stage.key)
    if found:
        print(f"goes on from step {step}")
    parents = "".join((folder / "result.txt").read_text() for _, folder in sorted(inputs.items()))
    while step < settings["steps"]:
        digest = hashlib.sha256(f"{digest}{parents}{step}".encode()).hexdigest()
        time.sleep(0.0 if "TOY_FAST" in os.environ else settings["sleep"])
        step += 1
        context.progress(step, settings["steps"], images_per_s=100.0)
        if settings.get("checkpoints", True):
            context.save_checkpoint(step, digest.encode())
        if context.should_stop():
            raise Stopped
    (out / "result.txt").write_text(digest)
    (out / "facts.json").write_text(json.dumps({"diverged": settings.get("diverged", False), "steps": step}))


def _misbehave(settings: Mapping[str, Any], mark: Path) -> None:
    do, times = settings["do"], settings.get("times", 1 if settings.get("once") else sys.maxsize)
    if mark.exists() and mark.stat().st_size >= times:
        return
    with mark.open("a") as file:
        file.write("x")
    if do == "raise":
        raise ValueError("the loss is a teapot")
    if do == "exit":
        os._exit(3)
    if do == "sys.exit":
        sys.exit("leaving")
    if do == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if do == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "kill later":  # once the object is there
        objects.discard_leftovers = lambda workshop: os.kill(os.getpid(), signal.SIGKILL)
    if do == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    if do == "eat":
        eaten = bytearray(550_000_000)
        time.sleep(6.0)  # a scheduler without cgroups looks once a second
        del eaten
    if do == "full":
        raise OSError(28, "No space left on device")


def stage(kind: str, name: str, parents: Mapping[str, str], **settings: Any) -> Stage:
    """A stage whose key is the hash of its recipe."""
    settings = {"do": "write", "steps": 1, "sleep": 0.0, **settings}
    recipe = {"schema": 1, "kind": kind, "name": name, "settings": settings, "parents": dict(parents)}
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:24]
    return Stage(key, kind, recipe, dict(parents), f"{kind} {name}")


def toy_plan(
    arms: tuple[str, ...] = ("baseline", "mae"),
    seeds: tuple[int, ...] = (0, 1),
    metrics: tuple[str, ...] = ("ehr",),
    *,
    trouble: Mapping[str, Mapping[str, Any]] | None = None,
    **settings: Any,
) -> Plan:
    """data -> (mae, shared by all arms but the baseline, per seed) -> finetune -> predict, explain, measure.

    `trouble`: label of a stage (`finetune mae-vit-seed1`) -> settings that replace its own.
    """
    stages: dict[str, Stage] = {}
    jobs: dict[str, Job] = {}

    def add(kind: str, name: str, **parents: str) -> str:
        made = stage(kind, name, parents, **{**settings, **(trouble or {}).get(f"{kind} {name}", {})})
        stages[made.key] = made
        return made.key

    data = add("data", "shoulder")
    jobs["data"] = Job("data", (data,), (), tuple(f"{arm}-vit-seed{seed}" for arm in arms for seed in seeds))
    runs = []
    for arm in arms:
        for seed in seeds:
            run_id, chain, after = f"{arm}-vit-seed{seed}", [], ["data"]
            if arm != "baseline":
                mae = add("mae", f"seed{seed}", data=data)
                users = tuple(f"{other}-vit-seed{seed}" for other in arms if other != "baseline")
                jobs[f"mae-{seed}"] = Job(f"mae-{seed}", (mae,), ("data",), users)
                chain, after = [mae], ["data", f"mae-{seed}"]
            classifier = add("finetune", run_id, data=data, **({"initial": chain[0]} if chain else {}))
            jobs[f"train-{run_id}"] = Job(f"train-{run_id}", (classifier,), tuple(after), (run_id,))
            predict = add("predict", run_id, classifier=classifier, data=data)
            explain = add("explain", run_id, classifier=classifier, data=data)
            measure = {("cam", name): add("measure", f"{name} {run_id}", explain=explain) for name in metrics}
            jobs[f"evaluate-{run_id}"] = Job(
                f"evaluate-{run_id}",
                (predict, explain, *measure.values()),
                (f"train-{run_id}",),
                (run_id,),
            )
            run = Run(
                run_id,
                arm,
                "vit",
                seed,
                (*chain, classifier),
                chain[0] if chain else None,
                predict,
                {"cam": explain},
                {},
                {},
                measure,
            )
            runs.append(run)
    order = sorted(jobs.values(), key=lambda job: ("data", "mae", "train", "evaluate").index(job.job_id.split("-")[0]))
    return Plan("toy", {key: stages[key] for job in order for key in job.stages}, tuple(runs), tuple(order))


def do(plan: Plan, folder: Path, cluster: Any = "inline", **keywords: Any) -> dispatch.Outcome:
    """`dispatch.run` with the toy executor, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder / "runs")
    return dispatch.run(plan, store=store, root=folder, cluster=cluster, executor=EXECUTOR, **keywords)


def calls(folder: Path) -> list[str]:
    """Kinds of the stages that were worked on, in order."""
    path = folder / "calls.txt"
    return [line.split()[1] for line in path.read_text().splitlines()] if path.exists() else []


def sums(folder: Path) -> dict[str, dict[str, str]]:
    """Key -> file -> sha256 of every object, with the manifests checked on the way."""
    store = Store(folder / "runs")
    found = {}
    for path in sorted((folder / "runs" / "objects").glob("*/*")):
        assert store.damaged_files(path.name) == []
        found[path.name] = {name: facts["sha256"] for name, facts in store.manifest(path.name)["files"].items()}
    return found


def living(folder: Path) -> list[int]:
    """Ids of processes that have `folder` in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plan", type=json.loads, default={})
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--grace", type=float, default=10.0)
    parser.add_argument("--cluster", default="local")
    given = parser.parse_args()
    slurm.POLL_S, slurm.SETTLE_S, slurm.RELEASE_S = (1.0, 1.0), 3.0, 2.0
    wanted = {name: tuple(value) if isinstance(value, list) else value for name, value in given.plan.items()}
    outcome = do(
        toy_plan(**wanted),
        given.folder,
        given.cluster,
        workers=given.workers,
        requests=SMALL,
        stop_grace_s=given.grace,
        display=dispatch.open_display(),
    )
    if outcome.problem:
        print(outcome.problem)
    print(json.dumps({"done": outcome.done, "reused": outcome.reused, "failed": outcome.failed}))
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main())
