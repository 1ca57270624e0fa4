"""The pump gives every view its turn: one thread for all of them, which ends with the last."""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

log = logging.getLogger(__name__)

PAUSE = 10.0  # seconds until a view that failed has another turn: it may do better, and must not fill the log


class Pumped(Protocol):
    """What has turns.

    Attributes:
        tick: Seconds between two of them.
    """

    tick: float

    def turn(self) -> None:
        """Tell what is new, if there is anything."""


class Pump:
    """One thread that takes turns with all views that were added.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._due: dict[Pumped, float] = {}  # when each has its next turn
        self._thread: threading.Thread | None = None

    def add(self, view: Pumped) -> None:
        """From now on this one has turns; adding it again changes nothing."""
        with self._changed:
            self._due.setdefault(view, 0.0)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify()

    def hurry(self, view: Pumped) -> None:
        """This one has missed what it waited for, and it is there by now: its turn is next."""
        with self._changed:
            if view in self._due:
                self._due[view] = time.monotonic()
                self._changed.notify()

    def remove(self, view: Pumped) -> None:
        """It has no more turns; one that it is having may still end."""
        with self._changed:
            self._due.pop(view, None)
            self._changed.notify()

    def _work(self) -> None:
        while (view := self._next()) is not None:
            try:
                view.turn()
            except Exception:  # one view that fails must not stop the others
                log.exception("A view could not tell what is new; it tries again in %g s.", PAUSE)
                with self._changed:
                    if view in self._due:
                        self._due[view] = time.monotonic() + PAUSE

    def _next(self) -> Pumped | None:
        """Whose turn it is, when it is; None when there is nobody left."""
        with self._changed:
            while self._due:
                view, due = min(self._due.items(), key=lambda item: item[1])
                now = time.monotonic()
                if due <= now:
                    # In step with the clock, however long a turn takes; who is late leaves the others some time.
                    self._due[view] = max(due + view.tick, now + view.tick / 2)
                    return view
                self._changed.wait(due - now)
            self._thread = None
            return None


NEAR = Pump("tinyflow views")  # of flows in this process, which answer at once
FAR = Pump("tinyflow views of clusters")  # of flows that other processes are asked about, which may take a moment
