"""One view is asked by many: by browsers with several views each, by the kernel's own thread and by its turns."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tinyflow_runtime.errors import ModuleUnavailable

import tinyflow_jupyter as tf
from tinyflow_jupyter._view import flow_view, pace, widget
from tinyflow_jupyter._view.dashboard import Dashboard
from tinyflow_jupyter._view.flow_view import FlowView
from tinyflow_jupyter._view.frames import Frames
from tinyflow_jupyter._view.port_view import PortView
from tinyflow_jupyter._view.sights import VIEWS, Sights
from tinyflow_jupyter._view.widget import answered

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # ipycytoscape and its own dependencies


@tf.component
def double(x: int) -> int:
    """Twice the number."""
    return 2 * x


class NoTurns:
    """A pump of which the tests take the turns themselves."""

    def add(self, view: object) -> None: ...
    def hurry(self, view: object) -> None: ...
    def remove(self, view: object) -> None: ...


class Recorded(FlowView):
    """A view whose messages can be looked at."""

    def __init__(self, flow: Any) -> None:
        self.told: list[dict[str, Any]] = []
        super().__init__(flow)
        self._pump: Any = NoTurns()

    def send(self, content: Any, buffers: Any = None) -> None:
        self.told.append(content)

    def frame(self) -> dict[str, Any]:
        """What the next turn sends."""
        self._pace.acknowledged()
        self.told.clear()
        self.turn()
        return next((one for one in self.told if one["t"] == "frame"), {})

    def ask(self, do: str, **fields: Any) -> Any:
        return answered(self.answers, {"do": do, **fields})["value"]


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace._busy, "is_set", lambda: False)


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    flow = tf.Flow("shared")
    flow.node("a", double)
    flow.node("b", double)
    flow.start()
    yield flow
    flow.stop()


@pytest.fixture
def view(flow: tf.Flow) -> Iterator[Recorded]:
    view = Recorded(flow)
    yield view
    view.close()


def send(flow: tf.Flow, *addresses: str) -> None:
    for address in addresses:
        flow.send(address, 5)
    flow.wait(timeout=5)


def test_a_value_and_nodes_are_copied_by_words_of_their_own(flow: tf.Flow, view: Recorded) -> None:
    send(flow, "a:in")
    (row,) = view.ask("port", address="a:out")["rows"]

    text = view.ask("text", address="a:out", id=row["id"], path=[])
    nodes = view.ask("copy", names=["a", "b"])

    assert (text, nodes) == ({"text": "10"}, {"nodes": 2})


def test_a_word_has_one_answer(view: Recorded) -> None:
    with pytest.raises(ValueError, match="Two answers to copy"):
        view.answer({"new": lambda _: 1}, {"copy": lambda _: 2})


def test_every_word_that_the_browser_asks_has_an_answer(flow: tf.Flow, view: Recorded) -> None:
    others = [Dashboard(flow), PortView(flow, "a:out")]
    asked = {
        word
        for file in Path(widget.HOME).glob("*.js")
        for word in re.findall(r"\b(?:ask|asked)\('(\w+)'", file.read_text(encoding="utf-8"))
    }

    unanswered = asked - {word for one in (view, *others) for word in one.answers}
    for one in others:
        one.close()

    assert len(asked) > 12
    assert unanswered == set()


def test_what_one_view_has_in_sight_is_told_whatever_the_others_see(flow: tf.Flow, view: Recorded) -> None:
    view.heard({"t": "see", "view": "first", "ports": ["a:out"]})
    view.heard({"t": "see", "view": "second", "ports": ["b:out"]})
    send(flow, "a:in", "b:in")
    both = view.frame()["ports"]

    view.heard({"t": "see", "view": "second", "ports": []})
    send(flow, "a:in", "b:in")
    one = view.frame()["ports"]

    assert set(both) == {"a:out", "b:out"}
    assert set(one) == {"a:out"}


def test_an_inspector_that_is_closed_leaves_the_others_to_theirs(flow: tf.Flow, view: Recorded) -> None:
    view.ask("watch", view="first", addresses=["a:out"])
    view.ask("watch", view="second", addresses=["a:out", "b:out"])

    view.ask("watch", view="second", addresses=[])
    send(flow, "a:in", "b:in")
    told = view.frame()["messages"]

    assert set(told) == {"a:out"}


def test_a_view_that_goes_has_nothing_in_sight_any_more(flow: tf.Flow, view: Recorded) -> None:
    for name in ("first", "second"):
        view.heard({"t": "see", "view": name, "ports": [f"{'ab'[name == 'second']}:out"]})
    view.ask("watch", view="first", addresses=["a:in"])

    view.heard({"t": "gone", "view": "first"})
    send(flow, "a:in", "b:in")
    frame = view.frame()

    assert set(frame["ports"]) == {"b:out"}
    assert "messages" not in frame


def test_views_that_went_without_a_word_are_forgotten_when_there_are_many() -> None:
    sights = Sights(20)

    for number in range(3 * VIEWS):
        sights.see(str(number), [f"n-{number}:out"])
    first = sights.all()
    sights.see("wide", [f"w-{number}:out" for number in range(30)])

    assert first == [f"n-{number}:out" for number in reversed(range(2 * VIEWS, 3 * VIEWS))]
    assert sights.all() == [f"w-{number}:out" for number in range(20)]


def test_browsers_that_were_there_are_told_what_a_new_one_sees(flow: tf.Flow, view: Recorded) -> None:
    before = view.shown()

    flow.node("c", double)
    after = view.shown()

    (delta,) = [one for one in view.told if one["t"] == "delta"]
    assert [node["id"] for node in delta["put"]["nodes"]] == ["c"]
    assert (before["seq"], delta["seq"], after["seq"]) == (0, 1, 1)


def test_a_snapshot_is_a_copy_that_no_turn_changes(flow: tf.Flow, view: Recorded) -> None:
    view.heard({"t": "see", "view": "", "ports": ["a:out"]})
    send(flow, "a:in")
    view.frame()
    shown = view.shown()["frame"]
    before = {name: dict(part) for name, part in shown.items()}

    send(flow, "a:in")
    assert view.frame()["ports"]["a:out"][1] == 2

    assert shown == before


def test_a_frame_that_was_begun_before_a_node_went_does_not_bring_it_back(
    flow: tf.Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, looks = Frames(flow), flow._looks
    send(flow, "a:in", "b:in")

    def going(ports: Any) -> Any:
        found = looks(ports)
        frames.forget(["a"], ["a:out>b:in"])
        return found

    monkeypatch.setattr(flow, "_looks", going)
    told = frames.take(frames.next(["a:out", "b:out"]))

    assert set(told["ports"]) == {"b:out"}
    assert set(told["nodes"]) == {"b"}
    assert frames.everything() == {**told, "edges": {}, "breakpoints": {}}


def test_what_could_not_be_sent_is_told_at_the_next_turn(
    flow: tf.Flow, view: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    view.heard({"t": "see", "view": "", "ports": ["a:out"]})
    send(flow, "a:in")
    looks = flow._looks(["a:out"])
    monkeypatch.setattr(flow, "_looks", lambda _: looks)  # by itself it would tell anew how fast something passes

    with monkeypatch.context() as away:
        away.setattr(view._inspection, "frame", lambda: (_ for _ in ()).throw(ModuleUnavailable("TF-163", "Away.")))
        first = view.frame()
    second = view.frame()

    assert first == {}
    assert second["ports"]["a:out"][:2] == ["10", 1]


def test_a_browser_is_heard_while_the_flow_is_being_asked(
    flow: tf.Flow, view: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered_, heard = threading.Event(), threading.Event(), threading.Event()

    def slow() -> object:
        asked.set()
        assert answered_.wait(20)
        return object()

    def browser() -> None:
        view.heard({"t": "ack", "n": 1})
        view.heard({"t": "see", "view": "", "ports": ["a:out"]})
        heard.set()

    monkeypatch.setattr(flow, "_revision", slow)
    threads = [threading.Thread(target=view.tell), threading.Thread(target=browser)]
    threads[0].start()
    assert asked.wait(20)
    threads[1].start()
    in_time = heard.wait(5)
    answered_.set()
    for thread in threads:
        thread.join(20)

    assert in_time


def test_of_two_that_look_at_once_the_newer_one_is_taken_over_last(
    flow: tf.Flow, view: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, found = threading.Event(), threading.Event()
    of = flow_view.structure_of

    def slowly(*arguments: Any) -> Any:
        structure = of(*arguments)
        if not made.is_set():
            made.set()
            found.wait(1)  # in which the other one would come first
        return structure

    monkeypatch.setattr(flow_view, "structure_of", slowly)
    flow.node("c", double)
    older = threading.Thread(target=view.tell)
    older.start()
    assert made.wait(20)
    flow.node("d", double)
    newer = threading.Thread(target=lambda: (view.tell(), found.set()))
    newer.start()
    for thread in (older, newer):
        thread.join(20)

    assert set(view._structure.nodes) == {"a", "b", "c", "d"}
