"""Watching a running flow from elsewhere: what passes at its ports, sampled, filtered and masked before it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.hosting.reports import carried
from tinyflow_runtime.hosting.running import Running
from tinyflow_runtime.language.expression import EdgeProgram, check_condition, compile_edge, compile_expression
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.observation.stream import Place
from tinyflow_runtime.probe import PortProbe
from tinyflow_runtime.redaction import Redactor

__all__ = ["watch"]

ROUND = 0.05  # seconds between looks at all ports of a flow when everything is wanted; no eye is faster
FASTEST = 1_000.0  # answers a second of one port; beyond it nobody asks for less than all
BATCH = 256  # messages given out before the loop comes round


def watch(running: Running, request: protocol.WatchRequest, redactor: Redactor) -> AsyncIterator[protocol.Seen]:
    """See ``Watch`` in module.proto; the place is taken before this returns.

    Raises:
        NodeError: TF-107. PortError: TF-101. ExpressionError: TF-114, ``where`` is no condition.
    """
    program = None
    if request.where:
        condition = compile_expression(request.where, Any, where="where")
        check_condition(condition)
        program = compile_edge(condition, None)
    address = Address.parse(request.port) if request.port else None
    if address is not None:
        running.port(address)
    watching = _Watching(running, address, request.per_second, program, redactor)
    watching.look_round()
    return watching.stream()


class _Port:
    """One port that is watched; without a place only its newest message counts, and the flow pays nothing for it."""

    def __init__(self, probe: PortProbe, place: Place | None, *, first: bool) -> None:
        self.probe = probe
        self.place = place
        # A port that nothing had passed when the watch began has passed nothing that the watch does not want.
        self.before = self.counted = 0 if first else probe.count
        self.missed = probe.history() if first and place is not None else []
        self.given = 0

    def take(self) -> Iterator[Message]:
        """What has passed since."""
        if self.place is not None:
            missed, self.missed = self.missed, []
            yield from missed
            while (message := self.place.take()) is not None:
                yield message
        elif self.probe.count != self.counted and (last := self.probe.last) is not None:
            yield last
        self.counted = self.probe.count

    @property
    def skipped(self) -> int:
        """Messages that passed since the watch began and were not given."""
        return max(0, self.counted - self.before - self.given)


class _Watching:
    def __init__(
        self,
        running: Running,
        address: Address | None,
        per_second: float,
        program: EdgeProgram | None,
        redactor: Redactor,
    ) -> None:
        self._running, self._address, self._program, self._redactor = running, address, program, redactor
        self._sampled = 0 < per_second < FASTEST
        self._pause = 1 / per_second if self._sampled else ROUND
        self._ports: dict[PortProbe, _Port] = {}

    def look_round(self, *, first: bool = False) -> None:
        """Watch the ports that are there now and were not before; ``first`` when the watch has begun."""
        probes = self._running.probe.ports
        if self._address is not None:
            if not self._ports:
                self._add(self._running.probe.port(self._address), first=first)
        elif not self._ports.keys() >= (there := set(probes.values())):
            for gone in self._ports.keys() - there:
                del self._ports[gone]
            for probe in there - self._ports.keys():
                self._add(probe, first=first)

    def _add(self, probe: PortProbe, *, first: bool) -> None:
        # What samples the newest needs no place, unless it looks for one among those that passed.
        place = None if self._sampled and self._program is None else probe.place()
        self._ports[probe] = _Port(probe, place, first=first)

    async def stream(self) -> AsyncIterator[protocol.Seen]:
        yield protocol.Seen(count=sum(port.probe.count for port in self._ports.values()))
        while True:
            over = self._over()
            begun = time.monotonic()
            given = 0
            for port in list(self._ports.values()):
                for seen in self._newest(port) if self._sampled else self._every(port):
                    yield seen
                    given += 1
                    if given % BATCH == 0:
                        await asyncio.sleep(0)
            if over:
                return
            await self._wait(self._pause - (time.monotonic() - begun))
            self.look_round(first=True)

    def _over(self) -> bool:
        """Whether nothing will pass any more; what has passed is still to be taken."""
        if self._running.ended or self._address is None:
            return self._running.ended
        gone = self._address.node not in self._running.scheduler.runners.nodes
        return gone or any(port.place is not None and port.place.ended for port in self._ports.values())

    async def _wait(self, pause: float) -> None:
        if self._address is not None and not self._sampled:
            for port in self._ports.values():  # it is one
                assert port.place is not None  # who wants every message has one
                await asyncio.wrap_future(port.place.coming())
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, pause)):
                await self._running.wait_ended()

    def _every(self, port: _Port) -> Iterator[protocol.Seen]:
        for message in port.take():
            seen = self._shown(message)
            if seen is not None:
                port.given += 1
                yield protocol.Seen(message=seen, skipped=port.skipped, count=port.probe.count)

    def _newest(self, port: _Port) -> Iterator[protocol.Seen]:
        found = None
        for message in port.take():
            found = self._shown(message) or found
        if found is not None:
            port.given += 1
            yield protocol.Seen(message=found, skipped=port.skipped, count=port.probe.count)

    def _shown(self, message: Message) -> protocol.Message | None:
        """A message as it leaves; None where the filter is not true for it. The filter sees no secret either."""
        declared = self._running.ports(message.to.node).get(message.to.port)
        try:
            document = self._redactor.document(
                message.payload, name=message.to.port, type=declared.type if declared is not None else Any
            )
        except PayloadError:  # it can be sent to nobody
            return None
        if self._program is not None:
            try:
                if not self._program.one(document)[0]:
                    return None
            except Exception:  # an expression met a payload it was not made for: it is not true for it
                return None
        return carried(self._running.name, message, msgspec.msgpack.encode(document))
