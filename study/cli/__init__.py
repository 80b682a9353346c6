"""The command line: each command reads a protocol or a table and hands it to the stations, nothing more.

    validate list new schema                        what a protocol can say, and a first one
    data                                            what a folder of films holds
    plan run status logs cancel report              a protocol's way to a report
    power                                           how many seeds, how many images
    analyse compare                                 scores made elsewhere; two reports side by side

`run` always means "make it complete": there is no resume and no force. Exit codes: 0 complete,
1 a bug of ours (with a traceback), 2 the user's to fix, 4 runs are missing, 5 the disk said no,
130 stopped.

`app` is what every command registers with, the others hold the commands, `options` what they share.
"""

from study.cli import compare, data, power, protocols, tables, work
from study.cli.app import app, main

__all__ = ["app", "compare", "data", "main", "power", "protocols", "tables", "work"]
