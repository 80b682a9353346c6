"""An executor that takes as long as a stage took before, and writes as much: for `dispatch_overhead.py`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from schedule import RECORDED

import study.pipeline  # noqa: F401 - a worker's first stage waits for torch and everything else
from study.records import Stage


def execute(
    stage: Stage, *, inputs: Mapping[str, Path], out: Path, context: Any, root: Path, siblings: Sequence[Stage]
) -> None:
    """Write files of the recorded sizes, then sleep until the recorded time is over."""
    began = time.monotonic()
    seconds, sizes = recorded(root)[stage.key]
    for name, size in sizes.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(os.urandom(size))
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))


@cache
def recorded(root: Path) -> dict[str, tuple[float, dict[str, int]]]:
    """Key -> seconds, and file -> bytes."""
    return {key: (seconds, sizes) for key, (seconds, sizes) in json.loads((root / RECORDED).read_text()).items()}
