"""The command line: each command reads a protocol or a table and hands it to the stations, nothing more.

    validate list new schema                        what a protocol can say, and a first one
    data                                            what a folder of films holds
    plan run report                                 a protocol's way to a report
    status logs cancel                              a study from outside, while it runs or later
    retry why verify gc                             what keeps the store in order
    power                                           how many seeds, how many images
    analyse compare                                 scores made elsewhere; two reports side by side

`run` always means "make it complete": there is no resume and no force. Exit codes: 0 complete (of a
command that only looks or tidies: it did what it was asked), 1 a bug of ours (with a traceback), 2 the
user's to fix, 3 left while SLURM's jobs go on, 4 runs are missing (`run`, `status --watch`) or objects are
broken (`verify`), 5 the disk said no, 130 stopped.

`app` is what every command registers with, the others hold the commands, `options` what they share.
"""

from study.cli import care, compare, data, look, power, protocols, tables, work
from study.cli.app import app, main

__all__ = ["app", "care", "compare", "data", "look", "main", "power", "protocols", "tables", "work"]
