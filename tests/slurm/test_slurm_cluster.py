"""The private cluster is a real SLURM: jobs see, and are done to, what they would elsewhere."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import submitit
from cluster import Cluster, ClusterError
from jobs import job, lines, reached, submit, wait
from settings import Settings

real = [pytest.mark.slow, pytest.mark.slurm]


def accepted(cluster: Cluster, *options: str) -> bool:
    """Whether SLURM takes a job."""
    try:
        submit(cluster, "true", *options)
    except ClusterError:
        return False
    return True


@pytest.fixture(scope="module")
def small(slurm_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    wanted = Settings(nodes=1, gpus=2, max_array=6, max_submit=8)
    cluster = Cluster.start(tmp_path_factory.mktemp("small"), wanted, owner=os.getpid())
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def timed(small: Cluster) -> tuple[str, Path]:
    """A job that passes its time limit of a minute while other tests run: its id and its output."""
    script = "srun bash -c \"trap 'echo USR2' USR2; for i in {1..1000}; do sleep 0.2; done\""
    return submit(small, script, "-t", "1", "--signal=USR2@10", output=small.folder / "timed"), small.folder / "timed"


class TestSecondCluster:
    """One node, two GPUs and small limits, beside the session's cluster."""

    pytestmark = real

    def test_jobs_on_one_node_see_different_gpus(self, small: Cluster, timed: tuple[str, Path], tmp_path: Path) -> None:
        script = "echo $CUDA_VISIBLE_DEVICES; sleep 5"
        pair = [submit(small, script, "--gres=gpu:1", output=tmp_path / "one") for _ in range(2)]
        assert [wait(small, number) for number in pair] == ["COMPLETED"] * 2
        assert sorted(lines(tmp_path / "one")) == ["0", "1"]
        both = submit(small, script, "--gres=gpu:2", output=tmp_path / "both")
        assert wait(small, both) == "COMPLETED"
        assert lines(tmp_path / "both") == ["0,1"]

    def test_more_jobs_than_a_user_may_have_are_refused_as_by_a_qos(
        self, small: Cluster, timed: tuple[str, Path]
    ) -> None:
        array = submit(small, "true", "-H", "-a", "0-4:2,5%2")  # 0, 2, 4, 5
        running = submit(small, "sleep 1000")
        assert wait(small, running, "RUNNING") == "RUNNING"
        pair = submit(small, "true", "-H", "-a", "1,3")  # with the timed job that makes 8
        with pytest.raises(ClusterError, match=r"(?s)QOSMaxSubmitJobPerUserLimit.*job submit limit, user's size"):
            submit(small, "true", "-H")
        shown = small.call("squeue", "-h", "-r", "-o", "%i").split()
        assert sorted(shown) == sorted(
            [timed[0], running, *(f"{array}_{index}" for index in (0, 2, 4, 5)), f"{pair}_1", f"{pair}_3"]
        )
        small.call("scancel", array, running)
        assert reached(lambda: accepted(small, "-H", "-a", "0-3"), seconds=20)
        others = [number for number in small.call("squeue", "-h", "-o", "%A").split() if number != timed[0]]
        small.call("scancel", *others)

    def test_clusters_do_not_see_each_other(self, small: Cluster, slurm: Cluster, timed: tuple[str, Path]) -> None:
        held = submit(slurm, "true", "-H", "-J", "only_here")
        assert slurm.call("squeue", "-h", "-j", held, "-o", "%j") == "only_here"
        assert "only_here" not in small.call("squeue", "-h", "-o", "%j").split()
        slurm.call("scancel", held)
        assert "MaxArraySize            = 6" in small.call("scontrol", "show", "config")
        assert "MaxArraySize            = 1001" in slurm.call("scontrol", "show", "config")


class TestJobs:
    """The session's cluster: four nodes with one GPU each."""

    pytestmark = real

    @pytest.fixture(autouse=True)
    def _afterwards(self, slurm: Cluster) -> Iterator[None]:
        yield
        if left := slurm.call("squeue", "-h", "-o", "%A").split():
            slurm.call("scancel", *left)
            assert reached(lambda: slurm.call("squeue", "-h") == "", seconds=20)

    def test_a_job_on_two_nodes_sees_one_gpu_on_each(self, slurm: Cluster, tmp_path: Path) -> None:
        words = 'srun bash -c "echo \\$SLURMD_NODENAME \\$CUDA_VISIBLE_DEVICES \\$SLURM_JOB_GPUS \\$SLURM_NNODES"'
        number = submit(slurm, words, "-w", "n1,n2", "-N", "2", "--gres=gpu:1", output=tmp_path / "out")
        assert wait(slurm, number) == "COMPLETED"
        assert sorted(lines(tmp_path / "out")) == ["n1 0 0 2", "n2 0 0 2"]

    def test_array_indices_end_below_the_limit(self, slurm: Cluster) -> None:
        with pytest.raises(ClusterError, match="Invalid job array specification"):
            submit(slurm, "true", "-H", "-a", "0-1001")
        array = submit(slurm, "true", "-H", "-a", "998-1000")
        shown = slurm.call("squeue", "-h", "-r", "-j", array, "-o", "%i").split()
        assert sorted(shown) == [f"{array}_1000", f"{array}_998", f"{array}_999"]

    def test_more_gpus_than_a_node_has_are_refused(self, slurm: Cluster) -> None:
        with pytest.raises(ClusterError, match="Requested node configuration is not available"):
            submit(slurm, "true", "--gres=gpu:2")

    def test_a_submitit_array_returns_what_its_tasks_return(self, slurm: Cluster, tmp_path: Path) -> None:
        executor = submitit.SlurmExecutor(tmp_path)
        executor.update_parameters(time=5, mem="500M", gpus_per_node=1)
        jobs = executor.map_array(pow, [1, 2, 3], [2, 2, 2])
        for each in jobs:
            assert wait(slurm, each.job_id) == "COMPLETED"
        assert [each.result() for each in jobs] == [1, 4, 9]

    def test_a_requeued_job_counts_its_restarts(self, slurm: Cluster, tmp_path: Path) -> None:
        script = "echo restart ${SLURM_RESTART_COUNT:-none} $SLURM_CONF\n"
        script += '[ -n "$SLURM_RESTART_COUNT" ] || { scontrol requeue $SLURM_JOB_ID; sleep 60; }'
        number = submit(slurm, script, "-w", "n1", "--requeue", output=tmp_path / "out")
        assert wait(slurm, number, "COMPLETED") == "COMPLETED"
        said = [line for line in lines(tmp_path / "out") if line.startswith("restart")]
        assert said == [f"restart none {slurm.conf}", f"restart 1 {slurm.conf}"]
        assert job(slurm, number)["Restarts"] == "1"

    def test_a_cancelled_job_is_gone_with_its_processes(self, slurm: Cluster, tmp_path: Path) -> None:
        number = submit(slurm, "echo $$; sleep 1000", "-w", "n1", output=tmp_path / "out")
        assert reached(lambda: bool(lines(tmp_path / "out")), seconds=15)
        pid = lines(tmp_path / "out")[0]
        assert Path("/proc", pid).exists()
        slurm.call("scancel", number)
        assert wait(slurm, number) == "CANCELLED"
        assert reached(lambda: not Path("/proc", pid).exists(), seconds=10)

    def test_a_lost_node_fails_its_jobs_or_starts_them_elsewhere(self, slurm: Cluster, tmp_path: Path) -> None:
        first = tmp_path / "first"
        script = f"echo $SLURMD_NODENAME; [ -e {first} ] && exit; touch {first}; sleep 1000"
        again = submit(slurm, script, "--requeue", output=tmp_path / "again")
        assert reached(lambda: bool(lines(tmp_path / "again")), seconds=15)
        lost = lines(tmp_path / "again")[0]
        never = submit(slurm, "sleep 1000", "--no-requeue", "-w", lost)
        assert wait(slurm, never, "RUNNING") == "RUNNING"
        slurm.down(lost)
        assert wait(slurm, never, seconds=90) == "NODE_FAIL"
        assert wait(slurm, again, "COMPLETED", seconds=60) == "COMPLETED"
        assert job(slurm, again)["Restarts"] == "1"
        nodes = lines(tmp_path / "again")
        assert nodes == [lost, job(slurm, again)["NodeList"]]
        assert nodes[1] != lost
        assert slurm.call("sinfo", "-h", "-n", lost, "-p", "main", "-o", "%t") == "down*"
        slurm.up(lost)
        assert reached(lambda: lost in slurm.idle(), seconds=30)

    @pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
    def test_jobs_outlive_the_controller(self, slurm: Cluster, tmp_path: Path, how: signal.Signals) -> None:
        running = submit(slurm, "sleep 12; echo done", "-w", "n1", output=tmp_path / "out")
        held = submit(slurm, "true", "-H")
        wait(slurm, running, "RUNNING")
        time.sleep(6)  # a controller that is killed has saved what is older than five seconds
        slurm.down("ctld", how)
        slurm.up("ctld")
        assert reached(
            lambda: slurm.call("squeue", "-h", "-j", held, "-o", "%T %r") == "PENDING JobHeldUser", seconds=20
        )
        slurm.call("scontrol", "release", held)
        assert wait(slurm, running) == wait(slurm, held) == "COMPLETED"
        assert [line for line in lines(tmp_path / "out") if "slurmstepd" not in line] == ["done"]

    def test_without_the_controller_commands_say_so(self, slurm: Cluster) -> None:
        slurm.down("ctld", signal.SIGTERM)
        try:
            with pytest.raises(ClusterError, match="Unable to contact slurm controller"):
                slurm.call("squeue", "-h")
        finally:
            slurm.up("ctld")
        assert reached(lambda: len(slurm.idle()) == 4, seconds=20)

    def test_urgent_jobs_take_the_place_of_others_after_a_signal(self, slurm: Cluster, tmp_path: Path) -> None:
        script = "srun bash -c \"echo start; trap 'echo USR2' USR2; for i in {1..1000}; do sleep 0.2; done\""
        number = submit(slurm, script, "-w", "n2", "-c", "4", "--signal=USR2@1", "--requeue", output=tmp_path / "out")
        assert reached(lambda: lines(tmp_path / "out") == ["start"], seconds=15)
        urgent = submit(slurm, "sleep 1", "-w", "n2", "-c", "4", "-p", "urgent")
        assert wait(slurm, urgent) == "COMPLETED"
        assert "USR2" in lines(tmp_path / "out")
        wait(slurm, number, "RUNNING")
        assert job(slurm, number)["Restarts"] == "1"

    def test_a_job_over_its_memory_is_killed(self, slurm: Cluster, tmp_path: Path) -> None:
        hungry = "import time; hoard = bytearray(400_000_000); time.sleep(60)"
        script = f"srun {sys.executable} -c '{hungry}'"
        number = submit(slurm, script, "-w", "n3", "--mem=100", output=tmp_path / "out")
        assert wait(slurm, number) == "FAILED"
        assert any("exceeded memory limit" in line for line in lines(tmp_path / "out"))

    def test_partition_limits_hold_jobs_back_with_a_reason(self, slurm: Cluster) -> None:
        number = submit(slurm, "true", "-p", "short", "-t", "2")
        assert reached(lambda: job(slurm, number)["Reason"] == "PartitionTimeLimit", seconds=15)


@pytest.mark.slow
@pytest.mark.slurm
def test_a_job_over_its_time_limit_is_warned_then_ended(small: Cluster, timed: tuple[str, Path]) -> None:
    number, output = timed
    assert wait(small, number, seconds=150) == "TIMEOUT"
    assert lines(output).count("USR2") == 1
    assert any("DUE TO TIME LIMIT" in line for line in lines(output))
