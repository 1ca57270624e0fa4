"""The probe watches ports: what passed, how often, and the last of it, without slowing the flow.

Every port counts, always. What passed is kept as a snapshot, up to a burst of 1,000 messages a second; beyond that
the last of each batch is kept and the rest is counted as skipped. Nobody who watches is ever waited for.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.observation.lineage import Ids, Lineage
from tinyflow_runtime.observation.stream import Place
from tinyflow_runtime.schema import snapshot, snapshots

if TYPE_CHECKING:
    from tinyflow_runtime.execution.ledger import Ledger

KEPT = 100  # messages of history at each port: a screenful, and 10,000 nodes still fit in memory
BURST = 1_000  # messages a second that are all kept; a snapshot costs up to a microsecond
SETTLED = 500  # settings that were sent and are remembered: as many as there are secrets that are looked for
RATE_WINDOW = 1.0  # seconds over which a rate is averaged

_holding = threading.Lock()  # by who takes a place; never while a message passes

# What a port keeps of one batch: snapshots, their lineage, and the index in the lineage of the first of them.
Kept = tuple[Sequence[Any], Lineage, int]
Keep = Callable[[list[Any]], Sequence[Any]]  # makes snapshots


class PortProbe:
    """What is known of one port. The flow's thread writes it; any thread may read it."""

    __slots__ = (
        "__weakref__",
        "_before",
        "_count",
        "_held",
        "_history",
        "_keep",
        "_ledger",
        "_places",
        "_refilled",
        "_skipped",
        "_tokens",
        "_window",
        "address",
        "copies",
        "ids",
    )

    def __init__(self, address: Address, ids: Ids, *, copies: bool = True, keep: Keep | None = None) -> None:
        self.address = address
        self.ids = ids
        self.copies = copies  # False where the port's type says that nobody can change a payload
        self._keep = _copied if keep is None else keep
        self._ledger: Ledger | None = None  # that may know of messages which this port was not told of
        self._places: tuple[weakref.ref[Place], ...] = ()
        self.reset()

    def reset(self) -> None:
        """Begin to count anew; places stay."""
        self._count = 0
        self._skipped = 0
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
        count, start = len(payloads), 0
        if not self.affords(count, lineage.time):
            start, payloads = count - 1, payloads[-1:]
        kept = self._keep(payloads) if self.copies else payloads, lineage, start
        self.share(kept, count)
        return kept

    def affords(self, count: int, now: float) -> bool:
        """Whether all of a batch can be kept, and not only a sample of it; takes it off what may be kept."""
        tokens = self._tokens + (now - self._refilled) * BURST
        if tokens > BURST:
            tokens = BURST
        self._refilled = now
        enough = tokens >= count
        self._tokens = tokens - count if enough else tokens
        return enough

    def note(self, payloads: Sequence[Any], lineage: Lineage) -> None:
        """Note a batch that nobody can change, and that is made when somebody looks."""
        copies, self.copies = self.copies, False
        try:
            self.record(payloads, lineage)  # type: ignore[arg-type] # it copies nothing now, so it need not be a list
        finally:
            self.copies = copies

    def share(self, kept: Kept, count: int) -> None:
        """Note a batch of ``count`` messages of which another port has made the snapshots."""
        if self._ledger is not None:
            self._ledger.tell()
        self.add(kept, count)

    def add(self, kept: Kept, count: int) -> None:
        """The same, of what a ledger tells."""
        self._count += count
        held = len(kept[0])
        self._skipped += count - held
        if not held:
            return
        history = self._history
        history.append(kept)
        self._held += held
        while self._held - len(history[0][0]) >= KEPT:
            self._held -= len(history.popleft()[0])
        now = kept[1].time
        if now - self._window[0] > RATE_WINDOW:
            self.pace(now, 0)
        for reference in self._places:
            place = reference()
            if place is not None:
                place.add(kept)

    def pace(self, now: float, untold: int) -> None:
        """Begin a new window for the rate where the last one is over; ``untold`` messages more have passed by now."""
        if now - self._window[0] > RATE_WINDOW:
            self._before, self._window = self._window, (now, self._count + untold)

    def missed(self, count: int, kept: int) -> None:
        """Count messages that have passed before those that are added next; ``kept`` of them have been forgotten."""
        self._count += count
        self._skipped += count - kept

    def follow(self, ledger: Ledger | None) -> None:
        """From now on this ledger notes what passes here; None: nobody but this port itself does."""
        self._ledger = ledger
        if ledger is not None and self.held:
            ledger.watch()

    def _catch_up(self) -> None:
        ledger = self._ledger
        if ledger is not None:
            ledger.tell()

    @property
    def count(self) -> int:
        """Messages since the flow was started."""
        self._catch_up()
        return self._count

    @property
    def skipped(self) -> int:
        """Messages counted and not kept."""
        self._catch_up()
        return self._skipped

    @property
    def held(self) -> bool:
        """Whether somebody holds a place here."""
        return any(reference() is not None for reference in self._places)

    @property
    def rate(self) -> float:
        """Messages a second, averaged over the last one to two seconds."""
        self._catch_up()
        since, count = self._before
        elapsed = time.time() - since
        if elapsed > 3 * RATE_WINDOW:  # nothing has moved the window for a while
            since, count = self._window
            elapsed = max(time.time() - since, RATE_WINDOW)
        return max(0.0, (self._count - count) / elapsed) if elapsed > 0 else 0.0

    @property
    def last(self) -> Message | None:
        """The newest message; None before the first."""
        self._catch_up()
        try:
            payloads, lineage, start = self._history[-1]
        except IndexError:
            return None
        index = len(payloads) - 1
        return lineage.message(start + index, self.ids, self.address, payloads[index])

    def history(self, count: int = KEPT) -> list[Message]:
        """The newest messages that were kept, oldest first, at most ``count`` and at most 100."""
        self._catch_up()
        messages = [message for kept in tuple(self._history) for message in self.messages(kept)]
        return messages[-min(count, KEPT) :] if count > 0 else []

    def messages(self, kept: Kept) -> Iterator[Message]:
        """What was kept of one batch, as messages."""
        payloads, lineage, start = kept
        for index, payload in enumerate(payloads):
            yield lineage.message(start + index, self.ids, self.address, payload)

    def of_trace(self, trace: str) -> list[Message]:
        """Those of one trace among the messages that were kept, oldest first; of all others nothing is made."""
        number = self.ids.number(trace)
        self._catch_up()
        return [
            lineage.message(start + index, self.ids, self.address, payloads[index])
            for payloads, lineage, start in tuple(self._history)
            for index, one in enumerate(lineage.traces[start : start + len(payloads)])
            if one == number
        ]

    def place(self) -> Place:
        """Take a place in the stream: it gives what passes from now on."""
        self._catch_up()
        place = Place(self)
        self._hold(place)
        return place

    def join(self, other: PortProbe) -> None:
        """Let those who hold a place at another probe of the same port have it here."""
        for place in other.places():
            place.probe = self
            self._hold(place)

    def places(self) -> list[Place]:
        """The places that somebody holds here."""
        return [place for reference in self._places if (place := reference()) is not None]

    def _hold(self, place: Place) -> None:
        with _holding:  # the flow's thread may be going through them: it goes on with those that were there
            self._places = (*(one for one in self._places if one() is not None), weakref.ref(place))
        ledger = self._ledger
        if ledger is not None:
            ledger.watch()


class Probe:
    """The port probes of one flow, made when a port is first used or looked at.

    Args:
        keep: How snapshots are made; copies, unless everybody who looks does so from another process.

    Attributes:
        settled: The settings that nodes were sent and took over, newest last, with the node of each. Whoever masks
            what is seen has to know them.
    """

    def __init__(self, *, keep: Keep | None = None) -> None:
        self.ids = Ids()
        self.settled: deque[tuple[str, Any]] = deque(maxlen=SETTLED)
        self._keep = keep
        self.ports: dict[Address, PortProbe] = {}

    def port(self, address: Address) -> PortProbe:
        """The probe of one port."""
        probe = self.ports.get(address)
        if probe is None:
            probe = self.ports[address] = PortProbe(address, self.ids, keep=self._keep)
        return probe

    def begin(self) -> None:
        """Begin to count anew at every port; who holds a place keeps it."""
        for probe in list(self.ports.values()):
            probe.reset()
            for place in probe.places():
                place.ended = False

    def forget(self, node: str) -> None:
        """Drop the ports of a node that is no more; who holds a place keeps it."""
        for address in [address for address in self.ports if address.node == node]:
            del self.ports[address]

    def end(self) -> None:
        """Nothing will pass any more: wake everybody who waits for it."""
        for probe in list(self.ports.values()):
            for place in probe.places():
                place.end()


def _copied(payloads: list[Any]) -> list[Any]:
    return snapshots(payloads) if len(payloads) > 1 else [snapshot(payloads[0])]
