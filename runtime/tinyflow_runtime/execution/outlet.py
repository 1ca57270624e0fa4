"""An outlet is an output port at work: it notes what is sent there, once, and hands it to every edge that leaves.

What lies between two nodes happens here, a batch at a time: the edge's ``when`` and ``map``, the check against the
target's type, copies for all receivers but the first, and the limit of hops on a loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyflow_runtime.channel import Channel
from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.execution.adapting import adapt, noted
from tinyflow_runtime.execution.copies import copier
from tinyflow_runtime.execution.results import sift
from tinyflow_runtime.message import Address
from tinyflow_runtime.observation.lineage import Lineage
from tinyflow_runtime.schema import check, immutable

if TYPE_CHECKING:
    from tinyflow_runtime.component import Port
    from tinyflow_runtime.probe import Kept, PortProbe
    from tinyflow_runtime.runner import Runner

UNHEARD = 1_024  # what may be sent before the loop comes round when nobody listens or the listeners shed

AT_ONCE = 8  # as many are served quickest one by one; who sends more goes on after whoever else is ready

# A batch that its receiver may handle at once, without lying in the channel first.
Handoff = tuple[Channel, list[Any], Lineage]


class Outlet:
    """One output port of one runner.

    Attributes:
        channels: Where it leads, in the order the edges were made; the first gets the payload itself.
        lane: The only channel, where its edge lets payloads pass as they are.
        room: How much more may be sent before the sender has to wait.
        at_once: How many more messages may move on before the loop comes round, each on its sender's own stack.
        pending: What was sent since the last flush. It counts as accepted, for room was taken for it.
        origins: For each of these, the index in ``parents`` of the message it was sent for.
        inputs: These messages, where what was sent is a result that nobody has checked yet.
    """

    __slots__ = (
        "at_once",
        "channels",
        "check",
        "immutable",
        "inputs",
        "lane",
        "origins",
        "parents",
        "pending",
        "port",
        "probe",
        "room",
        "runner",
    )

    def __init__(self, runner: Runner, port: Port) -> None:
        self.runner = runner
        self.channels: tuple[Channel, ...] = ()
        self.lane: Channel | None = None
        self.probe: PortProbe | None = None
        self.pending: list[Any] = []
        self.origins: list[int] = []
        self.inputs: list[Any] = []
        self.parents: Lineage | None = None
        self.room = UNHEARD
        self.at_once = AT_ONCE
        self.retype(port)

    def retype(self, port: Port) -> None:
        """Take over another declaration of the same port."""
        self.port = port
        self.check = check(port.type)
        self.immutable = immutable(port.type)
        if self.probe is not None:
            self.probe.copies = not self.immutable

    def measure(self) -> int:
        """Look anew how much room there is behind every edge."""
        room = UNHEARD
        for channel in self.channels:
            free = channel.bound - len(channel.items) if channel.items else channel.bound
            if free < room:
                room = free
        self.room = room - len(self.pending)
        return self.room

    def lead_to(self, channels: tuple[Channel, ...]) -> None:
        """Take over where it leads."""
        self.runner.part()
        self.channels = channels
        self.lane = None
        if len(channels) == 1:
            edge = channels[0].edge
            if edge is not None and edge.program is None and not (edge.check or edge.loop):
                self.lane = channels[0]
        self.measure()

    def emit(self, payload: Any, parents: Lineage | None, index: int) -> None:
        """Send one checked payload; it moves on when the loop comes round, with what else was sent by then."""
        if not self.pending:
            self.runner.scheduler.flush_soon(self)
        elif self.parents is not parents or self.inputs:
            self.runner.scheduler.accept(self.flush())
            self.runner.scheduler.flush_soon(self)
        self.parents = parents
        self.pending.append(payload)
        self.origins.append(index)
        self.room -= 1

    def result(self, payload: Any, parents: Lineage, index: int, message: Any) -> None:
        """Send what a handler returned for ``message``; it is checked when it moves on, a batch at a time."""
        if not self.pending:
            self.runner.scheduler.flush_soon(self)
        elif self.parents is not parents or len(self.inputs) < len(self.pending):
            self.runner.scheduler.accept(self.flush())
            self.runner.scheduler.flush_soon(self)
        self.parents = parents
        self.pending.append(payload)
        self.origins.append(index)
        self.inputs.append(message)
        self.room -= 1

    def results(self, payloads: list[Any], parents: Lineage, messages: list[Any]) -> None:
        """Send what a handler returned for the first messages of a batch; None where it returned nothing."""
        if self.pending:
            self.runner.scheduler.accept(self.flush())
        self.runner.scheduler.flush_soon(self)
        self.parents = parents
        self.pending = payloads
        self.origins = list(range(len(payloads)))
        self.inputs = messages
        self.room -= len(payloads)

    def flush(self) -> Handoff | None:
        """Let what is pending move on."""
        payloads, origins, inputs, parents = self.pending, self.origins, self.inputs, self.parents
        if not payloads:
            return None
        self.pending, self.origins, self.inputs = [], [], []
        self.at_once = AT_ONCE if len(payloads) == 1 else 0  # who sends many at a time is better served with batches

        def unfit(index: int, error: PayloadError) -> None:
            assert parents is not None  # a result is always a message's
            self.runner.handled -= 1
            self.runner.fail("in", inputs[origins.index(index)], parents, index, error)

        sent, sources = payloads, origins
        if inputs and self.check.first_misfit(payloads) >= 0:
            sent, sources = sift(self.check, payloads, origins, unfit)
        try:
            handoff = self._send_pending(sent, sources, parents)
        except PayloadError:  # only a snapshot looks so deep, and only results come here unchecked
            sent, sources = sift(self.check, sent, sources, unfit, deep=True)
            handoff = self._send_pending(sent, sources, parents)
        self.measure()
        return handoff

    def send_one(self, payload: Any, parents: Lineage | None, index: int) -> Handoff | None:
        """Let one payload move on now, before any other."""
        self.at_once -= 1
        self.room -= 1  # at the most: mostly it lies nowhere, which is measured when there seems to be none left
        return self._send_pending([payload], [index], parents)

    def _send_pending(self, payloads: list[Any], origins: list[int], parents: Lineage | None) -> Handoff | None:
        if not payloads:
            return None
        scheduler = self.runner.scheduler
        ids, now = scheduler.ids.draw(len(payloads)), scheduler.now()
        lineage = Lineage.first(ids, now) if parents is None else parents.only(origins).next(ids, now)
        return self.send(payloads, lineage)

    def send(self, payloads: list[Any], lineage: Lineage) -> Handoff | None:
        """Note a batch and hand it to every edge; there is room for it.

        Returns:
            The batch for the only receiver, when that is idle and can handle it at once.

        Raises:
            PayloadError: A payload holds something that cannot be sent; nothing was sent.
        """
        return self.pass_on(payloads, lineage, (self.probe or self.watched()).record(payloads, lineage))

    def watched(self) -> PortProbe:
        """The port's probe; made when the first message passes."""
        probe = self.probe = self.runner.scheduler.probe.port(Address(self.runner.name, self.port.name))
        probe.copies = not self.immutable
        return probe

    def pass_on(self, payloads: list[Any], lineage: Lineage, kept: Kept) -> Handoff | None:
        """Hand a batch that was noted to every edge."""
        channels = self.channels
        if len(channels) == 1:
            return self._hand_on(channels[0], payloads, lineage, kept)
        if channels:
            copy = None if self.immutable else copier(payloads)
            batches = [payloads if copy is None or i == 0 else copy(payloads) for i in range(len(channels))]
            for channel, batch in zip(channels, batches, strict=True):
                self.runner.scheduler.accept(self._hand_on(channel, batch, lineage, kept))
        return None

    def _hand_on(self, channel: Channel, payloads: list[Any], lineage: Lineage, kept: Kept) -> Handoff | None:
        target, edge = channel.target, channel.edge
        assert edge is not None  # only what comes from outside has none
        probe = channel.probe or target.inlet(channel)
        if edge.program is not None or edge.check or edge.loop:
            payloads, lineage = adapt(channel, edge, payloads, lineage)
            if not payloads:
                return None
            payloads, lineage = noted(channel, edge, probe, payloads, lineage)
            if not payloads:
                return None
        else:
            probe.share(kept, len(payloads))
        if channel.queued or len(payloads) > channel.capacity or not target.drive.idle():
            channel.put(payloads, lineage)
            return None
        channel.accepted += len(payloads)
        return channel, payloads, lineage
