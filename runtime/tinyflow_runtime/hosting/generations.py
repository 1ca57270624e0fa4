"""A generation is what one node runs by: its part of a plan, with the component it was made of.

A plan is taken as far as it goes: a node whose new generation cannot run keeps its last good one, and says why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tinyflow_runtime import protocol
from tinyflow_runtime.component import Component
from tinyflow_runtime.definition.edges import DEFAULT_CAPACITY, Edge
from tinyflow_runtime.delivery.frames import CAPACITY, EdgeKey
from tinyflow_runtime.delivery.leaving import Leaving
from tinyflow_runtime.errors import ComponentError, HandlerError, PortError, SettingsError, TinyFlowError, did_you_mean
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.language.expression import check_condition, compile_edge, compile_expression
from tinyflow_runtime.message import Address

__all__ = ["Defined", "Generation", "define"]


@dataclass(frozen=True, slots=True)
class Generation:
    """What a node runs by. Two of them are equal when they are the same text and the same code."""

    node: protocol.Node
    component: Component


@dataclass(slots=True)
class Defined:
    """What a flow can run of its part of a plan.

    Attributes:
        leaving: The edges to nodes of other modules.
        generations: Of the nodes that can run, which is where they came from.
        troubles: By node, what keeps it from running as the plan says; empty when nothing does.
    """

    flow: Flow
    leaving: list[Leaving] = field(default_factory=list)
    generations: dict[str, Generation] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)


def define(
    name: str,
    nodes: Sequence[protocol.Node],
    components: Mapping[str, Component],
    *,
    module: str,
    old: Defined,
    stay: Mapping[str, str] | None = None,
) -> Defined:
    """Check a flow's part of a plan; what is as it was is not checked again.

    Args:
        name: The flow's.
        nodes: The plan's nodes of this flow.
        components: What the module holds, by name.
        module: The module's name; edges to nodes of another one leave it.
        old: What it runs now; the last good generation of each node is there.
        stay: Nodes that keep the generation they have, and why.
    """
    good, kept = old.generations, dict(stay or {})
    while True:  # once more for every layer of nodes that a refused edge takes with it
        made = Defined(Flow(name), troubles=dict.fromkeys((node.name for node in nodes), ""))
        for node in nodes:
            if node.name not in kept and _is_same(node, good.get(node.name), components):
                made.generations[node.name] = good[node.name]
                made.flow.restore((old.flow.nodes[node.name],), ())
            else:
                _add(made, node, components, module=module, good=good, kept=kept)
        refused = _connect_all(made, module, old.flow)
        made.troubles.update(refused)
        made.troubles.update(kept)
        again = {node: refused[node] for node in refused if node in good and node not in kept}
        if not again:
            for each in kept.keys() & made.generations.keys():
                made.troubles[each] += "\n  It runs on as it was."
            return made
        kept.update(again)


def _is_same(node: protocol.Node, generation: Generation | None, components: Mapping[str, Component]) -> bool:
    """Whether a node is to run what it runs."""
    if generation is None or generation.component is not components.get(node.component):
        return False
    return generation.node == node


def _add(
    made: Defined,
    node: protocol.Node,
    components: Mapping[str, Component],
    *,
    module: str,
    good: Mapping[str, Generation],
    kept: dict[str, str],
) -> None:
    """Define a node as the plan says, or else as it was last good."""
    if node.name not in kept:
        try:
            made.flow.node(node.name, _find(module, components, node.component), **_settings(node))
        except Exception as error:  # a component's own instance() and ports() may raise anything
            made.troubles[node.name] = _told(node.name, error)
        else:
            made.generations[node.name] = Generation(node, components[node.component])
            return
        if node.name not in good:
            return
        kept[node.name] = made.troubles[node.name]
    generation = good[node.name]
    with contextlib.suppress(Exception):  # it was good, but for what the component itself may do
        made.flow.node(node.name, generation.component, **_settings(generation.node))
        made.generations[node.name] = generation


def _connect_all(made: Defined, module: str, old: Flow) -> dict[str, str]:
    """Make every edge that can be made; returns the nodes of the others, and why."""
    refused: dict[str, str] = {}
    nodes, fresh = made.flow.nodes, []
    # First those that were there: together they close no loop, so only a fresh one can.
    for generation in made.generations.values():
        for edge in generation.node.edges:
            ends = Address(generation.node.name, edge.port), Address.parse(edge.to)
            found = old.edges.get(ends) if edge.module in ("", module) else None
            if found is not None and all(nodes.get(end.node) is old.nodes[end.node] for end in ends):
                made.flow.restore((), (found,))
            else:
                fresh.append((generation.node, edge))
    for node, edge in fresh:
        try:
            _connect(made, node, edge, module)
        except TinyFlowError as error:
            refused.setdefault(node.name, str(error))
    return refused


def _connect(made: Defined, node: protocol.Node, edge: protocol.Edge, module: str) -> None:
    if edge.module in ("", module):
        when, mapping, capacity = edge.when or None, edge.map or None, edge.capacity or DEFAULT_CAPACITY
        source = f"{node.name}:{edge.port}"
        made.flow.edge(source, edge.to, when=when, map=mapping, loop=edge.loop, capacity=capacity)
        return
    made.leaving.append(
        Leaving(
            EdgeKey(made.flow.name, edge.id), edge.module, _leaving(made.flow, node, edge, edge.capacity or CAPACITY)
        )
    )


def _leaving(flow: Flow, node: protocol.Node, edge: protocol.Edge, capacity: int) -> Edge:
    """An edge to another module: what arrives is checked there, so only its beginning and its expressions are here."""
    source, where = Address(node.name, edge.port), f"Edge {node.name}:{edge.port} → {edge.to}."
    outputs = {port.name: port for port in flow.nodes[node.name].outputs}
    if edge.port not in outputs:
        what = f"{node.name!r} has no output port {edge.port!r}."
        there = f"Outputs of {node.name}: {', '.join(outputs)}."
        raise PortError("TF-101", what, did_you_mean(edge.port, outputs), there, where=where)
    carried = outputs[edge.port].type
    when = compile_expression(edge.when, carried, where=where) if edge.when else None
    if when is not None:
        check_condition(when, where)
    mapping = compile_expression(edge.map, carried, where=where) if edge.map else None
    return Edge(source, Address.parse(edge.to), when, mapping, edge.loop, capacity, compile_edge(when, mapping))


def _find(module: str, components: Mapping[str, Component], name: str) -> Component:
    if name not in components:
        what = f"Module {module!r} has no component {name!r}."
        there = f"It has: {', '.join(components) or 'none'}."
        raise ComponentError("TF-118", what, did_you_mean(name, components), there)
    return components[name]


def _settings(node: protocol.Node) -> dict[str, Any]:  # of a component's own types
    if not node.settings:
        return {}
    try:
        return msgspec.msgpack.decode(node.settings, type=dict[str, Any])
    except msgspec.DecodeError as error:
        what = f"The settings of {node.name!r} are no mapping: {error}."
        raise SettingsError("TF-109", what, "Send a mapping of their names to values.") from None


def _told(node: str, error: Exception) -> str:
    if isinstance(error, TinyFlowError):
        return str(error)
    return str(HandlerError("TF-139", f"{node} raised {type(error).__name__}: {error}.", "Mend the component."))
