"""Passes let single messages through a hold: the one that was held when it ended, and one for each step."""

from __future__ import annotations

import asyncio
from collections import deque


class Passes:
    """What one hold lets through.

    Attributes:
        free: Whether the next message goes through unasked: it is the one that was held.
    """

    def __init__(self) -> None:
        self.free = False
        self._asked: deque[asyncio.Future[None]] = deque()  # steps for which nothing was handled yet
        self._used: asyncio.Future[None] | None = None  # the step for which a message is being handled

    def __bool__(self) -> bool:
        return self.free or bool(self._asked)

    def ask(self) -> asyncio.Future[None]:
        """Ask for a step; it is done once its message is handled. Cancel it to give it up."""
        step: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(step)
        step.add_done_callback(self._forget)
        return step

    def use(self) -> bool:
        """Let a message through, if there is a pass."""
        if self.free:
            self.free = False
            return True
        if self._asked and self._used is None:
            self._used = self._asked.popleft()
            return True
        return False

    def used(self) -> None:
        """What was let through is handled."""
        step, self._used = self._used, None
        if step is not None and not step.done():
            step.set_result(None)

    def end(self) -> None:
        """No more steps are needed, or can be."""
        self.used()
        while self._asked:
            step = self._asked.popleft()
            if not step.done():
                step.set_result(None)

    def _forget(self, step: asyncio.Future[None]) -> None:
        if step in self._asked:
            self._asked.remove(step)
