"""A host runs the nodes of one module: what module.proto asks is answered here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Self

import msgspec

from tinyflow_runtime import protocol
from tinyflow_runtime.component import Component, Port, ports_of
from tinyflow_runtime.errors import ComponentError, DefinitionError, NodeError, PortError, TinyFlowError, did_you_mean
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.liveport import LivePort
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.module import Module, find
from tinyflow_runtime.probe import Probe
from tinyflow_runtime.scheduler import Scheduler
from tinyflow_runtime.schema import check, decode, encode, type_name


class Host:
    """The nodes of one module, in flows of a scheduler each. Use it as an asynchronous context manager.

    Args:
        module: Its components are those this process has loaded under that name.
    """

    def __init__(self, module: str) -> None:
        self.module = module
        self._running: dict[str, _Running] = {}
        self._applied = protocol.Applied()
        self._applying = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for running in self._running.values():
            running.over.set()
        await self._tasks.__aexit__(None, None, None)

    async def describe(self, _request: protocol.DescribeRequest) -> protocol.Description:
        return protocol.Description(module=self.module, components=[_described(part) for part in self._held().values()])

    async def apply(self, plan: protocol.Plan) -> protocol.Applied:
        """Run exactly the plan's nodes; a node that cannot run is reported, and the others run."""
        async with self._applying:
            if plan.hash and plan.hash == self._applied.hash:
                return self._applied
            wanted: dict[str, list[protocol.Node]] = {}
            for node in plan.nodes:
                wanted.setdefault(node.flow, []).append(node)
            for name in self._running.keys() - wanted.keys():
                await self._running.pop(name).end()
            states = [state for name, nodes in wanted.items() for state in await self._bring(name, nodes)]
            self._applied = protocol.Applied(hash=plan.hash, nodes=states)
            return self._applied

    async def send(self, batch: protocol.Batch) -> protocol.Accepted:
        """Accept a batch in order; an error tells of the first message that was refused, and those before it stay."""
        for sent in batch.messages:
            running = self._flow(sent.flow)
            to = Address.parse(sent.to)
            port = running.port(to)
            if port.direction == "out":
                raise PortError("TF-102", f"{to} is an output; a message is sent to an input.")
            await running.scheduler.send(to, check(port.type).one(decode(sent.payload, port.type)))
        return protocol.Accepted(count=len(batch.messages))

    async def watch(self, request: protocol.WatchRequest) -> AsyncIterator[protocol.Seen]:
        """That the place is taken, then each message from then on, until the flow ends."""
        running = self._flow(request.flow)
        address = Address.parse(request.port)
        live = LivePort(address, running.port(address), running.probe.port(address), guard=lambda what: None)
        yield protocol.Seen(count=live.count)
        async for message in live:
            yield _seen(request.flow, message, skipped=live.skipped)

    async def _bring(self, name: str, nodes: Sequence[protocol.Node]) -> list[protocol.NodeState]:
        flow, troubles = self._define(name, nodes)
        running = self._running.get(name)
        if running is None:
            running = self._running[name] = _Running()
            self._tasks.create_task(running.run(), name=f"flow {name}")
            await running.begun.wait()
        running.flow = flow
        try:
            await running.scheduler.apply(flow)
        except TinyFlowError as error:  # a component's start raised; the other nodes run
            troubles.update({node: troubles[node] or str(error) for node in flow.nodes if running.closed(node)})
        return [protocol.NodeState(flow=name, name=node.name, trouble=troubles[node.name]) for node in nodes]

    def _define(self, name: str, nodes: Sequence[protocol.Node]) -> tuple[Flow, dict[str, str]]:
        flow, troubles = Flow(name), dict.fromkeys((node.name for node in nodes), "")
        for node in nodes:
            settings = msgspec.msgpack.decode(node.settings) if node.settings else {}
            try:
                flow.node(node.name, self._component(node.component), **settings)
            except DefinitionError as error:
                troubles[node.name] = str(error)
        for node, edge in [(start, edge) for start in nodes for edge in start.edges if start.name in flow.nodes]:
            options = {"capacity": edge.capacity} if edge.capacity else {}
            when, mapping = edge.when or None, edge.map or None
            try:
                flow.edge(f"{node.name}:{edge.port}", edge.to, when=when, map=mapping, loop=edge.loop, **options)
            except DefinitionError as error:
                troubles[node.name] = str(error)
        return flow, troubles

    def _component(self, name: str) -> Component:
        found = find(self.module, name)
        if found is None:
            known = self._held()
            what = f"Module {self.module!r} has no component {name!r}."
            raise ComponentError("TF-118", what, did_you_mean(name, known), f"It has: {', '.join(known) or 'none'}.")
        return found

    def _held(self) -> dict[str, Component]:
        return Module.all[self.module].components if self.module in Module.all else {}

    def _flow(self, name: str) -> _Running:
        if name not in self._running:
            raise _unknown("flow", name, self._running)
        return self._running[name]


class _Running:
    """One flow at work: a task that owns its scheduler from beginning to end."""

    def __init__(self) -> None:
        self.probe = Probe()
        self.scheduler = Scheduler(probe=self.probe)
        self.flow = Flow("none-yet")
        self.begun, self.over, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Begin, and stop when ``over`` is set; what is still queued after five seconds becomes dead letters."""
        try:
            async with self.scheduler:
                self.begun.set()
                await self.over.wait()
                await self.scheduler.stop()
        finally:
            self.probe.end()
            self._ended.set()

    async def end(self) -> None:
        """Returns when it has stopped."""
        self.over.set()
        await self._ended.wait()

    def closed(self, node: str) -> bool:
        """Whether a node did not start."""
        return not self.scheduler.runners[node].opened

    def port(self, address: Address) -> Port:
        """A port of a node that runs here.

        Raises:
            NodeError: There is no such node.
            PortError: It has no such port.
        """
        if address.node not in self.flow.nodes:
            raise _unknown("node", address.node, self.flow.nodes)
        ports = self.flow.nodes[address.node].ports
        if address.port not in ports:
            what = f"{address.node!r} has no port {address.port!r}."
            near = did_you_mean(address.port, ports)
            raise PortError("TF-101", what, near, f"Ports of {address.node}: {', '.join(ports)}.")
        return ports[address.port]


def _described(component: Component) -> protocol.Component:
    ports = [
        protocol.Port(name=port.name, direction=port.direction, type=type_name(port.type))
        for port in ports_of(component).values()
    ]
    return protocol.Component(name=component.name, description=component.info().description, ports=ports)


def _seen(flow: str, message: Message, *, skipped: int) -> protocol.Seen:
    carried = protocol.Message(
        flow=flow,
        to=str(message.to),
        payload=encode(message.payload),
        id=message.id,
        time=message.time,
        trace=message.trace,
        parent=message.parent or "",
        hops=message.hops,
    )
    return protocol.Seen(message=carried, skipped=skipped)


def _unknown(kind: str, name: str, known: Iterable[str]) -> NodeError:
    there = sorted(known)
    what = f"There is no {kind} {name!r} in this module."
    return NodeError("TF-107", what, did_you_mean(name, there), f"There are: {', '.join(there) or 'none'}.")
