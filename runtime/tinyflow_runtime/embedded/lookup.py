"""Looks ports up by their address; what is not there is refused with what there is."""

from __future__ import annotations

from collections.abc import Mapping

from tinyflow_runtime import place
from tinyflow_runtime.errors import NodeError, PortError, did_you_mean
from tinyflow_runtime.flow import Flow, Node
from tinyflow_runtime.message import Address
from tinyflow_runtime.ports import Port

__all__ = ["address_of", "input_of", "node_called", "port_of"]


def address_of(text: object) -> Address:
    """The address that a person wrote.

    Raises:
        PortError: TF-101, it is no text.
    """
    if not isinstance(text, str):
        what = f'A port is called by a text such as "a:out", not {text!r}.'
        raise PortError("TF-101", what, "Write the node's name, a colon, and the port's name.", where=place.caller())
    return Address.parse(text)


def node_called(flow: Flow, name: str) -> Node:
    """The node of a flow by its name.

    Raises:
        NodeError: TF-107, there is no such node.
    """
    node = flow.nodes.get(name)
    if node is None:
        raise NodeError(
            "TF-107",
            f"Flow {flow.name!r} has no node {name!r}.",
            did_you_mean(name, flow.nodes),
            f"Nodes: {', '.join(flow.nodes) or 'none'}.",
            where=place.caller(),
        )
    return node


def port_of(flow: Flow, to: Address, ports: Mapping[str, Port] | None = None) -> Port:
    """The port of a flow at an address.

    Args:
        flow: The flow's definition.
        to: Where to look.
        ports: The node's ports as they are right now, where they are not those of the definition.

    Raises:
        NodeError: TF-107, there is no such node. PortError: TF-101, it has no such port.
    """
    node = node_called(flow, to.node)
    known = node.ports if ports is None else ports
    port = known.get(to.port)
    if port is None and not to.port:
        what, way_out = f"{to.node!r} names a node, not a port of it.", f'Write "{to.node}:{next(iter(known))}".'
        raise PortError("TF-101", what, way_out, f"Ports of {to.node}: {', '.join(known)}.", where=place.caller())
    if port is None:
        raise PortError(
            "TF-101",
            f"{to.node!r} has no port {to.port!r}.",
            did_you_mean(to.port, known),
            f"Ports of {to.node}: {', '.join(known)}.",
            where=place.caller(),
        )
    return port


def input_of(flow: Flow, to: Address, ports: Mapping[str, Port] | None = None) -> Port:
    """The input port of a flow at an address; see ``port_of``.

    Raises:
        PortError: TF-102, it is an output.
    """
    port = port_of(flow, to, ports)
    if port.direction == "out":
        known = flow.nodes[to.node].ports if ports is None else ports
        inputs = [name for name, each in known.items() if each.direction == "in"]
        raise PortError(
            "TF-102",
            f"{to} is an output; a message is sent to an input.",
            f"Inputs of {to.node}: {', '.join(inputs) or 'none'}.",
            where=place.caller(),
        )
    return port
