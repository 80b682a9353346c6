"""One living holder at a time; dead ones are taken over, and the slower of two is harmless."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from study.store import Holder, Lease
from study.store.files import read_json, write_json
from study.store.lease import TTL_S, current_holder


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    (tmp_path / "attempts").mkdir()
    return tmp_path


def held_by(workshop: Path, holder: Holder) -> None:
    write_json(workshop / "lease.json", {**holder.as_json(), "token": "theirs", "attempt": "0001-theirs"})


def elsewhere() -> Holder:
    return replace(Holder.here(), boot_id="another machine")


def dead() -> Holder:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return replace(Holder.here(), pid=process.pid)


def test_a_living_holder_keeps_the_lease(workshop: Path) -> None:
    first = Lease.take(workshop, study="toy")
    assert first is not None
    assert first.mine()
    assert Lease.take(workshop, study="toy") is None
    assert current_holder(workshop) == Holder.here()
    first.release()
    assert Lease.take(workshop, study="toy") is not None


def test_a_dead_process_on_this_machine_is_taken_over_at_once(workshop: Path) -> None:
    held_by(workshop, dead())
    lease = Lease.take(workshop, study="toy")
    assert lease is not None
    assert lease.mine()
    assert len(list(workshop.glob("lease.stale.theirs-*"))) == 1


def test_a_process_id_that_was_used_again_is_not_the_holder(workshop: Path) -> None:
    held_by(workshop, replace(Holder.here(), start=Holder.here().start - 1))
    assert Lease.take(workshop, study="toy") is not None


def test_a_zombie_is_dead(workshop: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    holder = replace(Holder.here(), pid=process.pid, start=_start(process.pid))
    assert holder.alive()
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet reaped
    assert not holder.alive()
    process.wait()


def _start(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def test_a_holder_on_another_machine_counts_as_long_as_its_heart_beats(workshop: Path) -> None:
    held_by(workshop, elsewhere())
    assert Lease.take(workshop, study="toy") is None
    old = time.time() - TTL_S - 5
    os.utime(workshop / "lease.json", (old, old))
    assert Lease.take(workshop, study="toy") is not None


@pytest.mark.parametrize("content", [b"", b'{"host": "x", "pi', b"[]", b'{"token": "no holder"}'])
def test_a_damaged_lease_holds_only_while_it_is_fresh(workshop: Path, content: bytes) -> None:
    path = workshop / "lease.json"
    path.write_bytes(content)
    assert Lease.take(workshop, study="toy") is None
    old = time.time() - TTL_S - 5
    os.utime(path, (old, old))
    assert Lease.take(workshop, study="toy") is not None


def test_of_many_contenders_for_a_dead_lease_one_wins(workshop: Path) -> None:
    holder = dead()
    for _ in range(20):
        held_by(workshop, holder)
        taken: list[Lease | None] = []
        threads = [
            threading.Thread(target=lambda: taken.append(Lease.take(workshop, study="toy")))  # noqa: B023
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=10)
        assert sum(lease is not None and lease.mine() for lease in taken) == 1
        (workshop / "lease.json").unlink()


def test_generations_count_the_attempts(workshop: Path) -> None:
    (workshop / "attempts" / "0007-abcdef").mkdir()
    lease = Lease.take(workshop, study="toy")
    assert lease is not None
    assert lease.attempt == f"0008-{lease.token[:6]}"


def test_the_heart_touches_the_lease_and_notices_its_loss(workshop: Path) -> None:
    lease = Lease.take(workshop, study="toy")
    assert lease is not None
    os.utime(lease.path, (0, 0))
    with lease.beating(0.02) as lost:
        until = time.monotonic() + 5
        while lease.path.stat().st_mtime == 0 and time.monotonic() < until:
            time.sleep(0.01)
        assert lease.path.stat().st_mtime > 0
        assert not lost.is_set()
        held_by(workshop, elsewhere())
        assert lost.wait(5)
    assert read_json(lease.path) == {**elsewhere().as_json(), "token": "theirs", "attempt": "0001-theirs"}
