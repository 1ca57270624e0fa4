"""What people do to a flow on the canvas: whole or not at all, undone exactly, also while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinyflow_runtime.definition.notes import Note
from tinyflow_runtime.embedded.draft import Draft
from tinyflow_runtime.manifest import to_documents
from tinyflow_runtime.message import Address

import tinyflow_jupyter as tf
from tinyflow_jupyter._view.edits import MOST, Edits, edits_of
from tinyflow_jupyter._view.takeover import Takeover

things = tf.Module("edited-things")


@things.component
def double(x: int) -> int:
    """Twice the number."""
    return 2 * x


@things.component
def above(x: float, *, limit: float = 10.0) -> float | None:
    """Lets through what is above the limit."""
    return x if x > limit else None


@things.component
def spell(x: object) -> str:
    """Anything as text."""
    return str(x)


@things.component
class Switch(tf.Component):
    """Its output is what its settings say."""

    def ports(self):
        kind = {"int": int, "str": str}[(self.settings or {}).get("kind", "int")]
        return [
            tf.Port("in", "in", Any),
            tf.Port("out", "out", kind),
            tf.Port("settings", "in", dict[str, str], settings=True),
        ]


DOUBLE, ABOVE, SPELL, SWITCH = (["edited-things", name] for name in ("double", "above", "spell", "switch"))


def sums() -> tf.Flow:
    flow = tf.Flow("sums")
    flow.node("a", double)
    flow.node("b", above, limit=2.0)
    flow.node("c", spell)
    flow.edge("a:out", "b:in", when="msg > 3", map="msg / 2", capacity=7)
    flow.edge("a:out", "c:in")
    flow.edge("b:out", "c:in")
    flow.move("b", (120, 40))
    return flow


def test_one_request_makes_nodes_and_edges_and_names_them():
    flow = tf.Flow("made")

    answer = Edits(flow).edit(
        [
            {"op": "node", "component": DOUBLE, "position": [10, 20]},
            {"op": "node", "component": DOUBLE, "name": None},
            {"op": "node", "component": ABOVE, "settings": {"limit": 3}},
            {"op": "edge", "source": "double:out", "target": "double-2:in", "when": "msg > 1", "capacity": None},
            {"op": "edge", "source": "double-2:out", "target": "above:in"},
        ]
    )

    assert answer == {"names": ["double", "double-2", "above", None, None], "pending": False, "undo": 1, "redo": 0}
    assert flow.nodes["double"].position == (10, 20)
    assert flow.nodes["above"].settings == {"limit": 3}
    assert [str(edge.when and edge.when.text) for edge in flow.edges.values()] == ["msg > 1", "None"]


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "node", "component": ["edited-things", "doubel"]}, "TF-118"),
        ({"op": "node", "component": "double"}, "TF-119"),
        ({"op": "node", "component": DOUBLE, "name": "a"}, "TF-105"),
        ({"op": "node", "component": DOUBLE, "name": "No Name"}, "TF-106"),
        ({"op": "node", "component": DOUBLE, "position": [float("nan"), 0]}, "TF-119"),
        ({"op": "node", "component": ABOVE, "settings": {"limt": 3}}, "TF-109"),
        ({"op": "edge", "source": "c:out", "target": "a:in"}, "TF-103"),
        ({"op": "edge", "source": "c:out", "target": "c:in"}, "TF-104"),
        ({"op": "edge", "source": "c:out"}, "TF-119"),
        ({"op": "edge", "source": "a:out", "target": "b:in", "capacity": "many"}, "TF-119"),
        ({"op": "remove", "ends": ["nobody"]}, "TF-116"),
        ({"op": "move", "positions": {"nobody": [1, 2]}}, "TF-107"),
        ({"op": "move", "positions": {"a": [1e300, 2]}}, "TF-119"),
        ({"op": "rename", "name": "a", "to": "b"}, "TF-105"),
        ({"op": "rename", "name": "a", "to": "A"}, "TF-106"),
        ({"op": "settings", "name": "b", "settings": {"limit": "much"}}, "TF-109"),
        ({"op": "insert", "edge": ["a:out", "b:out"], "component": DOUBLE}, "TF-116"),
        ({"op": "insert", "edge": ["a:out", "b:in"], "component": SPELL}, "TF-103"),
        ({"op": "paste", "nodes": ["a"]}, "TF-119"),
        ({"op": "note", "text": "x" * 2_001}, "TF-124"),
        ({"op": "note", "name": "nobody", "text": None}, "TF-116"),
        ({"op": "note"}, "TF-119"),
        ({"op": "note", "name": ["x"], "text": "x"}, "TF-119"),
        ({"op": "node", "component": DOUBLE, "name": ["x"]}, "TF-119"),
        ({"op": "explode"}, "TF-119"),
        ("node", "TF-119"),
    ],
)
def test_a_request_with_one_wrong_operation_changes_nothing(operation, code):
    flow = sums()
    edits, before, heard = Edits(flow), flow.to_yaml(), []
    edits.listen(lambda nodes, edges: heard.append((nodes, edges)))

    with pytest.raises(tf.errors.TinyFlowError) as raised:
        edits.edit([{"op": "node", "component": DOUBLE}, {"op": "remove", "ends": ["c"]}, operation]
                   if "c:" not in str(operation) else [{"op": "node", "component": DOUBLE}, operation])  # fmt: skip

    assert raised.value.code == code
    assert raised.value.way_out
    assert flow.to_yaml() == before
    assert (edits.undo_count, heard) == (0, [])


def test_what_is_made_on_the_canvas_was_written_nowhere():
    flow = sums()
    edits = Edits(flow)

    edits.edit([{"op": "node", "component": DOUBLE}, {"op": "edge", "source": "double:out", "target": "a:in"}])
    with pytest.raises(tf.errors.TinyFlowError) as raised:
        edits.edit([{"op": "edge", "source": "a:out", "target": "double:in"}])

    assert flow.nodes["double"].place == ""
    assert flow.edges[Address("double", "out"), Address("a", "in")].place == ""
    assert "test_edits.py" in flow.nodes["a"].place
    assert raised.value.where == "Edge a:out → double:in."


def test_a_name_that_was_changed_keeps_edges_settings_position_and_order():
    flow = sums()

    Edits(flow).edit([{"op": "rename", "name": "b", "to": "bigger"}])

    assert flow.to_yaml() == sums().to_yaml().replace("sums.b\n", "sums.bigger\n").replace("b:in", "bigger:in").replace(
        "a.out.b.in", "a.out.bigger.in"
    ).replace("b.out.c.in", "bigger.out.c.in")


def test_a_node_put_on_an_edge_leads_it_through_itself():
    flow = sums()

    Edits(flow).edit([{"op": "insert", "edge": ["a:out", "b:in"], "component": ABOVE, "position": [5, 6]}])

    assert flow.nodes["above"].position == (5, 6)
    assert list(map(repr, flow.edges.values()))[-2:] == [
        'Edge("a:out", "above:in", when="msg > 3", map="msg / 2", capacity=7)',
        'Edge("above:out", "b:in", capacity=7)',
    ]


def test_a_mapping_goes_behind_a_node_that_does_not_take_what_it_makes():
    flow = sums()

    Edits(flow).edit([{"op": "insert", "edge": ["a:out", "b:in"], "component": DOUBLE}])

    assert list(map(repr, flow.edges.values()))[-2:] == [
        'Edge("a:out", "double:in", when="msg > 3", capacity=7)',
        'Edge("double:out", "b:in", map="msg / 2", capacity=7)',
    ]


def test_what_is_pasted_gets_new_names_and_only_the_edges_among_itself():
    flow = sums()
    nodes = [
        {"name": "a", "component": DOUBLE, "position": [0, 0]},
        {"name": "b", "component": ABOVE, "settings": {"limit": 2.0}, "position": [100, 0]},
    ]
    edges = [{"source": "a:out", "target": "b:in", "when": "msg > 3"}, {"source": "b:out", "target": "c:in"}]

    answer = Edits(flow).edit([{"op": "paste", "nodes": nodes, "edges": edges, "offset": [20, 30]}])

    assert answer["names"] == [{"a": "a-2", "b": "b-2"}]
    assert flow.nodes["b-2"].position == (120, 30)
    assert flow.nodes["b-2"].settings == {"limit": 2.0}
    assert list(map(repr, flow.edges.values()))[3:] == ['Edge("a-2:out", "b-2:in", when="msg > 3")']


def test_a_note_is_written_moved_and_taken_away_and_follows_the_names_of_its_nodes():
    flow = sums()
    edits, before = Edits(flow), flow.to_yaml()

    answer = edits.edit([{"op": "note", "text": "Sums", "position": [1, 2], "nodes": ["a", "b"]}])
    edits.edit([{"op": "note", "name": "note", "position": [5, 6], "size": [30, 40]}])
    edits.edit([{"op": "rename", "name": "b", "to": "bb"}])

    assert answer["names"] == ["note"]
    assert flow.notes["note"] == Note("note", "Sums", (5, 6), (30, 40), ("a", "bb"))
    edits.edit([{"op": "note", "name": "note", "text": None}])
    assert flow.notes == {}
    for _ in range(4):
        edits.undo()
    assert flow.to_yaml() == before


def test_what_changed_is_told_by_the_names_of_nodes_and_the_ends_of_edges():
    flow, heard = sums(), []
    edits = Edits(flow)
    end = edits.listen(lambda nodes, edges: heard.append((nodes, edges)))

    edits.edit([{"op": "remove", "ends": ["b"]}])
    edits.undo()
    edits.edit([{"op": "move", "positions": {"a": [1, 2]}}])
    end()
    edits.undo()

    removed = ({"b"}, {"a:out>b:in", "b:out>c:in"})
    assert heard == [removed, removed, ({"a"}, set())]


OPERATIONS = st.lists(st.tuples(st.sampled_from(range(9)), *[st.integers(0, 30)] * 4), min_size=1, max_size=4)


def operation(flow: tf.Flow, what: int, *numbers: int) -> dict[str, Any]:
    """One that names what the flow has, mostly."""
    names = [*flow.nodes, "nobody"]
    edges = [tuple(map(str, ends)) for ends in flow.edges] or [("x:out", "y:in")]
    one, other, third, fourth = numbers
    name, second = names[one % len(names)], names[other % len(names)]
    component = [DOUBLE, ABOVE, SPELL, SWITCH][third % 4]
    return [
        {"op": "node", "component": component, "position": [one, other] if fourth % 2 else None},
        {
            "op": "edge",
            "source": f"{name}:out",
            "target": f"{second}:in",
            "loop": third % 2 == 0,
            "capacity": 1 + fourth,
        },
        {"op": "remove", "ends": [name] if third % 3 else list(edges[other % len(edges)])},
        {"op": "move", "positions": {name: [one, other], second: None}},
        {"op": "rename", "name": name, "to": f"n{third}"},
        {"op": "settings", "name": name, "settings": [{}, {"limit": one / 2}, {"kind": "str"}][third % 3]},
        {
            "op": "paste",
            "nodes": [{"name": name, "component": component}, {"name": second, "component": SPELL}],
            "edges": [{"source": f"{name}:out", "target": f"{second}:in"}],
        },
        {"op": "insert", "edge": list(edges[other % len(edges)]), "component": component},
        {
            "op": "note",
            "name": [None, f"note-{one % 5}", "note"][third % 3],
            "text": f"text {fourth}" if other % 3 else None,
            "nodes": [name],
            "position": [one, other],
        },
    ][what]


def said(flow: tf.Flow) -> str:
    """What its documents say, in their order; to make YAML of each would take most of the test."""
    return repr(to_documents(flow))


@pytest.mark.timeout(120)  # it makes hundreds of flows
@settings(max_examples=100, deadline=None)
@given(st.lists(OPERATIONS, min_size=1, max_size=12), st.lists(st.booleans(), max_size=30))
def test_what_is_undone_was_never_done_and_what_is_done_again_was_never_undone(requests, ways):
    flow = sums()
    edits, texts = Edits(flow), [said(flow)]
    for request in requests:
        before = said(flow)
        try:
            edits.edit([operation(flow, *one) for one in request])
        except tf.errors.TinyFlowError:
            assert said(flow) == before
        if edits.undo_count == len(texts):
            texts.append(said(flow))
    assert tf.Flow.from_yaml(flow.to_yaml()).to_yaml() == flow.to_yaml()

    at = len(texts) - 1
    for back in [*[True] * at, *ways, *[True] * at]:
        if at > 0 if back else at < len(texts) - 1:
            at += -1 if back else 1
            assert (edits.undo() if back else edits.redo())["left"] == []
            assert said(flow) == texts[at]
            assert (edits.undo_count, edits.redo_count) == (at, len(texts) - 1 - at)


@pytest.mark.timeout(120)  # it makes hundreds of flows
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["edit", "cell", "undo", "redo"]), OPERATIONS), max_size=25))
def test_whatever_cells_change_meanwhile_an_undo_leaves_a_flow_that_can_be(steps):
    flow = sums()
    edits, cells = Edits(flow), Edits(flow)  # what the second does is unknown to the first, as a cell's doing is
    for who, request in steps:
        operations = [operation(flow, *one) for one in request]
        with contextlib.suppress(tf.errors.TinyFlowError):
            {"edit": edits.edit, "cell": cells.edit}[who](operations) if who in ("edit", "cell") else getattr(
                edits, who
            )()

    assert tf.Flow.from_yaml(flow.to_yaml()).to_yaml() == flow.to_yaml()
    leaving = {
        ends: edge for name in flow.nodes for edge in flow.outgoing(name) for ends in [(edge.source, edge.target)]
    }
    arriving = {(edge.source, edge.target) for name in flow.nodes for edge in flow.incoming(name)}
    assert leaving == flow.edges
    assert arriving == set(flow.edges)


def test_hundreds_of_edits_are_undone_one_by_one_and_no_more_are_kept_than_anybody_needs():
    flow = tf.Flow("long")
    edits, seen = Edits(flow), [dict(flow.nodes)]
    for number in range(MOST + 10):
        new = {"op": "node", "component": DOUBLE, "position": [number, 0]}
        edits.edit([new if number < 100 else {"op": "move", "positions": {"double": [number, number]}}])
        seen.append(dict(flow.nodes))

    for nodes in reversed(seen[10:-1]):
        edits.undo()
        assert list(flow.nodes.items()) == list(nodes.items())

    assert MOST >= 200
    assert edits.undo_count == 0
    with pytest.raises(tf.errors.TinyFlowError, match="TF-126"):
        edits.undo()


def test_an_undo_that_a_cell_was_in_the_way_of_can_be_tried_again(monkeypatch: pytest.MonkeyPatch):
    flow = sums()
    edits, before = Edits(flow), flow.to_yaml()
    edits.edit([{"op": "remove", "ends": ["a"]}])

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Draft, "land", lambda *_: False)
        with pytest.raises(tf.errors.TinyFlowError, match="again and again"):
            edits.undo()
    edits.undo()

    assert flow.to_yaml() == before
    assert edits.redo_count == 1


def test_an_order_that_a_unit_changes_is_undone_too():
    flow = sums()
    edits, before = Edits(flow), flow.to_yaml()

    edits.edit(
        [
            {"op": "remove", "ends": ["a:out", "b:in"]},
            {"op": "edge", "source": "a:out", "target": "b:in", "when": "msg > 3", "map": "msg / 2", "capacity": 7},
        ]
    )
    after = flow.to_yaml()
    edits.undo()
    undone = flow.to_yaml()
    edits.redo()

    assert after != before == undone
    assert flow.to_yaml() == after


def test_what_was_undone_is_not_done_again_after_another_edit():
    flow = sums()
    edits = Edits(flow)
    edits.edit([{"op": "remove", "ends": ["a"]}])
    edits.undo()

    edits.edit([{"op": "move", "positions": {"b": [1, 2]}}])

    assert edits.redo_count == 0
    with pytest.raises(tf.errors.TinyFlowError, match="TF-126"):
        edits.redo()


@things.component
class Meddler(tf.Component):
    """Looking at its ports changes the flow, as a cell would at the same moment."""

    flow: tf.Flow | None = None

    def ports(self):
        if Meddler.flow is not None and "late" not in Meddler.flow.nodes:
            Meddler.flow.node("late", spell)
        return [tf.Port("in", "in", int)]


def test_what_a_cell_changes_during_an_edit_is_kept(monkeypatch):
    flow = sums()
    monkeypatch.setattr(Meddler, "flow", flow)

    Edits(flow).edit([{"op": "node", "component": ["edited-things", "meddler"]}])

    assert list(flow.nodes) == ["a", "b", "c", "late", "meddler"]


def test_an_undo_leaves_alone_what_a_cell_has_changed_since():
    flow = sums()
    edits = Edits(flow)
    edits.edit(
        [{"op": "settings", "name": "b", "settings": {"limit": 5.0}}, {"op": "move", "positions": {"a": [1, 1]}}]
    )
    flow.node("b", above, limit=7.0)
    flow.node("d", spell)

    left = edits.undo()["left"]

    assert left == ["node b: it was changed since"]
    assert flow.nodes["b"].settings == {"limit": 7.0}
    assert flow.nodes["a"].position is None
    assert list(flow.nodes) == ["a", "b", "c", "d"]


def test_an_undo_brings_back_what_still_has_its_place():
    flow = sums()
    edits = Edits(flow)
    edits.edit([{"op": "remove", "ends": ["a"]}])
    flow.remove("b")

    left = edits.undo()["left"]

    assert left == ["edge a:out → b:in: a node of it is gone"]
    assert list(flow.nodes) == ["a", "c"]
    assert list(map(repr, flow.edges.values())) == ['Edge("a:out", "c:in")']
    assert edits.redo()["left"] == []
    assert list(flow.nodes) == ["c"]


def test_an_undo_of_which_nothing_applies_any_more_is_refused_and_the_one_before_is_next():
    flow = sums()
    edits, before = Edits(flow), flow.to_yaml()
    edits.edit([{"op": "move", "positions": {"a": [1, 1]}}])
    edits.edit([{"op": "node", "component": DOUBLE}])
    flow.remove("double")

    with pytest.raises(tf.errors.TinyFlowError, match="TF-126") as raised:
        edits.undo()
    edits.undo()

    assert "node double: it was removed since" in str(raised.value)
    assert flow.to_yaml() == before


def test_a_position_is_undone_where_the_component_is_of_newer_code():
    flow = sums()
    edits = Edits(flow)
    edits.edit([{"op": "move", "positions": {"a": [1, 1]}}])
    newer = type(double.__tinyflow__).instance(double.__tinyflow__)
    flow.swap(newer)

    edits.undo()

    assert flow.nodes["a"].position is None
    assert flow.nodes["a"].component is newer


@things.component
class Patient(tf.Component):
    """Its ports can be told when they may."""

    holds, asked, may = False, threading.Event(), threading.Event()

    def ports(self):
        if Patient.holds:
            Patient.asked.set()
            Patient.may.wait(10)
        return [tf.Port("in", "in", int)]


def test_an_undo_waits_for_the_edit_of_another_thread(monkeypatch):
    monkeypatch.setattr(Patient, "holds", True)
    flow = sums()
    edits, before = Edits(flow), flow.to_yaml()
    edit = threading.Thread(target=edits.edit, args=([{"op": "node", "component": ["edited-things", "patient"]}],))
    undo = threading.Thread(target=edits.undo)

    edit.start()
    Patient.asked.wait(10)
    undo.start()
    undo.join(0.2)
    waits = undo.is_alive()
    Patient.may.set()
    edit.join(10)
    undo.join(10)

    assert waits
    assert flow.to_yaml() == before
    assert edits.redo_count == 1


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_edits_from_many_threads_come_one_after_the_other():
    flow = tf.Flow("crowd")
    edits = Edits(flow)
    names: list[str] = []

    def work() -> None:
        for _ in range(20):
            names.extend(edits.edit([{"op": "node", "component": DOUBLE}, {"op": "node", "component": SPELL}])["names"])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(names) == sorted(flow.nodes)
    assert len(flow.nodes) == 160
    assert edits.undo_count == 80


def test_the_views_of_a_flow_share_its_edits_and_no_flow_is_kept_by_them():
    flow, other = tf.Flow("one"), tf.Flow("one")

    edits = edits_of(flow)

    assert edits_of(flow) is edits
    assert edits_of(other) is not edits
    gone = weakref.ref(flow)
    del flow, edits
    gc.collect()
    assert gone() is None


@pytest.fixture
def running() -> Iterator[tf.Flow]:
    flow = sums()
    flow.start()
    yield flow
    flow.stop()


def test_a_flow_that_runs_takes_an_edit_over_at_once(running):
    edits = edits_of(running)
    port = running["c:out"]
    running.send("b:in", 3.0)

    edits.edit([{"op": "settings", "name": "b", "settings": {"limit": 100.0}}])
    edits.edit([{"op": "node", "component": DOUBLE, "name": "d"}, {"op": "edge", "source": "d:out", "target": "a:in"}])
    running.send("d:in", 30)
    running.wait(5)

    assert [port.next(5).payload for _ in range(2)] == ["3.0", "120"]
    assert running.counts()["b"].handled == 3  # one of them the settings
    assert running.counts()["d"].handled == 1


def test_an_undo_is_taken_over_too(running):
    edits = edits_of(running)
    edits.edit([{"op": "remove", "ends": ["a:out", "c:in"]}])
    port = running["c:out"]

    running.send("a:in", 1)
    running.wait(5)
    edits.undo()
    running.send("a:in", 2)

    assert port.next(5).payload == "4"


def test_a_flow_that_is_stopped_is_not_started_by_an_edit():
    flow = sums()

    edits_of(flow).edit([{"op": "node", "component": DOUBLE}])

    assert not flow.running


def test_a_flow_that_was_stopped_in_the_moment_of_an_edit_stays_so():
    flow = sums()

    Takeover(flow, lambda error: None).ask(5)

    assert not flow.running


@things.component
class Broken(tf.Component):
    """It does not start."""

    def ports(self):
        return [tf.Port("in", "in", int)]

    async def start(self, output: tf.Handler) -> None:
        raise OSError("no such device")


def test_an_edit_whose_component_does_not_start_is_refused_whole(running):
    edits, before = edits_of(running), running.to_yaml()

    with pytest.raises(tf.errors.HandlerError, match="no such device"):
        edits.edit([{"op": "remove", "ends": ["b"]}, {"op": "node", "component": ["edited-things", "broken"]}])
    port = running["b:out"]
    running.send("a:in", 10)

    assert running.to_yaml() == before
    assert edits.undo_count == 0
    assert port.next(5).payload == 10.0
    assert set(running.counts()) == {"a", "b", "c"}


gates = itertools.count()
opened = threading.Event()


@things.component
class Slow(tf.Component):
    """It starts when it may, and then it does not."""

    def ports(self):
        return [tf.Port("in", "in", int)]

    async def start(self, output: tf.Handler) -> None:
        await asyncio.to_thread(opened.wait, 10)
        raise OSError("too late")


def test_an_edit_does_not_wait_for_a_component_that_takes_its_time(running, monkeypatch):
    monkeypatch.setattr("tinyflow_jupyter._view.edits.PATIENCE", 0.05)
    opened.clear()
    edits, late = edits_of(running), []
    edits.listen(lambda nodes, edges: None, late.append)

    began = time.monotonic()
    answers = [
        edits.edit([{"op": "node", "component": ["edited-things", "slow"]}]),
        edits.edit([{"op": "node", "component": DOUBLE}]),
    ]
    took = time.monotonic() - began
    opened.set()
    edits.takeover.join(10)

    assert took < 3
    assert [answer["pending"] for answer in answers] == [True, True]
    assert set(running.nodes) == {"a", "b", "c", "slow", "double"}
    assert "too late" in str(late[0])
