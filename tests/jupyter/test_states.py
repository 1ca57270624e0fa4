"""What a view says of the nodes of a flow that runs is so: their states, their counts, and the badges on them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import tinyflow_jupyter as tf
from tinyflow_jupyter._view.flow_view import FlowView
from tinyflow_jupyter._view.frames import BLOCKED, LOOKS, Frames

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # ipycytoscape and its own dependencies

disliked: set[int] = set()
going = asyncio.Event()
released = threading.Event()


@tf.component
def scale(x: int, *, factor: int = 2) -> int:
    return factor * x


@tf.component
def picky(x: int) -> int:
    if x in disliked:
        raise ValueError(f"I do not like {x}")
    return x


@tf.component
async def five() -> AsyncIterator[int]:
    for number in range(5):
        yield number


@tf.component
async def many() -> AsyncIterator[int]:
    for number in range(1000):
        yield number


@tf.component
async def held_up(x: int) -> int:
    await going.wait()
    return x


@tf.component
def busy(x: int) -> int:
    while not released.is_set():
        pass
    return x


class Seen(FlowView):
    """A view whose browser can be asked what it got."""

    def __init__(self, flow: Any) -> None:
        self.told: list[Any] = []
        super().__init__(flow)

    def send(self, content: Any, buffers: Any = None) -> None:
        self.told.append(content)

    def ask(self, word: str, **fields: Any) -> Any:
        """What the view answers."""
        self._receive(None, {"t": "ask", "ask": 1, "do": word, **fields}, None)
        return self.told[-1]


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    disliked.update((-1, -2, -3))
    flow = tf.Flow("states")
    yield flow
    flow.stop(1)


@pytest.fixture
def view(flow: tf.Flow) -> Iterator[Seen]:
    view = Seen(flow)
    yield view
    view.close()


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


def nodes_of(flow: tf.Flow) -> Any:
    return Frames(flow).next([])["nodes"]


def test_settings_that_were_applied_are_no_change_that_waits(flow: tf.Flow, view: Seen):
    flow.node("scale", scale)
    flow.start()

    answer = view.ask("apply", node="scale", settings={"factor": 3})
    flow.send("scale:in", 7)
    flow.wait(timeout=5)

    assert answer["value"]["applied"]
    assert flow["scale:out"].last.payload == 21
    assert nodes_of(flow)["scale"][0] != "stale"
    assert repr(flow).endswith("running")


def test_settings_that_were_applied_can_be_undone_and_done_again(flow: tf.Flow, view: Seen):
    flow.node("scale", scale, factor=2)
    flow.start()
    written = flow.to_yaml()

    def out() -> int:
        flow.send("scale:in", 7)
        flow.wait(timeout=5)
        return flow["scale:out"].last.payload

    view.ask("apply", node="scale", settings={"factor": 3})
    offered, applied = view.shown()["undo"], out()
    view.ask("undo")
    back, again = flow.to_yaml(), out()
    view.ask("redo")

    assert (offered, applied, again, out()) == (1, 21, 14, 21)
    assert back == written


def test_what_a_cell_has_changed_besides_still_waits(flow: tf.Flow, view: Seen):
    flow.node("scale", scale)
    flow.start()
    flow.node("more", scale)
    flow.edge("scale:out", "more:in")

    view.ask("apply", node="scale", settings={"factor": 3})
    told = view.ask("apply", node="more", settings={"factor": 4})

    assert told["value"]["applied"]
    assert {name: told[0] for name, told in nodes_of(flow).items()} == {"scale": "stale", "more": "stale"}


def test_other_code_waits_for_start_whatever_settings_were_applied(flow: tf.Flow, view: Seen):
    def again() -> Any:
        @tf.component
        def scale(x: int, *, factor: int = 2) -> int:
            return factor * x + 1

        return scale

    flow.node("scale", scale)
    flow.start()
    flow.node("scale", again())

    view.ask("apply", node="scale", settings={"factor": 3})
    waits = nodes_of(flow)["scale"][0]
    flow.start()

    assert (waits, nodes_of(flow)["scale"][0]) == ("stale", "idle")


@pytest.mark.parametrize("word", ["discard", "replay"])
def test_the_badge_counts_the_dead_letters_that_are_there(flow: tf.Flow, view: Seen, word: str):
    flow.node("picky", picky)
    flow.start()
    for number in (-1, -2, -3):
        flow.send("picky:in", number)
    flow.wait(timeout=5)
    before, drawn = nodes_of(flow)["picky"][3], flow._pictures()["image/svg+xml"]
    disliked.clear()

    view.ask(word, node="picky")
    flow.wait(timeout=5)

    assert before == 3
    assert "3 dead letters" in drawn
    assert nodes_of(flow)["picky"][3] == 0
    assert "dead letter" not in flow._pictures()["image/svg+xml"]
    assert flow.counts()["picky"].dead == 3  # what became of each message stays so


def test_the_badge_goes_when_the_flow_has_stopped_too(flow: tf.Flow):
    flow.node("picky", picky)
    flow.start()
    flow.send("picky:in", -1)
    flow.wait(timeout=5)
    flow.stop()
    before = nodes_of(flow)["picky"][3]

    flow.dead_letters.discard()

    assert (before, nodes_of(flow)["picky"][3]) == (1, 0)


def test_a_source_says_what_it_has_sent_and_not_what_its_edges_let_through(flow: tf.Flow):
    flow.node("five", five)
    flow.node("scale", scale)
    flow.node("more", scale)
    flow.edge("five:out", "scale:in", when="msg > 2")
    flow.edge("five:out", "more:in", when="msg > 3")
    flow.start()
    flow.wait(timeout=5)

    running = nodes_of(flow)
    flow.stop()
    stopped = nodes_of(flow)

    assert (running["five"][1], running["scale"][1], running["more"][1]) == (5, 2, 1)
    assert stopped["five"][1] == 5


def test_a_source_that_leads_nowhere_says_what_it_has_sent(flow: tf.Flow):
    flow.node("five", five)
    flow.start()
    flow.wait(timeout=5)

    assert nodes_of(flow)["five"][1] == 5


def test_a_node_that_handled_something_a_moment_ago_is_not_idle(flow: tf.Flow, clock: list[float]):
    flow.node("scale", scale)
    frames = Frames(flow, clock=lambda: clock[0])
    flow.start()
    frames.take(frames.next([]))
    states = []

    for second in range(5):
        flow.send("scale:in", second)
        flow.wait(timeout=5)
        for _ in range(5):
            clock[0] += LOOKS
            states.append(frames.take(frames.next([])).get("nodes", {}).get("scale", [None])[0])
    clock[0] += 10
    frames.take(frames.next([]))

    assert set(states) <= {"running", None}
    assert frames.everything()["nodes"]["scale"][:3] == ["idle", 5, 0]


def test_nothing_passes_on_the_edges_of_a_flow_that_was_stopped(flow: tf.Flow, clock: list[float]):
    flow.node("scale", scale)
    flow.node("more", scale)
    flow.edge("scale:out", "more:in")
    frames = Frames(flow, clock=lambda: clock[0])
    flow.start()
    for number in range(10):
        flow.send("scale:in", number)
        flow.wait(timeout=5)
        clock[0] += LOOKS
        frames.take(frames.next([]))
    rate = frames.everything()["edges"]["scale:out>more:in"][2]

    flow.stop()
    clock[0] += LOOKS
    frames.take(frames.next([]))

    assert rate > 3
    assert frames.everything()["edges"]["scale:out>more:in"] == [0, 64, 0, False]


def test_a_flow_that_is_defined_again_runs_as_the_one_of_its_name(flow: tf.Flow):
    flow.node("five", five)
    flow.node("picky", picky)
    flow.edge("five:out", "picky:in")
    flow.start()
    flow.send("picky:in", -1)
    flow.wait(timeout=5)

    again = tf.Flow("states")
    again.node("five", five)
    again.node("picky", picky)
    again.edge("five:out", "picky:in")
    view = Seen(again)
    shown = view.shown()
    view.close()

    assert repr(again).endswith("running")
    assert shown["state"] == "running"
    assert {name: told[1] for name, told in nodes_of(again).items()} == {"five": 5, "picky": 5}
    assert nodes_of(again)["picky"][3] == len(again.dead_letters) == 1
    assert again["picky:out"].last.payload == 4
    assert again._looks(["picky:out"])["picky:out"].count == 5


def test_one_that_is_defined_otherwise_says_what_differs_until_it_is_started(flow: tf.Flow):
    flow.node("scale", scale)
    flow.start()

    again = tf.Flow("states")
    again.node("scale", scale, factor=5)
    before = repr(again), nodes_of(again)["scale"][0]
    again.start()

    assert before == (f"{again!r}, changed (scale): start() applies it", "stale")
    assert repr(again).endswith("running")


def test_a_node_whose_receiver_is_full_is_blocked_and_the_edge_between_them_is_red(flow: tf.Flow, clock: list[float]):
    flow.node("many", many)
    flow.node("slow", held_up)
    flow.node("after", scale)
    flow.edge("many:out", "slow:in", capacity=8)
    flow.edge("slow:out", "after:in")
    frames = Frames(flow, clock=lambda: clock[0])
    flow.start()
    until(lambda: flow._observed().blocked)
    frames.take(frames.next([]))
    early = frames.everything()["nodes"]["many"][0]

    clock[0] += BLOCKED
    frames.take(frames.next([]))
    seen = frames.everything()
    flow._alive().call(let_go, what="let_go")
    flow.wait(timeout=5)
    clock[0] += LOOKS
    frames.take(frames.next([]))
    later = frames.everything()

    assert early != "blocked"  # many wait for a moment
    assert {name: told[0] for name, told in seen["nodes"].items()} == {
        "many": "blocked",
        "slow": "running",
        "after": "idle",
    }
    assert {name: told[3] for name, told in seen["edges"].items()} == {
        "many:out>slow:in": True,
        "slow:out>after:in": False,
    }
    assert later["nodes"]["many"][0] != "blocked"
    assert not later["edges"]["many:out>slow:in"][3]


async def let_go(_: Any) -> None:
    going.set()


def test_a_flow_that_a_handler_holds_up_says_by_which_node(flow: tf.Flow, view: Seen, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tinyflow_runtime.execution.watchdog.STILL", 0.2)
    released.clear()
    flow.node("busy", busy)
    flow.start()
    flow.send("busy:in", 1)
    until(lambda: flow._state() != "running")

    shown, written = view.shown()["state"], repr(flow)
    released.set()
    flow.wait(timeout=5)

    assert shown == "blocked by busy"
    assert "blocked by busy" in written
    assert flow._state() == "running"


def until(true: Any, seconds: float = 5.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "It did not come to be so."
        time.sleep(0.01)
