"""One private SLURM cluster for all tests of a session."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import PACKAGES, Cluster
from settings import Settings, missing_programs

sys.path.append(str(Path(__file__).parents[1] / "dispatch"))  # toy_study
from studies import TOYS, Conduct, Conductor, conduct


@pytest.fixture(scope="session")
def slurm_installed() -> None:
    """Skips where SLURM is not installed, unless STUDY_NEEDS_SLURM says that it has to be."""
    if missing := missing_programs():
        reason = f"no {', '.join(missing)} here; apt-get install --no-install-recommends {PACKAGES}"
        if os.environ.get("STUDY_NEEDS_SLURM"):
            pytest.fail(f"STUDY_NEEDS_SLURM is set, but: {reason}")
        pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_cluster(slurm_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster.start(tmp_path_factory.mktemp("slurm"), Settings(nodes=4), owner=os.getpid())
    yield cluster
    cluster.stop()


@pytest.fixture
def slurm(shared_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The running cluster, which this process and those it starts talk to."""
    for name in [name for name in os.environ if name.startswith(("SLURM_", "SBATCH_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLURM_CONF", str(shared_cluster.conf))
    return shared_cluster


@pytest.fixture
def quick(slurm: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """SLURM is asked every second, and jobs find the toy stages."""
    monkeypatch.setattr("study.dispatch.slurm.POLL_S", (1.0, 1.0))
    monkeypatch.setattr("study.dispatch.slurm.SETTLE_S", 3.0)
    monkeypatch.setattr("study.dispatch.slurm.RELEASE_S", 2.0)
    monkeypatch.setenv("PYTHONPATH", str(TOYS))


@pytest.fixture
def conductor() -> Iterator[Conduct]:
    """Starts a `study run` of toy stages in a process of its own, which ends with the test."""
    started: list[Conductor] = []

    def start(folder: Path, **wanted: Any) -> Conductor:
        started.append(conduct(folder, **wanted))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: SLURM's sockets have no room for that of a test."""
    return tmp_path_factory.mktemp("t")
