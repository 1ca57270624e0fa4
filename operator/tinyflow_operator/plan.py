"""A module's plan: what its TinyNodes say, as the module server is told it. Pure: documents in, plan out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec
from tinyflow_runtime import protocol

from tinyflow_operator.kinds import Document

FLOW_LABEL = "tinyflow.dev/flow"


def plan_of(nodes: Iterable[Document]) -> protocol.Plan:
    """The plan of one module's nodes. The same nodes make the same bytes, in whatever order they come."""
    plan = protocol.Plan(nodes=[_node(node) for node in sorted(nodes, key=lambda node: str(node["metadata"]["name"]))])
    plan.hash = hashlib.sha256(plan.SerializeToString(deterministic=True)).hexdigest()
    return plan


def flow_of(node: Document) -> str:
    """The flow's name; a node without the label is a flow of its own part before the dot."""
    labels = node["metadata"].get("labels") or {}
    return str(labels.get(FLOW_LABEL) or node["metadata"]["name"].partition(".")[0])


def name_of(node: Document) -> str:
    """The node's name within its flow: ``metadata.name`` is ``<flow>.<node>``."""
    name = str(node["metadata"]["name"])
    return name.removeprefix(f"{flow_of(node)}.")


def _node(node: Document) -> protocol.Node:
    spec = node["spec"]
    settings = next((port.get("settings") for port in spec.get("ports", []) if port.get("settings")), None)
    return protocol.Node(
        flow=flow_of(node),
        name=name_of(node),
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
