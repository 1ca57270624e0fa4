"""What is unapplied is what a flow says and its run does not do yet: ``start()`` would apply it."""

from __future__ import annotations

from collections.abc import Mapping

from tinyflow_runtime.definition.edgeset import Ends
from tinyflow_runtime.flow import Edge, Flow, Node
from tinyflow_runtime.source.revisions import same_code

__all__ = ["same", "unapplied"]


def unapplied(nodes: Mapping[str, Node], edges: Mapping[Ends, Edge], flow: Flow) -> list[str]:
    """The nodes at which a flow differs from what was applied: new, gone, changed, or at an end of such an edge.

    Where a node stands on the canvas does not count, nor where its text does.

    Args:
        nodes: As they were applied last.
        edges: Likewise.
        flow: The definition as it is now; a cell may be changing it.
    """
    now = dict(flow.nodes)
    found = dict.fromkeys(name for name, node in now.items() if name not in nodes or not same(nodes[name], node))
    known, wanted = dict(edges), dict(flow.edges)
    for ends in known.keys() | wanted.keys():
        if _said(known.get(ends)) != _said(wanted.get(ends)):
            found.update(dict.fromkeys(end.node for end in ends))
    return [*sorted(found), *(name for name in nodes if name not in now and name not in found)]


def same(applied: Node, node: Node) -> bool:
    """Whether a node would run on undisturbed: the same code, with the same settings."""
    if applied is node:
        return True
    return applied.configured.settings == node.configured.settings and same_code(applied.component, node.component)


def _said(edge: Edge | None) -> tuple[object, ...] | None:
    """What a person wrote of an edge; a type that was defined again makes no other edge."""
    if edge is None:
        return None
    return edge.when and edge.when.text, edge.map and edge.map.text, edge.loop, edge.capacity
