"""An edge is a connection between two ports: made here, and refused where the two ends do not fit."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.definition.frozen import filled_by_slots
from tinyflow_runtime.errors import EdgeError, NodeError, PortError, did_you_mean
from tinyflow_runtime.language import records
from tinyflow_runtime.language.expression import (
    EdgeProgram,
    Expression,
    check_condition,
    compile_edge,
    compile_expression,
)
from tinyflow_runtime.message import Address
from tinyflow_runtime.schema import certain, fits, type_name

if TYPE_CHECKING:
    from tinyflow_runtime.flow import Node
    from tinyflow_runtime.ports import Port

DEFAULT_CAPACITY = 64  # a batch: smaller ones cost speed, larger ones memory and freshness


@filled_by_slots
@dataclass(frozen=True, slots=True, repr=False)
class Edge:
    """A connection between an output and an input.

    Attributes:
        program: ``when`` and ``map`` as functions over batches; None when every payload passes unchanged.
        check: Payloads must be checked against the target's type one by one: the types alone do not decide.
        place: Where a person wrote it.
    """

    source: Address
    target: Address
    when: Expression | None = None
    map: Expression | None = None
    loop: bool = False
    capacity: int = DEFAULT_CAPACITY
    program: EdgeProgram | None = field(default=None, compare=False)
    check: bool = field(default=False, compare=False)
    place: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """``a.out.b.in``: unique in its flow, and a name that Kubernetes takes."""
        return f"{self.source.node}.{self.source.port}.{self.target.node}.{self.target.port}"

    def __repr__(self) -> str:
        """As a person wrote it: a cell whose last line makes an edge shows it."""
        return call_of(self).replace("flow.edge", "Edge", 1)


def quoted(text: str) -> str:
    """A text in double quotes, as the rest of our calls has them, unless it holds some."""
    return repr(text) if set(text) & set('"\\') or not text.isprintable() else f'"{text}"'


def call_of(edge: Edge) -> str:
    """The call that makes an edge, as a person would write it."""
    options = ""
    if edge.when:
        options += f", when={quoted(edge.when.text)}"
    if edge.map:
        options += f", map={quoted(edge.map.text)}"
    if edge.loop:
        options += ", loop=True"
    if edge.capacity != DEFAULT_CAPACITY:
        options += f", capacity={edge.capacity}"
    return f'flow.edge("{edge.source}", "{edge.target}"{options})'


def make_edge(
    flow: str,
    nodes: Mapping[str, Node],
    source: str,
    target: str,
    *,
    when: str | None,
    map: str | None,  # noqa: A002  # the contract's word
    loop: bool,
    capacity: int,
    place: str,
) -> Edge:
    """Check the two ends, the expressions and the types, in this order; whether it closes a loop is the flow's matter.

    Raises:
        DefinitionError: TF-107, 101, 102, 119, 114 or 103; see ``Flow.edge``.
    """
    start, end = _address(source, place), _address(target, place)
    where = f"Edge {source} → {target}" + (f" ({place})." if place else ".")
    for address in (start, end):
        if address.node not in nodes:
            raise NodeError(
                "TF-107",
                f"Flow {flow!r} has no node {address.node!r}.",
                did_you_mean(address.node, nodes),
                f"Nodes: {', '.join(nodes)}." if nodes else f'Make it first: flow.node("{address.node}", …).',
                where=where,
            )
    out, into = _ports(nodes, start, end, where)
    if isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 1:
        what = f"capacity is {capacity!r}; it is a number of messages, 1 or more."
        raise EdgeError("TF-119", what, f"Leave it out for {DEFAULT_CAPACITY}.", where=where)
    if not isinstance(loop, bool):
        raise EdgeError("TF-119", f"loop is {loop!r}; it is True or False.", "Say loop=True.", where=where)
    condition = compile_expression(when, out.type, where=where) if when is not None else None
    if condition is not None:
        check_condition(condition, where)
    mapping = compile_expression(map, out.type, target_type=into.type, where=where) if map is not None else None
    arriving = mapping.type if mapping else out.type
    if not fits(arriving, into.type):
        raise _misfit(start, end, arriving, into.type, mapped=mapping is not None, where=where)
    return Edge(
        start,
        end,
        condition,
        mapping,
        loop,
        capacity,
        compile_edge(condition, mapping),
        not certain(arriving, into.type) or (mapping is not None and not mapping.exact),
        place,
    )


def _address(text: object, place: str) -> Address:
    if isinstance(text, str):
        return Address.parse(text)
    if isinstance(text, Address):
        return text
    what = f'An edge\'s end is a text such as "a:out", not {type_name(type(text))}.'
    raise PortError("TF-101", what, "Write the node's name, a colon, and the port's name.", where=place)


def made_again(flow: str, nodes: Mapping[str, Node], edge: Edge) -> Edge:
    """The same edge, checked against the ports that its nodes have now."""
    return make_edge(
        flow,
        nodes,
        str(edge.source),
        str(edge.target),
        when=edge.when.text if edge.when else None,
        map=edge.map.text if edge.map else None,
        loop=edge.loop,
        capacity=edge.capacity,
        place=edge.place,
    )


def plain_edge(nodes: Mapping[str, Node], source: object, target: object, place: str) -> Edge | None:
    """An edge without options, where nothing is wrong with it; nearly all are so, and a flow may have many."""
    if not (isinstance(source, str) and isinstance(target, str)):
        return None
    sender, _, port = source.partition(":")
    start = nodes.get(sender)
    receiver, _, into_port = target.partition(":")
    end = nodes.get(receiver)
    if start is None or end is None:
        return None
    out, into = start.ports.get(port), end.ports.get(into_port)
    if out is None or into is None or out.direction != "out" or into.direction != "in":
        return None
    fitting, sure = _judged(out.type, into.type)
    if not fitting:
        return None
    # The names that are there already: two texts less for each end of each edge.
    ends = tuple.__new__(Address, (start.name, out.name)), tuple.__new__(Address, (end.name, into.name))
    return Edge(*ends, None, None, False, DEFAULT_CAPACITY, None, not sure, place)


def _judged(source: Any, target: Any) -> tuple[bool, bool]:
    """Whether a type fits another, and whether that is certain; large flows connect the same few again and again."""
    try:
        return _judged_once(source, target)
    except TypeError:  # a type whose notes have no hash
        return fits(source, target), certain(source, target)


@functools.lru_cache(maxsize=256)
def _judged_once(source: Any, target: Any) -> tuple[bool, bool]:
    return fits(source, target), certain(source, target)


def _ports(nodes: Mapping[str, Node], start: Address, end: Address, where: str) -> tuple[Port, Port]:
    source, target = nodes[start.node], nodes[end.node]
    outputs, inputs = {port.name: port for port in source.outputs}, {port.name: port for port in target.inputs}
    known = f"Outputs of {start.node}: {_names(outputs)}.", f"Inputs of {end.node}: {_names(inputs)}."
    if start.port not in source.ports:
        raise _no_port(start, "output", outputs, known[0], where)
    if end.port not in target.ports:
        raise _no_port(end, "input", inputs, known[1], where)
    if start.port not in outputs and end.port not in inputs:
        raise PortError(
            "TF-102",
            f"{start} is an input and {end} an output; an edge goes from an output to an input.",
            f'Did you swap the two ends? flow.edge("{end}", "{start}")',
            where=where,
        )
    if start.port not in outputs:
        what = f"{start} is an input; an edge must begin at an output."
        raise PortError("TF-102", what, known[0], _with("source", outputs, start, end), where=where)
    if end.port not in inputs:
        what = f"{end} is an output; an edge must end at an input."
        raise PortError("TF-102", what, known[1], _with("target", inputs, start, end), where=where)
    return outputs[start.port], inputs[end.port]


def _no_port(address: Address, kind: str, ports: Mapping[str, Port], known: str, where: str) -> PortError:
    if not address.port:
        name = next(iter(ports), "")
        hint = f'Write "{address.node}:{name}".' if name else ""
        return PortError("TF-101", f"'{address.node}' names a node, not a port of it.", hint, known, where=where)
    hint = did_you_mean(address.port, ports)
    return PortError("TF-101", f"{address.node!r} has no {kind} port {address.port!r}.", hint, known, where=where)


def _with(side: str, ports: Mapping[str, Port], start: Address, end: Address) -> str:
    """The call with the other end put right, where there is one port that must have been meant."""
    names = [name for name, port in ports.items() if name != "error" and not port.settings]
    if len(names) != 1:
        return ""
    meant = (Address(start.node, names[0]), end) if side == "source" else (start, Address(end.node, names[0]))
    return f'Did you mean flow.edge("{meant[0]}", "{meant[1]}")?'


def _names(ports: Mapping[str, Port]) -> str:
    return ", ".join(ports) or "none"


def _misfit(start: Address, end: Address, arriving: Any, wanted: Any, *, mapped: bool, where: str) -> EdgeError:
    shown = type_name(records.widen(arriving))
    what = f"Edge {start} → {end} carries {shown} but {end} takes {type_name(wanted)}."
    if mapped:
        what = f"The map of edge {start} → {end} makes {shown} but {end} takes {type_name(wanted)}."
    way_out = None if mapped else _conversion(arriving, wanted)
    if way_out is not None:
        return EdgeError(
            "TF-103", what, f'Convert on the way: flow.edge("{start}", "{end}", map={quoted(way_out)}).', where=where
        )
    if mapped:
        return EdgeError(
            "TF-103", what, f"Let the map make {type_name(wanted)}, or change the type of {end}.", where=where
        )
    return EdgeError("TF-103", what, f"Put a component between, or change the type of {end}.", where=where)


def _conversion(arriving: Any, wanted: Any) -> str | None:
    """A mapping that would make one type of the other; None when there is no obvious one."""
    record = next((found for tp in records.members(arriving) if (found := records.of(tp))), None)
    if record is not None:
        near = (name for name, one in record.fields.items() if one.type is not Any and fits(one.type, wanted))
        return next((f"msg.{name}" for name in near), None)
    simple = {float: "float(msg)", int: "int(msg)", str: "str(msg)", bool: "bool(msg)"}
    kinds = {records.kind(tp) for tp in records.members(arriving)}
    if all(fits(kind, wanted) for kind in (records.item(tp) for tp in records.members(arriving))) and kinds <= {
        list,
        tuple,
    }:
        return "msg[0]"
    for kind, text in simple.items():
        if kinds <= {str, int, float, bool} and fits(kind, wanted):
            return text
    return None
