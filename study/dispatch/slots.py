"""How many jobs this machine can do at once, and on what; never imports torch."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from study.errors import StudyError
from study.records import Allowance


@dataclass(frozen=True)
class Slot:
    """Room for one worker. `gpu` is its CUDA_VISIBLE_DEVICES: one or several, empty for a worker without GPU."""

    number: int
    gpu: str = ""

    def environment(self) -> dict[str, str]:
        """What the worker's process is told: its GPU, and one thread per library."""
        return {**threads(), "CUDA_VISIBLE_DEVICES": self.gpu}


def threads() -> dict[str, str]:
    """Environment of a worker: one thread per library, so that no number depends on how many share the machine."""
    return {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB")}


def slots(workers: int | None, allowance: Allowance | None = None) -> tuple[Slot, ...]:
    """One slot per visible GPU, else per core that this process may use; fewer where a training may use several.

    Args:
        workers: how many instead; with GPUs they are shared out in turn.
        allowance: what one training may use.

    Raises:
        StudyError: one training may use more GPUs than are visible.
    """
    allowance, visible = allowance or Allowance(), visible_gpus(os.environ)
    each = allowance.gpus
    if each > max(1, len(visible)):
        raise StudyError(
            f"dispatch.gpus_per_run is {each}, but {len(visible) or 'no'} GPU{'s are' if len(visible) != 1 else ' is'} "
            f"visible here{': ' * bool(visible)}{', '.join(visible)}\n"
            "ask for at most as many as are visible, or leave it out; on a CPU cpus_per_run shares a training"
        )
    gpus = [",".join(visible[first : first + each]) for first in range(0, len(visible) - each + 1, each)]
    count = workers or len(gpus) or _cores() // allowance.cpus
    return tuple(Slot(number, gpus[number % len(gpus)] if gpus else "") for number in range(max(1, count)))


def visible_gpus(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the GPUs that CUDA would show here, as CUDA_VISIBLE_DEVICES writes them.

    Args:
        environment: a CUDA_VISIBLE_DEVICES in it decides; without one, nvidia-smi is asked.
    """
    named = environment.get("CUDA_VISIBLE_DEVICES")
    listed = _nvidia_smi()
    if named is None or not listed:
        return listed
    # CUDA ignores everything from the first invalid name on; -1 and NoDevFiles are the usual ones.
    names = [name.strip() for name in named.split(",")]
    valid = [bool(re.fullmatch(r"\d+|(GPU|MIG)-[\w/-]+", name)) for name in names]
    return tuple(names[: valid.index(False) if False in valid else len(names)])


def _nvidia_smi() -> tuple[str, ...]:
    try:
        answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    parts = re.findall(r"UUID: (MIG-[\w/-]+)", answer.stdout)
    return tuple(parts or re.findall(r"^GPU (\d+):", answer.stdout, flags=re.MULTILINE))


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
