"""A module's plan: what its TinyNodes say, as the module server is told it. Pure: documents in, plan out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
from tinyflow_runtime import protocol

from tinyflow_operator.deep import is_too_deep
from tinyflow_operator.kinds import Document
from tinyflow_operator.names import flow_of, is_named_well, name_of


@dataclass(frozen=True, slots=True)
class Crossing:
    """An edge from one module to another.

    Attributes:
        source: The node it begins at, by its name in the flow.
        to: ``node:port``.
        module: The module of the node it leads to.
    """

    source: str
    edge: str
    to: str
    module: str


@dataclass(slots=True)
class Part:
    """What one flow says to one module.

    Attributes:
        documents: Its TinyNodes here, by their name in the flow.
        nodes: Each as the wire has it: a third of what the message takes, and there are thousands.
        peers: The modules that edges lead to.
        digest: The same nodes have the same, in whatever order they came.
    """

    flow: str
    documents: dict[str, Document] = field(default_factory=dict)
    nodes: list[bytes] = field(default_factory=list)
    incoming: list[protocol.Incoming] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)
    digest: str = ""

    @property
    def peers(self) -> set[str]:
        return {crossing.module for crossing in self.crossings}


def parts_of(nodes: Mapping[str, Document], module_of: Callable[[Document], str]) -> dict[str, Part]:
    """What the nodes of one flow say to each module.

    Args:
        nodes: By metadata.name.
        module_of: The TinyModule that a node belongs to; empty when there is none.
    """
    ordered = [nodes[name] for name in sorted(nodes) if is_named_well(nodes[name]) and not is_too_deep(nodes[name])]
    homes = {name_of(node): module_of(node) for node in ordered}
    parts: dict[str, Part] = {}
    for document in ordered:
        flow, name = flow_of(document), name_of(document)
        home = homes[name]
        part = parts.setdefault(home, Part(flow))
        part.documents[name] = document
        node = _node(document)
        for edge in node.edges:
            module = homes.get(edge.to.partition(":")[0], home)
            if module == home:
                continue
            edge.module = module
            part.crossings.append(Crossing(name, edge.id, edge.to, module))
            incoming = protocol.Incoming(flow=flow, edge=edge.id, from_module=home, to=edge.to, capacity=edge.capacity)
            parts.setdefault(module, Part(flow)).incoming.append(incoming)
        part.nodes.append(node.SerializeToString(deterministic=True))
    for part in parts.values():
        part.digest = _digest(part.nodes, part.incoming)
    return parts


def plan_of(parts: Iterable[Part], addresses: Mapping[str, str], revision: str) -> protocol.Plan:
    """The plan of one module, made of what each flow says to it.

    Args:
        parts: Of this module, one for each flow.
        addresses: Where the other modules listen; those that nobody knows are left empty.
        revision: What the module runs. With another revision the same nodes may fit or not, so they are told again.
    """
    ordered = sorted(parts, key=lambda part: part.flow)
    plan = protocol.Plan()
    peers: set[str] = set()
    told = hashlib.sha256(revision.encode())
    for part in ordered:
        for node in part.nodes:
            plan.nodes.add().MergeFromString(node)
        plan.incoming.extend(part.incoming)
        peers |= part.peers
        told.update(f"\n{part.flow} {part.digest}".encode())
    for peer in sorted(peers):
        plan.peers.add(module=peer, address=addresses.get(peer, ""))
        told.update(f"\n{peer} {addresses.get(peer, '')}".encode())
    plan.hash = told.hexdigest()
    return plan


def _digest(nodes: list[bytes], incoming: list[protocol.Incoming]) -> str:
    told = hashlib.sha256()
    for said in (*nodes, *(one.SerializeToString(deterministic=True) for one in incoming)):
        told.update(said)
        told.update(b"\n")
    return told.hexdigest()


def _node(document: Document) -> protocol.Node:
    spec = document["spec"]
    settings = next((port.get("settings") for port in spec.get("ports", []) if port.get("settings")), None)
    return protocol.Node(
        flow=flow_of(document),
        name=name_of(document),
        component=spec["component"],
        settings=msgspec.msgpack.encode(settings, order="sorted") if settings else b"",
        edges=[_edge(edge) for edge in spec.get("edges", [])],
    )


def _edge(edge: Document) -> protocol.Edge:
    return protocol.Edge(
        id=edge["id"],
        port=edge["port"],
        to=edge["to"],
        when=edge.get("when", ""),
        map=edge.get("map", ""),
        loop=edge.get("loop", False),
        capacity=edge.get("capacity", 0),
    )
