"""One submission: resources as sbatch's options, carried there by submitit, within a time limit."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import threading
from collections.abc import Sequence
from contextlib import redirect_stderr
from functools import partial
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError

from study.dispatch.place import Work
from study.dispatch.squeue import SlurmError, refusal
from study.dispatch.submissions import Submission
from study.dispatch.task import signal_s, supervise
from study.dispatch.worker import OWN_MODULES
from study.errors import DependencyError
from study.records import Resources

LIMIT_S = 90.0
MOST_PARENTS = 100
_ALWAYS = 10**6
_KEPT = ("SLURM_CONF", "PYTHONPATH")


def check_programs() -> None:
    """Say so where this is no machine from which jobs can be submitted.

    Raises:
        DependencyError: a command of SLURM is missing.
    """
    missing = [name for name in ("sbatch", "srun", "squeue", "scancel", "scontrol") if shutil.which(name) is None]
    if missing:
        raise DependencyError(
            f"cluster 'slurm': the command{'s' * (len(missing) > 1)} {', '.join(missing)} cannot be found here\n"
            "run the same line on a login node of the cluster, or add --cluster local to work on this machine"
        )


def send(
    submission: Submission, works: Sequence[Work], asked: Resources, *, name: str, after: Sequence[str], at_once: int
) -> str:
    """Submit one job, or an array of them; SLURM's id.

    Args:
        submission: whose tasks these are.
        works: what the tasks do; here only counted.
        asked: resources of each; `gpus` is a number.
        name: of the job. Jobs of one name that begin with `only-` run one at a time.
        after: SLURM ids of jobs that must have ended, well or not.
        at_once: so many tasks of an array run at the same time at most.

    Raises:
        SlurmError: SLURM refused, or did not answer.
    """
    executor = submitit.SlurmExecutor(folder=submission.folder / "submitit", max_num_timeout=_ALWAYS)
    executor.update_parameters(**parameters(submission, asked, name=name, after=after, at_once=at_once))
    calls = [partial(supervise, str(submission.folder), number) for number in range(len(works))]
    answer: list[str | SlurmError] = []

    def submit() -> None:
        try:
            answer.append(str(executor.submit_array(calls)[0].job_id).partition("_")[0])
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            answer.append(SlurmError(refusal(str(error))))

    thread = threading.Thread(target=submit, name="sbatch", daemon=True)
    with redirect_stderr(io.StringIO()):  # submitit prints what it also raises
        thread.start()
        thread.join(LIMIT_S)
    if not answer:
        raise SlurmError(f"sbatch did not answer within {LIMIT_S:g} s")
    if isinstance(answer[0], SlurmError):
        raise answer[0]
    return answer[0]


def parameters(
    submission: Submission, asked: Resources, *, name: str, after: Sequence[str], at_once: int
) -> dict[str, Any]:
    """The arguments of `submitit.SlurmExecutor.update_parameters`."""
    wait = [f"afterany:{':'.join(_few(after))}"] if after else []
    wait += ["singleton"] if name.startswith("only-") else []
    given = {
        "job_name": name,
        "comment": submission.comment,
        "dependency": ",".join(wait) or None,
        "array_parallelism": at_once,
        "time": asked.timeout_min,
        "signal_delay_s": signal_s(asked.timeout_min),
        "nodes": 1,
        "ntasks_per_node": 1,
        "cpus_per_task": asked.cpus,
        "mem": f"{round(asked.memory_gb * 1024)}MB",
        "gpus_per_node": asked.gpus or None,
        "partition": asked.partition,
        "account": asked.account,
        "qos": asked.qos,
        "constraint": asked.constraint,
        "exclude": asked.exclude,
        # srun does not inherit the number of processors since SLURM 22.05.
        "srun_args": [f"--cpus-per-task={asked.cpus}"],
        "setup": [*_environment(), *asked.setup],
        "additional_parameters": {"requeue": True, **dict(asked.extra)},
    }
    return {key: value for key, value in given.items() if value is not None}


def _environment() -> list[str]:
    """What the job needs of ours even where the site does not hand it on."""
    kept = [f"export {key}={shlex.quote(os.environ[key])}" for key in _KEPT if key in os.environ]
    return [*kept, OWN_MODULES, "export SLURM_EXPORT_ENV=ALL"]


def _few(after: Sequence[str]) -> list[str]:
    """Ids of jobs; whole arrays instead of their tasks where there are many."""
    return list(dict.fromkeys(after if len(after) <= MOST_PARENTS else (each.partition("_")[0] for each in after)))


_ADVICE = (
    ("partition", "partition", "`sinfo -s` lists the partitions"),
    ("account", "account", "`sacctmgr show assoc user=$USER` lists the accounts"),
    ("qos", "qos", "`sacctmgr show qos` lists them"),
    ("feature", "constraint", "`sinfo -o '%P %f'` lists the features"),
    ("time limit", "timeout_min", "`sinfo -o '%P %l'` lists the limits"),
    ("memory", "memory_gb", "`sinfo -o '%P %m'` lists what nodes have"),
    ("gres", "gpus", "`sinfo -o '%P %G'` lists what nodes have"),
    ("node configuration", "gpus, cpus or memory_gb", "`sinfo -o '%P %c %m %G'` lists what nodes have"),
    ("cpu count", "cpus", "`sinfo -o '%P %c'` lists what nodes have"),
)


def advice(asked_for: Resources, error: str) -> str:
    """Which line of the protocol to change."""
    named = [(key, how) for word, key, how in _ADVICE if word in error.lower()]
    asked = {name: value for name, value in vars(asked_for).items() if value not in (None, (), "")}
    if not named:
        return f"asked for {', '.join(f'{name}: {value}' for name, value in asked.items())}; see dispatch.slurm"
    key, how = named[0]
    found = {name: asked.get(name) for name in key.replace(" or", ",").split(", ")}
    shown = ", ".join(f"{name}: {value}" for name, value in found.items())
    return f"asked for {shown}; change dispatch.slurm.{key} (or of one kind in dispatch.slurm.stages); {how}"
