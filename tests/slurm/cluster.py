"""A private SLURM cluster on this machine: real daemons, fake GPUs, no system service, nothing outside one folder.

As a program: `cluster.py start FOLDER`, `status FOLDER`, `stop FOLDER`. As a module: `Cluster.start(folder)`.
Everything runs as the user who starts it. Several clusters may run side by side, each in its own folder. Jobs run as
on a real cluster, except that memory limits are kept by looking once a second (no cgroups), that nodes share this
machine's memory and processors whatever they say, and that there is no accounting: `sacct` answers nothing.

Whoever sets SLURM_CONF to `FOLDER/slurm.conf` talks to this cluster; jobs have it set.
"""

import argparse
import fcntl
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NoReturn

import settings as conf
from keeper import MARK
from settings import CONTROLLER, Settings

START_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0
LONGEST_FOLDER = 70  # the socket of a job step is FOLDER/spool/n1/n1_JOB.STEP, and a socket's path has 107 bytes
PACKAGES = "slurmctld slurmd slurm-client"


class ClusterError(Exception):
    """Why a cluster does not start, answer or stop; its text is the whole message."""


class Cluster:
    """A running cluster.

    Attributes:
        folder: all of its files; `log/` has one log for each daemon.
        conf: what SLURM_CONF must be to talk to it.
        settings: what was asked for.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.conf = folder / "slurm.conf"
        self.settings = settings
        self._keeper: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, folder: Path, settings: Settings | None = None, *, owner: int | None = None) -> "Cluster":
        """Start a cluster in `folder` and wait until all nodes take jobs.

        Args:
            folder: a new or empty folder, or that of a stopped cluster, whose files are removed.
            settings: its size and limits.
            owner: id of a process; when that is gone the cluster stops by itself.

        Raises:
            ClusterError: no SLURM here, the folder is in use or something else's, or a daemon does not come up.
        """
        cluster = cls(folder.resolve(), settings or Settings())
        cluster._check()
        for attempt in (1, 2, 3):
            cluster._begin(owner)
            try:
                cluster._wait_until_ready()
                return cluster
            except ClusterError:
                taken = "in use" in cluster._logs()
                cluster.stop()
                if attempt == 3 or not taken:  # somebody took a port between our look and our daemon
                    raise
        raise AssertionError("unreachable")

    @classmethod
    def at(cls, folder: Path) -> "Cluster | None":
        """The cluster that runs in `folder`, or None."""
        folder = folder.resolve()
        if not _locked(folder):
            return None
        return cls(folder, Settings(**json.loads((folder / "settings.json").read_text())))

    def _check(self) -> None:
        if missing := conf.missing_programs():
            raise ClusterError(
                f"{', '.join(missing)}: not installed here, and a private SLURM cluster needs them.\n"
                f"On Debian or Ubuntu: apt-get install --no-install-recommends {PACKAGES}"
            )
        try:
            pwd.getpwuid(os.getuid())
        except KeyError:
            raise ClusterError(f"user {os.getuid()} has no name on this machine, and SLURM wants one.") from None
        if len(str(self.folder)) > LONGEST_FOLDER:
            raise ClusterError(
                f"{self.folder}: {len(str(self.folder))} characters are too many for SLURM's sockets; "
                f"up to {LONGEST_FOLDER} are possible. Give a shorter folder."
            )
        if any(letter in str(self.folder) for letter in " %#[],="):
            raise ClusterError(
                f"{self.folder}: blanks and % # [ ] , = cannot stand in slurm.conf. Give another folder."
            )
        if _locked(self.folder):
            raise ClusterError(f"{self.folder}: a cluster runs here already. Stop it, or give another folder.")
        if self.folder.exists() and any(self.folder.iterdir()) and not (self.folder / "settings.json").is_file():
            raise ClusterError(
                f"{self.folder}: not empty, and no cluster was ever here. Give a new or an empty folder."
            )

    def _begin(self, owner: int | None) -> None:
        sweep(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o755)
        (self.folder / "settings.json").write_text(json.dumps(asdict(self.settings)))
        conf.write(self.folder, self.settings)
        program = [sys.executable, str(Path(__file__).with_name("keeper.py")), str(self.folder), *self.settings.names]
        program += ["--owner", str(owner)] if owner else []
        with (self.folder / "log" / "keeper.out").open("wb") as out:
            self._keeper = subprocess.Popen(
                program,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self.environment,
                start_new_session=True,
            )

    def _wait_until_ready(self) -> None:
        wanted = set(self.settings.names)
        until = time.monotonic() + START_LIMIT_S
        while not (self.folder / f"{CONTROLLER}.pid").exists() or set(self.idle()) != wanted:
            if ended := self.state()["ended"]:
                raise ClusterError(f"{self.folder}: {', '.join(ended)} ended at once.\n{self._logs()}")
            if self._keeper is None or self._keeper.poll() is not None:
                raise ClusterError(f"{self.folder}: its keeper ended at once.\n{self._logs()}")
            if time.monotonic() > until:
                raise ClusterError(f"{self.folder}: not ready after {START_LIMIT_S:.0f} s.\n{self._logs()}")
            time.sleep(0.1)

    def _logs(self) -> str:
        """The last lines of every log that is not empty."""
        texts = {path.name: path.read_text(errors="replace") for path in sorted((self.folder / "log").iterdir())}
        return "\n".join(f"{name}:\n" + "\n".join(text.splitlines()[-5:]) for name, text in texts.items() if text)

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with SLURM_CONF; what an outer job or cluster left there is taken out."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
        return {**kept, "SLURM_CONF": str(self.conf)}

    def call(self, *command: str) -> str:
        """What a SLURM program prints; ClusterError with what it complains of where it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise ClusterError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr.strip()}")
        return done.stdout.strip()

    def idle(self) -> list[str]:
        """Nodes that wait for a job; none while the controller does not answer."""
        with suppress(ClusterError):
            return sorted(self.call("sinfo", "-h", "-N", "-p", "main", "-t", "idle", "-o", "%N").split())
        return []

    def state(self) -> dict[str, Any]:
        """`keeper` and `daemons`: process ids; `ended`: exit codes of daemons that do not run."""
        with suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads((self.folder / "keeper.json").read_text())
            return found
        return {"keeper": 0, "daemons": {}, "ended": {}}

    def down(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End the daemon of a node, or `ctld`, and wait until it is gone; its jobs go on."""
        self._check_name(name)
        draft = self.folder / f"down-{name}.new"
        draft.write_text(how.name)
        draft.rename(self.folder / "down" / name)
        self._wait(lambda: name not in self.state()["daemons"], f"{name} did not end")

    def up(self, name: str) -> None:
        """Start again what `down` ended; a node is ready some time later."""
        self._check_name(name)
        (self.folder / "down" / name).unlink(missing_ok=True)
        self._wait(lambda: name in self.state()["daemons"], f"{name} did not start")

    def _check_name(self, name: str) -> None:
        allowed = [CONTROLLER, *self.settings.names]
        if name not in allowed:
            raise ClusterError(f"'{name}' is no daemon of {self.folder}; known: {', '.join(allowed)}")

    def _wait(self, condition: Callable[[], bool], complaint: str) -> None:
        until = time.monotonic() + STOP_LIMIT_S
        while not condition():
            if time.monotonic() > until:
                raise ClusterError(f"{self.folder}: {complaint} within {STOP_LIMIT_S:.0f} s.\n{self._logs()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End all daemons and all jobs at once, without warning; the files stay."""
        with suppress(ProcessLookupError):
            if _locked(self.folder) and (keeper := int(self.state()["keeper"])):
                os.kill(keeper, signal.SIGTERM)
        if self._keeper is not None:
            with suppress(subprocess.TimeoutExpired):
                self._keeper.terminate()
                self._keeper.wait(STOP_LIMIT_S)
        self._wait(lambda: not _locked(self.folder), "its keeper did not end")
        sweep(self.folder)


def _locked(folder: Path) -> bool:
    """Whether a keeper lives in `folder`."""
    try:
        with (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def processes(folder: Path) -> list[int]:
    """Ids of every daemon, job step and job of the cluster in `folder`: what their environment says."""
    ours = (f"{MARK}={folder}".encode(), f"SLURM_CONF={folder / 'slurm.conf'}".encode())
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            words = path.read_bytes().split(b"\0")
            in_job = any(word.startswith(b"SLURM_JOB_ID=") for word in words)
            if ours[0] in words or (ours[1] in words and in_job):
                found.append(int(path.parent.name))
    return found


def sweep(folder: Path) -> None:
    """Kill what a keeper that was itself killed could not: its jobs."""
    until = time.monotonic() + STOP_LIMIT_S
    while left := processes(folder):
        if time.monotonic() > until:
            raise ClusterError(f"{folder}: processes {left} cannot be killed.")
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def report(cluster: Cluster) -> str:
    """What runs, and how to talk to it."""
    ended = "".join(f"\n  {name} ended with {code}" for name, code in cluster.state()["ended"].items())
    nodes = f"{cluster.settings.nodes} nodes, {cluster.settings.gpus} fake GPUs each"
    return (
        f"SLURM runs in {cluster.folder}: {nodes}, partitions main, urgent, short{ended}\n"
        f"  export SLURM_CONF={cluster.conf}"
    )


def fail(message: object) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(2)


def main() -> None:
    parser = argparse.ArgumentParser(description="A private SLURM cluster on this machine.")
    parser.add_argument("command", choices=["start", "status", "stop"])
    parser.add_argument("folder", type=Path)
    sizes = parser.add_argument_group("of start")
    for field in fields(Settings):
        sizes.add_argument(f"--{field.name}", type=int, default=field.default, metavar="N", help=f"{field.default}")
    given = vars(parser.parse_args())
    command, folder = given.pop("command"), given.pop("folder")
    try:
        settings = Settings(**given)
        running = Cluster.at(folder)
        if command == "start":
            if running and running.settings != settings:
                fail(f"{folder}: a cluster with other settings runs here: {running.settings}\nStop it first.")
            print(report(running or Cluster.start(folder, settings)))
        elif command == "stop":
            (running or Cluster(folder.resolve(), settings)).stop()
            print(f"SLURM in {folder} is stopped" if running else f"no SLURM runs in {folder}")
        elif running:
            print(report(running), running.call("sinfo"), running.call("squeue"), sep="\n")
        else:
            fail(f"no SLURM runs in {folder}")
    except (ClusterError, ValueError) as error:
        fail(error)


if __name__ == "__main__":
    main()
