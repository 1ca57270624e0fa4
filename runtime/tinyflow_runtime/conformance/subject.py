"""The subject of a check: a module server, of which only the protocol is known, and a component of it to try."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from tinyflow_runtime import protocol
from tinyflow_runtime.conformance.samples import sample
from tinyflow_runtime.wire import Remote

__all__ = ["FLOW", "Fault", "NotOffered", "Subject", "expect"]

FLOW = "conformance"  # the flow that is run meanwhile


class Fault(Exception):
    """The server breaks the protocol; the text says how."""


class NotOffered(Exception):
    """There is nothing to check; the text says why."""


def expect(fine: bool, what: str) -> None:
    """Raise a fault unless something is so."""
    if not fine:
        raise Fault(what)


class Subject:
    """One module server, and a component of it with an input that samples can be made for.

    Attributes:
        component: Its name.
        port: Its input that is tried.
        schema: What passes there.
    """

    def __init__(self, remote: Remote, description: protocol.Description, component: str = "") -> None:
        self.remote = remote
        self.description = description
        self.component, self.port, self.schema = _to_try(description, component)
        self._plans = 0

    def sample(self, number: int = 0) -> Any:  # a payload
        """A payload that the port takes."""
        return sample(self.schema, number)

    def node(self, name: str, component: str = "", *, edges: Sequence[protocol.Edge] = ()) -> protocol.Node:
        """A node of the component that is tried, or of another."""
        return protocol.Node(flow=FLOW, name=name, component=component or self.component, edges=edges)

    def plan(self, *nodes: protocol.Node) -> protocol.Plan:
        """A plan with a hash that no other has."""
        self._plans += 1
        return protocol.Plan(hash=f"conformance-{self.description.instance}-{self._plans}", nodes=nodes)

    async def run(self, *names: str) -> protocol.Applied:
        """Run nodes of the component that is tried, anew: whatever ran before is gone."""
        await self.remote.apply(self.plan())
        return await self.remote.apply(self.plan(*map(self.node, names)))

    def message(self, to: str, payload: Any, **more: Any) -> protocol.Message:  # a payload, and fields of a message
        """One message to a port, ``node`` or ``node:port``."""
        address = to if ":" in to else f"{to}:{self.port}"
        return protocol.Message(flow=FLOW, to=address, payload=msgspec.msgpack.encode(payload), **more)

    async def send(self, to: str, *payloads: Any) -> protocol.Accepted:
        """Send payloads to a node, in one batch."""
        return await self.remote.send(
            protocol.Batch(messages=[self.message(to, payload) for payload in payloads]), timeout=5
        )

    @contextlib.asynccontextmanager
    async def watching(self, node: str, **options: Any) -> AsyncIterator[AsyncIterator[protocol.Seen]]:  # of a request
        """Watch the input of a node; the place is taken."""
        request = protocol.WatchRequest(flow=FLOW, port=f"{node}:{self.port}", **options)
        async with contextlib.aclosing(self.remote.watch(request)) as watch:
            first = await anext(watch, None)
            expect(first is not None, "The watch ended before its first answer.")
            expect(
                first is not None and not first.HasField("message"),
                "A watch began with a message: its first answer holds none, and says that the place is taken.",
            )
            yield watch

    async def seen(self, watch: AsyncIterator[protocol.Seen], count: int) -> list[protocol.Message]:
        """The next messages of a watch."""
        found: list[protocol.Message] = []
        try:
            async with asyncio.timeout(5):
                while len(found) < count:
                    found.append((await anext(watch)).message)
        except TimeoutError:
            raise Fault(f"Of {count} messages that were accepted, a watch showed {len(found)} within 5 s.") from None
        except StopAsyncIteration:
            raise Fault(f"A watch ended after {len(found)} of {count} messages.") from None
        return found

    async def node_state(self, name: str) -> protocol.Runner:
        """What State says of a node."""
        state = await self.remote.state(FLOW)
        found = next((node for node in state.nodes if (node.flow, node.name) == (FLOW, name)), None)
        if found is None:
            raise Fault(f"State does not tell of the node {name!r}, which runs.")
        return found

    async def settled(self, name: str, accepted: int) -> protocol.Runner:
        """What State says of a node once everything that was sent there is done with."""
        node = await self.node_state(name)
        for _ in range(100):
            if node.accepted >= accepted and not (node.queued or node.running):
                break
            await asyncio.sleep(0.05)
            node = await self.node_state(name)
        return node


def _to_try(description: protocol.Description, wanted: str) -> tuple[str, str, Any]:
    for component in description.components:
        if wanted in ("", component.name):
            for port in component.ports:
                needs = any(other.settings and _needed(other) for other in component.ports)
                if port.direction == "in" and not port.settings and not needs:
                    return component.name, port.name, _schema(port)
    what = (
        f"component {wanted!r} with an input" if wanted else "component with an input and settings that have defaults"
    )
    raise Fault(
        f"There is no {what} to try, among {', '.join(each.name for each in description.components) or 'none'}."
    )


def _needed(port: protocol.Port) -> list[str]:
    schema = _schema(port)
    return list(schema.get("required", ())) if isinstance(schema, dict) else []


def _schema(port: protocol.Port) -> Any:  # a JSON document
    try:
        return json.loads(port.schema or "{}")
    except ValueError:
        return {}
