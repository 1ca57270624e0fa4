"""The probe watches ports: what passed, how often, and the last of it, without slowing the flow.

Every port counts, always. What passed is kept as a snapshot, up to a burst of 1,000 messages a second; beyond that
the last of each batch is kept and the rest is counted as skipped. Nobody who watches is ever waited for.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from tinyflow_runtime.lineage import Ids, Lineage
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.schema import snapshot, snapshots

KEPT = 100  # messages of history at each port: a screenful, and 10,000 nodes still fit in memory
BURST = 1_000  # messages a second that are all kept; a snapshot costs up to a microsecond
AHEAD = 10_000  # messages kept for somebody who watches slowly; then the oldest are skipped
_RATE_WINDOW = 1.0  # seconds over which a rate is averaged

# What a port keeps of one batch: snapshots, their lineage, and the index in the lineage of the first of them.
Kept = tuple[list[Any], Lineage, int]


class PortProbe:
    """What is known of one port. The flow's thread writes it; any thread may read it."""

    __slots__ = (
        "__weakref__",
        "_before",
        "_held",
        "_history",
        "_refilled",
        "_tokens",
        "_window",
        "address",
        "copies",
        "count",
        "ids",
        "places",
        "skipped",
    )

    def __init__(self, address: Address, ids: Ids, *, copies: bool = True) -> None:
        self.address = address
        self.ids = ids
        self.copies = copies  # False where the port's type says that nobody can change a payload
        self.places: weakref.WeakSet[Place] | None = None
        self.reset()

    def reset(self) -> None:
        """Begin to count anew; places stay."""
        self.count = 0
        self.skipped = 0
        self._history: deque[Kept] = deque()
        self._held = 0
        self._tokens: float = BURST
        self._refilled = 0.0
        self._window = self._before = (time.time(), 0)

    def record(self, payloads: list[Any], lineage: Lineage) -> Kept:
        """Note a batch, once, before anybody can change its payloads.

        Raises:
            PayloadError: A payload holds something that cannot be sent; nothing was noted.
        """
        count = len(payloads)
        now = lineage.time
        tokens = self._tokens + (now - self._refilled) * BURST
        if tokens > BURST:
            tokens = BURST
        if tokens >= count:
            self._tokens = tokens - count
            if self.copies:
                payloads = snapshots(payloads) if count > 1 else [snapshot(payloads[0])]
            kept = payloads, lineage, 0
        else:
            self._tokens = tokens
            last = payloads[-1]
            kept = [snapshot(last) if self.copies else last], lineage, count - 1
        self._refilled = now
        self.share(kept, count)
        return kept

    def share(self, kept: Kept, count: int) -> None:
        """Note a batch of ``count`` messages of which another port has made the snapshots."""
        self.count += count
        held = len(kept[0])
        self.skipped += count - held
        history = self._history
        history.append(kept)
        self._held += held
        while self._held - len(history[0][0]) >= KEPT:
            self._held -= len(history.popleft()[0])
        now = kept[1].time
        if now - self._window[0] > _RATE_WINDOW:
            self._before, self._window = self._window, (now, self.count)
        if self.places is not None:
            for place in self.places:
                place.add(kept)

    @property
    def rate(self) -> float:
        """Messages a second, averaged over the last one to two seconds."""
        since, count = self._before
        elapsed = time.time() - since
        if elapsed > 3 * _RATE_WINDOW:  # nothing has moved the window for a while
            since, count = self._window
            elapsed = max(time.time() - since, _RATE_WINDOW)
        return max(0.0, (self.count - count) / elapsed) if elapsed > 0 else 0.0

    @property
    def last(self) -> Message | None:
        """The newest message; None before the first."""
        try:
            payloads, lineage, start = self._history[-1]
        except IndexError:
            return None
        index = len(payloads) - 1
        return lineage.message(start + index, self.ids, self.address, payloads[index])

    def history(self, count: int = KEPT) -> list[Message]:
        """The newest messages that were kept, oldest first, at most ``count`` and at most 100."""
        messages = [message for kept in tuple(self._history) for message in self.messages(kept)]
        return messages[-min(count, KEPT) :] if count > 0 else []

    def messages(self, kept: Kept) -> Iterator[Message]:
        """What was kept of one batch, as messages."""
        payloads, lineage, start = kept
        for index, payload in enumerate(payloads):
            yield lineage.message(start + index, self.ids, self.address, payload)

    def place(self) -> Place:
        """Take a place in the stream: it gives what passes from now on."""
        place = Place(self)
        if self.places is None:
            self.places = weakref.WeakSet()
        self.places.add(place)
        return place

    def join(self, other: PortProbe) -> None:
        """Let those who hold a place at another probe of the same port have it here."""
        for place in list(other.places or ()):
            place.probe = self
            if self.places is None:
                self.places = weakref.WeakSet()
            self.places.add(place)


class Place:
    """Somebody's place in the stream of one port; forgotten when nobody holds it any more."""

    def __init__(self, probe: PortProbe) -> None:
        self.probe = probe
        self.missed = 0
        self.ended = False
        self._kept: deque[Kept] = deque()
        self._ahead = 0
        self._opened: deque[Message] = deque()
        self._waiting: Future[None] | None = None

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
        self._wake()

    def end(self) -> None:
        """Nothing will pass any more: wake who waits."""
        self.ended = True
        self._wake()

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
        waiting: Future[None] = Future()
        self._waiting = waiting
        if self._kept or self._opened or self.ended:
            self._wake()
        return waiting

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            try:
                waiting.set_result(None)
            except Exception:  # somebody stopped waiting in this very moment
                return


class Probe:
    """The port probes of one flow, made when a port is first used or looked at."""

    def __init__(self) -> None:
        self.ids = Ids()
        self.ports: dict[Address, PortProbe] = {}

    def port(self, address: Address) -> PortProbe:
        """The probe of one port."""
        probe = self.ports.get(address)
        if probe is None:
            probe = self.ports[address] = PortProbe(address, self.ids)
        return probe

    def begin(self) -> None:
        """Begin to count anew at every port; who holds a place keeps it."""
        for probe in list(self.ports.values()):
            probe.reset()
            for place in list(probe.places or ()):
                place.ended = False

    def forget(self, node: str) -> None:
        """Drop the ports of a node that is no more; who holds a place keeps it."""
        for address in [address for address in self.ports if address.node == node]:
            del self.ports[address]

    def end(self) -> None:
        """Nothing will pass any more: wake everybody who waits for it."""
        for probe in list(self.ports.values()):
            for place in list(probe.places or ()):
                place.end()
