"""A storm of kills over `smoke` studies: random victims at random moments, and nothing to be seen of it afterwards.

    python tests/faults/storm.py --kills 100 --seed 0     (`make storm KILLS=100 SEED=0`)

A study is the real program in processes of its own. While it goes on, kills hit it: SIGKILL for a worker, for one of
the processes between the conductor and a worker, for the conductor, for the whole tree of processes, or for one of
two conductors at one store. A conductor that is gone is started again; in the end `study run` must exit with 0.
All that is random comes from a seed that is printed: what is killed, after how many published stages, how long after.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from aftermath import Calm, calm_of, identity, problems
from aftermath import command as about
from kills import BETWEEN, KINDS, PER_STUDY, POLL_S, Hit, Order, draw, kill_all, living, marked

LIMIT_S = 900.0
CALLS = 6
"""So often `study run` may be called once the last kill is over: a stage whose process died twice is a hole at first."""
HOLES = 4
"""Exit code of a `study run` that names holes."""
SHOWN = 40


class Defect(AssertionError):
    """A kill has left something behind; the text says the seed, the kills and what it was."""


@dataclass
class Study:
    """One study under fire.

    Attributes:
        folder: of everything it makes.
        seed: of its kills.
        calm: what it must end as.
        hits: kills so far.
        seen: key -> (attempt, inode) of every object when it was seen first; neither may ever change.
    """

    folder: Path
    seed: str
    calm: Calm
    hits: list[Hit] = field(default_factory=list)
    seen: dict[str, tuple[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._logs: list[Path] = []
        self._conductor = self._start()

    def endure(self, orders: Sequence[Order], *, most: int = PER_STUDY) -> None:
        """Let the kills come until `most` have hit, finish the study, and look at what is left.

        Raises:
            Defect: the study did not end as the undisturbed one has.
        """
        try:
            for order in orders:
                if len(self.hits) == most or not self._is_due(order) or not self._strike(order):
                    break  # enough, or it was faster than its kills
            self._finish()
            self._end_by_themselves()
            found = problems(self.folder, self.calm, self.seen)
            if found:
                raise Defect("\n".join(found))
        except Exception as error:
            raise Defect(self._told(error)) from error
        finally:
            self.end()

    def end(self) -> None:
        """Leave no process behind, whatever has happened."""
        kill_all(self.folder)
        self._conductor.wait(timeout=60)

    def _start(self) -> subprocess.Popen[bytes]:
        log = self.folder / f"call-{len(self._logs) + 1}.txt"
        self._logs.append(log)
        with log.open("wb") as out:
            return subprocess.Popen(command(self.folder), stdout=out, stderr=out, env=marked(self.folder))

    def _published(self) -> int:
        """How many objects there are; new ones are noted."""
        for path in (self.folder / "runs" / "objects").glob("*/*"):
            if path.name not in self.seen:
                self.seen[path.name] = identity(path)
        return len(self.seen)

    def _goes_on(self) -> bool:
        """Whether there is something to kill still; a conductor that has named a hole is started again."""
        code = self._conductor.poll()
        if code is None:
            return True
        if code == HOLES:
            self._conductor = self._start()
            return True
        if code != 0:
            raise Defect(f"`study run` has ended with exit code {code}")
        return False

    def _is_due(self, order: Order) -> bool:
        """Wait for the kill's moment; False when the study is over before."""
        until, due = time.monotonic() + LIMIT_S, None
        enough = min(len(self.calm.keys), self._published() + order.more)
        while due is None or time.monotonic() < due:
            if not self._goes_on():
                return False
            if due is None and self._published() >= enough:
                due = time.monotonic() + order.delay_s
            if time.monotonic() > until:
                raise Defect(f"after {LIMIT_S:.0f} s only {len(self.seen)} stages are published")
            time.sleep(POLL_S)
        return True

    def _strike(self, order: Order) -> bool:
        """Kill a victim that lives; False when the study is over before there is one."""
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            if not self._goes_on():
                return False
            if order.kind == "rival":
                return self._strike_one_of_two(order)
            if order.kind in ("conductor", "tree"):
                return self._strike_conductor(order)
            roles = BETWEEN if order.kind == "between" else ("worker",)
            possible = sorted(item for item in living(self.folder).items() if item[1] in roles)
            if possible:
                pid, role = possible[int(order.pick * len(possible))]
                hit = self._hit(order, {pid: role})
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self._note(hit)
                    return True
            time.sleep(POLL_S)
        raise Defect(f"for {LIMIT_S:.0f} s there was nobody to kill: {order}")

    def _strike_conductor(self, order: Order) -> bool:
        """Kill the conductor, or everything, and start a new one, while old workers may live still."""
        victims = living(self.folder) if order.kind == "tree" else {self._conductor.pid: "conductor"}
        hit = self._hit(order, victims)
        self._conductor.kill()
        if order.kind == "tree":
            kill_all(self.folder)
        if self._conductor.wait(timeout=60) != -signal.SIGKILL:
            return self._goes_on()  # it was faster
        self._note(hit)
        time.sleep(order.pause_s)
        self._conductor = self._start()
        return True

    def _strike_one_of_two(self, order: Order) -> bool:
        """Start a second conductor, and kill one of the two a while later, if both work still."""
        first, second = self._conductor, self._start()
        until, enough = time.monotonic() + order.together_s, self._published() + order.more
        while time.monotonic() < until and first.poll() is None and second.poll() is None:
            if order.more and self._published() >= enough:
                break
            time.sleep(POLL_S)
        victim, survivor = (first, second) if order.pick < 0.5 else (second, first)
        hit = self._hit(order, {victim.pid: f"{'first' if victim is first else 'second'} of two conductors"})
        victim.kill()
        if victim.wait(timeout=60) == -signal.SIGKILL:
            self._note(hit)
        elif victim.returncode not in (0, HOLES):
            raise Defect(f"`study run` has ended with exit code {victim.returncode}")
        self._conductor = survivor
        return self._goes_on()

    def _note(self, hit: Hit) -> None:
        self.hits.append(hit)
        print(f"  {hit}", flush=True)

    def _hit(self, order: Order, victims: dict[int, str]) -> Hit:
        names = tuple(f"{role} {pid}" for pid, role in sorted(victims.items()))
        return Hit(order, names, time.monotonic() - self._began, self._published())

    def _finish(self) -> None:
        for _ in range(CALLS):
            if self._conductor.wait(timeout=LIMIT_S) not in (0, HOLES):
                raise Defect(f"`study run` has ended with exit code {self._conductor.returncode}")
            self._published()
            if self._conductor.returncode == 0:
                return
            self._conductor = self._start()
        raise Defect(f"after {CALLS} calls without a kill `study run` still names holes")

    def _end_by_themselves(self) -> None:
        until = time.monotonic() + 30
        while (left := living(self.folder)) and time.monotonic() < until:
            time.sleep(POLL_S)
        if left:
            raise Defect(f"processes are left: {left}")

    def _told(self, error: Exception) -> str:
        lines = [f"seed {self.seed}: {type(error).__name__}: {error}", f"folder {self.folder}", "kills:"]
        lines += [f"  {hit} ({hit.order})" for hit in self.hits]
        for log in self._logs:
            said = log.read_text(errors="replace").splitlines()
            lines += [f"{log.name}:", *(f"  {line}" for line in said[-SHOWN:])]
        return "\n".join(lines)


def command(folder: Path) -> list[str]:
    """`study run` of the storm's protocol, with everything it writes in `folder`."""
    return about(folder, "run", "--reports", str(folder / "reports"))


def undisturbed(folder: Path) -> Calm:
    """A study that is left alone."""
    done = subprocess.run(command(folder), capture_output=True, text=True, timeout=LIMIT_S)
    if done.returncode != 0:
        raise Defect(f"an undisturbed study has ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    return calm_of(folder)


def storm(place: Path, *, kills: int, seed: int, calm: Calm) -> list[Hit]:
    """Studies under fire, one after the other, until so many kills have hit; prints every kill and every study.

    Args:
        place: gets a folder per study, which is removed when the study has ended well.
        kills: how many must hit.
        seed: of everything.
        calm: how the studies must end.

    Raises:
        Defect: a study has not ended so, or a kind of kill has never hit.
    """
    hits: list[Hit] = []
    number = 0
    while len(hits) < kills:
        hits += one(place, number=number, most=kills - len(hits), seed=seed, calm=calm)
        number += 1
        if number > kills:
            raise Defect(f"seed {seed}: {number} studies, and only {len(hits)} kills have hit")
    missed = set(KINDS) - {hit.order.kind for hit in hits}
    if missed and kills >= len(KINDS):
        raise Defect(f"seed {seed}: {kills} kills, and none of the kind {' or '.join(sorted(missed))} has hit")
    return hits


def one(place: Path, *, number: int, seed: int, calm: Calm, most: int = PER_STUDY) -> list[Hit]:
    """One study of a storm: the kills that have hit it, at most so many."""
    folder = place / f"study-{number}"
    folder.mkdir(parents=True)
    began = time.monotonic()
    study = Study(folder, f"{seed}/{number}", calm)
    study.endure(draw(study.seed, len(calm.keys)), most=most)
    print(f"study {study.seed}: {len(study.hits)} kills, {time.monotonic() - began:.0f} s, as undisturbed", flush=True)
    shutil.rmtree(folder)
    return study.hits


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="STUDY", help="only this study of the storm, counted from 0")
    given = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="storm-"))
    print(f"seed {given.seed}, {given.kills} kills, in {place}", flush=True)
    began = time.monotonic()
    try:
        calm = undisturbed(place / "undisturbed")
        if given.only is None:
            hits = storm(place, kills=given.kills, seed=given.seed, calm=calm)
        else:
            hits = one(place, number=given.only, seed=given.seed, calm=calm)
    except Defect as defect:
        print(defect)
        return 1
    counts = Counter(hit.order.kind for hit in hits)
    kinds = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)
    print(f"{len(hits)} kills have hit ({kinds}) in {time.monotonic() - began:.0f} s; nothing was left behind")
    shutil.rmtree(place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
