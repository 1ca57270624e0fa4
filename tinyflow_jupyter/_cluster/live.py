"""A flow that runs on a cluster: the same object to work with as one that runs in the kernel."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tinyflow_runtime import place, protocol
from tinyflow_runtime.definition.edges import Edge
from tinyflow_runtime.embedded.liveport import seconds
from tinyflow_runtime.embedded.lookup import address_of, input_of, node_called, port_of
from tinyflow_runtime.errors import Busy, NodeError, PayloadError, TinyFlowError
from tinyflow_runtime.flow import Flow, Node
from tinyflow_runtime.message import Address
from tinyflow_runtime.observation.counts import Counts
from tinyflow_runtime.payloads.codec import encode
from tinyflow_runtime.resources.documents import Document
from tinyflow_runtime.resources.labels import FLOW_LABEL
from tinyflow_runtime.schema import check, document_of
from tinyflow_runtime.wire import Remote

from tinyflow_jupyter._look import Looks
from tinyflow_jupyter._observed import Look, Observed
from tinyflow_jupyter._port import NotebookPort
from tinyflow_jupyter._view.rows import rows_of

from .balance import balance, letters
from .connections import PATIENCE, Connections
from .definition import definition, homes
from .halting import Halting
from .inspected import Inspected
from .letters import RemoteLetters
from .missing import found, still
from .observed import RemoteProbe, last_messages, looks, observed
from .payload import Reader, reader
from .quiet import idle
from .readiness import failing, gateway_of, is_ready, remark_of
from .resources import is_image, node_of
from .stream import Stream

FRESH = 1.0  # seconds for which nodes and edges that were read are taken to be those of the cluster

_keys = itertools.count(1)
_prefix = os.urandom(6).hex()


class RemotePort(NotebookPort):
    """A live port in a module process."""

    def __repr__(self) -> str:
        try:
            return super().__repr__()
        except TinyFlowError as error:  # what cannot be asked any more can still be shown
            return f"Port {self.address}: {error.what}"


class LiveFlow(Halting, Looks, Inspected):
    """A flow on a cluster. It goes on being this flow when its modules are replaced or it is pushed again.

    Args:
        name: The flow's.
        connections: To the modules of its cluster.

    Raises:
        NodeError: TF-107, the cluster has no such flow.
    """

    _far = True

    def __init__(self, name: str, connections: Connections) -> None:
        self.name = name
        self._connections = connections
        self._flow = Flow(name)
        self._module_of: dict[str, str] = {}
        self._resources: list[Document] = []  # its nodes, as they were read last
        self._read_at = 0.0
        self._streams: dict[Address, Stream] = {}
        self._document = found(connections.api, name)  # the nodes are read when somebody needs them: there may be many
        self._connections.through(gateway_of(self._document))

    def _repr_mimebundle_(self, **kinds: Any) -> dict[str, Any]:  # Any: as in what it overrides
        try:
            return super()._repr_mimebundle_(**kinds)
        except NodeError:
            return {"text/plain": repr(self)}

    @property
    def nodes(self) -> Mapping[str, Node]:
        """By name, as the cluster has them."""
        return self._definition().nodes

    @property
    def edges(self) -> Mapping[tuple[Address, Address], Edge]:
        """By their two ends, as the cluster has them."""
        return self._definition().edges

    @property
    def running(self) -> bool:
        """Whether the cluster says that it is Ready."""
        return self._state() == "running"

    def send(self, address: str, payload: Any, timeout: float | None = None) -> None:
        """Send to an input port; returns when accepted.

        When the module's process is replaced meanwhile, it is sent to the one that follows. Settings are also written
        into the node's resource, so that they count on when it is replaced later.

        Args:
            address: ``node:port``.
            payload: What the port's type says, or the same as a plain document: a dict for a dataclass.
            timeout: Seconds to wait for room; None waits for ever.

        Raises:
            Busy: There was no room in time; nothing was sent.
            PortError: There is no such port, or it is an output.
            NodeError: There is no such node, or the flow was deleted.
            PayloadError: The payload does not fit the port, or cannot be sent at all.
            ModuleUnavailable: TF-163, its module cannot be reached.
            ClusterError: TF-161, settings count until the process is replaced: they cannot be written down.
        """
        timeout, to = seconds(timeout, "send"), address_of(address)
        self._know(to)
        port = input_of(self._flow, to)
        try:
            checked = check(port.type).one(payload)
            packed = encode(checked)
        except PayloadError as error:
            where = f"Sent to {to}, {place.caller()}"
            raise PayloadError(error.code, error.what, *error.way_out, where=where) from None
        # The key lets a module know a message again that it accepted when the connection broke on the answer.
        key = f"{_prefix}-{next(_keys)}"
        message = protocol.Message(flow=self.name, to=str(to), payload=packed, idempotency_key=key)

        async def send(remote: Remote) -> None:
            await remote.send(protocol.Batch(messages=[message]), timeout=timeout)

        patience = min(timeout or PATIENCE, PATIENCE)
        try:
            self._connections.ask(self._module_of[to.node], send, what="send()", flow=self.name, patience=patience)
        except Busy as error:
            if timeout is None or error.code != "TF-134":
                raise
            what = f"{to} had no room within {timeout:g} s; nothing was sent."
            way_out = f"Wait longer, or look at what {to.node} does: flow.counts()[{to.node!r}]."
            raise Busy("TF-134", what, way_out) from None
        if port.settings:
            self._keep(to.node, to.port, document_of(checked, order="sorted"))

    def __getitem__(self, address: str) -> NotebookPort:
        """A live port, ``flow["node:port"]``; it takes a place in the stream before it returns."""
        to = address_of(address)
        self._know(to)
        port = port_of(self._flow, to)
        module = self._module_of[to.node]
        read = reader(port.type)
        stream = self._streams.get(to)
        if stream is None or not stream.fits(module, port.type):
            stream = self._streams[to] = Stream(self._connections, module, self.name, to, port.type)
        probe = RemoteProbe(self._connections, module, self.name, to, stream=stream, read=read)
        return RemotePort(to, port, probe, guard=self._connections.loop.guard, flow=self)

    @property
    def dead_letters(self) -> RemoteLetters:
        """What could not be handled, oldest first."""
        return RemoteLetters(self._connections, self.name, self._modules, self._reader)

    def counts(self) -> dict[str, Counts]:
        """What became of every message, by node; each module's balance, and what its neighbours say was lost."""
        return balance(self.edges.values(), self._states("counts()"))

    def wait(self, timeout: float | None = None) -> None:
        """Return when nothing is queued or being handled in any module, nor on its way between two.

        Raises:
            WaitTimeout: That was not so within ``timeout`` seconds; it is a TimeoutError.
        """
        modules = self._modules()
        self._connections.loop.call(idle(self.name, lambda: self._everywhere(modules), timeout), what="wait()")

    def to_yaml(self) -> str:
        """The custom resources that the cluster holds of it, as text."""
        from tinyflow_runtime.manifest import to_yaml

        return to_yaml(self._definition())

    def modules(self, node: str | None = None) -> list[str]:
        """The modules its nodes are in; of one node, its own.

        Raises:
            NodeError: TF-107, there is no such node.
        """
        if node is None:
            return self._modules()
        node_called(self._definition(), node)
        return [self._module_of[node]]

    def _definition(self) -> Flow:
        if time.monotonic() - self._read_at > FRESH:
            self._refresh()
        return self._flow

    def _refresh(self) -> None:
        api = self._connections.api
        self._document = still(api, self.name)
        self._connections.through(gateway_of(self._document))
        nodes = api.objects("TinyNode", label=f"{FLOW_LABEL}={self.name}")
        self._resources = nodes
        said = {node_of(node): str(node["spec"]["module"]) for node in nodes}
        names = dict.fromkeys(said.values())
        if any(map(is_image, names)):  # who runs it is found by looking at all
            modules = api.objects("TinyModule")
        else:
            modules = [one for one in (api.get("TinyModule", name) for name in names) if one is not None]
        home = homes(modules)
        self._module_of = {node: home.get(module, module) for node, module in said.items()}
        self._flow = definition(self.name, nodes, modules, self._document)
        self._read_at = time.monotonic()

    def _know(self, to: Address) -> None:
        """Look once more before saying that a port is not there: the flow may have been pushed again."""
        node = self._flow.nodes.get(to.node)
        if node is None or to.port not in node.ports:
            self._refresh()

    def _modules(self) -> list[str]:
        if not self._read_at:
            self._refresh()
        return [name for name in dict.fromkeys(self._module_of.values()) if not is_image(name)]

    def _reader(self, address: Address) -> Reader:
        node = self._flow.nodes.get(address.node)
        port = node.ports.get(address.port) if node is not None else None
        return reader(port.type if port is not None else Any)

    def _states(self, what: str) -> list[protocol.State]:
        return self._connections.loop.call(self._everywhere(self._modules()), what=what)

    async def _everywhere(self, modules: list[str]) -> list[protocol.State]:
        async def state(remote: Remote) -> protocol.State:
            return await remote.state(self.name)

        return await asyncio.gather(*(self._connections.reach(module, state, flow=self.name) for module in modules))

    def _state(self) -> str:
        self._definition()
        return "running" if is_ready(self._document) else "not ready"

    def _remark(self) -> str:
        return remark_of(self._document)

    def _counted(self) -> Mapping[str, Counts] | None:
        try:
            states = self._states("counts()")
        except TinyFlowError:  # what cannot be asked right now must not hide the flow
            return None
        kept = letters(states)
        return {name: replace(one, dead=kept[name]) for name, one in balance(self.edges.values(), states).items()}

    def _values(self) -> dict[str, dict[str, str]]:
        wanted = {
            Address(name, port.name): self._module_of[name]
            for name, node in self._flow.nodes.items()
            for port in node.ports.values()
            if port.status
        }
        values: dict[str, dict[str, str]] = {}
        for to, message in last_messages(self._connections, self.name, wanted).items():
            values.setdefault(to.node, {})[to.port] = rows_of(self).line(self._reader(to)(message))
        return values

    def _revision(self) -> object:
        self._definition()
        return [(one["metadata"]["uid"], one["metadata"]["resourceVersion"]) for one in self._resources]

    def _looks(self, ports: Iterable[str]) -> dict[str, Look]:
        wanted = {to: self._module_of[to.node] for to in map(Address.parse, ports) if to.node in self._module_of}
        return {
            str(to): Look(self._reader(to)(look.messages[-1]) if look.messages else None, look.count, look.rate)
            for to, look in looks(self._connections, self.name, wanted).items()
        }

    def _observed(self) -> Observed:
        try:
            states = self._states("Looking")
        except TinyFlowError:  # what cannot be asked right now must not hide the flow
            return Observed()
        found = observed(self._flow, states, self.edges.values())
        return replace(found, states=failing(self._resources) | dict(found.states))
