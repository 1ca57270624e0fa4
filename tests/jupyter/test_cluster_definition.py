"""A flow on a cluster can be looked at, whatever the cluster holds and whether its components are known here or not."""

from __future__ import annotations

import json

import pytest
from tinyflow_runtime.manifest import to_documents
from tinyflow_runtime.message import Address
from tinyflow_runtime.resources.labels import FLOW_LABEL

import tinyflow_jupyter as tf
from tinyflow_jupyter._cluster.definition import Described, definition, homes
from tinyflow_jupyter._svg import draw


@tf.component
def halve(x: int) -> float:
    return x / 2


def node(name, component, module="far", edges=(), settings=None, ports=()):
    spec = {"module": module, "component": component, "edges": list(edges)}
    if settings:
        spec["ports"] = [{"name": "settings", "settings": settings}]
    metadata = {"name": f"numbers.{name}", "labels": {FLOW_LABEL: "numbers"}}
    return {"kind": "TinyNode", "metadata": metadata, "spec": spec, "status": {"ports": list(ports)}}


def edge(port, to, **more):
    return {"id": f"{port}-{to}", "port": port, "to": to, **more}


def test_a_component_of_this_process_has_its_types():
    flow = definition("numbers", [node("a", "halve", "notebook")], [])

    assert flow.nodes["a"].ports["out"].type is float


def test_a_node_that_names_an_image_is_described_by_the_module_that_runs_it():
    ports = [{"name": "out", "direction": "out", "type": "float"}]
    module = {"metadata": {"name": "far"}, "spec": {"image": "here/far:1"}}
    module["status"] = {"components": [{"name": "root", "description": "The root.", "ports": ports}]}
    other = {"metadata": {"name": "far-too"}, "spec": {"image": "here/far:1"}}

    flow = definition("numbers", [node("a", "root", "here/far:1")], [other, module])

    assert flow.nodes["a"].component.info().description == "The root."
    assert homes([other, module]) == {"here/far:1": "far", "far": "far", "far-too": "far-too"}


@pytest.mark.parametrize("noted", [True, False])
def test_the_notes_of_a_flow_are_read_where_they_are_notes(noted):
    flow = tf.Flow("numbers")
    flow.note("why", "Because.", position=(1, 2))
    whole = to_documents(flow)[0]
    if not noted:
        whole["metadata"]["annotations"]["tinyflow.dev/notes"] = "[3]"

    found = definition("numbers", [node("a", "halve", "notebook")], [], whole)

    assert found.notes == (flow.notes if noted else {})
    assert list(found.nodes) == ["a"]


def test_a_first_component_is_imported_and_nothing_else_is():
    ours, other = node("a", "ticker", "tinyflow"), node("b", "loads", "far")
    ours["metadata"]["annotations"] = {"tinyflow.dev/import": "tinyflow_runtime.components.ticker:Ticker"}
    other["metadata"]["annotations"] = {"tinyflow.dev/import": "json:loads"}

    flow = definition("numbers", [ours, other], [])

    assert flow.nodes["a"].ports["out"].type is int
    assert isinstance(flow.nodes["b"].component, Described)


def test_a_component_that_is_not_here_is_what_its_module_says():
    port = {
        "name": "count",
        "direction": "out",
        "type": "int",
        "schema": json.dumps({"type": "integer"}),
        "status": True,
    }
    component = {"name": "counter", "description": "Counts.", "ports": [port]}
    module = {"metadata": {"name": "far"}, "status": {"components": [component]}}

    flow = definition("numbers", [node("a", "counter", settings={"start": 1})], [module])

    assert flow.nodes["a"].ports["count"].type is int
    assert flow.nodes["a"].ports["count"].status
    assert flow.nodes["a"].component.info().description == "Counts."
    assert flow.nodes["a"].settings == {"start": 1}


def test_a_component_of_which_nobody_says_anything_has_the_ports_that_edges_use():
    flow = definition("numbers", [node("a", "one", edges=[edge("out", "b:in")]), node("b", "two")], [])

    assert set(flow.nodes["a"].ports) == {"out", "error"}
    assert set(flow.nodes["b"].ports) == {"in", "error"}
    assert list(flow.edges) == [(Address("a", "out"), Address("b", "in"))]


@pytest.mark.parametrize(
    "wrong",
    [
        edge("out", "nobody:in"),
        edge("nothing", "b:in"),
        edge("out", "b:in", when="this is no expression("),
        edge("out", "a:in"),
        edge("out", "b:in", capacity=-3),
    ],
)
def test_an_edge_that_could_not_be_pushed_hides_nothing(wrong):
    nodes = [node("a", "halve", "notebook", edges=[wrong]), node("b", "halve", "notebook")]

    flow = definition("numbers", nodes, [])

    assert list(flow.nodes) == ["a", "b"]
    assert "<svg" in draw(flow)


def test_settings_that_no_longer_fit_the_component_of_this_process_hide_nothing():
    flow = definition("numbers", [node("a", "halve", "notebook", settings={"gone": 1})], [])

    assert flow.nodes["a"].settings == {"gone": 1}
    assert "<svg" in draw(flow)


def test_a_flow_that_was_pushed_comes_back_as_it_was():
    flow = tf.Flow("numbers")
    flow.node("a", halve)
    flow.node("b", halve)
    flow.move("a", (10, 20))
    flow.edge("a:out", "b:in", when="msg > 1", map="int(msg)", capacity=3)
    _, *nodes = to_documents(flow)

    back = definition("numbers", nodes, [])

    assert back.edges == flow.edges
    assert back.nodes["a"].position == (10, 20)
