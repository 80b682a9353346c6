"""The application that commands register with, and how its mistakes end."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from typing import Annotated

import typer

from study import __version__
from study.errors import StudyError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Controlled comparisons of image classifiers: a YAML protocol in, a report out.",
)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        print(f"study {__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a mistake of the user is one message on stderr and exit code 2."""
    if threading.current_thread() is threading.main_thread():
        # Before and after the work, which counts Ctrl-C itself; typer would end by the signal, without a code.
        signal.signal(signal.SIGINT, lambda _number, _frame: sys.exit(130))
    try:
        app(args=arguments)
    except StudyError as error:
        print(str(error).rstrip(), file=sys.stderr)
        sys.exit(error.exit_code)
