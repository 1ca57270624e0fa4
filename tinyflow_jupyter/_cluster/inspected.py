"""What an inspector asks of a flow on a cluster: to look without a place, and to set."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tinyflow_runtime import protocol
from tinyflow_runtime.definition.settings import settings_from
from tinyflow_runtime.embedded.lookup import node_called, port_of
from tinyflow_runtime.errors import SettingsError, TinyFlowError
from tinyflow_runtime.manifest import nodes_hash
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.probe import KEPT
from tinyflow_runtime.resources.documents import Document
from tinyflow_runtime.resources.labels import FLOW_LABEL, NODES_SHA256
from tinyflow_runtime.schema import document_of

from tinyflow_jupyter._passed import Passed

from .definition import Described
from .payload import Reader, reader
from .refusals import Refused
from .resources import node_of

if TYPE_CHECKING:
    from tinyflow_runtime.component import Port
    from tinyflow_runtime.flow import Flow

    from .connections import Connections

TRIES = 5  # of a write: the operator may write the same object's status between our reading and our writing
SOON = 2.0  # seconds in which a module has to answer somebody who only looks: the kernel answers nobody else meanwhile


class Inspected:
    """A flow on a cluster that can be inspected; ``tinyflow_jupyter._inspected`` has the same for one in the kernel."""

    name: str
    _masked = True  # its modules mask what they let anybody see
    _connections: Connections
    _flow: Flow
    _module_of: dict[str, str]
    _read_at: float

    def _know(self, to: Address) -> None:
        raise NotImplementedError

    def _definition(self) -> Flow:
        raise NotImplementedError

    def _reader(self, address: Address) -> Reader:
        raise NotImplementedError

    def _port_at(self, address: str) -> Port:
        """The port, as the cluster says.

        Raises:
            NodeError: TF-107, there is no such node. PortError: TF-101, it has no such port.
        """
        to = Address.parse(address)
        self._know(to)
        return port_of(self._flow, to)

    def _passed(self, address: str, count: int) -> Passed:
        """The newest messages of a port. Nobody's place in its stream is taken."""
        to = Address.parse(address)
        self._port_at(address)
        request = protocol.LookRequest(flow=self.name, port=address, history=min(count, KEPT))
        look = self._connections.ask(
            self._module_of[to.node],
            lambda remote: remote.look(request),
            what="Looking at a port",
            flow=self.name,
            patience=SOON,
        )
        read = self._reader(to)
        return Passed([read(sent) for sent in look.messages], look.count, look.rate, look.skipped)

    def _traced(self, trace: str) -> list[Message]:
        """The messages of one trace, as far as ports have kept them and can be asked right now."""
        flow = self._definition()
        ports = [(f"{name}:{port}", self._module_of[name]) for name, node in flow.nodes.items() for port in node.ports]

        async def look(port: str, module: str) -> list[protocol.Message]:
            request = protocol.LookRequest(flow=self.name, port=port, history=KEPT)
            try:
                found = await self._connections.reach(module, lambda remote: remote.look(request), patience=0)
            except TinyFlowError:  # what cannot be asked right now must not hide the others
                return []
            return [sent for sent in found.messages if sent.trace == trace]

        async def everywhere() -> list[list[protocol.Message]]:
            return await asyncio.gather(*(look(*each) for each in ports))

        read = reader()
        found = self._connections.loop.call(everywhere(), what="Following a message") if ports else []
        return [read(sent) for messages in found for sent in messages]

    def _settled(self) -> Sequence[tuple[str, Any]]:
        """Those that nodes were sent are known to their modules, which mask."""
        return ()

    def _settings_of(self, node: str) -> Any:  # Any: of the type that the settings port names, or a document
        """A node's settings as the cluster holds them."""
        found = node_called(self._definition(), node)
        return dict(found.settings) if isinstance(found.component, Described) else found.configured.settings

    def _schema_at(self, address: str) -> Mapping[str, Any] | None:
        """The JSON Schema of a port whose component this process does not have; None where the type is known here."""
        to = Address.parse(address)
        component = node_called(self._definition(), to.node).component
        if not isinstance(component, Described):
            return None
        try:
            schema = json.loads(component.schemas.get(to.port) or "{}")
        except ValueError:
            return {}
        return schema if isinstance(schema, dict) else {}

    def _configure(self, node: str, settings: Mapping[str, Any]) -> None:
        """Give a node settings, whole: its resource is changed, and its module follows.

        Raises:
            SettingsError: TF-109, refused here already. ClusterError: the cluster refuses them. Nothing has changed.
        """
        found = node_called(self._definition(), node)
        port = next((port.name for port in found.ports.values() if port.settings), None)
        if port is None:
            raise SettingsError("TF-109", f"{node!r} has no settings.", "Change the component, and push it again.")
        if not isinstance(found.component, Described):
            settings_from(found.component, dict(settings))
        self._keep(node, port, document_of(dict(settings), order="sorted"))

    def _keep(self, node: str, port: str, settings: Any) -> None:  # Any: a document
        """Write settings into a node's resource, so that whatever process runs it next begins with them.

        Raises:
            ClusterError: The cluster refuses them.
        """
        for left in reversed(range(TRIES)):
            try:
                self._write(node, port, settings)
                break
            except Refused as error:
                if error.status != 409 or not left:  # else its status was written meanwhile
                    raise
        self._read_at = 0.0

    def _write(self, node: str, port: str, settings: Any) -> None:  # Any: a document
        api = self._connections.api
        flow = api.get("TinyFlow", self.name)
        nodes = api.objects("TinyNode", label=f"{FLOW_LABEL}={self.name}")
        changed = next((one for one in nodes if node_of(one) == node), None)
        if changed is None:  # it was deleted meanwhile
            return
        pushed, before = _hash_of(flow), nodes_hash(nodes)
        changed["spec"]["ports"] = [
            *(one for one in changed["spec"].get("ports") or () if one["name"] != port),
            {"name": port, "settings": settings},
        ]
        if flow is not None and pushed == before:  # else these would not be what was pushed
            flow["metadata"]["annotations"][NODES_SHA256] = nodes_hash(nodes)
            api.apply(_pushed(flow))
        api.apply(_pushed(changed))


def _hash_of(flow: Document | None) -> str:
    return str((((flow or {}).get("metadata") or {}).get("annotations") or {}).get(NODES_SHA256, ""))


def _pushed(document: Document) -> Document:
    """A document as a person pushes it: without what the cluster has added. The version keeps two from meeting."""
    metadata = document["metadata"]
    ours = ("name", "labels", "annotations", "ownerReferences", "resourceVersion")
    kept = {key: metadata[key] for key in ours if metadata.get(key)}
    made = {key: document[key] for key in ("apiVersion", "kind", "spec") if key in document}
    return copy.deepcopy({"apiVersion": "tinyflow.dev/v1alpha1", **made, "metadata": kept})
