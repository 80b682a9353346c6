"""The real program, a process of it or all of them killed at any moment: the same findings, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

PROTOCOL = Path(__file__).resolve().parents[2] / "protocols" / "smoke.yaml"
MOMENTS = range(10)
LIMIT_S = 900.0
STAGES_BEFORE_CTRL_C = 8
"""Stages finished when Ctrl-C comes: in the middle of the work, however busy the machine is."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROTOCOL.is_file(), reason="protocols/smoke.yaml is not there"),
]


def study(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "study", "run", str(PROTOCOL), "--runs", str(folder / "runs")]
    command += ["--reports", str(folder / "reports")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def findings(folder: Path) -> bytes:
    found = sorted((folder / "reports").rglob("findings.json")) or sorted((folder / "runs").rglob("findings.json"))
    assert found, f"no findings.json below {folder}"
    return found[0].read_bytes()


def living(folder: Path) -> list[int]:
    """Ids of processes that have `folder` in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(folder).encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
    return found


def kill(folder: Path) -> None:
    for pid in living(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    kill(tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, float]:
    """Findings of a study that was left alone, and how many seconds it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    process = study(folder)
    text, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, text
    return findings(folder), time.monotonic() - began


@pytest.mark.parametrize("seed", MOMENTS)
def test_killed_at_any_moment_the_same_command_gives_the_same_findings(
    folder: Path, undisturbed: tuple[bytes, float], seed: int
) -> None:
    expected, seconds = undisturbed
    chance = random.Random(seed)
    moment = chance.uniform(0.05, 0.95) * seconds
    one_only = seed % 2 == 1
    print(f"seed {seed}, {'one process' if one_only else 'all'} killed after {moment:.3f} s of {seconds:.1f} s")
    process = study(folder)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=moment)
    if one_only:
        with suppress(ProcessLookupError, IndexError):
            os.kill(chance.choice(sorted(living(folder))), signal.SIGKILL)
    else:
        kill(folder)
    process.communicate(timeout=LIMIT_S)
    again = study(folder)
    text, _ = again.communicate(timeout=LIMIT_S)
    assert again.returncode == 0, text
    assert findings(folder) == expected


def test_ctrl_c_in_the_middle_and_the_same_command_gives_the_same_findings(
    folder: Path, undisturbed: tuple[bytes, float]
) -> None:
    expected, _ = undisturbed
    process = study(folder)
    while process.poll() is None and len(list((folder / "runs").rglob("manifest.json"))) < STAGES_BEFORE_CTRL_C:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert living(folder) == []
    again = study(folder)
    text, _ = again.communicate(timeout=LIMIT_S)
    assert again.returncode == 0, text
    assert findings(folder) == expected
