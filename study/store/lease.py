"""Who works on a stage right now, and whether that process still lives."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from study.store.files import read_json, store_errors, write_json

BEAT_S = 15.0
TTL_S = 90.0
"""A holder on another machine counts as dead when its lease was not touched for this long."""
LEASE = "lease.json"
_CONTENDERS = 50


@dataclass(frozen=True)
class Holder:
    """A process, named so that others can tell whether it still lives.

    Attributes:
        host: for people.
        boot_id, pid_ns: the kernel's run and the container; both equal = pids can be compared.
        pid, start: process id and its start time in clock ticks, since ids are used again.
        job: `cluster/id` of the SLURM job it belongs to, empty outside one.
        restart: how often SLURM had started that job before.
    """

    host: str
    boot_id: str
    pid_ns: str
    pid: int
    start: int
    job: str = ""
    restart: int = 0

    @classmethod
    def here(cls) -> Holder:
        """The calling process."""
        pid = os.getpid()
        return cls(socket.gethostname(), *_machine(), pid, _start_time(pid) or 0, *_slurm_job())

    @classmethod
    def read(cls, content: dict[str, Any] | None) -> Holder | None:
        """The holder in a JSON object, or None where it is not one."""
        known = {field.name for field in fields(cls)}
        try:
            return cls(**{name: value for name, value in (content or {}).items() if name in known})
        except TypeError:
            return None

    def as_json(self) -> dict[str, Any]:
        """What `read` understands."""
        return asdict(self)

    def alive(self) -> bool | None:
        """Whether the process lives; None where it runs on another machine, so nobody can tell."""
        if (self.boot_id, self.pid_ns) != _machine():
            return None
        return _start_time(self.pid) == (self.start or None)

    def superseded_by(self, other: Holder) -> bool:
        """Whether SLURM has started our job again as `other`'s: our node was given up, even if we still live."""
        return bool(self.job) and self.job == other.job and self.restart < other.restart

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@cache
def _machine() -> tuple[str, str]:
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return boot_id, os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux: the host name is all there is
        return socket.gethostname(), ""


def _slurm_job() -> tuple[str, int]:
    """The SLURM job that this process runs in, and how often it was started before."""
    known = os.environ.get
    task = f"{known('SLURM_ARRAY_JOB_ID')}_{known('SLURM_ARRAY_TASK_ID')}"
    number = task if known("SLURM_ARRAY_JOB_ID") else known("SLURM_JOB_ID")
    return (f"{known('SLURM_CLUSTER_NAME', '')}/{number}", int(known("SLURM_RESTART_COUNT", 0))) if number else ("", 0)


def _start_time(pid: int) -> int | None:
    """Start of a process in clock ticks; 1 where only its life can be told; None for the dead."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _answers(pid)
    return None if after_name[0] in "ZX" else int(after_name[19])


def _answers(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return 1
    return 1


@dataclass
class Lease:
    """A stage's `lease.json` with our token in it.

    Attributes:
        path: of the lease.
        token: random; whoever reads another one there has lost the lease.
        attempt: name of the attempt folder that goes with it, `<generation>-<token>`.
    """

    path: Path
    token: str
    attempt: str

    @classmethod
    def take(cls, workshop: Path, *, study: str) -> Lease | None:
        """The lease of a stage, or None while a living process holds it.

        The lease of a dead holder is moved aside to `lease.stale.<token>` first.
        """
        path = workshop / LEASE
        for _ in range(_CONTENDERS):
            token = secrets.token_hex(8)
            lease = cls(path, token, f"{_next_generation(workshop):04d}-{token[:6]}")
            if lease._link(study):
                return lease
            if _in_use(path, Holder.here()):
                return None
            _move_stale(path)
        return None

    def _link(self, study: str) -> bool:
        content = {
            **Holder.here().as_json(),
            "token": self.token,
            "attempt": self.attempt,
            "study": study,
            "since": time.time(),
        }
        temporary = self.path.with_name(f".lease.{self.token}")
        write_json(temporary, content)
        try:
            with store_errors(self.path), suppress(FileExistsError):
                os.link(temporary, self.path)
                return True
            return False
        finally:
            temporary.unlink(missing_ok=True)

    def mine(self) -> bool:
        """Whether the lease still carries our token."""
        return (read_json(self.path) or {}).get("token") == self.token

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        if self.mine():
            self.path.unlink(missing_ok=True)

    @staticmethod
    def end(workshop: Path, attempt: str) -> None:
        """Give back the lease that goes with an attempt whose process is known to be dead."""
        path = workshop / LEASE
        if (read_json(path) or {}).get("attempt") == attempt:
            path.unlink(missing_ok=True)

    @contextmanager
    def beating(self, beat_s: float = BEAT_S) -> Iterator[threading.Event]:
        """Touch the lease every `beat_s` seconds; the event is set once the lease is lost."""
        lost, over = threading.Event(), threading.Event()

        def beat() -> None:
            while not over.wait(beat_s):
                if not self.mine():
                    lost.set()
                    return
                with suppress(OSError):
                    os.utime(self.path)

        heart = threading.Thread(target=beat, name="lease", daemon=True)
        heart.start()
        try:
            yield lost
        finally:
            over.set()
            heart.join(timeout=5)


def current_holder(workshop: Path) -> Holder | None:
    """The living holder of a stage's lease, for people; None while nobody works on it."""
    path = workshop / LEASE
    holder = Holder.read(read_json(path))
    return holder if holder is not None and _in_use(path) else None


def _in_use(path: Path, contender: Holder | None = None) -> bool:
    holder = Holder.read(read_json(path))
    if holder is not None and contender is not None and holder.superseded_by(contender):
        return False
    alive = holder.alive() if holder is not None else None
    return is_fresh(path) if alive is None else alive


def is_fresh(path: Path) -> bool:
    """Whether a lease, or another file that its process keeps touching, was touched lately."""
    try:
        touched = path.stat().st_mtime
    except FileNotFoundError:
        return False
    return _server_time(path.parent) - touched < TTL_S


def _server_time(folder: Path) -> float:
    """Now by the clock of the file server, which stamps the leases; ours where nothing can be written."""
    probe = folder / f".clock.{secrets.token_hex(4)}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _move_stale(path: Path) -> None:
    """Move a dead holder's lease aside.

    Between our look and our rename somebody else may have taken over; then the file that we
    moved is theirs, and it is put back.
    """
    seen = read_json(path) or {}
    aside = path.with_name(f"lease.stale.{seen.get('token', 'damaged')}-{secrets.token_hex(3)}")
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return
    moved = read_json(aside) or {}
    if moved.get("token") != seen.get("token"):
        with suppress(FileExistsError, FileNotFoundError):
            os.link(aside, path)
            aside.unlink()


def _next_generation(workshop: Path) -> int:
    taken = [int(path.name[:4]) for path in (workshop / "attempts").glob("[0-9][0-9][0-9][0-9]-*")]
    return 1 + max(taken, default=0)
