"""The pace of frames: one at a time, the next when the browser has drawn the last; a clock where it cannot say so.

While a cell runs, what a browser says waits behind it: then frames go by a clock that slows down, for nobody knows
whether a tab is still open.
"""

from __future__ import annotations

import threading
import time

# Seconds without a word from the browser, and between two frames from then on, while a cell runs.
CLOCK = ((0.0, 0.1), (10.0, 0.5), (60.0, 1.0))

_busy = threading.Event()  # whether a cell runs
_listening = False


class Pace:
    """When the next frame may be sent."""

    def __init__(self) -> None:
        self._waiting = False
        self._sent = self._heard = 0.0
        _listen()

    def acknowledged(self) -> None:
        """A browser has drawn what was sent last."""
        self._waiting = False
        self._heard = time.monotonic()

    def sent(self) -> None:
        """A frame was sent."""
        self._waiting = True
        self._sent = time.monotonic()

    def may(self) -> bool:
        """Whether another frame may be sent now."""
        if not self._waiting:
            return True
        if not _busy.is_set():
            return False
        now = time.monotonic()
        silent = now - self._heard
        every = next(gap for since, gap in reversed(CLOCK) if silent >= since)
        return now - self._sent >= every


def _listen() -> None:
    """Learn from the shell, if there is one, when a cell runs."""
    global _listening
    if _listening:
        return
    from IPython.core.getipython import get_ipython  # without a notebook nobody makes a view

    shell = get_ipython()
    if shell is not None:
        _listening = True
        shell.events.register("pre_execute", _busy.set)
        shell.events.register("post_execute", _busy.clear)
        _busy.set()  # a view is made by a cell, which runs
