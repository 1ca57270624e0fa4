"""An edge set is the edges of one flow, found by their two ends and by the nodes they touch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tinyflow_runtime.definition.edges import Edge
from tinyflow_runtime.message import Address

__all__ = ["EdgeSet", "Ends"]

Ends = tuple[Address, Address]

# Most nodes have one edge on a side. It stands there bare, for a dict of its own is larger than the edge.
_Side = dict[str, Edge | dict[Ends, Edge]]


class EdgeSet:
    """Edges in the order of definition; every question costs what it touches, never the whole flow.

    Attributes:
        by_ends: All edges; to be changed through ``keep`` and ``drop`` alone.
    """

    def __init__(self) -> None:
        self.by_ends: dict[Ends, Edge] = {}
        self._leaving: _Side = {}  # by the node they begin at; no entry for a node without
        self._arriving: _Side = {}

    def keep(self, edge: Edge) -> None:
        """Add an edge, in the place of one with the same ends."""
        ends = edge.source, edge.target
        self.by_ends[ends] = edge
        for side, name in ((self._leaving, ends[0][0]), (self._arriving, ends[1][0])):
            if name in side:
                _keep(side, name, ends, edge)
            else:
                side[name] = edge

    def drop(self, source: Address, target: Address) -> None:
        """Remove the edge with these ends."""
        del self.by_ends[source, target]
        for side, name in ((self._leaving, source.node), (self._arriving, target.node)):
            there = side[name]
            if isinstance(there, dict) and len(there) > 1:
                del there[source, target]
            else:
                del side[name]

    def copy(self) -> EdgeSet:
        """The edges of now, whatever becomes of these."""
        made = EdgeSet()
        made.by_ends.update(self.by_ends)
        for side, copied in ((self._leaving, made._leaving), (self._arriving, made._arriving)):
            copied.update((name, dict(there) if isinstance(there, dict) else there) for name, there in side.items())
        return made

    def outgoing(self, node: str) -> list[Edge]:
        return list(_at(self._leaving, node))

    def incoming(self, node: str) -> list[Edge]:
        return list(_at(self._arriving, node))

    def touching(self, nodes: Iterable[str]) -> list[Edge]:
        """The edges that begin or end at one of some nodes, each once."""
        found: dict[Ends, Edge] = {}
        for node in nodes:
            for side in (self._leaving, self._arriving):
                found.update(((edge.source, edge.target), edge) for edge in _at(side, node))
        return list(found.values())

    def loop_of(self, edge: Edge) -> list[str]:
        """The nodes of the shortest loop that an edge would close, its target first; empty when it closes none.

        Edges that are declared as loops do not count, nor does one that does so itself.
        """
        source, target = edge.source.node, edge.target.node
        if edge.loop:
            return []
        if source != target and (target not in self._leaving or source not in self._arriving):
            return []  # so it is for nearly every edge of a flow that is written from one end to the other
        before = self.by_ends.get((edge.source, edge.target))
        if before is not None and not before.loop:
            return []  # it was there, and closed none
        return self._way(target, source) if source == target or self._reaches(target, source) else []

    def _reaches(self, start: str, end: str) -> bool:
        """Looks from both ends in turn: mostly one of them soon has nowhere to go on to."""
        ahead, behind = {start}, {end}
        border, other = [start], [end]
        while border and other:
            border = _further(border, ahead, self._after)
            if not behind.isdisjoint(border):
                return True
            other = _further(other, behind, self._before)
            if not ahead.isdisjoint(other):
                return True
        return False

    def _way(self, start: str, end: str) -> list[str]:
        """The shortest of the ways that there are, both ends included."""
        came_from: dict[str, str] = {}
        border, seen = [start], {start}
        while end not in seen:
            for here in border:
                came_from.update((name, here) for name in self._after(here) if name not in came_from)
            border = _further(border, seen, self._after)
        way = [end]
        while way[-1] != start:
            way.append(came_from[way[-1]])
        return way[::-1]

    def _after(self, node: str) -> list[str]:
        return [edge.target.node for edge in _at(self._leaving, node) if not edge.loop]

    def _before(self, node: str) -> list[str]:
        return [edge.source.node for edge in _at(self._arriving, node) if not edge.loop]


def _keep(side: _Side, node: str, ends: Ends, edge: Edge) -> None:
    there = side[node]
    if isinstance(there, dict):
        there[ends] = edge
    elif (there.source, there.target) == ends:
        side[node] = edge
    else:
        side[node] = {(there.source, there.target): there, ends: edge}


def _at(side: _Side, node: str) -> Iterable[Edge]:
    there = side.get(node, ())
    return (there,) if isinstance(there, Edge) else there.values() if isinstance(there, dict) else there


def _further(border: list[str], seen: set[str], neighbours: Callable[[str], list[str]]) -> list[str]:
    found = []
    for here in border:
        for name in neighbours(here):
            if name not in seen:
                seen.add(name)
                found.append(name)
    return found
