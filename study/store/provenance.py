"""What made an object: versions, commit, machine. Recorded in every manifest, never in a key."""

from __future__ import annotations

import importlib.metadata
import platform
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

_LIBRARIES = ("torch", "torchvision", "timm", "numpy", "pandas", "scipy", "statsmodels", "pillow")
_PACKAGE = Path(__file__).resolve().parents[1]


def provenance() -> dict[str, Any]:
    """Versions, commit, host and device of this process; reads metadata, imports nothing heavy."""
    gpu = _gpu()
    return {**_fixed(), "device": gpu or _cpu(), "on_gpu": gpu is not None}


@cache
def _fixed() -> dict[str, Any]:
    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in ("study", *_LIBRARIES)}},
        "commit": _commit(),
        "host": socket.gethostname(),
        "platform": platform.platform(),
    }


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of this package's checkout; None outside one (or inside somebody else's)."""
    if not _git("ls-files", "__init__.py"):
        return None
    commit = _git("rev-parse", "HEAD")
    return f"{commit}+changes" if commit and _git("status", "--porcelain", "--untracked-files=no", ".") else commit


def _git(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(_PACKAGE), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def _gpu() -> str | None:
    """The GPU's name where this process uses one, else None."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return str(torch.cuda.get_device_name())
    return None


@cache
def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
