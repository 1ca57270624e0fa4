"""The pace of frames: few on their way, the next when the browser has drawn one; a clock where it cannot say so.

While a cell runs, what a browser says waits behind it: then frames go by a clock that slows down, for nobody knows
whether a tab is still open.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

AHEAD = 2  # frames on their way: to a browser and back may take longer than the time between two of them
# Seconds without a word from the browser, and between two frames from then on, while a cell runs.
CLOCK = ((0.0, 0.1), (10.0, 0.5), (60.0, 1.0))

_busy = threading.Event()  # whether a cell runs
_listening = False


class Pace:
    """When the next frame may be sent.

    Args:
        clock: Seconds that pass.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = self._drawn = 0  # the numbers of frames
        self._missed = False
        self._sent = self._heard = 0.0
        _listen()

    def acknowledged(self, number: object = None) -> bool:
        """A browser has drawn the frame of this number; whether another could not be sent meanwhile.

        Args:
            number: As the browser says it; without one it has begun, and waits for nothing.
        """
        missed, self._missed = self._missed, False
        drawn = number if isinstance(number, int) else self._last
        self._drawn = max(self._drawn, min(drawn, self._last))
        self._heard = self._clock()
        return missed

    def sent(self) -> int:
        """A frame is sent; its number."""
        self._missed = False
        self._sent = self._clock()
        self._last += 1
        return self._last

    def may(self) -> bool:
        """Whether another frame may be sent now."""
        if self._last - self._drawn < AHEAD:
            return True
        self._missed = True
        if not _busy.is_set():
            return False
        now = self._clock()
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
