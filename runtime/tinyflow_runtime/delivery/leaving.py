"""An exit is where an edge leaves its module: what a node sends lies here until the next module has accepted it.

For the sending node it is a channel like any other: bounded, first in first out. Its reader is the delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyflow_runtime.channel import Channel
from tinyflow_runtime.delivery.frames import Cargo, EdgeKey
from tinyflow_runtime.errors import PayloadError, TinyFlowError
from tinyflow_runtime.execution.failing import Failing, cause
from tinyflow_runtime.observation.lineage import Lineage
from tinyflow_runtime.payloads.codec import decode, encode, encode_all
from tinyflow_runtime.payloads.sizes import LIMIT, refuse_large
from tinyflow_runtime.ports import Port
from tinyflow_runtime.probe import PortProbe

if TYPE_CHECKING:
    from tinyflow_runtime.definition.edges import Edge
    from tinyflow_runtime.delivery.departures import Departure
    from tinyflow_runtime.message import Address
    from tinyflow_runtime.scheduler import Scheduler


class Leaving(NamedTuple):
    """An edge that leads to a node of another module."""

    key: EdgeKey
    module: str
    edge: Edge


class ExitCounts(NamedTuple):
    """What became of the messages of one exit: accepted = delivered + dead + shed + lost + queued, whenever taken.

    Attributes:
        delivered: Accepted by the next module.
        lost: May have gone with a process that died, at the most.
        queued: Lie here, or are sent and not acknowledged.
    """

    accepted: int
    delivered: int
    dead: int
    shed: int
    lost: int
    queued: int


class Exit(Failing):
    """One edge that leaves; to its channel, the node at the other end.

    Attributes:
        taken: Messages that are sent and not acknowledged.
        lost_count: Messages that may have gone with a receiver.
        closed: Whether nothing comes any more.
        stir: Called when something lies here.
        departure: What the delivery knows of it, once it has it.
    """

    __slots__ = (
        "_average",
        "_probe",
        "channel",
        "closed",
        "departure",
        "edge",
        "key",
        "lost_count",
        "module",
        "shed",
        "stir",
        "taken",
    )

    def __init__(self, scheduler: Scheduler, leaving: Leaving) -> None:
        self.scheduler = scheduler
        self.key, self.module, self.edge = leaving
        self.name = self.edge.target.node
        self.outlets = {}
        self.handled = self.failed = self.dead = self.shed = self.refused = self.lost_count = self.taken = 0
        self.error = None
        self.closed = False
        self.stir: Callable[[], None] = _nobody
        self.departure: Departure | None = None
        self._average = 256.0  # bytes of a payload
        self._probe = PortProbe(self.edge.target, scheduler.ids, copies=False)
        self.channel = Channel(
            self,  # type: ignore[arg-type] # all that a channel and an outlet ask of a runner, it answers
            Port(self.edge.target.port, "in"),
            edge=self.edge,
            capacity=self.edge.capacity,
        )

    def counts(self) -> ExitCounts:
        """What became of its messages, between two batches."""
        accepted, queued = self.refused + self.channel.accepted, len(self.channel) + self.taken
        return ExitCounts(accepted, self.handled, self.dead, self.shed, self.lost_count, queued)

    def change(self, edge: Edge) -> None:
        """Take over another definition of the same edge."""
        self.edge = self.channel.edge = edge
        self.channel.resize(edge.capacity)
        self.channel.freed()

    def close(self) -> None:
        """Its edge is no more: what lies here still leaves."""
        self.closed = True
        self.channel.freed(anyway=True)

    def end(self, error: TinyFlowError) -> None:
        """What lies here will not leave any more."""
        self.closed = True
        self.refuse_all(error)
        self.channel.freed(anyway=True)

    async def send(self, to: Address, payload: Any) -> None:
        """Send from outside the flow, such as a dead letter; returns when it lies here."""
        channel, scheduler = self.channel, self.scheduler
        if channel.room <= 0 or channel.waiters:
            await channel.wait_for_room()
        scheduler.tick()
        channel.put([payload], Lineage.first(scheduler.ids.draw(1), scheduler.now()))

    # What channels and outlets ask of the node at the other end

    @property
    def drive(self) -> Exit:
        return self

    @property
    def opened(self) -> bool:
        return True

    settings_port = None

    def idle(self) -> bool:
        """Nothing is handled here."""
        return False

    def goes_along(self) -> bool:
        """It is no function."""
        return False

    def wake(self, _channel: Channel) -> None:
        """Something lies in a channel that was empty."""
        self.stir()

    def inlet(self, channel: Channel) -> PortProbe:
        """The port at the other end is observed there."""
        channel.probe = self._probe
        return self._probe

    # What the delivery asks of an origin

    def __len__(self) -> int:
        return len(self.channel)

    def take(self, count: int, size: int) -> Cargo | None:
        """The oldest messages, encoded; those that cannot be become dead letters."""
        channel = self.channel
        while len(channel):
            payloads, lineage = channel.take(min(count, max(1, int(size / self._average))))
            if not channel.items:
                channel.queued = False
            channel.freed()
            encoded, lineage = self._encoded(payloads, lineage)
            if encoded:
                total = sum(map(len, encoded))
                self._average += (total / len(encoded) - self._average) / 4
                self.taken += len(encoded)
                return Cargo(encoded, lineage, total, self.scheduler.ids.prefix)
        return None

    def delivered(self, count: int) -> None:
        """So many of those taken were accepted by the next module."""
        self.taken -= count
        self.handled += count

    def lost(self, *, unacknowledged: int, unsettled: int) -> None:
        """So many of those taken may have died with their receiver."""
        self.taken -= unacknowledged
        self.handled -= unsettled
        self.lost_count += unacknowledged + unsettled

    def reject(self, cargo: Cargo | None, error: TinyFlowError) -> None:
        """What was taken and not accepted, or all that lies here, cannot be delivered."""
        if cargo is None:
            self.refuse_all(error)
            return
        self.taken -= len(cargo.payloads)
        assert cargo.lineage is not None  # it was taken here
        self.scheduler.report(self.name, str(error), cause=cause(error))
        self.bury(self.edge.target.port, list(map(decode, cargo.payloads)), cargo.lineage, error)

    def refuse_all(self, error: TinyFlowError) -> None:
        """All that lies here becomes dead letters."""
        channel = self.channel
        if len(channel):
            payloads, lineage = channel.take(len(channel))
            self.scheduler.report(self.name, str(error), cause=cause(error))
            self.bury(self.edge.target.port, payloads, lineage, error)
        channel.queued = False
        channel.freed()

    def on_their_way(self) -> list[Sequence[int]]:
        """The traces of what is sent and not acknowledged."""
        flight = () if self.departure is None else self.departure.flight
        return [parcel.cargo.lineage.traces for parcel in flight if parcel.cargo.lineage is not None]

    def _encoded(self, payloads: list[Any], lineage: Lineage) -> tuple[list[bytes], Lineage]:
        try:
            encoded = encode_all(payloads)
        except Exception:  # what encoding a person's own object raises
            encoded = []
        if encoded and max(map(len, encoded)) <= LIMIT:
            return encoded, lineage
        return self._encoded_each(payloads, lineage)

    def _encoded_each(self, payloads: list[Any], lineage: Lineage) -> tuple[list[bytes], Lineage]:
        """One by one, so that a message that cannot be sent does not take its batch with it."""
        encoded, indexes = [], []
        for index, payload in enumerate(payloads):
            try:
                one = encode(payload)
                if len(one) > LIMIT:  # a mapping can make a message larger than one may be
                    refuse_large(payload)
            except Exception as error:
                self._unsendable(payload, lineage, index, error)
            else:
                encoded.append(one)
                indexes.append(index)
        return encoded, lineage.pick(indexes)

    def reason(self, error: BaseException) -> str:
        """One text for the dead letter and the log."""
        if isinstance(error, TinyFlowError):
            return str(error)
        what = (
            f"A message to {self.edge.target} in module {self.module} cannot be sent: {type(error).__name__}: {error}."
        )
        return str(PayloadError("TF-120", what, "Send data, not live objects."))

    def _unsendable(self, payload: Any, lineage: Lineage, index: int, error: Exception) -> None:
        self.dead += 1
        reason = self.reason(error)
        self.scheduler.report(self.name, reason, cause=cause(error))
        self.scheduler.dead_letter(self.edge.target, payload, lineage, index, reason, error)


def _nobody() -> None:
    """Nobody takes from here yet."""
