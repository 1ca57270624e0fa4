"""A flow is a set of nodes connected with each other; here is its definition, checked as it grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from tinyflow_runtime import place
from tinyflow_runtime.component import Component, instance_of, ports_of, prototype
from tinyflow_runtime.definition.edges import DEFAULT_CAPACITY, Edge, call_of, made_again, make_edge, plain_edge
from tinyflow_runtime.definition.edgeset import EdgeSet
from tinyflow_runtime.definition.frozen import filled_by_slots
from tinyflow_runtime.definition.functions import FunctionComponent
from tinyflow_runtime.definition.notes import Note, Noted
from tinyflow_runtime.definition.settings import settings_from
from tinyflow_runtime.errors import ComponentError, EdgeError, NodeError, TinyFlowError, did_you_mean
from tinyflow_runtime.message import Address
from tinyflow_runtime.ports import NAME_RULE, Port, is_label

__all__ = ["Edge", "Flow", "Node"]

_NONE: Mapping[str, Any] = MappingProxyType({})  # Any: see Node.settings


@filled_by_slots
@dataclass(frozen=True, slots=True, repr=False)
class Node:
    """An instance of a component on a flow: data, not a running thing.

    Attributes:
        component: The prototype that the node is made of.
        settings: The keywords given; what they leave out takes defaults.
        configured: An instance with its settings, to ask for ports; runners make their own.
        ports: By name, with the implicit ``error``.
        place: Where a person wrote it.
        position: On the canvas; None lets the layout decide.
    """

    name: str
    component: Component
    settings: Mapping[str, Any]  # Any: values or JSON-like documents, as the settings type wants them
    configured: Component = field(compare=False)
    ports: Mapping[str, Port] = field(compare=False)
    place: str = field(default="", compare=False)
    position: tuple[float, float] | None = None

    @property
    def inputs(self) -> list[Port]:
        """The ports at which edges end."""
        return [port for port in self.ports.values() if port.direction == "in"]

    @property
    def outputs(self) -> list[Port]:
        """The ports at which edges begin; ``error`` is one of them."""
        return [port for port in self.ports.values() if port.direction == "out"]

    def __repr__(self) -> str:
        """As a person wrote it: a cell whose last line makes a node shows it."""
        given = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        return f'Node("{self.name}", {self.component.name}{given})'


class Flow(Noted):
    """A named, empty definition; nodes and edges are checked when they are added, and a refused change changes nothing.

    Adding something again, as running a cell again does, replaces it: nodes by name, edges by their two ends.

    Attributes:
        nodes: By name, in the order of definition.
        edges: By their two ends.
        revision: How often it was changed.
    """

    def __init__(self, name: str) -> None:
        if not is_label(name):
            raise NodeError("TF-106", f"{name!r} is no name for a flow.", _name_advice(name), where=place.caller())
        self.name = name
        self.revision = 0
        self.notes: dict[str, Note] = {}
        self.nodes: dict[str, Node] = {}
        self._edges = EdgeSet()
        self.edges = self._edges.by_ends
        self._plain: dict[int, tuple[Component, Component, Mapping[str, Port]]] = {}  # see _configured

    def node(self, name: str, component: Any, /, **settings: Any) -> Node:
        """Add a node, or update the one of that name.

        Args:
            name: A DNS label.
            component: A decorated function, a ``Component`` class or an instance of one.
            settings: For functions and classes alike; missing ones take defaults.

        Raises:
            NodeError: TF-106, no name; TF-105, the name belongs to a node of another component.
            SettingsError: TF-109.
            ComponentError: TF-115, the thing is no component.
            EdgeError: TF-103, an edge of the node no longer fits. PortError: TF-101, it has lost its port.
        """
        where = place.caller()
        if not is_label(name):
            raise NodeError("TF-106", f"{name!r} is no name for a node.", _name_advice(name), where=where)
        found = prototype(component)
        old = self.nodes.get(name)
        if old is not None and _identity(old.component) != _identity(found):
            here = f" ({old.place})" if old.place else ""
            raise NodeError(
                "TF-105",
                f"Node {name!r} already exists in flow {self.name!r} as component"
                f" {_called(old.component, found)}{here}; now it would be {_called(found, old.component)}.",
                f'Take another name, or remove it first: flow.remove("{name}").',
                where=where,
            )
        configured, ports = self._configured(found, settings)
        made = Node(name, found, settings or _NONE, configured, ports, where, old.position if old else None)
        if old is not None:
            for edge in self._checked_again({**self.nodes, name: made}, [name]):
                self._edges.keep(edge)
        self.nodes[name] = made
        self.revision += 1
        return made

    def edge(
        self,
        source: str,
        target: str,
        *,
        when: str | None = None,
        map: str | None = None,  # noqa: A002  # the contract's word
        loop: bool = False,
        capacity: int = DEFAULT_CAPACITY,
    ) -> Edge:
        """Connect an output with an input; an edge with the same two ends is replaced.

        Args:
            source: ``"node:port"``, where messages come from.
            target: ``"node:port"``, where they go.
            when: Lets a message through where it is true; an expression over ``msg``, evaluated before ``map``.
            map: What arrives instead of the payload; an expression over ``msg``.
            loop: Says that this edge is meant to close a loop.
            capacity: How many messages may wait at the target before the sender has to.

        Raises:
            NodeError: TF-107. PortError: TF-101, TF-102. EdgeError: TF-103, TF-104, TF-119. ExpressionError: TF-114.
        """
        where = place.caller()
        made = None
        if when is None and map is None and loop is False and capacity is DEFAULT_CAPACITY:
            made = plain_edge(self.nodes, source, target, where)
        made = made or make_edge(
            self.name, self.nodes, source, target, when=when, map=map, loop=loop, capacity=capacity, place=where
        )
        self._refuse_loop(made)
        self._edges.keep(made)
        self.revision += 1
        return made

    def remove(self, *ends: str) -> None:
        """Remove a node with its edges, ``remove("a")``, or one edge, ``remove("a:out", "b:in")``.

        Raises:
            NodeError: TF-116, there is no such node. EdgeError: TF-116, there is no such edge.
        """
        if len(ends) == 1 and isinstance(ends[0], str) and ":" not in ends[0]:
            (name,) = ends
            if name not in self.nodes:
                raise NodeError(
                    "TF-116",
                    f"Flow {self.name!r} has no node {name!r} to remove.",
                    did_you_mean(name, self.nodes),
                    f"Nodes: {', '.join(self.nodes) or 'none'}.",
                    where=place.caller(),
                )
            for edge in self._edges.touching([name]):
                self._edges.drop(edge.source, edge.target)
            del self.nodes[name]
            self.revision += 1
            return
        if len(ends) != 2 or not all(isinstance(end, str) for end in ends):
            given = ", ".join(map(repr, ends)) or "nothing"
            way_out = 'Write flow.remove("a") for a node, flow.remove("a:out", "b:in") for an edge.'
            raise EdgeError("TF-116", f"{given} names neither a node nor an edge.", way_out, where=place.caller())
        key = Address.parse(ends[0]), Address.parse(ends[1])
        if key not in self.edges:
            known = [f"{source} → {target}" for source, target in self.edges]
            raise EdgeError(
                "TF-116",
                f"Flow {self.name!r} has no edge {key[0]} → {key[1]} to remove.",
                did_you_mean(f"{key[0]} → {key[1]}", known),
                f"Edges: {', '.join(known[:5]) or 'none'}{', …' if len(known) > 5 else ''}.",
                where=place.caller(),
            )
        self._edges.drop(*key)
        self.revision += 1

    def move(self, name: str, position: tuple[float, float] | None) -> None:
        """Put a node somewhere on the canvas; None leaves it to the layout again."""
        self.nodes[name] = replace(self.nodes[name], position=position)
        self.revision += 1

    def swap(self, prototype: Component) -> list[str]:
        """Give every node of a component its newer code; returns the names of those nodes.

        Raises:
            ComponentError: TF-110, settings or edges would no longer fit; nothing has changed.
        """
        names = [name for name, node in self.nodes.items() if _identity(node.component) == _identity(prototype)]
        nodes = dict(self.nodes)
        try:
            for name in names:
                old = nodes[name]
                configured = self._configured(prototype, old.settings)
                nodes[name] = Node(name, prototype, old.settings, *configured, old.place, old.position)
            edges = self._checked_again(nodes, names)
        except TinyFlowError as error:
            reason = error.where.splitlines()[0].rstrip(".") if error.where else ""
            raise ComponentError(
                "TF-110",
                f"Component {prototype.name!r} was not swapped in flow {self.name!r}; the old one stays.",
                f"{error.code}: {error.what}",
                f"{reason}." if reason else "",
                "Keep what the flow uses, or change the flow first.",
                where=prototype.where,
            ) from error
        self.nodes.update(nodes)
        for edge in edges:
            self._edges.keep(edge)
        self.revision += 1
        return names

    def restore(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        """Take back a swap: nodes and edges as they were before it."""
        self.nodes.update((node.name, node) for node in nodes)
        for edge in edges:
            self._edges.keep(edge)
        self.revision += 1

    def edge_set(self) -> EdgeSet:
        """Its edges as they are now, for whoever goes on with them while the definition may change."""
        return self._edges.copy()

    def outgoing(self, node: str) -> list[Edge]:
        """The edges that begin at a node, in the order of definition."""
        return self._edges.outgoing(node)

    def incoming(self, node: str) -> list[Edge]:
        """The edges that end at a node, in the order of definition."""
        return self._edges.incoming(node)

    def _configured(self, found: Component, settings: Mapping[str, Any]) -> tuple[Component, Mapping[str, Port]]:
        """An instance with its settings, and its ports; a function without settings has the same for all its nodes."""
        known = self._plain.get(id(found)) if not settings else None
        if known is not None:
            return known[1], known[2]
        value = settings_from(found, dict(settings))
        configured = instance_of(found)
        if value is not None:
            configured.settings = value
        ports = ports_of(configured)
        if not settings and isinstance(found, FunctionComponent):
            self._plain[id(found)] = found, configured, ports  # found is kept, so that its id stays its own
        return configured, ports

    def _checked_again(self, nodes: Mapping[str, Node], names: Iterable[str]) -> list[Edge]:
        """The edges of some nodes, made anew against the ports these now have."""
        return [made_again(self.name, nodes, edge) for edge in self._edges.touching(names)]

    def _refuse_loop(self, made: Edge) -> None:
        way = self._edges.loop_of(made)
        if way:
            raise EdgeError(
                "TF-104",
                f"Flow {self.name!r} has a loop: {' → '.join([*way, way[0]])}.",
                "A loop can run for ever. If you want it, mark the edge that closes it:",
                call_of(replace(made, loop=True)),
                where=f"Edge {made.source} → {made.target}" + (f" ({made.place})." if made.place else "."),
            )


def _identity(component: Component) -> tuple[str, str]:
    return component.module, component.name


def _called(component: Component, other: Component) -> str:
    return component.name if component.module == other.module else f"{component.module}/{component.name}"


def _name_advice(name: object) -> str:
    from tinyflow_runtime.ports import label_of

    label = label_of(name) if isinstance(name, str) else ""
    return f"{NAME_RULE} For example {label!r}." if is_label(label) else NAME_RULE
