"""Runs a plan's stages here and now, once each, and says exactly what is missing.

In: a `Plan`, a `Store`, and the place to work (`local` processes or `inline`). Out: an `Outcome`.

Files decide. The conductor (`conductor.py`, one per `study run`) hands a job to a place as soon
as the jobs it waits for have ended; the lane (`lane.py`, the same everywhere) does the job's
stages one after the other: finished ones are skipped, a lease is taken, the work is done in a
private attempt folder and published by one rename. How a stage ended stands in its outcome.json.

Local workers (`local.py`, `worker.py`) live for many jobs, since starting Python with torch
costs seconds and a plan has dozens of jobs. They are started through submitit, get their jobs
through small files, and stop by themselves when their conductor is gone. A process that dies in
a stage costs that stage one attempt, which is repeated once; an exception is not repeated. A
failed stage is a named hole: what needs it is blocked, everything else goes on.

A further place (SLURM) is one more class with the methods of `place.Place`, calling the same lane.
"""

from study.dispatch.conductor import run
from study.dispatch.display import Display, open_display
from study.dispatch.logs import logs
from study.dispatch.session import cancel
from study.dispatch.states import Outcome
from study.dispatch.status import status

__all__ = ["Display", "Outcome", "cancel", "logs", "open_display", "run", "status"]
