"""One training shared by processes of this machine, one per GPU: started here, watched, and ended together.

Every process does the whole stage, on the same random numbers, up to its share of each batch (`team`). The calling
process trains nothing. It speaks for the leader to the place where the stage runs (progress, stopping, checkpoints),
and it sees at once when a process dies, whatever the others are waiting for: then all are ended.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import connection, get_context, parent_process
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from study.errors import Stopped, StudyError
from study.records import Allowance, StageContext
from study.train.team import Left, Parted

SILENCE_MIN = 30
"""Minutes a process waits for the others; judging the validation films is the longest that they have to."""
EXPLAIN_S = 5.0
"""Seconds that the cause of a broken connection has to show itself."""
LEAVE_S = 10.0
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2)
"""Signals that are meant for the process that speaks to the place."""


def processes_for(allowance: Allowance) -> int:
    """How many processes are to share a training here.

    Raises:
        StudyError: more GPUs are asked for than there are.
    """
    visible = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if allowance.gpus > max(visible, 1):
        raise StudyError(
            f"dispatch.gpus_per_run is {allowance.gpus}, but this process sees {visible or 'no'} "
            f"GPU{'s' if visible != 1 else ''}; ask for as many as one machine has, on SLURM also under "
            "dispatch.slurm, or look at CUDA_VISIBLE_DEVICES"
        )
    return allowance.gpus if visible else allowance.cpus


def together(work: Callable[..., None], arguments: Mapping[str, Any], *, processes: int, context: StageContext) -> None:
    """Call `work(**arguments, context=...)` in so many processes that can talk to each other.

    Args:
        work: a function of a module; ends with `Left` in all processes but the leader.
        arguments: can be pickled; arrays that are mapped from a file are mapped again.
        processes: how many, one per GPU where there are GPUs.
        context: of the stage; the leader's requests are handed on to it.

    Raises:
        StudyError: a process died, or they lost each other.
        Stopped: the context asked to stop.
    """
    ForkingPickler.register(np.memmap, _mapped_again)
    with TemporaryDirectory(prefix="study-") as folder:
        members: list[_Member] = []
        try:
            for rank in range(processes):
                seat = _Seat(rank, processes, f"{folder}/meeting", torch.get_num_threads(), context.events)
                members.append(_Member.start(seat, work, arguments))
            _attend(members, context)
        finally:
            for member in members:
                member.process.kill()
            for member in members:
                member.process.join(LEAVE_S)


@dataclass(frozen=True)
class _Seat:
    """What a process is told of its place among the others."""

    rank: int
    size: int
    meeting: str
    threads: int
    events: Path | None


@dataclass
class _Member:
    """A started process, as the one that watches it sees it."""

    rank: int
    process: BaseProcess
    pipe: connection.Connection[Any, Any]
    ended: bool = False
    error: BaseException | None = None
    gone: bool = False

    @classmethod
    def start(cls, seat: _Seat, work: Callable[..., None], arguments: Mapping[str, Any]) -> _Member:
        spawn = get_context("spawn")  # CUDA does not survive a fork
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_member, args=(seat, theirs, work, dict(arguments)), daemon=True)
        process.start()
        theirs.close()
        return cls(seat.rank, process, ours)

    def hear(self, context: StageContext) -> None:
        """Answer its next message, or note that there will be none."""
        try:
            word, content = self.pipe.recv()
            if word == "ended":
                self.ended, self.error = True, content
            elif word == "progress":
                step, of, facts = content
                context.progress(step, of, **facts)
            else:
                self.pipe.send(getattr(context, word)(*content))
        except (EOFError, OSError):
            self.process.join(LEAVE_S)
            self.gone = True

    @property
    def cause(self) -> BaseException | None:
        """What went wrong in it, if that is known to have begun there."""
        return None if isinstance(self.error, Parted) else self.error

    def obituary(self, size: int) -> str:
        """`process 1 of 2 was killed by signal 9 (Killed)`."""
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"process {self.rank} of {size} ended itself with exit code {code}"
        return f"process {self.rank} of {size} was killed by signal {-code} ({signal.strsignal(-code)})"


def _attend(members: Sequence[_Member], context: StageContext) -> None:
    """Serve the processes until all have ended well; the first that does not ends them all."""
    parted_since: float | None = None
    while not all(member.ended for member in members):
        open_pipes = {member.pipe: member for member in members if not member.gone}
        for pipe in connection.wait(list(open_pipes), timeout=0.5):
            open_pipes[pipe].hear(context)  # type: ignore[index]
        dead = [member for member in members if member.gone and not member.ended]
        if dead:
            raise StudyError(
                f"{dead[0].obituary(len(members))}, so the others were ended too; without somebody's kill that is "
                "memory as a rule. The last checkpoint is kept, and the next `study run` goes on from it"
            )
        for member in members:
            if member.cause is not None and not (member.rank and isinstance(member.cause, Stopped)):
                raise member.cause
        parted = [member for member in members if isinstance(member.error, Parted)]
        if parted:
            parted_since = parted_since or time.monotonic()
            if time.monotonic() - parted_since > EXPLAIN_S:
                raise StudyError(
                    f"the {len(members)} processes of this training lost each other: {parted[0].error}\n"
                    "the last checkpoint is kept, and the next `study run` goes on from it"
                )


def _member(
    seat: _Seat, pipe: connection.Connection[Any, Any], work: Callable[..., None], arguments: Mapping[str, Any]
) -> None:
    """The life of one process; it ends when the one that started it kills it or is gone itself."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    error: BaseException | None = None
    try:
        _meet(seat)
        work(**arguments, context=_Spokesman(seat, pipe))
    except Left:
        pass
    except (Exception, SystemExit) as found:
        if not isinstance(found, Stopped):
            traceback.print_exc(file=sys.stderr)
        error = _portable(found)
    sys.stdout.flush()
    sys.stderr.flush()
    with suppress(OSError):
        pipe.send(("ended", error))
    threading.Event().wait()  # a process that left now would break a connection that others may still use


def _meet(seat: _Seat) -> None:
    torch.set_num_threads(seat.threads)
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(seat.rank)
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(
        backend,
        init_method=f"file://{seat.meeting}",
        rank=seat.rank,
        world_size=seat.size,
        timeout=timedelta(minutes=SILENCE_MIN),
    )


def _die_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _portable(error: BaseException) -> BaseException:
    """The error with the trace of this process in its notes, or one with its words where it cannot travel."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


class _Spokesman:
    """`records.StageContext` in one of the processes; all but the leader keep silent."""

    allowance = Allowance()

    def __init__(self, seat: _Seat, pipe: connection.Connection[Any, Any]) -> None:
        self.events = seat.events
        self._pipe, self._leads = pipe, seat.rank == 0

    def progress(self, step: int, of: int, **facts: float | str) -> None:
        """Hand on."""
        if self._leads:
            self._pipe.send(("progress", (step, of, facts)))

    def should_stop(self) -> bool:
        """Ask; only the leader is answered, and tells the others."""
        return self._leads and bool(self._asked("should_stop"))

    def save_checkpoint(self, step: int, payload: bytes) -> None:
        """Hand on."""
        self._asked("save_checkpoint", step, payload)

    def load_checkpoint(self) -> tuple[int, bytes] | None:
        """The same for every process."""
        kept: tuple[int, bytes] | None = self._asked("load_checkpoint")
        return kept

    def _asked(self, word: str, *content: Any) -> Any:
        self._pipe.send((word, content))
        return self._pipe.recv()


def _mapped_again(array: Any) -> Any:
    """How a mapped array travels: as the name of its file, not as its content."""
    if isinstance(array.base, mmap.mmap) and array.filename is not None and array.flags.c_contiguous:
        return np.memmap, (array.filename, array.dtype, "r", array.offset, array.shape)
    return np.asarray(array).__reduce__()
