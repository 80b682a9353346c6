"""Runs a plan's stages here and now, once each, and says exactly what is missing.

In: a `Plan`, a `Store`, and the place to work (`local` processes, `inline`, or `slurm`). Out: an `Outcome`.

Files decide. The conductor (`conductor.py`, one per `study run`) hands a job to a place as soon
as the jobs it waits for have ended; the lane (`lane.py`, the same everywhere) does the job's
stages one after the other: finished ones are skipped, a lease is taken, the work is done in a
private attempt folder and published by one rename. How a stage ended stands in its outcome.json.

Local workers (`local.py`, `worker.py`) live for many jobs, since starting Python with torch
costs seconds and a plan has dozens of jobs. They are started through submitit, get their jobs
through small files, and stop by themselves when their conductor is gone. A process that dies in
a stage costs that stage one attempt, which is repeated once; an exception is not repeated. A
failed stage is a named hole: what needs it is blocked, everything else goes on.

A place is a class with the methods of `place.Place`, calling the same lane. SLURM (`slurm.py`) takes all jobs at once,
those of a run joined to one (`lanes.py`), in few arrays (`sbatch.py`, through submitit). In each job a supervisor
(`task.py`) listens to SLURM's signals and puts the job back into the queue with a checkpoint. What was submitted and how
it ended are files (`submissions.py`), so that no process has to live for the jobs to go on and be found again; squeue
(`squeue.py`) is asked once for everything, and only for what files cannot say.
"""

from study.dispatch.conductor import run
from study.dispatch.display import Display, open_display
from study.dispatch.ended import ended_folders
from study.dispatch.facts import Said
from study.dispatch.logs import follow, logs
from study.dispatch.retry import forgive, make_again
from study.dispatch.room import check_room
from study.dispatch.sbatch import check_programs
from study.dispatch.session import cancel
from study.dispatch.slurm_jobs import Cancelled, cancel_jobs, queued
from study.dispatch.states import Outcome
from study.dispatch.status import as_data, as_text, status
from study.dispatch.survey import About, Survey, survey
from study.dispatch.watch import watch
from study.dispatch.why import why

__all__ = [
    "About",
    "Cancelled",
    "Display",
    "Outcome",
    "Said",
    "Survey",
    "as_data",
    "as_text",
    "cancel",
    "cancel_jobs",
    "check_programs",
    "check_room",
    "ended_folders",
    "follow",
    "forgive",
    "logs",
    "make_again",
    "open_display",
    "queued",
    "run",
    "status",
    "survey",
    "watch",
    "why",
]
