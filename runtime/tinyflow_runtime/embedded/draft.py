"""A draft is a flow's definition to try a change on: the flow takes it over whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tinyflow_runtime.definition.edges import Edge
from tinyflow_runtime.definition.edgeset import EdgeSet, Ends
from tinyflow_runtime.errors import NodeError, did_you_mean
from tinyflow_runtime.flow import Flow, Node
from tinyflow_runtime.message import Address
from tinyflow_runtime.ports import NAME_RULE, is_label

__all__ = ["Draft"]


class Draft(Flow):
    """What a flow says now, to be changed without changing the flow.

    Args:
        flow: Whose definition it is. What the flow does when it runs is not part of it.
    """

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow.name)
        self._began_at = flow.revision
        self.nodes, self.notes = dict(flow.nodes), dict(flow.notes)
        self._take(list(flow.edges.values()))

    def rename(self, name: str, to: str) -> None:
        """Give a node another name; its settings, edges, position, and its place in every order stay.

        Raises:
            NodeError: TF-107, there is no such node; TF-105, the name is taken; TF-106, it is no name.
        """
        if name not in self.nodes:
            raise NodeError("TF-107", f"Flow {self.name!r} has no node {name!r}.", did_you_mean(name, self.nodes))
        if not is_label(to):
            raise NodeError("TF-106", f"{to!r} is no name for a node.", NAME_RULE)
        if to == name:
            return
        if to in self.nodes:
            what = f"Node {to!r} already exists in flow {self.name!r}; {name!r} cannot be called so too."
            raise NodeError("TF-105", what, "Take another name, or rename that one first.")
        called = replace(self.nodes[name], name=to)
        self.nodes = {to if one == name else one: called if one == name else node for one, node in self.nodes.items()}
        self._take([_renamed(edge, name, to) for edge in self.edges.values()])
        for note in self.notes.values():
            if name in note.nodes:
                about = tuple(to if one == name else one for one in note.nodes)
                self.notes = {**self.notes, note.name: replace(note, nodes=about)}

    def put(self, node: Node) -> None:
        """Add a node as it once was, or make one of the same component what that was; its edges are checked again.

        Raises:
            DefinitionError: As ``node`` does.
        """
        there = self.nodes.get(node.name)
        if there is None or there.component is not node.component or there.settings is not node.settings:
            there = self.node(node.name, node.component, **node.settings)
        self.nodes[node.name] = replace(there, settings=node.settings, place=node.place, position=node.position)

    def connect(self, edge: Edge) -> None:
        """Add an edge as it once was, checked against the nodes of now.

        Raises:
            DefinitionError: As ``edge`` does.
        """
        when, mapping = (each.text if each is not None else None for each in (edge.when, edge.map))
        made = self.edge(
            str(edge.source), str(edge.target), when=when, map=mapping, loop=edge.loop, capacity=edge.capacity
        )
        self._edges.keep(replace(made, place=edge.place))

    def displace(self, place: str) -> None:
        """What was written at a place was written at none."""
        for name, node in self.nodes.items():
            if node.place == place:
                self.nodes[name] = replace(node, place="")
        for edge in list(self.edges.values()):
            if edge.place == place:
                self._edges.keep(replace(edge, place=""))

    def reorder(self, nodes: Iterable[str], edges: Iterable[Ends], notes: Iterable[str]) -> None:
        """The order of definition, which documents show; each holds all there are, each once."""
        self.notes = {name: self.notes[name] for name in notes}
        self.nodes = {name: self.nodes[name] for name in nodes}
        self._take([self.edges[ends] for ends in edges])

    def land(self, flow: Flow) -> bool:
        """Let the flow say what this draft says, in one moment; it is not to be used afterwards.

        Returns:
            False where the flow has been changed since the draft was made; nothing has happened then.
        """
        if flow.revision != self._began_at:
            return False
        # New dicts, not new contents: whoever is reading goes on reading what was there.
        flow.nodes, flow._edges, flow.edges, flow.notes = self.nodes, self._edges, self.edges, self.notes
        flow.revision += 1
        return True

    def _take(self, edges: Iterable[Edge]) -> None:
        self._edges = EdgeSet()
        self.edges = self._edges.by_ends
        for edge in edges:
            self._edges.keep(edge)


def _renamed(edge: Edge, name: str, to: str) -> Edge:
    ends = [Address(to, end.port) if end.node == name else end for end in (edge.source, edge.target)]
    return replace(edge, source=ends[0], target=ends[1]) if name in (edge.source.node, edge.target.node) else edge
