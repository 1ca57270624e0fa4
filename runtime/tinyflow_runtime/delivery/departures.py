"""A departure is an edge where it leaves its process: what was sent and is not acknowledged, and how far it may go."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from tinyflow_runtime.delivery.frames import FRAME_BYTES, WINDOW, Cargo, EdgeKey, Open, Opened, Parcel
from tinyflow_runtime.errors import TinyFlowError


class Origin(Protocol):
    """Where an edge's messages are taken from, and where it is told what became of them: a channel's reader."""

    def __len__(self) -> int:
        """How many messages lie there; those that were taken do not."""

    def take(self, count: int, size: int) -> Cargo | None:
        """The oldest messages, at most ``count``, and about ``size`` bytes; None when there are none."""

    def delivered(self, count: int) -> None:
        """So many of those taken were accepted."""

    def lost(self, *, unacknowledged: int, unsettled: int) -> None:
        """So many of those taken may have died with their receiver: not accepted for all we know, or accepted."""

    def reject(self, cargo: Cargo | None, error: TinyFlowError) -> None:
        """What was taken and not accepted, and all that lies there, cannot be delivered."""


class Departure:
    """One edge of one writer.

    Attributes:
        number: What it is called on a stream.
        begun: Whether the receiver ever took messages of this epoch.
        opened: Whether it does so on the stream there is.
        refusal: Why not, when it said so; waiting may help while ``waiting_since`` is set.
        instance: The receiver's life that was met last; empty before the first.
        flight: Sent and not acknowledged, oldest first.
        again: The part of it that is still to be sent on the stream there is.
        accepted: Messages that this instance has accepted, over all epochs.
        settled: How many of these it says are settled.
        standing: Whether it stands in the sender's row.
        leaving_since: When its edge was taken out of the flow; None while it is there.
    """

    __slots__ = (
        "accepted",
        "acknowledged",
        "again",
        "begun",
        "edge",
        "epoch",
        "flight",
        "instance",
        "leaving_since",
        "limit",
        "next",
        "number",
        "opened",
        "origin",
        "refusal",
        "settled",
        "standing",
        "waiting_since",
    )

    def __init__(self, number: int, edge: EdgeKey, origin: Origin) -> None:
        self.number = number
        self.edge = edge
        self.origin = origin
        self.epoch = 1
        self.next = 1
        self.acknowledged = self.limit = self.accepted = self.settled = 0
        self.flight: deque[Parcel] = deque()
        self.again: deque[Parcel] = deque()
        self.instance = ""
        self.begun = self.opened = False
        self.refusal: TinyFlowError | None = None
        self.waiting_since: float | None = None
        self.standing = False
        self.leaving_since: float | None = None

    @property
    def unacknowledged(self) -> int:
        """How many messages are sent and not acknowledged."""
        return self.next - 1 - self.acknowledged

    @property
    def safe(self) -> bool:
        """Whether nothing would be lost if the receiver ended now."""
        return not (self.begun and self.flight) and self.settled >= self.accepted

    @property
    def done(self) -> bool:
        """Whether nothing lies there, nothing is on its way, and nothing can be lost any more."""
        return not self.flight and not len(self.origin) and self.settled >= self.accepted

    def ask(self) -> Open:
        """The question with which it is opened."""
        return Open(self.number, self.edge, self.epoch)

    def cut_off(self) -> None:
        """The stream is no more."""
        self.opened = False
        self.again.clear()

    def pack(self, count: int, size: int) -> Parcel | None:
        """The next messages to be sent, first those that go again; None when there are none or no room for them."""
        if not self.opened:
            return None
        if self.again:
            return self._pack_again()
        room = min(self.limit, self.acknowledged + WINDOW) + 1 - self.next
        if room <= 0:
            return None
        cargo = self.origin.take(min(count, room), size)
        if cargo is None:
            return None
        # Origins know sizes only about, and a frame that is far too large would break one stream after the other.
        pieces = [cargo] if cargo.size <= 2 * FRAME_BYTES else cargo.pieces(FRAME_BYTES)
        parcels = [self._fly(piece) for piece in pieces]
        self.again.extend(parcels[1:])
        return parcels[0]

    def _fly(self, cargo: Cargo) -> Parcel:
        parcel = Parcel(self.number, self.epoch, self.next, cargo)
        self.next += len(cargo.payloads)
        self.flight.append(parcel)
        return parcel

    def _pack_again(self) -> Parcel | None:
        parcel = self.again[0]
        if parcel.last <= self.limit:
            return self.again.popleft()
        if parcel.first > self.limit:
            return None
        self.again[0] = _after(parcel, self.limit)
        return parcel._replace(cargo=parcel.cargo.before(self.limit + 1 - parcel.first))

    def meet(self, instance: str, *, known: bool) -> int:
        """Learn who receives now, and whether it knows this epoch, if that was ever begun.

        A receiver that does not know it, or is another, has taken with it what it had: that is given up, and a new
        epoch begins.

        Returns:
            How many messages may be lost.
        """
        if not self.instance:
            self.instance = instance
        if instance == self.instance and (known or not self.begun):
            return 0
        unacknowledged = self.unacknowledged if self.begun else 0
        unsettled = self.accepted - self.settled
        if unacknowledged or unsettled:
            self.origin.lost(unacknowledged=unacknowledged, unsettled=unsettled)
        self.instance = instance
        self.accepted = self.settled = 0
        if self.begun:
            self.flight.clear()
            self._begin_epoch()
        return unacknowledged + unsettled

    def open(self, opened: Opened) -> None:
        """Go on with this epoch where the receiver is."""
        self.refusal = self.waiting_since = None
        self.opened = self.begun = True
        self.acknowledge(opened.received, opened.limit, opened.settled)
        self.again = deque(self.flight)

    def acknowledge(self, received: int, limit: int, settled: int) -> None:
        """What was accepted is the receiver's."""
        self.settle(settled)
        if limit > self.limit:
            self.limit = limit
        count = received - self.acknowledged
        if count <= 0:
            return
        self.acknowledged = received
        self.accepted += count
        flight = self.flight
        while flight and flight[0].last <= received:
            flight.popleft()
        if flight and flight[0].first <= received:
            flight[0] = _after(flight[0], received)
        self.origin.delivered(count)

    def settle(self, settled: int) -> None:
        """What is settled is lost to nobody; told of all epochs at once."""
        if settled > self.settled:
            self.settled = settled

    def refused(self, received: int, error: TinyFlowError, *, lasting: bool, now: float) -> None:
        """This epoch is over: what was not accepted waits for the next, or becomes dead letters."""
        self.closed(received)
        self.refusal = error
        self.waiting_since = None if lasting else now if self.waiting_since is None else self.waiting_since
        if lasting:
            self.give_up(error)

    def closed(self, received: int) -> None:
        """This epoch is over: what was not accepted goes first in the next."""
        self.acknowledge(received, 0, 0)
        kept = [parcel.cargo for parcel in self.flight]
        self.flight.clear()
        self._begin_epoch()
        for cargo in kept:
            self._fly(cargo)

    def give_up(self, error: TinyFlowError) -> None:
        """What was certainly not accepted becomes dead letters, and so does all that follows while it is refused."""
        self.waiting_since = None
        for parcel in self.flight:
            self.origin.reject(parcel.cargo, error)
        self.flight.clear()
        self.next = 1  # of an epoch that was not begun
        self.origin.reject(None, error)

    def _begin_epoch(self) -> None:
        self.epoch += 1
        self.next = 1
        self.acknowledged = self.limit = 0
        self.begun = False
        self.cut_off()


def _after(parcel: Parcel, sequence: int) -> Parcel:
    """What of a parcel comes after a sequence."""
    return parcel._replace(first=sequence + 1, cargo=parcel.cargo.after(sequence + 1 - parcel.first))
