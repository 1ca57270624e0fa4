"""An arrival is an edge where it enters its process: what one writer has sent over it, and how much more may come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tinyflow_runtime.delivery.frames import Cargo, EdgeKey, Parcel
from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError


class Door(Protocol):
    """Where an edge's messages go in: the writer's side of a bounded channel."""

    @property
    def capacity(self) -> int:
        """How many messages it holds."""

    @property
    def room(self) -> int:
        """How many messages can be put now."""

    @property
    def refusal(self) -> TinyFlowError | None:
        """Why nothing can be put any more, for example because its node is gone; None while it can."""

    @property
    def settled(self) -> int:
        """How many of the messages put are settled."""

    def put(self, cargo: Cargo) -> None:
        """Accept messages; there is room."""

    def when_freed(self, call: Callable[[], None]) -> None:
        """Call back, once, when half of the room is free again."""

    def close(self) -> None:
        """Nothing more will be put; what was put is still handled."""


class Arrival:
    """What is known of one writer of one edge, while this process lives.

    Attributes:
        number: What the edge is called on the stream there is.
        epoch: The newest that was opened or refused; 0 before the first.
        open: Whether messages of it are taken.
        received: The high-water mark: the sequence of the last message that was accepted.
        limit: The sequence up to which the writer may send.
        accepted: Messages accepted, over all epochs.
        told_settled: How many settled messages the writer was told of last.
    """

    __slots__ = (
        "_former",
        "_settled",
        "_taken",
        "accepted",
        "door",
        "edge",
        "epoch",
        "limit",
        "number",
        "open",
        "received",
        "told_settled",
    )

    def __init__(self, edge: EdgeKey, number: int) -> None:
        self.edge = edge
        self.number = number
        self.epoch = 0
        self.open = False
        self.received = self.limit = self.accepted = self.told_settled = 0
        self.door: Door | None = None
        self._taken = 0  # by this door
        self._former: list[tuple[Door, int]] = []  # doors before this one, and how many messages each took
        self._settled = 0  # of doors where everything is

    @property
    def settled(self) -> int:
        """How many messages of this writer are settled, over all epochs and doors."""
        count = 0 if self.door is None else self.door.settled
        for door, taken in list(self._former):
            if (settled := door.settled) == taken:
                self._settled += taken
                self._former.remove((door, taken))
            else:
                count += settled
        return self._settled + count

    def leave(self) -> None:
        """Nothing more comes, for now at least."""
        self.open = False
        if self.door is not None:
            self.door.close()
            self._former.append((self.door, self._taken))
            self.door, self._taken = None, 0

    def enter(self, epoch: int) -> bool:
        """Take messages of an epoch through the door there is; returns whether the epoch was known."""
        known = self._turn_to(epoch)
        self.open = True
        self.grant()
        return known

    def refuse(self, epoch: int) -> bool:
        """Take nothing more of an epoch: the writer is told the mark and counts on it. Returns whether it was known."""
        self.open = False
        return self._turn_to(epoch)

    def _turn_to(self, epoch: int) -> bool:
        known = epoch == self.epoch
        if not known:
            self.epoch = epoch
            self.received = self.limit = 0
        return known

    def grant(self) -> None:
        """Grant what room there is. What was granted once is never taken back."""
        if self.door is not None and self.open:
            self.limit = max(self.limit, self.received + self.door.room)

    def take(self, parcel: Parcel) -> None:
        """Accept what of a parcel was not accepted before.

        Raises:
            ModuleUnavailable: TF-152, the writer left something out, or sent more than there is room for.
        """
        last = parcel.last
        if last <= self.received:
            return
        if parcel.first > self.received + 1:
            raise self._broken(f"{parcel.first} came after {self.received}")
        if last > self.limit:
            raise self._broken(f"{last} came, and there is room up to {self.limit}")
        assert self.door is not None  # it was opened
        cargo = parcel.cargo
        if parcel.first <= self.received:
            cargo = cargo.after(self.received + 1 - parcel.first)
        count = len(cargo.payloads)
        self.received = last
        self.accepted += count
        self._taken += count
        self.door.put(cargo)

    def _broken(self, what: str) -> ModuleUnavailable:
        what = f"The writer of edge {self.edge} broke the protocol: message {what}."
        return ModuleUnavailable("TF-152", what, "Look at its log.")
