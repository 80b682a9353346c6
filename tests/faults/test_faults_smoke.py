"""The real program, killed again and again at random moments, or stopped: the same findings, and nothing left."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aftermath import PROTOCOL, Calm, findings, problems
from kills import kill_all, living, marked
from storm import command, storm, undisturbed

LIMIT_S = 900.0
KILLS, SEED = 10, 0
STAGES_BEFORE_CTRL_C = 8
"""Stages finished when Ctrl-C comes: in the middle of the work, however busy the machine is."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROTOCOL.is_file(), reason="protocols/smoke.yaml is not there"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc"),
]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    """What a study ends as that was left alone."""
    return undisturbed(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    kill_all(tmp_path)


def test_a_storm_of_kills_leaves_the_same_findings_and_nothing_else(
    tmp_path: Path, calm: Calm, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():  # the seed and the kills are to be seen of a test that passes, too
        print(f"\nseed {SEED}, {KILLS} kills")
        assert len(storm(tmp_path, kills=KILLS, seed=SEED, calm=calm)) == KILLS


def test_two_conductors_that_finish_together_make_everything_once(folder: Path, calm: Calm) -> None:
    both = [subprocess.Popen(command(folder), env=marked(folder)) for _ in range(2)]
    assert [process.wait(timeout=LIMIT_S) for process in both] == [0, 0]
    assert living(folder) == {}
    assert problems(folder, calm, {}) == []


def test_ctrl_c_in_the_middle_and_the_same_command_gives_the_same_findings(folder: Path, calm: Calm) -> None:
    process = subprocess.Popen(command(folder), env=marked(folder))
    while process.poll() is None and len(list((folder / "runs").rglob("manifest.json"))) < STAGES_BEFORE_CTRL_C:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 130
    assert living(folder) == {}
    again = subprocess.run(command(folder), env=marked(folder), timeout=LIMIT_S)
    assert again.returncode == 0
    assert findings(folder) == calm.findings
