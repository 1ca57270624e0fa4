"""A flow as documents: written so that a diff shows what changed, and refused field by field when read."""

from __future__ import annotations

import dataclasses
import sys
import types

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tinyflow_operator.plan import parts_of
from tinyflow_runtime import protocol
from tinyflow_runtime.component import prototype
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.manifest import from_yaml, nodes_hash, to_documents, to_yaml

import tinyflow_jupyter as tf

maths = tf.Module("manifest-maths")


@dataclasses.dataclass
class Unit:
    name: str = "m"
    factor: float = 1.0


@maths.component
def scale(x: float, *, by: float = 2.0, text: str = "", units: list[Unit] = [], names: dict[str, str] = {}) -> float:  # noqa: B006  # settings are never changed
    """Scale a number."""
    return x * by


@maths.component
def show(x: object) -> None:
    """Take anything."""


def sums() -> tf.Flow:
    flow = tf.Flow("sums")
    flow.node("a", scale, by=3.0)
    flow.node("b", scale)
    flow.node("c", show)
    flow.edge("a:out", "b:in", when="msg > 3", map="msg / 2")
    flow.edge("b:out", "a:in", loop=True)
    flow.edge("b:out", "c:in", capacity=7)
    return flow


def test_a_flow_is_written_as_the_resources_of_a_cluster():
    flow = sums()

    first, a, b, c = yaml.safe_load_all(flow.to_yaml())

    assert first == {
        "apiVersion": "tinyflow.dev/v1alpha1",
        "kind": "TinyFlow",
        "metadata": {"name": "sums"},
        "spec": {},
    }
    assert a["kind"] == "TinyNode"
    assert a["metadata"]["name"] == "sums.a"
    assert a["metadata"]["labels"] == {"tinyflow.dev/flow": "sums"}
    assert a["spec"] == {
        "module": "manifest-maths",
        "component": "scale",
        "ports": [{"name": "settings", "settings": {"by": 3.0}}],
        "edges": [{"id": "a.out.b.in", "port": "out", "to": "b:in", "when": "msg > 3", "map": "msg / 2"}],
    }
    assert [edge.get("loop") for edge in b["spec"]["edges"]] == [True, None]
    assert c["spec"] == {"module": "manifest-maths", "component": "show"}


def test_what_was_read_is_written_as_it_was():
    text = sums().to_yaml()

    flow = tf.Flow.from_yaml(text)

    assert type(flow) is tf.Flow
    assert flow.to_yaml() == text
    assert flow.edges == sums().edges


def test_positions_are_kept():
    flow = sums()
    flow.move("a", (120, -4.25))

    again = tf.Flow.from_yaml(flow.to_yaml())

    assert again.nodes["a"].position == (120.0, -4.25)
    assert "tinyflow.dev/position: 120,-4.25" in again.to_yaml()


def test_the_operator_makes_a_plan_of_the_documents():
    flow = sums()

    documents = {document["metadata"]["name"]: document for document in to_documents(flow)[1:]}
    part = parts_of(documents, lambda document: document["spec"]["module"])["manifest-maths"]
    nodes = [protocol.Node.FromString(node) for node in part.nodes]

    assert [node.name for node in nodes] == ["a", "b", "c"]
    assert nodes[1].edges[1].capacity == 7


def test_settings_are_plain_data_whatever_they_were_given_as():
    flow = tf.Flow("sums")
    flow.node("a", scale, units=[Unit("km", 1000.0)])
    text = flow.to_yaml()

    again = tf.Flow.from_yaml(text)

    assert again.nodes["a"].configured.settings.units == [Unit("km", 1000.0)]
    assert again.to_yaml() == text


def test_a_text_of_several_lines_stays_one():
    flow = tf.Flow("sums")
    flow.node("a", scale, text="first\nsecond\n")

    text = flow.to_yaml()

    assert "text: |\n" in text
    assert tf.Flow.from_yaml(text).nodes["a"].settings["text"] == "first\nsecond\n"


def test_a_change_of_one_setting_changes_one_line():
    before = sums().to_yaml().splitlines()
    flow = sums()
    flow.node("a", scale, by=4.0)

    after = flow.to_yaml().splitlines()

    assert [line for line in after if line not in before] == ["      by: 4.0"]
    assert len(after) == len(before)


texts = st.text(st.characters(codec="utf-8"), max_size=30)
names = st.from_regex(r"\A[a-z]([a-z0-9-]{0,6}[a-z0-9])?\Z")


@settings(deadline=None, max_examples=60)
@given(
    nodes=st.dictionaries(
        names,
        st.fixed_dictionaries(
            {},
            optional={
                "by": st.floats(allow_nan=False),
                "text": texts,
                "names": st.dictionaries(texts, texts, max_size=3),
                "units": st.lists(st.builds(Unit, texts, st.floats(allow_nan=False)), max_size=2),
            },
        ),
        min_size=1,
        max_size=5,
    ),
    ends=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans(), st.integers(1, 99)), max_size=8),
    place=st.none() | st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2),
)
def test_every_flow_survives_being_written(nodes, ends, place):
    flow = Flow("round")
    for name, keywords in nodes.items():
        flow.node(name, scale, **keywords)
    flow.move(name, place)
    order = list(nodes)
    for source, target, mapped, capacity in ends:
        source, target = source % len(order), target % len(order)
        flow.edge(
            f"{order[source]}:out",
            f"{order[target]}:in",
            map="msg * 1.5" if mapped else None,
            loop=source >= target,
            capacity=capacity,
        )

    text = to_yaml(flow)
    again = from_yaml(text, Flow)

    assert to_yaml(again) == text
    assert again.edges == flow.edges
    assert {n: one.configured.settings for n, one in again.nodes.items()} == {
        n: one.configured.settings for n, one in flow.nodes.items()
    }
    assert again.nodes[name].position == place


@pytest.fixture
def package(monkeypatch):
    """A package whose component no module of this process knows yet."""
    made = types.ModuleType("somebodys_maths")
    made.__spec__ = types.SimpleNamespace(name="somebodys_maths")
    monkeypatch.setitem(sys.modules, "somebodys_maths", made)
    module = tf.Module("somebodys")
    exec("def half(x: float) -> float:\n    return x / 2\n", made.__dict__)
    module.component(made.half)
    yield made
    tf.Module.all.pop("somebodys", None)


def test_a_component_that_can_be_imported_says_where_from(package):
    flow = tf.Flow("sums")
    flow.node("a", package.half)

    text = flow.to_yaml()

    assert "tinyflow.dev/import: somebodys_maths:half" in text


def test_a_component_that_is_not_here_is_imported(package):
    flow = tf.Flow("sums")
    flow.node("a", package.half)
    text = flow.to_yaml()
    del tf.Module.all["somebodys"]

    again = tf.Flow.from_yaml(text)

    assert again.nodes["a"].component is prototype(package.half)
    assert again.to_yaml() == text


def test_a_component_of_a_cell_or_a_function_has_no_place_to_be_imported_from():
    @maths.component
    def here(x: int) -> int:
        return x

    flow = tf.Flow("sums")
    flow.node("a", here)

    assert "tinyflow.dev/import" not in flow.to_yaml()


@pytest.mark.parametrize(
    ("old", "new", "code", "path", "hint"),
    [
        ("to: b:in", "to: b:inn", "TF-117", "spec.edges[0]: 'b' has no input port 'inn'", "Did you mean 'in'?"),
        ("to: b:in", "to: b", "TF-117", "spec.edges[0].to", "node:port"),
        ("component: scale", "component: scael", "TF-118", "'scael'", "is the component 'scale'"),
        ("when: ", "wehn: ", "TF-117", "spec.edges[0].wehn", "Did you mean 'when'?"),
        ("loop: true", "loop: 'yes'", "TF-117", "spec.edges[0].loop", "true or false"),
        ("loop: true", "loop: false", "TF-117", "spec.edges[0]: Flow 'sums' has a loop", "loop=True"),
        ("capacity: 7", "capacity: 0", "TF-117", "spec.edges[1]: capacity is 0", "Leave it out"),
        ("by: 3.0", "by: much", "TF-117", "spec.ports[0].settings", "Change the value"),
        ("by: 3.0", "3: 3.0", "TF-117", "spec.ports[0].settings", "quotes"),
        ("name: settings", "name: setting", "TF-117", "spec.ports[0].name", "Did you mean 'settings'?"),
        ("kind: TinyNode", "kind: TinyNod", "TF-117", "kind is 'TinyNod'", "Did you mean 'TinyNode'?"),
        ("kind: TinyFlow", "kind: TinyNode", "TF-117", "spec.module is missing", "Add it"),
        ("v1alpha1", "v2", "TF-117", "apiVersion", "v1alpha1"),
        ("name: sums.a", "name: other.a", "TF-117", "metadata.name", "sums.<node>"),
        ("name: sums.b", "name: sums.a", "TF-117", "metadata.name", "another name"),
        ("tinyflow.dev/flow: sums", "tinyflow.dev/flow: suns", "TF-117", "tinyflow.dev/flow", "'sums'"),
        ("id: a.out.b.in", "id: first", "TF-117", "spec.edges[0].id", "a.out.b.in"),
        ("id: b.out.c.in", "id: b.out.a.in", "TF-117", "spec.edges[1].id", "Remove one"),
        ("spec: {}", "spec: {}\nspec: {}", "TF-117", "twice", "Mend"),
        ("spec: {}", "spec: {", "TF-117", "not YAML", "Mend"),
        ("spec: {}", "spec: !!python/name:os.system x", "TF-117", "not YAML", "Mend"),
        ("component: show", "component: 7", "TF-117", "spec.component is 7", "a text"),
    ],
)
def test_a_document_that_is_wrong_is_refused_with_the_field_and_the_way_out(old, new, code, path, hint):
    text = sums().to_yaml()
    assert old in text

    with pytest.raises(tf.errors.ManifestError) as caught:
        tf.Flow.from_yaml(text.replace(old, new, 1))

    assert caught.value.code == code
    assert path in caught.value.what
    assert hint in " ".join(caught.value.way_out)
    assert caught.value.where.startswith(("Document ", "Line "))
    assert len(str(caught.value).splitlines()) <= 5


def test_a_text_without_a_flow_is_refused():
    with pytest.raises(tf.errors.ManifestError, match="TF-117 A flow has one TinyFlow; this text has 0"):
        tf.Flow.from_yaml("")


def test_what_a_cluster_adds_is_passed_over():
    documents = list(yaml.safe_load_all(sums().to_yaml()))
    for one in documents:
        one["metadata"] |= {"uid": "1", "resourceVersion": "2", "generation": 1, "managedFields": [], "namespace": "x"}
        one["status"] = {"conditions": []}

    flow = tf.Flow.from_yaml(yaml.safe_dump_all(documents))

    assert flow.edges == sums().edges


def test_a_setting_that_is_a_live_object_cannot_be_written():
    class Counting(tf.Component):
        def ports(self):
            return [tf.Port("in", "in", int), tf.Port("settings", "in", dict, settings=True)]

    flow = tf.Flow("sums")
    flow.node("a", Counting, lock=object())

    with pytest.raises(tf.errors.ManifestError, match=r"TF-117 .* 'a' cannot be written"):
        flow.to_yaml()


def _hashed(name, **spec):
    return {"metadata": {"name": name}, "spec": {"module": "m", "component": "c", **spec}}


def test_a_hash_of_nodes_knows_neither_their_order_nor_what_a_cluster_adds():
    a, b = _hashed("sums.a"), _hashed("sums.b")

    stored = {**b, "kind": "TinyNode", "metadata": {"name": "sums.b", "uid": "1"}, "status": {"observedGeneration": 1}}

    assert nodes_hash([a, b]) == nodes_hash([stored, a, {"kind": "TinyFlow", "metadata": {"name": "sums"}}])


@pytest.mark.parametrize(
    "other",
    [_hashed("sums.x"), _hashed("sums.a", module="n"), _hashed("sums.a", ports=[]), _hashed("sums.a", edges=[1])],
)
def test_another_node_is_another_hash(other):
    assert nodes_hash([_hashed("sums.a")]) != nodes_hash([other])
