"""A survey that is made again and again: redrawn in place on a terminal, one line per change elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from study.dispatch.facts import Said
from study.dispatch.status import as_data, as_text, cells, headline
from study.dispatch.survey import Manifests, Survey

SUMMARY_S = 600.0
LOOKS = 2
"""So many times in a row nobody must be at work before the watch ends: a run may just be starting its next job."""

Look = Callable[[Manifests], Survey]


def watch(
    look: Look,
    said: Said,
    *,
    every_s: float,
    as_json: bool = False,
    stream: TextIO | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Survey:
    """Show the study until every stage is there, or until nobody works on it any more; the last survey.

    Args:
        look: makes a survey; told what an earlier one found to be finished.
        said: how the user names the study.
        every_s: seconds between two looks.
        as_json: print one JSON object per line and change instead.
        stream: standard output as a rule. A terminal that can redraw shows the whole status in place.
        sleep: how to wait.
    """
    console = Console(file=stream or sys.stdout)
    redraws = console.is_terminal and not console.is_dumb_terminal and not as_json
    live = Live(console=console, auto_refresh=False) if redraws else None
    show = _Redrawn(live, console, said) if live is not None else _Lines(stream or sys.stdout, said, as_json=as_json)
    idle = 0
    found = look({})
    with live or nullcontext():
        while True:
            show(found)
            idle = idle + 1 if found.idle else 0
            if found.whole or idle >= LOOKS:
                break
            sleep(every_s)
            found = look(found.finished)
    if live is None and not as_json:
        print(as_text(found, said), end="", file=stream or sys.stdout, flush=True)
    return found


class _Redrawn:
    """The whole status in place."""

    def __init__(self, live: Live, console: Console, said: Said) -> None:
        self._live, self._console, self._said = live, console, said

    def __call__(self, found: Survey) -> None:
        now = time.strftime("%H:%M:%S")
        text = as_text(found, self._said, width=self._console.width, height=self._console.height - 1)
        self._live.update(Text(f"{text}  looked at {now}"), refresh=True)


class _Lines:
    """One line per change, and a summary every ten minutes; or one JSON object per change."""

    def __init__(self, file: TextIO, said: Said, *, as_json: bool) -> None:
        self._file, self._said, self._as_json = file, said, as_json
        self._shown: dict[str, str] = {}
        self._told = ""
        self._summary = float("-inf")

    def __call__(self, found: Survey) -> None:
        if self._as_json:
            self._tell_json(found)
            return
        for run_id, cell in ((run_id, cell.rstrip(" %0123456789")) for run_id, cell in cells(found).items()):
            if self._shown.get(run_id, cell) != cell:
                self._say(f"{run_id}  {cell}")
            self._shown[run_id] = cell
        if time.monotonic() - self._summary > SUMMARY_S:
            self._summary = time.monotonic()
            self._say(headline(found))

    def _tell_json(self, found: Survey) -> None:
        data = as_data(found, self._said)
        same = json.dumps({**data, "remaining_s": None, "work_s": None}, sort_keys=True)
        if same != self._told:
            self._told = same
            print(json.dumps({"time": time.time(), **data}, ensure_ascii=False), file=self._file, flush=True)

    def _say(self, line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')}  {line}", file=self._file, flush=True)
