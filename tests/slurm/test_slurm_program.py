"""Starting and stopping a private cluster: what is refused, what is said, and that nothing is left of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cluster as program
import pytest
import settings as conf
from cluster import Cluster, ClusterError, processes
from jobs import lines, reached, submit
from settings import Settings

PROGRAM = str(Path(program.__file__))
real = [pytest.mark.slow, pytest.mark.slurm]
ESCAPING = "env -i setsid sleep 1000 & echo $!; srun sleep 1000"
OWNER = f"""
import os, sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(PROGRAM).parent)!r})
from cluster import Cluster, Settings
from jobs import submit
folder = Path(sys.argv[1])
cluster = Cluster.start(folder / "c", Settings(nodes=2), owner=os.getpid())
submit(cluster, {ESCAPING!r}, "-w", "n1", output=folder / "pids")
print("started", flush=True)
time.sleep(1000)
"""


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """The program, as a user calls it."""
    return subprocess.run([sys.executable, PROGRAM, *words], capture_output=True, text=True, check=False, timeout=120)


def session(leader: int) -> list[int]:
    """Ids of the processes in a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[3]) == leader and words[0] != "Z":
            found.append(int(path.parent.name))
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class TestWithoutSlurm:
    """What is refused before any process starts."""

    def test_sizes_that_no_cluster_has_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"^nodes is 0; 1 or more is possible$"):
            Settings(nodes=0)
        with pytest.raises(ValueError, match=r"^requeue_s is 3; 5 or more is possible$"):
            Settings(requeue_s=3)

    def test_the_program_says_what_is_wrong_with_a_size_and_ends_with_2(self, tmp_path: Path) -> None:
        done = run("start", str(tmp_path / "c"), "--cpus", "0")
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "cpus is 0; 1 or more is possible\n")

    def test_without_slurm_it_says_what_to_install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(conf, "find", lambda name: None if name in ("slurmd", "sbatch") else f"/usr/bin/{name}")
        with pytest.raises(
            ClusterError, match=r"(?s)^slurmd, sbatch: not installed here.*slurmctld slurmd slurm-client$"
        ):
            Cluster.start(tmp_path / "c")

    def test_a_folder_with_other_files_is_refused_and_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(conf, "find", lambda name: f"/usr/bin/{name}")
        (tmp_path / "films.csv").write_text("image,label\n")
        with pytest.raises(ClusterError, match="not empty, and no cluster was ever here"):
            Cluster.start(tmp_path)
        assert (tmp_path / "films.csv").read_text() == "image,label\n"

    def test_folders_that_slurm_cannot_name_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(conf, "find", lambda name: f"/usr/bin/{name}")
        with pytest.raises(ClusterError, match="characters are too many for SLURM's sockets; up to 70 are possible"):
            Cluster.start(tmp_path / ("x" * 80))
        with pytest.raises(ClusterError, match=r"cannot stand in slurm.conf"):
            Cluster.start(Path("/tmp/my cluster"))

    def test_ports_are_all_different(self) -> None:
        assert len(set(conf.free_ports(20))) == 20


class TestStopping:
    """However a cluster ends, its daemons, job steps, jobs and what escaped from jobs end too."""

    pytestmark = real

    @pytest.fixture
    def busy(self, slurm_installed: None, tmp_path: Path) -> Iterator[Cluster]:
        """A cluster with a job, a job step, and a process that left its job's session and environment."""
        cluster = Cluster.start(tmp_path / "c", Settings(nodes=2), owner=os.getpid())
        submit(cluster, ESCAPING, "-w", "n1", output=tmp_path / "pids")
        yield cluster
        cluster.stop()

    @staticmethod
    def under_way(folder: Path, pids: Path) -> list[int]:
        """Every process of the cluster, once the job's two sleep: 4 of daemons, 6 of the job, and the escaped one."""

        def escaped() -> list[int]:
            return [int(line) for line in lines(pids)[:1] if int(line) not in processes(folder) and alive(int(line))]

        assert reached(lambda: len(processes(folder)) >= 10 and bool(escaped()), seconds=30)
        return [*processes(folder), *escaped()]

    @staticmethod
    def all_gone(pids: list[int]) -> bool:
        return reached(lambda: not any(alive(pid) for pid in pids), seconds=15)

    def test_stop_leaves_no_process(self, busy: Cluster, tmp_path: Path) -> None:
        pids = self.under_way(busy.folder, tmp_path / "pids")
        keeper = busy.state()["keeper"]
        assert {keeper, *busy.state()["daemons"].values()} <= set(session(keeper))
        busy.stop()
        assert session(keeper) == processes(busy.folder) == [pid for pid in pids if alive(pid)] == []
        busy.stop()  # once more is no mistake

    def test_a_killed_keeper_takes_the_daemons_with_it_and_stop_finds_the_jobs(
        self, busy: Cluster, tmp_path: Path
    ) -> None:
        pids = self.under_way(busy.folder, tmp_path / "pids")
        state = busy.state()
        os.kill(state["keeper"], signal.SIGKILL)
        assert self.all_gone([state["keeper"], *state["daemons"].values()])
        os.kill(pids.pop(), signal.SIGKILL)  # nobody can know whose it was: this is why the keeper must not be killed
        busy.stop()
        assert self.all_gone(pids)

    def test_a_removed_folder_ends_the_cluster(self, busy: Cluster, tmp_path: Path) -> None:
        pids = self.under_way(busy.folder, tmp_path / "pids")
        busy.folder.rename(tmp_path / "elsewhere")
        assert self.all_gone(pids)

    def test_a_killed_owner_ends_the_cluster(self, slurm_installed: None, tmp_path: Path) -> None:
        owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "started\n"
            pids = self.under_way(tmp_path / "c", tmp_path / "pids")
            state = json.loads((tmp_path / "c" / "keeper.json").read_text())
        finally:
            owner.kill()
            owner.communicate()
        assert self.all_gone([*pids, state["keeper"], *state["daemons"].values()])


class TestProgram:
    pytestmark = real

    def test_start_status_and_stop(self, slurm_installed: None, tmp_path: Path) -> None:
        folder = tmp_path / "c"
        started = run("start", str(folder), "--nodes", "2")
        try:
            assert (started.returncode, started.stderr) == (0, "")
            assert started.stdout.splitlines()[-1] == f"  export SLURM_CONF={folder}/slurm.conf"
            again = run("start", str(folder), "--nodes", "2")
            assert (again.returncode, again.stdout) == (0, started.stdout)
            other = run("start", str(folder), "--nodes", "3")
            assert (other.returncode, other.stdout) == (2, "")
            assert "a cluster with other settings runs here" in other.stderr
            assert "idle n[1-2]" in run("status", str(folder)).stdout
        finally:
            stopped = run("stop", str(folder))
        assert (stopped.returncode, stopped.stdout) == (0, f"SLURM in {folder} is stopped\n")
        assert processes(folder) == []
        assert run("stop", str(folder)).stdout == f"no SLURM runs in {folder}\n"
        status = run("status", str(folder))
        assert (status.returncode, status.stderr) == (2, f"no SLURM runs in {folder}\n")

    def test_a_stopped_cluster_starts_again_from_nothing(self, slurm_installed: None, tmp_path: Path) -> None:
        for _ in range(2):
            cluster = Cluster.start(tmp_path / "c", Settings(nodes=1), owner=os.getpid())
            try:
                assert submit(cluster, "true") == "1"
            finally:
                cluster.stop()

    def test_daemons_that_cannot_start_are_named_with_their_log(
        self, slurm_installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(conf, "CONF", conf.CONF.replace("auth/none", "auth/nonsense"))
        with pytest.raises(ClusterError, match=r"(?s)ended at once.*ctld.*nonsense"):
            Cluster.start(tmp_path / "c", Settings(nodes=1), owner=os.getpid())
        assert processes(tmp_path / "c") == []

    def test_a_daemon_that_is_not_there_is_refused(self, slurm: Cluster) -> None:
        with pytest.raises(ClusterError, match=r"'n9' is no daemon of .*; known: ctld, n1, n2, n3, n4"):
            slurm.down("n9")
