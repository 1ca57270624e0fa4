"""What a flow in the kernel promises: swapped under load, started a thousand times, blocked, full, stuck, stopped."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest
from tinyflow_runtime import errors
from tinyflow_runtime.component import Component, Port, prototype
from tinyflow_runtime.embedded.flow import EmbeddedFlow, swap
from tinyflow_runtime.module import component


@component
def double(x: int) -> int:
    return 2 * x


@component
async def ticks(*, every: float = 0.001) -> AsyncIterator[int]:
    n = 0
    while True:
        yield n
        n += 1
        await asyncio.sleep(every)


class Gate(Component):
    """Handles nothing until it is opened."""

    def __init__(self):
        self.open = asyncio.Event()
        self.got = []
        gates.append(self)

    def ports(self):
        return [Port("in", "in", int), Port("out", "out", int)]

    async def handle(self, output, port, payload):
        await self.open.wait()
        self.got.append(payload)
        await output("out", payload)


gates: list[Gate] = []


@pytest.fixture
def flow():
    gates.clear()
    flow = EmbeddedFlow("embedded")
    yield flow
    flow.stop(0)


def test_a_message_that_was_sent_comes_out_at_the_other_end(flow):
    flow.node("double", double)
    flow.start()
    port = flow["double:out"]

    flow.send("double:in", 21, timeout=5)

    assert port.next(timeout=5).payload == 42
    assert (port.last.payload, port.count) == (42, 1)


def test_a_full_channel_makes_the_sender_wait_and_then_says_busy(flow):
    flow.node("gate", Gate)
    flow.start()

    for number in range(65):
        flow.send("gate:in", number, timeout=5)  # one is in hand, and 64 wait

    with pytest.raises(errors.Busy) as refused:
        flow.send("gate:in", 65, timeout=0.05)

    assert refused.value.code == "TF-134"
    counts = flow.counts()["gate"]
    assert (counts.queued, counts.running, counts.balanced) == (64, 1, True)


def test_what_is_not_handled_when_the_flow_stops_is_kept_as_dead_letters(flow):
    flow.node("gate", Gate)
    flow.start()
    for number in range(5):
        flow.send("gate:in", number)

    flow.stop(timeout=0.05)

    assert [letter.message.payload for letter in flow.dead_letters] == [0, 1, 2, 3, 4]
    assert flow.counts()["gate"].balanced
    with pytest.raises(errors.NotRunning):
        flow.send("gate:in", 1)


def test_a_failure_goes_to_the_error_port_when_an_edge_leaves_it(flow):
    @component
    def fails(x: int) -> int:
        raise ValueError("no")

    texts = []

    @component
    def note(failure) -> None:
        texts.append((failure.node, failure.error, failure.payload))

    flow.node("fails", fails)
    flow.node("note", note)
    flow.edge("fails:error", "note:in")
    flow.start()

    flow.send("fails:in", 1)
    flow.wait(5)

    assert texts == [("fails", "ValueError", 1)]
    assert len(flow.dead_letters) == 0


def test_a_dead_letter_is_replayed_once_the_component_is_mended(flow):
    broken = True

    @component
    def mendable(x: int) -> int:
        if broken:
            raise ValueError("broken")
        return x

    flow.node("mendable", mendable)
    flow.start()
    flow.send("mendable:in", 7)
    flow.wait(5)
    (letter,) = flow.dead_letters
    broken = False

    letter.replay()
    flow.wait(5)

    assert "ValueError: broken" in letter.reason
    assert isinstance(letter.error, ValueError)
    assert len(flow.dead_letters) == 0
    assert flow["mendable:out"].last.payload == 7


def test_a_loop_in_which_all_wait_for_each_other_is_freed(flow):
    @component
    def more(x: int) -> Iterator[int]:
        yield x
        yield x

    flow.node("a", more)
    flow.node("b", double)
    flow.edge("a:out", "b:in", capacity=2)
    flow.edge("b:out", "a:in", loop=True, capacity=2)
    flow.start()
    flow.send("a:in", 0)
    started = time.monotonic()

    while not any("TF-133" in letter.reason for letter in flow.dead_letters):
        assert time.monotonic() - started < 10
        time.sleep(0.01)

    assert all(counts.balanced for counts in flow.counts().values())


def test_a_message_ends_after_256_hops(flow):
    flow.node("a", double)
    flow.node("b", double)
    flow.edge("a:out", "b:in", map="0")
    flow.edge("b:out", "a:in", loop=True)
    flow.start()

    flow.send("a:in", 0)
    flow.wait(5)

    (letter,) = flow.dead_letters
    assert letter.reason.startswith("TF-140")


def test_a_hundred_swaps_under_load_lose_and_double_nothing(flow):
    got = []

    @component
    def collect(x: int) -> None:
        got.append(x)

    @component
    def steady(*, count: int = 20_000) -> Iterator[int]:
        yield from range(count)

    def version(number):
        @component
        def swapped(x: int) -> int:
            return x if number >= 0 else -1

        return swapped

    @component
    async def slow(x: int) -> int:
        if x % 64 == 0:
            await asyncio.sleep(0.0005)  # so that the load outlasts the swaps
        return x

    flow.node("steady", steady)
    flow.node("slow", slow)
    flow.node("swapped", version(0))
    flow.node("collect", collect)
    flow.edge("steady:out", "slow:in")
    flow.edge("slow:out", "swapped:in")
    flow.edge("swapped:out", "collect:in")
    flow.start()

    changed = [swap(prototype(version(number))) for number in range(1, 101)]
    busy = len(got) < 20_000
    flow.wait(15)

    assert changed == [["embedded:swapped"]] * 100
    assert busy
    assert got == list(range(20_000))


@pytest.mark.timeout(120)
def test_a_thousand_starts_leave_nothing_behind(flow):
    flow.node("ticks", ticks)
    flow.node("double", double)
    flow.edge("ticks:out", "double:in")
    flow.start()
    flow.stop()
    before = threading.active_count(), psutil.Process(os.getpid()).num_fds()

    for _ in range(1000):
        flow.start()
        flow.stop()

    assert (threading.active_count(), psutil.Process(os.getpid()).num_fds()) == before


def test_one_that_sleeps_does_not_stop_the_other_199(flow, caplog):
    @component
    def sleeps(x: int) -> int:
        time.sleep(2)
        return x

    flow.node("sleeps", sleeps)
    flow.node("ticks", ticks, every=0.01)
    for number in range(198):
        flow.node(f"n{number}", double)
        flow.edge("ticks:out", f"n{number}:in")
    flow.start()
    for number in range(3):
        flow.send("sleeps:in", number)
    flow["sleeps:out"].next(timeout=10)  # the first one blocked all; from here it has a thread of its own
    port = flow["n7:out"]

    counted = port.count
    flow["sleeps:out"].next(timeout=10)

    assert port.count - counted > 50
    (told,) = [record.getMessage() for record in caplog.records if "TF-131" in record.getMessage()]
    assert "sleeps blocked all 200 nodes" in told
    assert "time.sleep(2)" in told
    assert "test_embedded.py, line" in told


def test_settings_that_are_sent_count_from_the_next_message_on(flow):
    @component
    def above(x: float, *, limit: float = 10.0) -> float | None:
        return x if x > limit else None

    flow.node("above", above, limit=2)
    flow.start()
    flow.send("above:in", 5)
    flow.send("above:settings", {"limit": 6})
    flow.wait(5)
    flow.send("above:in", 5)
    flow.send("above:in", 7)
    flow.wait(5)

    assert [message.payload for message in flow["above:out"].history()] == [5, 7]


def test_settings_that_are_sent_count_on_when_another_node_is_changed_while_it_runs(flow):
    @component
    def above(x: float, *, limit: float = 10.0) -> float | None:
        return x if x > limit else None

    flow.node("above", above, limit=2)
    flow.start()
    flow.send("above:settings", {"limit": 6})
    flow.wait(5)
    flow.node("double", double)
    flow.take_over()
    flow.send("above:in", 5)
    flow.send("above:in", 7)
    flow.wait(5)

    assert [message.payload for message in flow["above:out"].history()] == [7]


def test_starting_another_flow_of_the_name_applies_the_difference(flow):
    flow.node("ticks", ticks)
    flow.node("double", double)
    flow.edge("ticks:out", "double:in")
    flow.start()
    flow["double:out"].next(timeout=5)
    again = EmbeddedFlow("embedded")
    again.node("ticks", ticks)

    again.start()

    again["ticks:out"].next(timeout=5)
    assert list(again.counts()) == ["ticks"]
    assert again["ticks:out"].count > 1


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest", "sample", "fail"])
def test_a_port_that_sheds_never_makes_its_sender_wait(flow, overflow):
    class Shedding(Gate):
        def ports(self):
            return [Port("in", "in", int, overflow=overflow), Port("out", "out", int)]

    @component
    def burst() -> Iterator[int]:
        yield from range(1000)

    flow.node("burst", burst)
    flow.node("sheds", Shedding)
    flow.edge("burst:out", "sheds:in")
    flow.start()
    while flow["burst:out"].count < 1000:
        time.sleep(0.001)

    counts = flow.counts()["sheds"]

    assert (counts.accepted, counts.balanced) == (1000, True)
    assert 32 <= counts.queued <= 64
    assert counts.dead == (counts.accepted - counts.queued - counts.running if overflow == "fail" else 0)


def test_a_handler_with_a_timeout_is_ended_and_its_message_kept(flow):
    @component(timeout=0.05)
    async def hangs(x: int) -> int:
        await asyncio.sleep(60)
        return x

    flow.node("hangs", hangs)
    flow.start()

    flow.send("hangs:in", 1)
    flow.wait(5)

    (letter,) = flow.dead_letters
    assert isinstance(letter.error, errors.HandlerTimeout)


def test_a_declared_retry_tries_again(flow):
    tries = []

    @component(retry=3)
    def third(x: int) -> int:
        tries.append(x)
        if len(tries) < 3:
            raise ValueError(x)
        return x

    flow.node("third", third)
    flow.start()

    flow.send("third:in", 1)
    flow.wait(10)

    assert len(tries) == 3
    assert flow["third:out"].last.payload == 1


def test_wait_does_not_return_while_a_finite_source_works_in_a_thread():
    @component(blocking=True)
    def squares() -> Iterator[int]:
        for number in range(3):
            yield sum(each * each for each in range(300_000 + number))

    flow = EmbeddedFlow("squares")
    flow.node("squares", squares)
    flow.start()
    flow.wait(timeout=15)
    flow.stop()

    assert flow["squares:out"].count == 3


def test_wait_returns_while_a_source_waits_in_a_thread():
    gate = threading.Event()

    @component(blocking=True)
    def held() -> Iterator[int]:
        yield 1
        gate.wait()

    flow = EmbeddedFlow("held")
    flow.node("held", held)
    flow.start()
    flow.wait(timeout=15)
    count = flow["held:out"].count
    gate.set()
    flow.stop()

    assert count == 1
