"""A stream is what passes at one port from now on, for somebody who takes a place in it; nobody ever waits for him."""

from __future__ import annotations

import contextlib
from collections import deque
from concurrent.futures import Future, InvalidStateError
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyflow_runtime.message import Message
    from tinyflow_runtime.probe import Kept, PortProbe

AHEAD = 10_000  # messages kept for somebody who watches slowly; then the oldest are skipped


class Bell:
    """Wakes whoever waits at a place; who rings it never waits."""

    def __init__(self) -> None:
        self._waiting: Future[None] | None = None

    def awaited(self) -> Future[None]:
        """Done when it rings; who waited here before is forgotten."""
        waiting = self._waiting = Future[None]()
        return waiting

    def ring(self) -> None:
        """Wake who waits; any thread may."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            with contextlib.suppress(InvalidStateError):  # somebody stopped waiting
                waiting.set_result(None)


class Place:
    """Somebody's place in the stream of one port; forgotten when nobody holds it any more."""

    def __init__(self, probe: PortProbe) -> None:
        self.probe = probe
        self.missed = 0
        self.ended = False
        self.trouble = ""  # a neighbour in the same process can be heard
        self._kept: deque[Kept] = deque()
        self._ahead = 0
        self._opened: deque[Message] = deque()
        self._bell = Bell()

    def add(self, kept: Kept) -> None:
        """Called by the flow's thread: never waits, never raises."""
        self._kept.append(kept)
        self._ahead += len(kept[0])
        while self._ahead > AHEAD and len(self._kept) > 1:
            try:
                gone = len(self._kept.popleft()[0])
            except IndexError:  # the reader was faster
                break
            self._ahead -= gone
            self.missed += gone
        self._bell.ring()

    def end(self) -> None:
        """Nothing will pass any more: wake who waits."""
        self.ended = True
        self._bell.ring()

    def take(self) -> Message | None:
        """The next message, or None when there is none yet."""
        if not self._opened:
            try:
                kept = self._kept.popleft()
            except IndexError:
                return None
            self._ahead -= len(kept[0])
            self._opened.extend(self.probe.messages(kept))
        return self._opened.popleft()

    def coming(self) -> Future[None]:
        """Done as soon as there may be something to take, or the stream has ended."""
        waiting = self._bell.awaited()
        if self._kept or self._opened or self.ended:
            self._bell.ring()
        return waiting
