"""A sender is one process' end of the stream to another module: all edges that lead there, in frames of messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tinyflow_runtime.delivery.departures import Departure, Origin
from tinyflow_runtime.delivery.frames import (
    ENDING,
    FRAME_BYTES,
    FRAME_MESSAGES,
    Answer,
    Close,
    EdgeKey,
    Frame,
    Hello,
    Invitation,
    Item,
    Loss,
    Opened,
    Receipt,
    Refusal,
    Welcome,
)
from tinyflow_runtime.errors import Undelivered

PATIENCE = 10.0  # seconds a message waits for a right that the receiver does not know of, or not yet
LEAVING = 30.0  # seconds for what was sent over an edge that is no more


class Sender:
    """Sends what lies at the origins of its edges, over whatever stream there is.

    A driver calls ``connected`` with each new stream and ``disconnected`` when it has broken, hands in what comes with
    ``receive``, and writes ``next_frame`` until that gives nothing; ``tick`` now and then.

    Args:
        writer: The uid of this process' life.
        module: The module this process runs.
        peer: The module the stream leads to.
        clock: Seconds since the epoch.
        wake: Called when there may be a frame to write.

    Attributes:
        instance: The receiver's life that answered last; empty before the first.
        disconnected_since: When the stream broke; None while there is one.
        losses: What may have gone with receivers that died.
    """

    def __init__(
        self,
        writer: str,
        module: str,
        peer: str,
        *,
        clock: Callable[[], float],
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self.writer = writer
        self.module = module
        self.peer = peer
        self.instance = ""
        self.disconnected_since: float | None = clock()
        self.losses: list[Loss] = []
        self._clock = clock
        self._wake = wake
        self._departures: dict[int, Departure] = {}
        self._last_number = self._streams = 0
        self._leaving = False  # nothing more is sent on the stream there is
        self._said: list[Item] = []  # to be said before any parcel
        self._row: deque[Departure] = deque()

    # Edges

    def add(self, edge: EdgeKey, origin: Origin) -> Departure:
        """Send what lies at an origin over an edge, from now on."""
        self._last_number += 1
        departure = Departure(self._last_number, edge, origin)
        self._departures[departure.number] = departure
        if self.disconnected_since is None:
            self._say(departure.ask())
        return departure

    def remove(self, departure: Departure) -> None:
        """The edge is no more: what lies at its origin is still sent, for a while, and then becomes dead letters."""
        departure.leaving_since = self._clock()
        self._drop_if_done(departure)

    @property
    def departures(self) -> list[Departure]:
        """Every edge, and those that were removed and still have something to send."""
        return list(self._departures.values())

    def stir(self, departure: Departure) -> None:
        """Something lies at its origin."""
        if departure.refusal is not None and departure.waiting_since is None:
            departure.origin.reject(None, departure.refusal)
        elif departure.opened and not departure.standing:
            departure.standing = True
            self._row.append(departure)
            self._wake()

    # Streams

    def connected(self) -> None:
        """There is a new stream, on which nothing was said yet."""
        self._streams += 1
        self._said = [Hello(self.writer, self.module, self._streams)]
        self._said += [departure.ask() for departure in self._departures.values()]
        self.disconnected_since = None
        self._leaving = False
        self._wake()

    def leave(self) -> None:
        """Send no more messages on the stream there is: the next one leads to another process."""
        self._leaving = True

    @property
    def settled(self) -> bool:
        """Whether the receiver that was met last could end now, and nothing would be lost."""
        return all(departure.safe for departure in self._departures.values())

    def disconnected(self) -> None:
        """The stream is no more; what was sent on it may have arrived or not."""
        if self.disconnected_since is None:
            self.disconnected_since = self._clock()
        self._said = []
        self._row.clear()
        for departure in self._departures.values():
            departure.cut_off()
            departure.standing = False

    def next_frame(self) -> Frame | None:
        """What is to be written next, if anything: at most 256 messages and about 128 KiB."""
        frame: Frame = list(self._said)
        self._said = []
        count, size = FRAME_MESSAGES, FRAME_BYTES
        row = self._row
        while row and not self._leaving and count > 0 and size > 0:
            departure = row.popleft()
            parcel = departure.pack(count, size)
            if parcel is None:
                departure.standing = False
                continue
            frame.append(parcel)
            count -= len(parcel.cargo.payloads)
            size -= parcel.cargo.size
            row.append(departure)
        return frame or None

    def receive(self, answers: list[Answer]) -> None:
        """Take in what the receiver said on the stream there is."""
        for answer in answers:
            if isinstance(answer, Welcome):
                self._meet(answer.instance)
                continue
            departure = self._departures.get(answer.number)
            if departure is None:
                continue
            if isinstance(answer, Receipt):
                self._take_receipt(departure, answer)
            elif isinstance(answer, Opened):
                self._open(departure, answer)
            elif isinstance(answer, Refusal):
                self._take_refusal(departure, answer)
            elif isinstance(answer, Invitation) and not departure.opened:
                self._say(departure.ask())

    def tick(self) -> None:
        """Time has passed: nothing waits for ever that nobody will take."""
        now = self._clock()
        for departure in list(self._departures.values()):
            since, refusal = departure.waiting_since, departure.refusal
            if since is not None and refusal is not None and now - since >= PATIENCE:
                departure.give_up(refusal)
            if departure.leaving_since is not None and now - departure.leaving_since >= LEAVING:
                self._abandon(departure)
            self._drop_if_done(departure)

    def _meet(self, instance: str) -> None:
        self.instance = instance
        for departure in self._departures.values():
            self._settle(departure, known=True)

    def _settle(self, departure: Departure, *, known: bool) -> bool:
        """Whether an edge can go on in its epoch with this receiver; else it asks to begin a new one."""
        epoch = departure.epoch
        count = departure.meet(self.instance, known=known)
        if count:
            self.losses.append(Loss(departure.edge, self.peer, count, self._clock()))
        if departure.epoch == epoch:
            return True
        self._say(departure.ask())
        return False

    def _open(self, departure: Departure, opened: Opened) -> None:
        if opened.epoch != departure.epoch or not self._settle(departure, known=opened.known):
            return
        departure.open(opened)
        self.stir(departure)
        self._drop_if_done(departure)

    def _take_receipt(self, departure: Departure, receipt: Receipt) -> None:
        if receipt.epoch != departure.epoch:
            departure.settle(receipt.settled)
            return
        departure.acknowledge(receipt.received, receipt.limit, receipt.settled)
        if departure.again or len(departure.origin):
            self.stir(departure)
        elif departure.leaving_since is not None:
            self._drop_if_done(departure)

    def _take_refusal(self, departure: Departure, refusal: Refusal) -> None:
        if refusal.epoch != departure.epoch or not self._settle(departure, known=refusal.known):
            return
        if refusal.error.code == ENDING:
            departure.closed(refusal.received)
        else:
            departure.refused(refusal.received, refusal.error, lasting=refusal.lasting, now=self._clock())

    def _abandon(self, departure: Departure) -> None:
        edge = departure.edge
        what = f"The edge {edge} was taken out of the flow before {self.peer} accepted it."
        error = Undelivered("TF-141", what, "Discard it.")
        if departure.begun and departure.unacknowledged:
            departure.origin.lost(unacknowledged=departure.unacknowledged, unsettled=0)
            self.losses.append(Loss(edge, self.peer, departure.unacknowledged, self._clock()))
            departure.flight.clear()
        departure.give_up(error)

    def _drop_if_done(self, departure: Departure) -> None:
        if departure.leaving_since is not None and departure.done:
            departure.cut_off()
            if self._departures.pop(departure.number, None) is not None:
                self._say(Close(departure.number))

    def _say(self, item: Item) -> None:
        if self.disconnected_since is None:
            self._said.append(item)
            self._wake()
