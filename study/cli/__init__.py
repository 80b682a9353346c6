"""The command line: each command reads a protocol or a table and hands it to the stations, nothing more.

    validate list new schema                        what a protocol can say, and a first one
    plan run status logs cancel report              a protocol's way to a report

`run` always means "make it complete": there is no resume and no force. Exit codes: 0 complete,
1 a bug of ours (with a traceback), 2 the user's to fix, 4 runs are missing, 5 the disk said no,
130 stopped.

`app` is what every command registers with, `protocols` and `work` hold the commands, `options` what they share.
"""

from study.cli import protocols, work
from study.cli.app import app, main

__all__ = ["app", "main", "protocols", "work"]
