"""Complaints are what the log says of nodes: each cause once, and then how often, ever more seldom."""

from __future__ import annotations

import time

AGAIN = 10  # times as often as when it was said last: of a million failures there are seven lines
CAUSES = 20  # of one node that are told apart: a text that is new each time must not fill the log
NEWS = 3600.0  # seconds without it after which it is worth a line again


class Complaints:
    """Counts what went wrong, by node and cause."""

    def __init__(self) -> None:
        self._nodes: dict[str, dict[str, tuple[int, int, float]]] = {}  # by cause: how often, when to say so, the last

    def due(self, node: str, cause: str) -> int:
        """Count one more; how often it was by now, where that is to be said, and else 0."""
        causes = self._nodes.setdefault(node, {})
        if cause not in causes and len(causes) >= CAUSES:
            cause = ""  # all others are one
        now = time.monotonic()
        count, wanted, last = causes.get(cause, (0, 1, now))
        if now - last > NEWS:
            count, wanted = 0, 1
        count += 1
        due = count >= wanted
        causes[cause] = count, wanted * AGAIN if due else wanted, now
        return count if due else 0
