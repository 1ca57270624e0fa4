"""A ledger notes what passed at the ports of a stretch, once for all of them; they are told when somebody looks.

Who looks may be any thread. What a port keeps is what it would keep alone: every message up to a burst of 1,000 a
second, beyond that a sample, and always the newest.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyflow_runtime.probe import KEPT, RATE_WINDOW

if TYPE_CHECKING:
    from tinyflow_runtime.observation.lineage import Lineage
    from tinyflow_runtime.probe import Kept, PortProbe

UNSEEN: Any = object()  # stands for a snapshot that was not made; Any, as payloads are


class Entry(NamedTuple):
    """A batch that went along a stretch.

    Attributes:
        came: The lineage it came with.
        first: The first of its ids: those of one port follow those of the port before.
        size: How many ids there are for each port.
        time: When it was sent on, at every port.
        done: Messages that were begun.
        start: The index of the first that was seen.
        seen: For each one seen, its snapshots, port by port, as far as it came.
        lost: The index of each message that did not reach the end, and the stage it was lost at.
        sampled: Whether only the last was seen, for there are too many.
    """

    came: Lineage
    first: int
    size: int
    time: float
    done: int
    start: int
    seen: list[list[Any]]
    lost: Sequence[tuple[int, int]]
    sampled: bool

    def lineage(self, port: int) -> Lineage:
        """What is known of the messages at a port."""
        return self.came.ahead(port, range(self.first, self.first + self.size), self.size, self.time)

    def kept(self, port: int) -> Kept:
        """What that port keeps of it."""
        if not self.lost:
            return [snapshots[port] for snapshots in self.seen], self.lineage(port), self.start
        here = [
            (index, snapshots[port])
            for index, snapshots in enumerate(self.seen, self.start)
            if len(snapshots) > port and snapshots[port] is not UNSEEN
        ]
        return [snapshot for _, snapshot in here], self.lineage(port).pick([index for index, _ in here]), 0

    def count(self, port: int) -> int:
        """How many messages were sent there."""
        return self.done - sum(stage <= port for _, stage in self.lost)


class Ledger:
    """What passed at the ports of one stretch, and they have not been told yet.

    Attributes:
        ports: For each output but the last, its probe and that of the input it leads to.
        watched: Whether somebody holds a place at one of them: then they are told when the loop comes round.
    """

    __slots__ = ("_entries", "_kept", "_lock", "_over", "_over_kept", "_paced", "_telling", "ports", "watched")

    def __init__(self, ports: list[tuple[PortProbe, PortProbe]]) -> None:
        self.ports = ports
        self._lock = threading.RLock()  # a place may be taken, and so told, by a finalizer in the middle of it
        self._entries: deque[Entry] = deque()
        self._kept = 0  # messages seen among the entries
        self._over = self._over_kept = 0  # messages of entries that have made room for newer ones; and seen among them
        self._paced = 0.0  # when their rates were last looked after
        self._telling = False  # another thread is at it, and who is told next must come after it
        self.watched = False
        for probe in self._probes():
            probe.follow(self)

    def _probes(self) -> list[PortProbe]:
        return [probe for pair in self.ports for probe in pair]

    def note(self, entry: Entry) -> bool:
        """Note a batch. Called by the flow's thread.

        Returns:
            Whether somebody watches, so that the ports should be told soon.
        """
        with self._lock:
            entries = self._entries
            if entry.sampled and entry.seen and entries and entries[-1].sampled and not entries[-1].lost:
                self._forget(entries.pop(), kept=False)
            entries.append(entry)
            self._kept += len(entry.seen)
            if not self.watched:
                while self._kept - len(entries[0].seen) >= KEPT:
                    self._forget(entries.popleft(), kept=True)
        if entry.time - self._paced > RATE_WINDOW:
            self._pace(entry.time)
        return self.watched

    def _pace(self, now: float) -> None:
        """Let the ports' rates be those of the last seconds, whenever somebody looks."""
        with self._lock:
            self._paced = now
            untold = self._over + sum(entry.done for entry in self._entries)
            for probe in self._probes():
                probe.pace(now, untold)

    def _forget(self, entry: Entry, *, kept: bool) -> None:
        self._kept -= len(entry.seen)
        self._over += entry.done
        if kept:
            self._over_kept += len(entry.seen)

    def tell(self) -> None:
        """Tell every port what passed there. Any thread may call this."""
        if not (self._entries or self._telling):
            return
        with self._lock:
            self._telling = True
            entries, self._entries = self._entries, deque()
            over, over_kept = self._over, self._over_kept
            self._kept = self._over = self._over_kept = 0
            for port, pair in enumerate(self.ports):
                for probe in pair:
                    probe.missed(over, over_kept)
                for entry in entries:
                    kept, count = entry.kept(port), entry.count(port)
                    for probe in pair:
                        probe.add(kept, count)
            if self.watched:
                self.watched = any(probe.held for probe in self._probes())
            self._telling = False

    def watch(self) -> None:
        """Somebody has taken a place at one of the ports."""
        with self._lock:
            self.watched = True

    def close(self) -> None:
        """Tell them, and note nothing more."""
        self.tell()
        for probe in self._probes():
            probe.follow(None)
