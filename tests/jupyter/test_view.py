"""The live view without a browser: what it sends, when, and what it leaves behind."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from ipywidgets.widgets import widget as ipywidgets_widget
from tinyflow_runtime.errors import PortError

import tinyflow_jupyter as tf
from tinyflow_jupyter._card import Card
from tinyflow_jupyter._layout import arrange
from tinyflow_jupyter._svg import wire_of
from tinyflow_jupyter._view import pace, pump
from tinyflow_jupyter._view.flow_view import FlowView
from tinyflow_jupyter._view.frames import LOOKS, Frames
from tinyflow_jupyter._view.pace import AHEAD, Pace
from tinyflow_jupyter._view.structure import cards_of, folded
from tinyflow_jupyter._view.widget import answered

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # ipycytoscape and its own dependencies


@tf.component
def double(x: int) -> int:
    """Twice the number."""
    return 2 * x


@tf.component
def above(x: float, *, limit: float = 10.0) -> float | None:
    if x < 0:
        raise ValueError("less than nothing")
    return x if x > limit else None


@tf.component
async def ticks(*, every: float = 60.0) -> AsyncIterator[int]:
    yield 1
    await asyncio.sleep(every)


class Recorded(FlowView):
    """A view whose messages can be looked at."""

    def __init__(self, flow: Any) -> None:
        self.told: list[dict[str, Any]] = []
        super().__init__(flow)

    def send(self, content: Any, buffers: Any = None) -> None:
        self.told.append(content)


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    flow = tf.Flow("numbers")
    flow.node("double", double)
    flow.node("above", above, limit=2.0)
    flow.edge("double:out", "above:in", when="msg != 4", map="msg / 2")
    yield flow
    flow.stop()


@pytest.fixture
def view(flow: tf.Flow) -> Iterator[Recorded]:
    view = Recorded(flow)
    yield view
    view.close()


def test_a_snapshot_says_what_there_is_to_draw(view: Recorded) -> None:
    shown = view.shown()

    node = next(node for node in shown["nodes"] if node["id"] == "above")
    (edge,) = shown["edges"]
    assert (node["component"], node["module"]) == ("above", "notebook")
    assert [(port["name"], port["dir"], port["side"], port["kind"]) for port in node["ports"]] == [
        ("in", "in", "left", "data"),
        ("settings", "in", "left", "settings"),
        ("out", "out", "right", "data"),
    ]
    assert (edge["id"], edge["when"], edge["map"]) == ("double:out>above:in", "msg != 4", "msg / 2")
    assert shown["types"][node["ports"][0]["type"]] == "float"


def test_the_browser_can_tell_what_fits_while_the_kernel_is_busy(view: Recorded) -> None:
    shown = view.shown()

    whole, real = (next(n for n, name in shown["types"].items() if name == wanted) for wanted in ("int", "float"))

    assert real in shown["fits"][whole]
    assert whole not in shown["fits"][real]


def test_a_change_in_a_cell_is_told_as_a_difference(flow: tf.Flow, view: Recorded) -> None:
    view.shown()

    flow.node("more", double)
    flow.edge("double:out", "more:in")
    flow.remove("above")
    view.tell()

    (delta,) = [one for one in view.told if one["t"] == "delta"]
    assert delta["seq"] == 1
    assert [node["id"] for node in delta["put"]["nodes"]] == ["more"]
    assert [edge["id"] for edge in delta["put"]["edges"]] == ["double:out>more:in"]
    assert delta["drop"] == {"nodes": ["above"], "edges": ["double:out>above:in"]}


def test_what_did_not_change_is_not_told(flow: tf.Flow, view: Recorded) -> None:
    view.shown()

    flow.node("above", above, limit=2.0)
    view.tell()

    assert view.told == []


def test_a_node_keeps_its_place_when_others_come(flow: tf.Flow, view: Recorded) -> None:
    before = {node["id"]: (node["x"], node["y"]) for node in view.shown()["nodes"]}

    for number in range(2):
        flow.node(f"more-{number}", double)
    after = {node["id"]: (node["x"], node["y"]) for node in view.shown()["nodes"]}

    assert {name: after[name] for name in before} == before
    assert len(set(after.values())) == 4


def test_two_views_of_a_flow_and_a_reload_show_the_same(flow: tf.Flow, view: Recorded) -> None:
    other = Recorded(flow)

    first, second, again = view.shown(), other.shown(), view.shown()
    other.close()

    assert first["nodes"] == second["nodes"] == again["nodes"]
    assert first["edges"] == second["edges"] == again["edges"]


def test_a_node_stands_where_a_person_put_it(flow: tf.Flow, view: Recorded) -> None:
    flow.move("above", (500.0, 40.0))

    node = next(node for node in view.shown()["nodes"] if node["id"] == "above")

    assert (node["x"] - node["w"] / 2, node["y"] - node["h"] / 2) == pytest.approx((500.0, 40.0), abs=0.1)


def test_a_frame_has_what_passed_and_then_nothing(flow: tf.Flow) -> None:
    clock = [100.0]
    frames = Frames(flow, clock=lambda: clock[0])
    flow.start()
    flow.send("double:in", 5)
    flow.send("above:in", -1.0)
    flow.wait(timeout=5)

    frame = frames.take(frames.next(["double:out", "above:out"]))
    clock[0] += LOOKS
    frames.take(frames.next(["double:out", "above:out"]))  # rates fall to nothing
    clock[0] += 60
    frames.take(frames.next([]))
    clock[0] += 60

    assert frame["ports"]["double:out"][:2] == ["10", 1]
    assert frame["ports"]["above:out"][:2] == ["5.0", 1]
    assert frame["nodes"]["above"][1] == 1
    assert frame["nodes"]["above"][3] == 1  # a dead letter
    assert frame["edges"]["double:out>above:in"][:2] == [0, 64]
    assert frames.next([]) == {}


def test_a_node_that_has_just_failed_says_so_for_a_moment(flow: tf.Flow) -> None:
    clock = [100.0]
    frames = Frames(flow, clock=lambda: clock[0])
    flow.start()
    frames.take(frames.next([]))
    flow.send("above:in", -1.0)
    flow.wait(timeout=5)

    clock[0] += LOOKS
    now = frames.take(frames.next([]))["nodes"]["above"][0]
    clock[0] += 10
    later = frames.take(frames.next([]))["nodes"]["above"][0]

    assert (now, later) == ("failed", "idle")


def test_a_node_that_is_paused_says_so(flow: tf.Flow) -> None:
    flow.start()
    flow.pause("above")

    nodes = Frames(flow).next([])["nodes"]

    assert {name: told[0] for name, told in nodes.items()} == {"double": "idle", "above": "paused"}


def test_a_payload_is_one_line_of_plain_text(flow: tf.Flow) -> None:
    @tf.component
    def evil(x: int) -> str:
        return "a\nb\x1b[31m\u202e" + "<script>" * 100

    flow.node("evil", evil)
    flow.start()
    flow.send("evil:in", 1)
    flow.wait(timeout=5)

    text = Frames(flow).next(["evil:out"])["ports"]["evil:out"][0]

    assert len(text) <= 60
    assert not set("\n\x1b\u202e") & set(text)


def test_the_next_frame_waits_until_the_browser_has_drawn_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace._busy, "is_set", lambda: False)
    rhythm = Pace()

    sent = []
    while rhythm.may() and len(sent) < 100:
        sent.append(rhythm.sent())
    rhythm.acknowledged(sent[0])
    after_one = rhythm.may()
    rhythm.sent()

    assert len(sent) == AHEAD
    assert (after_one, rhythm.may()) == (True, False)


def test_a_browser_that_begins_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace._busy, "is_set", lambda: False)
    rhythm = Pace()
    while rhythm.may():
        rhythm.sent()

    rhythm.acknowledged()

    assert rhythm.may()


def test_while_a_cell_runs_frames_go_by_a_clock_that_slows_down(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(pace._busy, "is_set", lambda: True)
    rhythm = Pace(clock=lambda: clock[0])
    rhythm.acknowledged()
    sent = []

    for _ in range(100 * 100):  # a hundred seconds without a word from the browser
        clock[0] += 0.01
        if rhythm.may():
            rhythm.sent()
            sent.append(clock[0] - 1000)

    assert 85 <= sum(at < 10 for at in sent) <= 101
    assert 95 <= sum(10 <= at < 60 for at in sent) <= 102
    assert sum(at >= 60 for at in sent) <= 41


def test_an_answer_is_a_value_or_an_error_in_words() -> None:
    def refuse(_: Any) -> None:
        raise PortError("TF-101", "'a' has no output port 'b'.", "Outputs of a: out.", where="Edge a:b → c:in.")

    answers = {"good": lambda request: request["x"] + 1, "bad": refuse, "broken": lambda _: 1 / 0}

    assert answered(answers, {"do": "good", "x": 1}) == {"value": 2}
    assert answered(answers, {"do": "bad"})["error"] == {
        "code": "TF-101",
        "what": "'a' has no output port 'b'.",
        "wayOut": "Outputs of a: out.",
        "where": "Edge a:b → c:in.",
    }
    assert answered(answers, {"do": "broken"})["error"]["code"] == "ZeroDivisionError"
    assert "error" in answered(answers, {"do": "nothing"})


def test_a_canvas_has_at_most_six_comms_and_leaves_none() -> None:
    flow = tf.Flow("large")
    for number in range(300):
        flow.node(f"n-{number}", double)
    before = set(ipywidgets_widget._instances)

    view = FlowView(flow)
    opened = set(ipywidgets_widget._instances) - before
    view.close()

    assert 0 < len(opened) <= 6
    assert set(ipywidgets_widget._instances) == before


def test_a_view_has_its_turns_until_it_is_closed(view: Recorded, flow: tf.Flow) -> None:
    flow.start()
    view.heard({"t": "hello"})
    view.heard({"t": "see", "ports": ["double:out"]})
    flow.send("double:in", 5)
    until(lambda: any("double:out" in one.get("ports", {}) for one in view.told))

    view.close()

    until(lambda: not [one for one in threading.enumerate() if one.name == "tinyflow views"])


def test_an_error_that_nobody_expected_is_logged_and_the_view_goes_on(
    view: Recorded, flow: tf.Flow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looked, looks = [], flow._looks

    def broken(ports: Any) -> Any:
        looked.append(ports)
        if len(looked) == 1:
            raise ZeroDivisionError("of somebody's __eq__")
        return looks(ports)

    monkeypatch.setattr(flow, "_looks", broken)
    monkeypatch.setattr(pump, "PAUSE", 0.01)
    flow.start()
    view.heard({"t": "hello"})
    view.heard({"t": "see", "ports": ["double:out"]})
    flow.send("double:in", 5)

    until(lambda: any("double:out" in one.get("ports", {}) for one in view.told))

    assert "of somebody's __eq__" in caplog.text


def test_a_frame_that_waited_for_the_browser_goes_out_when_it_has_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace._busy, "is_set", lambda: False)
    rhythm = Pace()

    early = rhythm.acknowledged(rhythm.sent())
    while rhythm.may():
        number = rhythm.sent()
    late = rhythm.acknowledged(number)

    assert (early, late) == (False, True)


def until(true: Callable[[], bool]) -> None:
    """Wait for another thread, no longer than a busy machine needs."""
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def test_a_snapshot_has_what_can_be_put_on_the_flow(view: Recorded) -> None:
    shown = view.shown()

    offered = {tuple(one["component"]) for one in shown["palette"]["components"]}

    assert {("notebook", "double"), ("notebook", "above")} <= offered
    assert shown["palette"]["types"] == shown["types"]


def test_a_wide_tree_is_folded_to_the_shape_of_a_screen() -> None:
    flow = tf.Flow("tree")
    for number in range(600):
        flow.node(f"n-{number}", double)
        if number:
            flow.edge(f"n-{(number - 1) // 2}:out", f"n-{number}:in")
    cards = cards_of(flow)

    corners = folded(arranged(flow, cards), cards)

    wide = max(x for x, _ in corners.values()) - min(x for x, _ in corners.values())
    high = max(y for _, y in corners.values()) - min(y for _, y in corners.values())
    assert 0.8 < wide / high < 4
    assert len(set(corners.values())) == 600


def arranged(flow: tf.Flow, cards: dict[str, Card]) -> dict[str, tuple[float, float]]:
    return arrange(
        [card.box for card in cards.values()], [wire_of(edge, cards) for edge in flow.edges.values()]
    ).corners


def test_an_edit_on_the_canvas_reaches_every_view_of_the_flow(flow: tf.Flow, view: Recorded) -> None:
    other = Recorded(flow)
    view.shown()
    other.shown()

    moved = answered(view.answers, {"do": "edit", "ops": [{"op": "move", "positions": {"double": [300, 200]}}]})
    nodes = [{node["id"]: node for node in one.shown()["nodes"]}["double"] for one in (view, other)]
    other.close()

    assert moved["value"]["undo"] == 1
    assert [(node["x"], node["y"]) for node in nodes] == [(300, 200)] * 2
    assert [one["seq"] for one in other.told if one["t"] == "delta"] == [1]
    assert view.shown()["undo"] == 1


def test_a_refused_edit_says_why_and_changes_nothing(flow: tf.Flow, view: Recorded) -> None:
    before = flow.to_yaml()

    answer = answered(
        view.answers, {"do": "edit", "ops": [{"op": "edge", "source": "above:out", "target": "double:in"}]}
    )

    assert answer["error"]["code"] in ("TF-103", "TF-104")
    assert flow.to_yaml() == before


def test_where_there_are_no_widgets_a_view_is_the_drawing_that_its_flow_is(flow: tf.Flow) -> None:
    view = flow.view(height=300)
    shown, _ = view._repr_mimebundle_()
    view.close()

    drawing = flow._repr_mimebundle_()
    assert shown["image/svg+xml"] == drawing["image/svg+xml"]
    assert shown["text/html"] == drawing["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in shown
