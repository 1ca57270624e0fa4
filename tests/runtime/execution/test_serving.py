"""Handlers that wait are served in bursts; nobody can tell, for a message that waits is alone from then on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from tinyflow_runtime.component import Component, Handler, Port
from tinyflow_runtime.embedded.flow import EmbeddedFlow
from tinyflow_runtime.execution.context import context
from tinyflow_runtime.execution.serving import Serving
from tinyflow_runtime.module import component

COUNT = 40
seen: list[tuple[int, str, str]] = []  # payload, id and port, as the handler was told


class Gate:
    """Lets the handler of some messages wait until a test opens it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.closed = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def pass_through(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.reached.set()
        await self.closed.wait()

    def open(self) -> None:
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.closed.set)


gate = Gate()


async def tell(x: int) -> None:
    before = context()
    if x % 7 == 3:
        await asyncio.sleep(0)
    if x == 20:
        await gate.pass_through()
    if x % 11 == 5:
        raise ValueError(x)
    seen.append((x, context().message_id, context().port))
    assert before.message_id == context().message_id


@component
async def returns(x: int) -> int:
    await tell(x)
    return x


@component
async def yields(x: int) -> AsyncIterator[int]:
    await tell(x)
    yield x


@component(outputs={"out": int})
async def sends(x: int, output: Handler) -> None:
    await tell(x)
    await output("out", x)


class Handles(Component):
    def ports(self) -> list[Port]:
        return [Port("in", "in", int), Port("out", "out", int)]

    async def handle(self, output: Handler, port: str, payload: int) -> None:
        await tell(payload)
        await output("out", payload)


@component
def numbers() -> Iterator[int]:
    yield from range(COUNT)


@component
def sink(x: int) -> None:
    pass


STYLES = pytest.mark.parametrize("style", [returns, yields, sends, Handles], ids=lambda style: style.__name__)


@pytest.fixture
def flow(style):
    global gate
    seen.clear()
    gate = Gate()
    flow = EmbeddedFlow("served")
    flow.node("source", numbers)
    flow.node("served", style)
    flow.node("sink", sink)
    flow.edge("source:out", "served:in")
    flow.edge("served:out", "sink:in")
    flow.start()
    gate.reached.wait(5)
    yield flow
    flow.stop(timeout=0)


@STYLES
def test_what_came_before_a_message_that_waits_has_been_sent_and_what_comes_after_is_queued(flow):
    while flow.counts()["served"].queued < COUNT - 21 or flow["sink:in"].count < 18:
        continue  # each look lets the loop come round
    counts = flow.counts()["served"]

    assert [message.payload for message in flow["served:out"].history()] == [x for x in range(20) if x % 11 != 5]
    assert (counts.handled, counts.dead, counts.running, counts.queued) == (18, 2, 1, COUNT - 21)
    assert counts.balanced


@STYLES
def test_every_message_is_handled_in_order_and_knows_which_it_is(flow):
    gate.open()
    flow.wait(timeout=5)

    ids = {message.payload: message.id for message in flow["served:in"].history()}
    expected = [x for x in range(COUNT) if x % 11 != 5]
    assert seen == [(x, ids[x], "in") for x in expected]
    assert [m.payload for m in flow["sink:in"].history()] == expected
    assert [m.parent for m in flow["served:out"].history()] == [ids[x] for x in expected]
    assert [letter.message.payload for letter in flow.dead_letters] == [5, 16, 27, 38]


@STYLES
def test_the_message_that_waits_when_its_node_is_stopped_becomes_a_dead_letter_before_those_that_came_later(flow):
    flow.stop(timeout=0)

    assert [letter.message.payload for letter in flow.dead_letters] == [5, 16, *range(20, COUNT)]
    assert flow.counts()["served"].balanced


@STYLES
def test_a_handler_that_cancels_itself_loses_its_message_and_no_other(style, monkeypatch):
    async def cancel(x: int) -> None:
        if x == 2:
            raise asyncio.CancelledError

    monkeypatch.setitem(globals(), "tell", cancel)
    flow = EmbeddedFlow("cancels")
    flow.node("source", numbers)
    flow.node("served", style)
    flow.edge("source:out", "served:in")
    flow.start()
    flow.wait(timeout=5)
    flow.stop()

    assert [letter.message.payload for letter in flow.dead_letters] == [2]
    assert flow.counts()["served"].handled == COUNT - 1


@STYLES
def test_a_planted_loss_of_what_comes_after_a_message_that_waits_is_caught(style, monkeypatch):
    monkeypatch.setattr("tinyflow_runtime.channel.Channel.put_back", lambda *_: None)
    flow = EmbeddedFlow("loses")
    flow.node("source", numbers)
    flow.node("served", style)
    flow.edge("source:out", "served:in")
    gate.closed.set()
    flow.start()
    flow.wait(timeout=5)
    counts = flow.counts()["served"]
    flow.stop()

    assert not counts.balanced


def test_messages_that_do_not_wait_are_handled_in_bursts(monkeypatch):
    bursts = []
    turn = Serving._turn_in_bursts

    async def counted(self, channel, burst):
        bursts.append(len(channel))
        await turn(self, channel, burst)

    @component
    async def at_once(x: int) -> int:
        return x

    monkeypatch.setattr(Serving, "_turn_in_bursts", counted)
    flow = EmbeddedFlow("bursts")
    flow.node("source", numbers)
    flow.node("served", at_once)
    flow.edge("source:out", "served:in")
    flow.start()
    flow.wait(timeout=5)
    flow.stop()

    assert flow.counts()["served"].handled == COUNT
    assert len(bursts) < COUNT / 2
