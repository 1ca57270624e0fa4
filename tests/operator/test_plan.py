from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as some
from tinyflow_operator.plan import flow_of, name_of, plan_of


def node(name, *, flow=None, settings=None, edges=()):
    metadata = {"name": name, "namespace": "here", **({"labels": {"tinyflow.dev/flow": flow}} if flow else {})}
    ports = [{"name": "settings", "settings": settings}] if settings else []
    return {"metadata": metadata, "spec": {"module": "m", "component": "double", "ports": ports, "edges": list(edges)}}


def test_a_node_belongs_to_the_flow_of_its_label():
    assert (flow_of(node("sums.a", flow="sums")), name_of(node("sums.a", flow="sums"))) == ("sums", "a")


def test_a_node_without_the_label_belongs_to_the_flow_of_its_name():
    assert (flow_of(node("sums.a")), name_of(node("sums.a"))) == ("sums", "a")


def test_settings_and_edges_come_through():
    edge = {"id": "out-b", "port": "out", "to": "b:in", "when": "msg > 3"}

    planned = plan_of([node("sums.a", settings={"limit": 2.5}, edges=[edge])]).nodes[0]

    assert msgspec.msgpack.decode(planned.settings) == {"limit": 2.5}
    assert [(edge.port, edge.to, edge.when, edge.capacity) for edge in planned.edges] == [("out", "b:in", "msg > 3", 0)]


@given(some.permutations(["a", "b", "c", "d"]))
def test_the_order_of_nodes_changes_nothing(names):
    assert plan_of([node(f"sums.{name}") for name in names]) == plan_of([node(f"sums.{name}") for name in "abcd"])


def test_another_setting_is_another_plan():
    assert plan_of([node("s.a", settings={"limit": 1})]).hash != plan_of([node("s.a", settings={"limit": 2})]).hash


def test_a_status_changes_no_plan():
    assert plan_of([node("s.a")]).hash == plan_of([node("s.a") | {"status": {"observedGeneration": 3}}]).hash
