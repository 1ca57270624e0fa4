"""A lease is the time after which what somebody holds goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Lease:
    """One lease; it does not run until it is given.

    Args:
        over: What is called when it has run out.
    """

    def __init__(self, over: Callable[[float], None]) -> None:
        self._over = over
        self._seconds: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def give(self, seconds: float | None) -> None:
        """Let it run from now on, for so many seconds; None takes it away."""
        if self._timer is not None:
            self._timer.cancel()
        self._seconds = seconds
        self._timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._end, seconds)

    def renew(self) -> None:
        """Let it run for as long once more, if it runs."""
        self.give(self._seconds)

    @property
    def left(self) -> float | None:
        """Seconds until it has run out; None when it does not run."""
        return None if self._timer is None else max(0.0, self._timer.when() - asyncio.get_running_loop().time())

    def _end(self, seconds: float) -> None:
        self._timer = None
        self._over(seconds)
