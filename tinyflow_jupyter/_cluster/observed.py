"""A port in a module process, as a live port looks at it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from tinyflow_runtime import protocol
from tinyflow_runtime.definition.edges import Edge
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.probe import KEPT

from tinyflow_jupyter._observed import Observed, sent

from .balance import balance, letters
from .connections import Connections
from .payload import Reader
from .stream import RemotePlace, Stream


class RemoteProbe:
    """What a module process knows of one port, asked whenever somebody looks.

    Args:
        module: Where the node runs now.
        flow: The flow's name.
        stream: Where places are taken.
        read: Makes messages of what comes.
    """

    def __init__(
        self, connections: Connections, module: str, flow: str, address: Address, *, stream: Stream, read: Reader
    ) -> None:
        self._connections = connections
        self._module, self._flow, self._address = module, flow, address
        self._stream, self._read = stream, read

    @property
    def last(self) -> Message | None:
        """The newest message; None before the first."""
        found = self._look(1).messages
        return self._read(found[-1]) if found else None

    @property
    def count(self) -> int:
        """Messages since the node started in the process that runs it now."""
        return self._look().count

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self._look().rate

    @property
    def skipped(self) -> int:
        """Counted and not kept."""
        return self._look().skipped

    def history(self, count: int = KEPT) -> list[Message]:
        """The newest messages that were kept, oldest first."""
        wanted = min(count, KEPT)
        return [self._read(sent) for sent in self._look(wanted).messages] if wanted > 0 else []

    def place(self) -> RemotePlace:
        """Take a place in the stream: it gives what passes from now on."""
        return self._stream.place()

    def _look(self, history: int = 0) -> protocol.Look:
        request = protocol.LookRequest(flow=self._flow, port=str(self._address), history=history)
        return self._connections.ask(
            self._module, lambda remote: remote.look(request), what="Looking at a port", flow=self._flow
        )


def looks(connections: Connections, flow: str, ports: Mapping[Address, str]) -> dict[Address, protocol.Look]:
    """Several ports now, with the last message of each; those that can be asked right now. Each module is asked once.

    Args:
        ports: With the module that each is in.
    """
    of: dict[str, list[str]] = {}
    for to, module in ports.items():
        of.setdefault(module, []).append(str(to))

    async def look(module: str, wanted: list[str]) -> Mapping[str, protocol.Look]:
        request = protocol.LookRequest(flow=flow, ports=wanted, history=1)
        try:
            return (await connections.reach(module, lambda remote: remote.look(request), patience=0)).ports
        except TinyFlowError:  # what cannot be asked right now must not hide the others
            return {}

    async def everywhere() -> list[Mapping[str, protocol.Look]]:
        return await asyncio.gather(*(look(*each) for each in of.items()))

    found = connections.loop.call(everywhere(), what="Looking at values") if of else []
    return {Address.parse(to): look for told in found for to, look in told.items()}


def last_messages(connections: Connections, flow: str, ports: Mapping[Address, str]) -> dict[Address, protocol.Message]:
    """The last message of several ports, of those that have had one and can be asked right now."""
    return {to: look.messages[-1] for to, look in looks(connections, flow, ports).items() if look.messages}


def observed(flow: Flow, states: list[protocol.State], edges: Iterable[Edge]) -> Observed:
    """What the states of all modules tell of a flow's nodes and edges."""
    nodes = [node for state in states for node in state.nodes]
    passed = {port.port: port.count for state in states for port in state.ports}
    return Observed(
        balance(edges, states),
        {
            (Address.parse(edge.source), Address.parse(edge.to)): (edge.queued, edge.capacity, edge.sent)
            for state in states
            for edge in state.edges
        },
        states={node.name: "paused" for node in nodes if node.state == "paused"},
        blocked=[node.name for node in nodes if node.state == "waiting"],
        sent=sent(flow, lambda port: passed.get(str(port), 0)),
        letters=letters(states),
    )
