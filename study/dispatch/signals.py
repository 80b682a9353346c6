"""Ctrl-C and its relatives, noted instead of died of."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noted(note: Callable[[], None]) -> Iterator[None]:
    """Call `note` at Ctrl-C, TERM and HUP; ignored ones stay ignored, as all do outside the main thread."""

    def handle(number: int, frame: FrameType | None) -> None:
        note()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, handle) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
