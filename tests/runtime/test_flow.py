"""A flow's definition: checked as it grows, and a refused change changes nothing."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinyflow_runtime import errors
from tinyflow_runtime.component import Component, Port
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.message import Address
from tinyflow_runtime.module import Module

module = Module("flow-tests")


@module.component
def inc(x: int) -> int:
    return x + 1


@module.component
def say(x: str) -> str:
    return x


@module.component
def above(x: float, *, limit: float = 1.0) -> float | None:
    return x if x > limit else None


@module.component
def anything(x: Any) -> Any:
    return x


class Outlets(Component):
    """As many outputs as its settings say."""

    def ports(self):
        count = self.settings.get("count", 1) if self.settings else 1
        outputs = [Port(f"out-{number}", "out", int) for number in range(count)]
        return [Port("in", "in", int), Port("settings", "in", dict, settings=True), *outputs]


def chain(*names: str) -> Flow:
    flow = Flow("chain")
    for name in names:
        flow.node(name, inc)
    for source, target in itertools.pairwise(names):
        flow.edge(f"{source}:out", f"{target}:in")
    return flow


def state(flow: Flow) -> tuple[object, ...]:
    every = {name: (flow.outgoing(name), flow.incoming(name)) for name in flow.nodes}
    return dict(flow.nodes), dict(flow.edges), every


def test_nodes_and_edges_keep_the_order_of_definition():
    flow = chain("b", "a", "c")

    flow.node("b", inc)
    flow.edge("b:out", "a:in", capacity=3)

    assert list(flow.nodes) == ["b", "a", "c"]
    assert [edge.id for edge in flow.edges.values()] == ["b.out.a.in", "a.out.c.in"]
    assert flow.outgoing("b")[0].capacity == 3


def test_two_edges_with_the_same_ends_are_one():
    flow = chain("a", "b")

    flow.edge("a:out", "b:in", when="msg > 3")

    assert len(flow.edges) == 1
    assert flow.incoming("b") == flow.outgoing("a") == list(flow.edges.values())


def test_removing_a_node_removes_its_edges():
    flow = chain("a", "b", "c")
    flow.edge("b:out", "b:in", loop=True)

    flow.remove("b")

    assert list(flow.nodes) == ["a", "c"]
    assert flow.edges == {}
    assert flow.outgoing("a") == flow.incoming("c") == flow.outgoing("b") == []


def test_removing_an_edge_lets_the_other_way_round_be():
    flow = chain("a", "b")

    flow.remove("a:out", "b:in")
    flow.edge("b:out", "a:in")

    assert list(flow.edges) == [(Address("b", "out"), Address("a", "in"))]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda flow: flow.node("A", inc), "TF-106"),
        (lambda flow: flow.node("a", say), "TF-105"),
        (lambda flow: flow.node("d", len), "TF-115"),
        (lambda flow: flow.node("d", above, limt=1.0), "TF-109"),
        (lambda flow: flow.node("d", inc, by=1), "TF-109"),
        (lambda flow: flow.edge("a:out", "d:in"), "TF-107"),
        (lambda flow: flow.edge("a:uot", "c:in"), "TF-101"),
        (lambda flow: flow.edge("a", "c:in"), "TF-101"),
        (lambda flow: flow.edge("c:in", "a:out"), "TF-102"),
        (lambda flow: flow.edge("a:in", "c:in"), "TF-102"),
        (lambda flow: flow.edge("c:out", "a:in"), "TF-104"),
        (lambda flow: flow.edge("a:out", "a:in"), "TF-104"),
        (lambda flow: flow.edge("a:out", "c:in", capacity=0), "TF-119"),
        (lambda flow: flow.edge("a:out", "c:in", capacity=True), "TF-119"),
        (lambda flow: flow.edge("a:out", "c:in", loop=1), "TF-119"),
        (lambda flow: flow.edge("a:out", "c:in", when="msg >"), "TF-114"),
        (lambda flow: flow.edge("a:out", "c:in", map="str(msg)"), "TF-103"),
        (lambda flow: flow.remove("d"), "TF-116"),
        (lambda flow: flow.remove("a:out", "c:in"), "TF-116"),
        (lambda flow: flow.remove(), "TF-116"),
    ],
)
def test_a_refused_change_changes_nothing(change, code):
    flow = chain("a", "b", "c")
    before = state(flow)

    with pytest.raises(errors.TinyFlowError) as caught:
        change(flow)

    assert caught.value.code == code
    assert state(flow) == before


def test_a_node_that_loses_a_port_that_an_edge_needs_stays_as_it_was():
    flow = Flow("outlets")
    flow.node("a", Outlets, count=2)
    flow.node("b", inc)
    flow.edge("a:out-1", "b:in")
    before = state(flow)

    with pytest.raises(errors.PortError, match="TF-101 'a' has no output port 'out-1'"):
        flow.node("a", Outlets, count=1)

    assert state(flow) == before


def test_a_loop_is_fine_when_one_of_its_edges_says_so():
    flow = chain("a", "b", "c")

    flow.edge("c:out", "a:in", loop=True)

    assert flow.incoming("a")[0].loop
    with pytest.raises(errors.EdgeError, match="a → b → c → a"):
        flow.edge("c:out", "a:in")


def test_settings_are_a_nodes_own_even_where_the_component_is_shared():
    flow = Flow("settings")

    flow.node("a", above)
    flow.node("b", above, limit=5)
    flow.node("c", above)

    assert [node.configured.settings.limit for node in flow.nodes.values()] == [1.0, 5, 1.0]


def test_types_decide_whether_each_message_is_looked_at():
    flow = chain("a", "b")
    flow.node("any", anything)

    flow.edge("a:out", "any:in")
    flow.edge("any:out", "b:in")

    assert not flow.incoming("any")[0].check
    assert [edge.check for edge in flow.incoming("b")] == [False, True]


def test_swapping_gives_every_node_the_newer_code():
    home = Module("flow-tests-swap")

    def double(x: int) -> int:
        return 2 * x

    home.component(double)
    flow = Flow("swap")
    flow.node("a", double)
    flow.node("b", inc)
    flow.edge("a:out", "b:in")

    def newer(x: int) -> int:
        return x + x

    newer.__name__ = "double"
    home.component(newer)
    names = flow.swap(newer.__tinyflow__)

    assert names == ["a"]
    assert flow.nodes["a"].component is newer.__tinyflow__
    assert flow.outgoing("a")[0].target == ("b", "in")


def test_a_swap_that_no_longer_fits_changes_nothing():
    home = Module("flow-tests-swap")

    def double(x: int) -> int:
        return 2 * x

    home.component(double)
    flow = Flow("swap")
    flow.node("a", double)
    flow.node("b", inc)
    flow.edge("a:out", "b:in")
    before = state(flow)

    def worse(x: int) -> str:
        return str(x)

    worse.__name__ = "double"
    home.component(worse)

    with pytest.raises(errors.ComponentError, match="TF-110"):
        flow.swap(worse.__tinyflow__)
    assert state(flow) == before


def test_a_place_is_where_a_person_wrote_it():
    flow = chain("a", "b")

    assert flow.nodes["a"].place.startswith("test_flow.py, line ")
    assert flow.outgoing("a")[0].place.startswith("test_flow.py, line ")


numbers = st.integers(0, 7)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.sampled_from(["add", "loop", "remove"])), max_size=30)
)
def test_undeclared_loops_are_refused_and_nothing_else_is(steps):
    flow = chain(*"abcdefgh")
    for edge in list(flow.edges):
        flow.remove(*map(str, edge))
    plain: set[tuple[str, str]] = set()
    loops: set[tuple[str, str]] = set()

    for source, target, what in steps:
        ends = "abcdefgh"[source], "abcdefgh"[target]
        call = f"{ends[0]}:out", f"{ends[1]}:in"
        if what == "remove" and ends in plain | loops:
            flow.remove(*call)
            plain.discard(ends)
            loops.discard(ends)
        elif what == "loop":
            flow.edge(*call, loop=True)
            plain.discard(ends)
            loops.add(ends)
        elif what == "add" and reaches(plain - {ends}, ends[1], ends[0]):
            with pytest.raises(errors.EdgeError, match="TF-104"):
                flow.edge(*call)
        elif what == "add":
            flow.edge(*call)
            loops.discard(ends)
            plain.add(ends)

    assert {(edge.source.node, edge.target.node) for edge in flow.edges.values() if not edge.loop} == plain
    for name in flow.nodes:
        assert {edge.target.node for edge in flow.outgoing(name)} == {b for a, b in plain | loops if a == name}
        assert {edge.source.node for edge in flow.incoming(name)} == {a for a, b in plain | loops if b == name}


def reaches(edges: set[tuple[str, str]], start: str, end: str) -> bool:
    seen, border = {start}, {start}
    while border:
        border = {b for a, b in edges if a in border} - seen
        seen |= border
    return end in seen


def test_an_edge_cannot_be_changed_in_place():
    edge = chain("a", "b").outgoing("a")[0]

    with pytest.raises(dataclasses.FrozenInstanceError):
        edge.loop = True


def test_nodes_and_edges_read_as_a_person_wrote_them():
    flow = Flow("numbers")

    first = flow.node("first", above, limit=2.0)
    flow.node("second", above)
    edge = flow.edge("first:out", "second:in", when="msg > 3", capacity=8)

    assert repr(first) == 'Node("first", above, limit=2.0)'
    assert repr(edge) == 'Edge("first:out", "second:in", when="msg > 3", capacity=8)'
