"""What can go wrong, as one tree.

    StudyError            the user's to fix: one clear message, exit code 2, no traceback
    ├── ProtocolError     problems of a YAML file, all of them at once, with lines
    ├── DataError         a folder, manifest or film that cannot be used
    ├── UnsupportedError  a pair that does not exist (an attribution on a model family, ...)
    ├── StoreError        runs/ cannot be read or written, or is not what it says
    └── DependencyError   a program or library of the system is missing (PDF rendering)
    Stopped               not an error: the stage was asked to stop and kept a checkpoint

Everything else is a bug of ours and ends with a traceback and exit code 1.
A message says where, what was found, what is allowed and what to do.
"""

from dataclasses import dataclass


class StudyError(Exception):
    """A mistake the user can fix; its text is the whole message."""

    exit_code = 2


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong with a protocol.

    Attributes:
        line: line in the YAML file, counted from 1; 0 when the file as a whole is meant.
        where: dotted path, such as `arms.mae_center[1].masking`.
        message: what was found and what is allowed.
    """

    line: int
    where: str
    message: str


class ProtocolError(StudyError):
    """Every problem of one protocol file, in the order of its lines."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.source = source
        self.problems = sorted(problems)
        super().__init__(str(self))

    def __str__(self) -> str:
        return listed(self.source, self.problems, "nothing was run")


def listed(source: str, problems: list[Problem], consequence: str) -> str:
    """Every problem of one file as a paragraph with its line, below what that means."""
    head = f"{source}: {len(problems)} problem{'s' if len(problems) != 1 else ''}, {consequence}\n"
    return head + "".join(_paragraph(problem) for problem in problems)


def _paragraph(problem: Problem) -> str:
    place = f"line {problem.line}  {problem.where}" if problem.line else problem.where
    body = "".join(f"\n           {row}" for row in problem.message.splitlines())
    return f"\n  {place}{body}\n"


class DataError(StudyError):
    """A folder, manifest or image that cannot be used as asked."""


class UnsupportedError(StudyError):
    """A combination that is not defined, such as z+ propagation on a transformer."""


class StoreError(StudyError):
    """The store cannot be read or written, or an object is not what its name says."""


class DependencyError(StudyError):
    """A system library or program is missing; the message names the one command to run."""


class Stopped(Exception):
    """The stage was asked to stop; its checkpoint is kept and the next run goes on from it."""
