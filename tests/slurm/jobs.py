"""Jobs of a test cluster: hand one in, look at it, wait for it."""

import re
import time
from collections.abc import Callable
from pathlib import Path

from cluster import Cluster

FINAL = {"COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY", "DEADLINE", "BOOT_FAIL"}


def lines(path: Path) -> list[str]:
    """What a job wrote; nothing where it has not begun."""
    return path.read_text().splitlines() if path.exists() else []


def submit(cluster: Cluster, script: str, *options: str, output: Path | None = None) -> str:
    """The id of a batch job that runs `script` in bash."""
    out = f"--output={output or '/dev/null'}"
    return cluster.call("sbatch", "--parsable", out, "--open-mode=append", *options, f"--wrap={script}")


def job(cluster: Cluster, number: str) -> dict[str, str]:
    """What SLURM knows of a job, by its own names: JobState, Reason, Restarts, NodeList, ..."""
    text = cluster.call("scontrol", "show", "job", "-o", number)
    return dict(re.findall(r"(\S+?)=(\S*)", text))


def reached(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Whether a condition came true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.1)
    return False


def wait(cluster: Cluster, number: str, *states: str, seconds: float = 30) -> str:
    """The state that a job has reached, one of `states` (any final one if none is named)."""
    wanted = set(states) or FINAL
    found = reached(lambda: job(cluster, number)["JobState"] in wanted, seconds=seconds)
    state = job(cluster, number)
    assert found, f"job {number} is not {sorted(wanted)} after {seconds} s but {state}"
    return state["JobState"]
