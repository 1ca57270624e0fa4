"""Strangers are modules that asked to send over an edge without a right to: the log says so once that lasts."""

from __future__ import annotations

import logging

from tinyflow_runtime.delivery.frames import EdgeKey

LATE = 3.0  # seconds in which, at a healthy start, a receiver is told of an edge that its sender knows already
REMEMBERED = 1_000  # edges: whoever makes up more is in the log by then

log = logging.getLogger("tinyflow")

Stranger = tuple[str, EdgeKey]  # a module, and what it wants to send over


class Strangers:
    """Who was refused, and since when; it has no clock but the one of who looks."""

    def __init__(self) -> None:
        self._said: dict[Stranger, str] = {}
        self._since: dict[Stranger, float] = {}

    def refused(self, module: str, edge: EdgeKey, said: str) -> None:
        """It has no right; that may be known a moment later."""
        self._said.setdefault((module, edge), said)
        while len(self._said) > REMEMBERED:
            self.forget(*next(iter(self._said)))

    def forget(self, module: str, edge: EdgeKey) -> None:
        """It may by now, or wants to no more."""
        self._said.pop((module, edge), None)
        self._since.pop((module, edge), None)

    def look(self, now: float) -> None:
        """Say whom nobody has given a right for a while, each once."""
        for stranger, said in self._said.items():
            since = self._since.setdefault(stranger, now)
            if said and now - since >= LATE:
                log.warning("%s", said)
                self._said[stranger] = ""
