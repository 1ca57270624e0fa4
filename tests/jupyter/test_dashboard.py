"""A dashboard has a tile for each node that tells or can be set: what it says, what it may ask, what it leaves."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from ipywidgets.widgets import widget as ipywidgets_widget
from msgspec import Meta
from tinyflow_runtime.redaction import Secret

import tinyflow_jupyter as tf
from tinyflow_jupyter._view import pace
from tinyflow_jupyter._view.dashboard import MOST, Dashboard
from tinyflow_jupyter._view.pace import AHEAD
from tinyflow_jupyter._view.widget import answered

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # ipycytoscape and its own dependencies

EVIL = "<script>alert(1)</script>\u202e"


@dataclass
class Reading:
    place: str
    degrees: float


class Gauge(tf.Component):
    """Tells what it has seen."""

    def ports(self) -> list[tf.Port]:
        return [
            tf.Port("in", "in", int),
            tf.Port("level", "out", int, status=True, label="Level"),
            tf.Port("reading", "out", Reading, status=True),
            tf.Port("out", "out", int),
        ]

    async def handle(self, output: tf.Handler, port: str, payload: Any) -> None:
        await output("level", payload)
        await output("reading", Reading(EVIL, payload / 2))
        await output("out", payload)


@tf.component
def above(x: int, *, limit: Annotated[float, Meta(ge=0)] = 10.0, key: Secret = "nothing") -> int | None:
    return x if x > limit else None


class Teller(tf.Component):
    """Tells what it should keep to itself."""

    def ports(self) -> list[tf.Port]:
        return [tf.Port("in", "in", int), tf.Port("told", "out", str, status=True)]

    async def handle(self, output: tf.Handler, port: str, payload: Any) -> None:
        await output("told", "The key is hunter2-is-my-key.")


@tf.component
def plain(x: int) -> int:
    return x


@tf.component
async def ticks(*, every: float = 60.0) -> AsyncIterator[int]:
    while True:
        yield 1
        await asyncio.sleep(every)


class Recorded(Dashboard):
    """A dashboard whose messages can be looked at, and which takes no turn of its own."""

    def __init__(self, flow: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        super().__init__(flow)

    def send(self, content: Any, buffers: Any = None) -> None:
        self.sent.append(content)


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace._busy, "is_set", lambda: False)


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    flow = tf.Flow("numbers")
    flow.node("gauge", Gauge)
    flow.node("above", above, limit=2.0, key="hunter2-is-my-key")
    flow.node("plain", plain)
    flow.edge("gauge:out", "above:in")
    flow.start()
    yield flow
    flow.stop()


@pytest.fixture
def board(flow: tf.Flow) -> Iterator[Recorded]:
    board = Recorded(flow)
    yield board
    board.close()


def send(flow: tf.Flow, *payloads: Any) -> None:
    for payload in payloads:
        flow.send("gauge:in", payload)
    flow.wait(timeout=5)


def test_a_node_has_a_tile_when_it_tells_something_or_can_be_set(board: Recorded):
    tiles = {tile["id"]: tile for tile in board.shown()["tiles"]}

    assert list(tiles) == ["gauge", "above"]
    assert [(port["name"], port["label"], port["family"]) for port in tiles["gauge"]["ports"]] == [
        ("level", "Level", "number"),
        ("reading", "reading", "record"),
    ]
    assert (tiles["gauge"]["settings"], tiles["above"]["settings"]) == (False, True)


def test_the_newest_value_of_each_status_port_is_there(flow: tf.Flow, board: Recorded, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tinyflow_jupyter._view.frames.LOOKS", 0.0)
    send(flow, 1, 2, 3)

    now = board.look()

    tree, count, _, number = now["port gauge:level"]
    record = now["port gauge:reading"][0]
    assert (tree["t"], count, number) == ("3", 3, 3.0)
    assert (record["k"], [key for key, _ in record["c"]]) == ("record", ["place", "degrees"])
    assert now["node gauge"][1] == 3


def test_only_what_changed_is_told_and_only_when_something_was_drawn(flow: tf.Flow, board: Recorded):
    board.turn()
    board._pace.acknowledged()
    board.sent.clear()

    for number in range(AHEAD + 1):
        send(flow, number)
        board.turn()

    frame, *_ = board.sent
    assert len(board.sent) == AHEAD
    assert {"port gauge:level", "port gauge:reading"} <= set(frame["put"])
    assert not {"tiles", "flow", "state"} & set(frame["put"])


def test_a_reload_finds_the_lines_of_the_last_seconds(flow: tf.Flow, board: Recorded):
    for number in range(5):
        send(flow, number)
        board.look()

    assert board.shown()["line gauge:level"] == [0, 1, 2, 3, 4]


def test_a_form_is_filled_and_applied_while_the_flow_runs(flow: tf.Flow, board: Recorded):
    flow.wait(timeout=5)
    before = board.look()["settings above"]

    form = answered(board.answers, {"do": "form", "node": "above"})["value"]
    wrong = answered(board.answers, {"do": "apply", "node": "above", "settings": {**form["value"], "limit": -1.0}})
    right = answered(board.answers, {"do": "apply", "node": "above", "settings": {**form["value"], "limit": 7.0}})

    assert form["schema"]["properties"]["limit"]["minimum"] == 0
    assert wrong["value"]["errors"][0]["path"] == ["limit"]
    assert right["value"]["applied"]
    assert flow._settings_of("above").limit == 7.0
    assert board.look()["settings above"] > before


def test_settings_that_were_only_read_anew_have_not_changed(flow: tf.Flow, monkeypatch: pytest.MonkeyPatch):
    flow.wait(timeout=5)
    board = Recorded(flow)
    monkeypatch.setattr(flow, "_settings_of", lambda name: {"limit": 1.0})

    first, again = board.look()["settings above"], board.look()["settings above"]
    monkeypatch.setattr(flow, "_settings_of", lambda name: {"limit": 2.0})
    changed = board.look()["settings above"]
    board.close()

    assert (again - first, changed - first) == (0, 1)


def test_a_secret_is_in_nothing_that_is_sent(flow: tf.Flow, board: Recorded):
    flow.node("teller", Teller)
    flow.start()
    flow.send("teller:in", 1)
    flow.wait(timeout=5)

    form = answered(board.answers, {"do": "form", "node": "above"})
    told = json.dumps([board.shown(), form, board._table()], default=str)

    assert "The key is" in told
    assert "hunter2" not in told


def test_a_browser_may_ask_for_forms_and_nothing_else(board: Recorded):
    assert set(board.answers) == {"form", "apply"}


def test_tiles_follow_a_change_of_the_flow(flow: tf.Flow, board: Recorded):
    send(flow, 1)
    board.look()

    flow.remove("gauge")
    now = board.look()

    assert [tile["id"] for tile in now["tiles"]] == ["above"]
    assert not [key for key in now if "gauge" in key]


def test_a_large_flow_says_how_many_nodes_have_no_tile():
    flow = tf.Flow("large")
    for number in range(MOST + 7):
        flow.node(f"n-{number}", above)

    board = Dashboard(flow)
    shown = board.shown()
    board.close()

    assert (len(shown["tiles"]), shown["more"]) == (MOST, 7)


def test_a_saved_notebook_has_its_values_as_text(flow: tf.Flow, board: Recorded):
    send(flow, 5)

    bundle, _ = board._repr_mimebundle_()

    assert bundle["text/plain"] == "Dashboard of numbers"
    assert ">5<" in bundle["text/html"]
    assert "<script>" not in bundle["text/html"]
    assert "\u202e" not in bundle["text/html"]


def test_a_source_runs_while_its_edge_takes_even_after_it_was_sent_settings(monkeypatch: pytest.MonkeyPatch):
    flow = tf.Flow("source")
    flow.node("ticks", ticks, every=0.0)
    flow.node("plain", plain)
    flow.edge("ticks:out", "plain:in")
    flow.start()
    board = Recorded(flow)
    monkeypatch.setattr("tinyflow_jupyter._view.frames.LOOKS", 0.0)

    flow.send("ticks:settings", {"every": 0.0})
    board.look()
    place = flow["plain:out"]
    place.next(timeout=5)
    place.next(timeout=5)
    state, handled, rate, *_ = board.look()["node ticks"]
    flow.stop()
    board.close()

    assert state == "running"
    assert handled > 1
    assert rate > 0


def test_a_dashboard_has_two_comms_no_thread_and_leaves_none(flow: tf.Flow):
    before, threads = set(ipywidgets_widget._instances), threading.active_count()

    board = flow.dashboard()
    opened = set(ipywidgets_widget._instances) - before
    running = threading.active_count() - threads
    board.close()

    assert (len(opened), running) == (2, 0)
    assert set(ipywidgets_widget._instances) == before
    assert board.tick >= 0.1
