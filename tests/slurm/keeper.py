"""Keeps the daemons of one private cluster: starts, kills and restarts them as files ask, and ends everything.

`keeper.py FOLDER NODE... [--owner PID]` is the only process of the cluster that lasts. It leads a session of its own
and adopts every process that a daemon or a job leaves behind, so that all are below it and none is forgotten. It ends
them with it: on TERM, when its owner is gone, and when the folder is gone. The daemons die with it in any case.

Files, all in FOLDER: `lock` is held (flock) while the keeper lives; `down/NAME` holds the signal to end a daemon with,
and keeps it from running while it is there; `keeper.json` says which process is which daemon.
"""

import argparse
import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from settings import CONTROLLER, find

TICK_S = 0.05
SUBREAPER, DEATH_SIGNAL = 36, 1  # PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG of linux/prctl.h
MARK = "STUDY_SLURM_FOLDER"
_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


class Keeper:
    """The daemons of a cluster as children of this process."""

    def __init__(self, folder: Path, names: list[str], owner: int | None) -> None:
        self.folder = folder
        self.names = [CONTROLLER, *names]
        self.owner = os.pidfd_open(owner) if owner else None
        self.pids: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self.asked: set[str] = set()
        self.begun: set[str] = set()
        self.stopping = False

    def keep(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for name in self.names:
            self.start(name)
        self.write()
        while not self.stopping and self.folder.is_dir() and not self._owner_is_gone():
            before = dict(self.pids)
            self.reap()
            self.obey()
            if self.pids != before:
                self.write()
            time.sleep(TICK_S)
        self.end()

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _owner_is_gone(self) -> bool:
        return self.owner is not None and bool(select.select([self.owner], [], [], 0)[0])

    def start(self, name: str) -> None:
        """Start a daemon; only the first controller begins with an empty queue."""
        if name == CONTROLLER:
            command = ["slurmctld", "-D", *([] if name in self.begun else ["-c"])]
        else:
            command = ["slurmd", "-D", "-N", name]
        command[0] = find(command[0]) or command[0]
        environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf"), MARK: str(self.folder)}
        with (self.folder / "log" / f"{name}.out").open("ab") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
                cwd=self.folder,
                preexec_fn=lambda: prctl(DEATH_SIGNAL, signal.SIGKILL),
            )
        process.returncode = 0  # reap() below looks after it, not subprocess
        self.begun.add(name)
        self.pids[name] = process.pid

    def reap(self) -> bool:
        """Take note of what ended; False when no process is left below this one."""
        names = {pid: name for name, pid in self.pids.items()}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid in names:
                del self.pids[names[pid]]
                self.ended[names[pid]] = os.waitstatus_to_exitcode(status)

    def obey(self) -> None:
        for name in self.names:
            request = self.folder / "down" / name
            if request.exists():
                if name not in self.asked:
                    self.asked.add(name)
                    self.signal(name, request.read_text())
            elif name in self.asked and name not in self.pids:
                self.asked.discard(name)
                self.ended.pop(name, None)
                self.start(name)

    def signal(self, name: str, wanted: str) -> None:
        if name in self.pids:
            with suppress(ProcessLookupError):
                os.kill(self.pids[name], signal.Signals[wanted])

    def write(self) -> None:
        body = {"keeper": os.getpid(), "daemons": self.pids, "ended": self.ended}
        draft = self.folder / "keeper.json.new"
        with suppress(FileNotFoundError):  # the folder is being removed
            draft.write_text(json.dumps(body))
            draft.rename(self.folder / "keeper.json")

    def end(self) -> None:
        """Pull the plug: every process below this one is killed, and those they leave behind."""
        until = time.monotonic() + 10
        while self.reap() and time.monotonic() < until:
            for pid in descendants(os.getpid()):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        self.write()


def descendants(root: int) -> list[int]:
    """Ids of all processes below `root`."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--owner", type=int)
    given = parser.parse_args()
    lock = os.open(given.folder / "lock", os.O_WRONLY | os.O_CREAT)  # never closed: free once this process is gone
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"{given.folder}: another keeper is at work here", file=sys.stderr)
        return 2
    prctl(SUBREAPER, 1)
    Keeper(given.folder, given.names, given.owner).keep()
    return 0


if __name__ == "__main__":
    sys.exit(main())
