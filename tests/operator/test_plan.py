from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as some
from tinyflow_operator.names import flow_of, name_of
from tinyflow_operator.plan import parts_of, plan_of
from tinyflow_runtime import protocol


def plan(nodes, *, revision="", addresses=None):
    parts = parts_of({node["metadata"]["name"]: node for node in nodes}, lambda node: node["spec"]["module"])
    return plan_of([parts["m"]], addresses or {}, revision)


def node(name, *, flow=None, settings=None, edges=(), module="m"):
    metadata = {"name": name, "namespace": "here", **({"labels": {"tinyflow.dev/flow": flow}} if flow else {})}
    ports = [{"name": "settings", "settings": settings}] if settings else []
    return {
        "metadata": metadata,
        "spec": {"module": module, "component": "double", "ports": ports, "edges": list(edges)},
    }


def test_a_node_belongs_to_the_flow_of_its_name():
    assert (flow_of(node("sums.a", flow="else")), name_of(node("sums.a", flow="else"))) == ("sums", "a")


def test_settings_and_edges_come_through():
    edge = {"id": "out-b", "port": "out", "to": "b:in", "when": "msg > 3"}

    planned = plan([node("sums.a", settings={"limit": 2.5}, edges=[edge])]).nodes[0]

    assert msgspec.msgpack.decode(planned.settings) == {"limit": 2.5}
    assert [(edge.port, edge.to, edge.when, edge.capacity) for edge in planned.edges] == [("out", "b:in", "msg > 3", 0)]


@given(some.permutations(["a", "b", "c", "d"]))
def test_the_order_of_nodes_changes_nothing(names):
    assert plan([node(f"sums.{name}") for name in names]) == plan([node(f"sums.{name}") for name in "abcd"])


def test_another_setting_is_another_plan():
    assert plan([node("s.a", settings={"limit": 1})]).hash != plan([node("s.a", settings={"limit": 2})]).hash


def test_a_status_changes_no_plan():
    assert plan([node("s.a")]).hash == plan([node("s.a") | {"status": {"observedGeneration": 3}}]).hash


def test_a_plan_knows_the_revision_and_where_its_peers_are():
    crossing = [node("s.a", edges=[{"id": "e", "port": "out", "to": "b:in"}]), node("s.b", module="n")]

    hashes = {
        plan(crossing).hash,
        plan(crossing, revision="1").hash,
        plan(crossing, addresses={"n": "unix:/n"}).hash,
        plan(crossing, addresses={"n": "unix:/n", "elsewhere": "unix:/e"}).hash,
    }

    assert len(hashes) == 3


def test_an_edge_to_another_module_is_told_to_both():
    nodes = [node("s.a", edges=[{"id": "e", "port": "out", "to": "b:in", "capacity": 3}]), node("s.b", module="n")]

    parts = parts_of({one["metadata"]["name"]: one for one in nodes}, lambda one: one["spec"]["module"])

    assert [(edge.to, edge.module) for edge in protocol.Node.FromString(parts["m"].nodes[0]).edges] == [("b:in", "n")]
    assert [(one.from_module, one.to, one.capacity) for one in parts["n"].incoming] == [("m", "b:in", 3)]
    assert (parts["m"].peers, parts["n"].peers) == ({"n"}, set())


def test_an_edge_to_nowhere_is_left_to_the_module_to_refuse():
    parts = parts_of(
        {"s.a": node("s.a", edges=[{"id": "e", "port": "out", "to": "gone:in"}])}, lambda one: one["spec"]["module"]
    )

    assert [(edge.to, edge.module) for edge in protocol.Node.FromString(parts["m"].nodes[0]).edges] == [("gone:in", "")]
