"""What a flow prints that was started on its graph, and what is said of it, belongs below the graph's cell."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import tinyflow_jupyter as tf
from tinyflow_jupyter._view.flow_view import FlowView

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # ipycytoscape and its own dependencies

CELL = contextvars.ContextVar("CELL", default="")  # as a kernel's stream knows below which cell something is printed
printed: list[tuple[str, str]] = []


@tf.component
def scale(x: int) -> int:
    return 2 * x


@tf.component
async def five() -> AsyncIterator[int]:
    for number in range(5):
        yield number


@tf.component
async def speak(x: int) -> int:
    printed.append(("async", CELL.get()))
    return x


@tf.component
async def dozes(x: int) -> None:
    time.sleep(0.4)  # noqa: ASYNC251  # to block is what it is for


@tf.component(blocking=True)
def shout(x: int) -> int:
    printed.append(("thread", CELL.get()))
    return x


class Show(tf.Component):
    def ports(self) -> list[tf.Port]:
        return [tf.Port("in", "in", int)]

    async def handle(self, output: tf.Handler, port: str, payload: Any) -> None:
        printed.append(("class", CELL.get()))


class Seen(FlowView):
    """A view whose browser can be asked what it got."""

    def __init__(self, flow: Any) -> None:
        self.told: list[Any] = []
        super().__init__(flow)

    def send(self, content: Any, buffers: Any = None) -> None:
        self.told.append(content)

    def ask(self, word: str, **fields: Any) -> Any:
        """What the view answers; as a message of a browser's, in a context of its own."""

        def ask() -> Any:
            CELL.set("a message of the browser's")
            self._receive(None, {"t": "ask", "ask": 1, "do": word, **fields}, None)
            return self.told[-1]

        return contextvars.copy_context().run(ask)


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    printed.clear()
    flow = tf.Flow("prints")
    yield flow
    flow.stop(1)


@pytest.fixture
def view(flow: tf.Flow) -> Iterator[Seen]:
    CELL.set("the cell of the view")
    view = Seen(flow)
    CELL.set("another cell")
    yield view
    view.close()


def until(true: Callable[[], bool]) -> None:
    """Wait for another thread, no longer than a busy machine needs."""
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def test_what_a_flow_prints_that_was_started_from_its_view_belongs_below_the_view(flow: tf.Flow, view: Seen):
    flow.node("five", five)
    flow.node("speak", speak)
    flow.node("shout", shout)
    flow.edge("five:out", "speak:in")
    flow.edge("speak:out", "shout:in")

    view.ask("run", action="start")
    flow.wait(timeout=5)

    assert set(printed) == {("async", "the cell of the view"), ("thread", "the cell of the view")}


def test_what_is_said_of_a_node_that_blocks_belongs_below_the_view_too(flow: tf.Flow, view: Seen):
    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            printed.append((record.getMessage()[:6], CELL.get()))

    notes = Notes()
    logging.getLogger("tinyflow").addHandler(notes)
    flow.node("five", five)
    flow.node("dozes", dozes)
    flow.edge("five:out", "dozes:in", when="msg == 4")
    try:
        view.ask("run", action="start")
        flow.wait(timeout=5)
        until(lambda: bool(printed))
    finally:
        logging.getLogger("tinyflow").removeHandler(notes)

    assert printed == [("TF-131", "the cell of the view")]


def test_what_a_node_prints_that_was_put_on_a_flow_at_work_belongs_there_too(flow: tf.Flow, view: Seen):
    flow.node("scale", scale)
    flow.start()

    operations = [
        {"op": "node", "component": ["notebook", "show"], "name": "show"},
        {"op": "edge", "source": "scale:out", "target": "show:in"},
    ]
    answer = view.ask("edit", ops=operations)
    flow.send("scale:in", 1)
    flow.wait(timeout=5)

    assert answer["value"]["names"] == ["show", None]
    assert printed == [("class", "the cell of the view")]
