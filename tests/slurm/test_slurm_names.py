"""Names and places that a shell or SLURM might misread, stores elsewhere or read-only, and the command in the README."""

import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from studies import LIMIT_S, ONE, on_slurm, undisturbed
from toy_study import sums, toy_plan

from study.dispatch.squeue import queue
from study.errors import StudyError

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.usefixtures("quick")]

ROOT = Path(__file__).parents[2]
ODD = 'it\'s 어깨 "AP" $HOME'


def test_a_store_with_blanks_quotes_hangul_and_dollars_in_its_path(tmp_path: Path) -> None:
    plan = toy_plan(**ONE)
    assert on_slurm(plan, tmp_path / ODD).exit_code == 0
    assert sums(tmp_path / ODD) == undisturbed(plan, tmp_path / "inline")
    with pytest.raises(StudyError, match=r"/100%j/runs: in paths of logs SLURM puts something else .*\n.* with --runs"):
        on_slurm(plan, tmp_path / "100%j")


def started(*command: str) -> "subprocess.Popen[str]":
    """A command in the checkout, whose output is read later."""
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def study(name: str, folder: Path, cluster: str) -> "subprocess.Popen[str]":
    """`study run`, results below `folder`."""
    words = ["--cluster", cluster, "--runs", str(folder / "runs"), "--reports", str(folder / "reports")]
    return started(sys.executable, "-m", "study", "run", name, *words, "--workers", "1" if cluster == "local" else "9")


def make(folder: Path) -> "subprocess.Popen[str]":
    """The command in the README; where pytest does not run in the environment that `make` makes, what it calls."""
    ready = subprocess.run(["make", "-q", ".venv/ready"], cwd=ROOT, capture_output=True, check=False).returncode == 0
    if not ready or Path(sys.prefix) != ROOT / ".venv":
        return study("smoke", folder, "slurm")
    words = [f"RUNS={folder / 'runs'}", f"REPORTS={folder / 'reports'}"]
    return started("make", "study", "PROTOCOL=smoke", "CLUSTER=slurm", *words)


def said(process: "subprocess.Popen[str]") -> str:
    text, _ = process.communicate(timeout=3 * LIMIT_S)
    assert process.returncode == 0, text
    return text


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another file system than the protocols."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == ROOT.stat().st_dev:
        pytest.skip("/dev/shm is no other file system here")
    folder = memory / f"it's 어깨 {secrets.token_hex(3)}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def test_two_protocols_at_once_share_a_pretraining_and_find_what_they_find_locally(
    tmp_path: Path, elsewhere: Path
) -> None:
    content: dict[str, Any] = yaml.safe_load((ROOT / "protocols" / "smoke.yaml").read_text("utf8"))
    longer = [content["arms"]["mae_random"][0], {"finetune": {"epochs": 3}}]
    content |= {"study": "longer", "arms": {**content["arms"], "mae_random": longer}}
    content |= {"explain": ["gradcam"], "measure": ["energy_pg"]}
    other = tmp_path / f"{ODD}.yaml"
    other.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf8")

    found = []
    for folder, first in (elsewhere, make(elsewhere)), (tmp_path, study("smoke", tmp_path, "local")):
        second = study(str(other), folder, "slurm" if folder == elsewhere else "local")
        texts = [said(first), said(second)]
        assert ["submitted data shoulder as SLURM job" in text for text in texts] == [folder == elsewhere] * 2
        tries = {path.name: len(list(path.glob("attempts/*"))) for path in (folder / "runs/stages").glob("*/*")}
        assert set(tries.values()) == {1}, "a stage that both need was worked on twice"
        assert len(tries) == len(list((folder / "runs/objects").glob("*/*")))
        paths = [folder / "reports" / name / "findings/findings.json" for name in ("smoke", "longer")]
        found.append([path.read_bytes() for path in paths])
    assert found[0] == found[1]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody can write, root neither."""
    folder = tmp_path / "runs"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no read-only disk can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_store_that_cannot_be_written_is_told_with_the_way_out_before_anything_is_submitted(read_only: Path) -> None:
    process = study("smoke", read_only.parent, "slurm")
    text, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 2, text
    assert f"{read_only}" in text.splitlines()[0]
    assert "Read-only file system" in text
    assert "make the folder writable for this user, or choose another one with --runs" in text
    assert "Traceback" not in text
    assert not [entry for entry in queue().values() if entry.answer != "over"]
