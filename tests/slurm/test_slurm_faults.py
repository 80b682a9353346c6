"""What a cluster does to jobs: others come first, nodes go down or are broken, its memory is lost, its disk is full."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster, Settings
from jobs import reached, submit
from studies import LIMIT_S, ONE, Conduct, Conductor, ended, endings, key_of, log_of, on_slurm, tasks, undisturbed
from toy_study import calls, sums, toy_plan

from study.dispatch import queued
from study.dispatch.squeue import queue
from study.store import Store

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.usefixtures("quick")]

DATA = "data shoulder"


@pytest.fixture(scope="module")
def rough(slurm_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes that may be broken; a preempted job gets no other warning than TERM."""
    wanted = Settings(nodes=2, user_signal=0, breakable=1)
    cluster = Cluster.start(tmp_path_factory.mktemp("rough"), wanted, owner=os.getpid())
    yield cluster
    cluster.stop()


@pytest.fixture
def slurm(rough: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """In place of the shared one: what is done here to nodes would be felt by other tests there."""
    for name in [name for name in os.environ if name.startswith(("SLURM_", "SBATCH_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLURM_CONF", str(rough.conf))
    yield rough
    for node in rough.settings.names:
        mend(rough, node)
    rough.call("scancel", "-u", str(os.getuid()))


def breaks(cluster: Cluster, node: str) -> None:
    """Jobs cannot be started there."""
    (cluster.folder / f"broken-{node}").touch()


def mend(cluster: Cluster, node: str) -> None:
    (cluster.folder / f"broken-{node}").unlink(missing_ok=True)
    if "drain" in cluster.call("sinfo", "-h", "-p", "main", "-n", node, "-o", "%T"):
        cluster.call("scontrol", "update", f"nodename={node}", "state=resume")


def said_until(process: Conductor, *words: str) -> str:
    """What a `study run` prints until it has said all of these."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if all(each in said for each in words):
            return said
    raise AssertionError(f"did not say all of {words}, but:\n{said}")


def test_jobs_that_make_way_with_nothing_but_a_term_and_lose_their_node_go_on_each_time(
    tmp_path: Path, conductor: Conduct, slurm: Cluster
) -> None:
    names = [f"finetune baseline-vit-seed{seed}" for seed in (0, 1)]
    wanted: dict[str, Any] = {"arms": ("baseline",), "trouble": {name: {"steps": 25, "sleep": 0.2} for name in names}}
    plan = toy_plan(**wanted)
    store, keys = Store(tmp_path / "runs"), [key_of(plan, name) for name in names]

    def at_work(attempt: int) -> bool:
        tries = [store.attempts(key) for key in keys]
        return all(len(each) == attempt and list(each[-1].path.glob("ckpt/0*")) for each in tries)

    process = conductor(tmp_path, **wanted)
    assert reached(lambda: at_work(1), seconds=LIMIT_S)
    nodes = {queue()[task].nodes for task in tasks(tmp_path)}
    for node in nodes:
        submit(slurm, "sleep 1", "-w", node, "-c", "4", "-p", "urgent")
    assert reached(lambda: at_work(2), seconds=LIMIT_S)
    nodes = {queue()[task].nodes for task in tasks(tmp_path)}
    for node in nodes:
        slurm.call("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    text = ended(process)
    assert [endings(tmp_path, key) for key in keys] == [["stopped", "stopped", "done"]] * 2
    assert all("goes on from step" in log_of(tmp_path, key) for key in keys)
    assert "back in the queue, to go on from its checkpoint: pending as SLURM job" in text
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_a_job_that_a_broken_node_could_not_start_is_released_and_who_holds_another_is_told(
    tmp_path: Path, conductor: Conduct, slurm: Cluster
) -> None:
    for node in ("n1", "n2"):
        breaks(slurm, node)
    process = conductor(tmp_path, **ONE)
    assert reached(lambda: len(tasks(tmp_path)) == 2, seconds=LIMIT_S)
    first, second = tasks(tmp_path)
    slurm.call("scontrol", "uhold", second)
    assert reached(lambda: queue()[first].could_not_start, seconds=LIMIT_S)
    mend(slurm, "n2")
    held = f"pending as SLURM job {second} (JobHeldUser: held by its user, `scontrol release {second}` lets it begin)"
    said_until(process, "data: a node could not start it, released to try another", held)
    assert held in queued(Store(tmp_path / "runs"), "toy").values()
    slurm.call("scontrol", "release", second)
    ended(process)
    plan = toy_plan(**ONE)
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_a_job_that_cannot_be_started_twice_is_given_up_and_the_next_call_does_it(
    tmp_path: Path, conductor: Conduct, slurm: Cluster
) -> None:
    for node in ("n1", "n2"):
        breaks(slurm, node)
    plan = toy_plan(**ONE)
    process = conductor(tmp_path, **ONE)
    said_until(process, "twice (launch failed requeued held); `sinfo -R` lists broken nodes")
    for node in ("n1", "n2"):
        mend(slurm, node)
    ended(process, code=4)  # what waited for it has begun, and found nothing to do
    assert tasks(tmp_path) == calls(tmp_path) == []
    assert on_slurm(plan, tmp_path).exit_code == 0
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


def test_a_killed_controller_that_has_forgotten_all_jobs_costs_no_stage(
    tmp_path: Path, conductor: Conduct, slurm: Cluster
) -> None:
    wanted = {**ONE, "trouble": {DATA: {"steps": 60, "sleep": 0.2}}}
    plan = toy_plan(**wanted)
    process = conductor(tmp_path, **wanted)
    assert reached(lambda: Store(tmp_path / "runs").newest_checkpoint(key_of(plan, DATA)) is not None, seconds=LIMIT_S)
    first, second = tasks(tmp_path)
    slurm.down("ctld", signal.SIGKILL)
    for path in (slurm.folder / "state").glob("job_state*"):
        path.unlink()
    slurm.up("ctld")
    text = ended(process)
    assert f"SLURM job {first} is gone without a word" in text
    assert f"SLURM job {second} is unknown to SLURM now, and had not begun; submitted again" in text
    assert endings(tmp_path, key_of(plan, DATA)) == ["vanished", "done"]
    assert "goes on from step" in log_of(tmp_path, key_of(plan, DATA))
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A store on a disk of its own, of 8 MB."""
    folder = tmp_path / "runs"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Take the last byte of the disk, again and again until nothing is left."""
    with path.open("wb", buffering=0) as file:
        for size in (2**16, 2**12, 2**8, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))


@pytest.mark.parametrize("cluster", ["local", "slurm"])
def test_a_full_disk_stops_the_study_and_with_room_again_it_goes_on_from_its_checkpoints(
    tmp_path: Path, small_disk: Path, conductor: Conduct, cluster: str
) -> None:
    names = [f"finetune baseline-vit-seed{seed}" for seed in (0, 1)]
    wanted: dict[str, Any] = {"arms": ("baseline",), "trouble": {name: {"steps": 50, "sleep": 0.1} for name in names}}
    plan, store = toy_plan(**wanted), Store(small_disk)
    keys = [key_of(plan, name) for name in names]
    process = conductor(tmp_path, cluster=cluster, **wanted)
    assert reached(lambda: all(store.newest_checkpoint(key) for key in keys), seconds=LIMIT_S)
    fill(small_disk / "films of a colleague")
    text = ended(process, code=5)
    assert re.search(
        r"finetune baseline-vit-seed\d: .*: cannot be written: No space left on device\n0\.000 GB of 0\.008", text
    )
    assert "free some space there and run the same command again: finished stages are kept" in text
    assert "store" in {state for key in keys for state in endings(tmp_path, key)}
    assert tasks(tmp_path) == []
    (small_disk / "films of a colleague").unlink()
    ended(conductor(tmp_path, cluster=cluster, **wanted))
    assert all("goes on from step" in log_of(tmp_path, key) for key in keys)
    assert sums(tmp_path) == undisturbed(plan, tmp_path / "inline")
