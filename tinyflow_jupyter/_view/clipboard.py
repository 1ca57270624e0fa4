"""The clipboard is what was copied last on any canvas of this process; settings stay here, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.errors import NodeError

from .structure import cards_of, places_of

if TYPE_CHECKING:
    from tinyflow_runtime.definition.edges import Edge
    from tinyflow_runtime.flow import Flow

Json = dict[str, Any]  # documents as a paste takes them; settings as they were given, which may be more than JSON

_copied: Json = {"nodes": [], "edges": []}


def copy(flow: Flow, names: Iterable[str]) -> int:
    """Keep some nodes and the edges among them for a paste, into this flow or another; how many nodes it found."""
    wanted = set(names)
    corners = places_of(flow).of(flow, cards_of(flow))
    nodes = [
        {
            "name": name,
            "component": [node.component.module, node.component.name],
            "settings": dict(node.settings),
            "position": list(corners.get(name, (0.0, 0.0))),
        }
        for name, node in list(flow.nodes.items())
        if name in wanted
    ]
    inside = [edge for edge in list(flow.edges.values()) if {edge.source.node, edge.target.node} <= wanted]
    _copied.update(nodes=nodes, edges=[_document(edge) for edge in inside])
    return len(nodes)


def pasted(offset: object) -> Json:
    """The operation that pastes what was copied.

    Raises:
        NodeError: TF-119, nothing was.
    """
    if not _copied["nodes"]:
        raise NodeError("TF-119", "Nothing was copied that could be pasted.", "Select nodes and copy them first.")
    return {"op": "paste", **_copied, "offset": offset}


def _document(edge: Edge) -> Json:
    return {
        "source": str(edge.source),
        "target": str(edge.target),
        "when": edge.when.text if edge.when else None,
        "map": edge.map.text if edge.map else None,
        "loop": edge.loop,
        "capacity": edge.capacity,
    }
