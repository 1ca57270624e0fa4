"""A paused node handles nothing more, a step is one message, a breakpoint holds the rest, and nothing is lost."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from tinyflow_runtime.component import Component, Handler, Port
from tinyflow_runtime.embedded.flow import EmbeddedFlow
from tinyflow_runtime.errors import ExpressionError, NodeError, NotRunning, TinyFlowError, WaitTimeout
from tinyflow_runtime.module import component
from tinyflow_runtime.observation.lineage import Lineage

got: list[int] = []


@component
def ahead(x: int) -> int:
    return x


@component
def keep(x: int, *, plus: int = 0) -> int:
    got.append(x + plus)
    return x


@component
async def slowly(x: int) -> int:
    await asyncio.sleep(0)
    got.append(x)
    return x


@component(blocking=True)
def apart(x: int) -> int:
    got.append(x)
    return x


@component
def count_to(x: int) -> Iterator[int]:
    yield from range(x)


@component
def numbers() -> Iterator[int]:
    yield from range(1_000_000)


@component
async def ticks() -> AsyncIterator[int]:
    n = 0
    while True:
        yield n
        n += 1
        await asyncio.sleep(0)


class Full(Component):
    """The full form, which is served by a task of its own, one message after the other."""

    def ports(self) -> list[Port]:
        return [Port("in", "in", int), Port("out", "out", int)]

    async def handle(self, output: Handler, _port: str, payload: int) -> None:
        got.append(payload)
        await output("out", payload)


class Both(Component):
    """Sends on two ports for each message."""

    def ports(self) -> list[Port]:
        return [Port("in", "in", int), Port("a", "out", int), Port("b", "out", int)]

    async def handle(self, output: Handler, _port: str, payload: int) -> None:
        await output("a", payload)
        await output("b", payload)


@pytest.fixture
def line():
    """A flow whose middle can be held, running: ahead → keep → after."""
    got.clear()
    flow = EmbeddedFlow("holding")
    flow.node("ahead", ahead)
    flow.node("keep", keep)
    flow.node("after", ahead)
    flow.edge("ahead:out", "keep:in", capacity=4)
    flow.edge("keep:out", "after:in")
    flow.start()
    yield flow
    flow.stop(1)


def until(true, seconds=5.0):
    """Wait for what another thread does; nothing tells of it."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        threading.Event().wait(0.002)


def balanced(flow):
    return all(each.balanced for each in flow.counts().values())


def test_a_paused_node_handles_nothing_and_loses_nothing(line):
    line.pause("keep")

    for n in range(3):
        line.send("ahead:in", n)

    until(lambda: line.counts()["keep"].queued == 3)
    assert got == []
    assert line.held["keep"].queued == 3
    line.resume("keep")
    line.wait(5)
    assert got == [0, 1, 2]
    assert line.held == {}


def test_a_full_channel_of_a_paused_node_makes_its_sender_wait(line):
    line.pause("keep")
    for n in range(4 + 64):
        line.send("ahead:in", n, timeout=5)

    with pytest.raises(TinyFlowError, match="TF-134"):
        line.send("ahead:in", 99, timeout=0.05)

    line.resume()
    line.wait(5)
    assert got == list(range(68))


@pytest.mark.parametrize("kind", [keep, slowly, apart, Full])
def test_a_step_is_exactly_one_message(line, kind):
    line.node("other", kind)
    line.edge("ahead:out", "other:in")
    line.remove("keep")
    line.start()
    line.pause("other")
    for n in range(3):
        line.send("ahead:in", n)
    until(lambda: line.counts()["other"].queued == 3)

    line.step("other")

    assert got == [0]
    line.step("other")
    assert got == [0, 1]
    assert line.counts()["other"].queued == 1


def test_a_step_says_that_a_node_is_not_paused_or_that_nothing_waits(line):
    with pytest.raises(NodeError, match="TF-132"):
        line.step("keep")

    line.pause("keep")

    with pytest.raises(NodeError, match="TF-128"):
        line.step("keep")


def test_all_nodes_are_paused_and_go_on_together_even_those_that_are_added_meanwhile(line):
    line.pause()
    line.node("late", keep, plus=100)
    line.edge("after:out", "late:in")
    line.start()
    line.send("ahead:in", 1)

    assert set(line.held) == {"ahead", "keep", "after", "late"}

    line.resume()
    line.wait(5)
    assert got == [1, 101]


def test_a_paused_flow_is_not_waited_for_without_a_word(line):
    line.pause("keep")
    line.send("ahead:in", 1)

    with pytest.raises(WaitTimeout, match="paused: keep"):
        line.wait()

    with pytest.raises(TimeoutError, match="paused: keep"):
        line.wait(0.05)


def test_a_paused_flow_at_which_nothing_waits_is_quiet(line):
    line.pause()

    line.wait(1)

    assert set(line.held) == {"ahead", "keep", "after"}


def test_a_paused_flow_stops_and_what_waited_there_is_kept_with_the_reason(line):
    line.pause("keep")
    for n in range(3):
        line.send("ahead:in", n)
    began = time.monotonic()

    line.stop(30)

    assert time.monotonic() - began < 10
    assert [letter.message.payload for letter in line.dead_letters] == [0, 1, 2]
    assert "TF-142" in line.dead_letters[0].reason
    assert "while keep was paused" in line.dead_letters[0].reason
    assert balanced(line)


def test_settings_reach_a_paused_node_at_once(line):
    line.pause("keep")
    line.send("ahead:in", 1)

    line.node("keep", keep, plus=10)
    line.start()
    line.step("keep")

    assert got == [11]


def test_code_is_swapped_under_a_pause_and_the_pause_stays(line):
    @component
    def keep(x: int, *, plus: int = 0) -> int:
        got.append(-x)
        return x

    line.pause("keep")
    line.send("ahead:in", 7)
    line.node("keep", keep)
    line.start()

    assert got == []
    line.resume()
    line.wait(5)
    assert got == [-7]


@pytest.mark.parametrize("kind", [numbers, ticks])
def test_a_source_pauses_at_its_next_output_and_makes_steps(kind):
    got.clear()
    flow = EmbeddedFlow("sourced")
    flow.node("source", kind)
    flow.node("keep", keep)
    flow.edge("source:out", "keep:in")
    flow.start()
    until(lambda: got)

    flow.pause("source")
    until(lambda: not flow.counts()["keep"].queued)
    before = len(got)
    until(lambda: flow.held["source"])
    flow.step("source")
    until(lambda: len(got) > before)

    assert got == list(range(before + 1))
    flow.resume()
    until(lambda: len(got) > before + 10)
    flow.stop(1)


def test_a_breakpoint_holds_the_message_and_what_is_behind_it(line):
    line.breakpoint("keep:in", when="msg > 2")
    for n in range(6):
        line.send("ahead:in", n)

    until(lambda: "keep" in line.held)

    held = line.held["keep"]
    assert (held.port, held.message.payload, got) == ("in", 3, [0, 1, 2])
    assert 0 < held.lease <= 300
    line.step("keep")
    assert got == [0, 1, 2, 3]
    line.resume("keep")
    until(lambda: line.held.get("keep") or got[-1] == 4)
    line.clear("keep:in")
    line.wait(5)
    assert got == list(range(6))
    assert line.held == {}
    assert line.breakpoints == {}


def test_a_resumed_breakpoint_holds_again_at_the_next_message_that_it_is_for(line):
    line.breakpoint("keep:in", when="msg % 2 == 1")
    for n in range(5):
        line.send("ahead:in", n)
    until(lambda: "keep" in line.held)
    assert line.held["keep"].message.payload == 1

    line.resume("keep")

    until(lambda: "keep" in line.held)
    assert line.held["keep"].message.payload == 3
    line.resume("keep")
    line.wait(5)
    assert got == list(range(5))


def test_a_breakpoint_at_an_output_holds_what_was_sent_before_the_next_node_has_it(line):
    line.breakpoint("ahead:out", when="msg == 1")
    for n in range(4):
        line.send("ahead:in", n)

    until(lambda: "ahead" in line.held)

    until(lambda: got == [0])
    assert line.held["ahead"].message.payload == 1
    assert line.counts()["ahead"].queued == 2
    assert balanced(line)
    line.step("ahead")
    until(lambda: got == [0, 1])
    line.resume()
    line.wait(5)
    assert got == [0, 1, 2, 3]


def test_of_what_is_sent_in_one_go_an_output_lets_pass_what_comes_before_the_breakpoint():
    got.clear()
    flow = EmbeddedFlow("goes")
    flow.node("count", count_to)
    flow.node("keep", keep)
    flow.edge("count:out", "keep:in", capacity=2)
    flow.start()
    flow.breakpoint("count:out", when="msg == 3")
    flow.send("count:in", 7)

    until(lambda: "count" in flow.held)

    until(lambda: got == [0, 1, 2])
    flow.step("count")
    until(lambda: got == [0, 1, 2, 3])
    assert balanced(flow)
    flow.resume()
    flow.wait(5)
    assert got == list(range(7))
    flow.stop(1)


def test_a_batch_is_cut_where_it_is_held_and_goes_on_whole():
    got.clear()
    flow = EmbeddedFlow("batches")
    flow.node("slow", slowly)
    flow.node("after", keep)
    flow.edge("slow:out", "after:in")
    flow.start()
    flow.send("slow:in", 0)  # connects it
    flow.wait(5)
    got.clear()
    runner = flow._run.scheduler.runners["slow"]
    flow.breakpoint("slow:out", when="msg >= 3")

    async def send_six(scheduler):
        lineage = Lineage.first(scheduler.ids.draw(6), scheduler.now())
        scheduler.accept(runner.outlet("out").send([1, 2, 3, 4, 5, 6], lineage))

    flow._run.call(send_six, what="sending")

    until(lambda: got == [1, 2])
    assert flow.held["slow"].message.payload == 3
    flow.step("slow")
    until(lambda: got == [1, 2, 3])
    assert flow.held["slow"].message.payload == 4
    flow.resume()
    assert flow.held["slow"].message.payload == 5
    flow.clear("slow:out")
    flow.wait(5)
    assert got == [1, 2, 3, 4, 5, 6]
    assert [message.payload for message in flow["after:in"].history(9)] == [0, *got]
    flow.stop(1)


def test_a_message_in_hand_is_handled_to_its_end_though_its_node_was_paused_meanwhile():
    got.clear()
    flow = EmbeddedFlow("inhand")
    flow.node("full", Full)
    flow.node("after", ahead)
    flow.edge("full:out", "after:in", capacity=1)
    flow.start()
    flow.pause("after")
    for n in range(4):
        flow.send("full:in", n)
    until(lambda: got == [0, 1])  # the second waits for room
    flow.pause("full")

    flow.resume("after")

    until(lambda: flow.counts()["after"].handled == 2)
    assert flow.counts()["full"].handled == 2
    assert flow.counts()["full"].queued == 2
    assert got == [0, 1]
    flow.resume()
    flow.wait(5)
    assert got == [0, 1, 2, 3]
    flow.stop(1)


def test_a_pause_with_a_lease_ends_by_itself(line):
    line.pause("keep", lease=0.3)
    for n in range(3):
        line.send("ahead:in", n)

    until(lambda: got == [0, 1, 2])

    assert line.held == {}
    with pytest.raises(NodeError, match="TF-129"):
        line.pause("keep", lease=float("inf"))


def test_what_is_held_at_an_output_becomes_dead_letters_when_the_flow_stops(line):
    line.breakpoint("ahead:out")
    line.send("ahead:in", 5)
    until(lambda: "ahead" in line.held)

    line.stop(5)

    assert [letter.message.payload for letter in line.dead_letters] == [5]
    assert balanced(line)


def test_an_output_of_a_component_with_several_is_held_too():
    flow = EmbeddedFlow("both")
    flow.node("both", Both)
    flow.node("after", ahead)
    flow.edge("both:b", "after:in")
    flow.start()
    flow.breakpoint("both:b", when="msg == 2")
    for n in range(4):
        flow.send("both:in", n)

    until(lambda: "both" in flow.held)

    assert flow.held["both"].port == "b"
    flow.clear("both:b")
    flow.wait(5)
    assert flow.counts()["after"].handled == 4
    flow.stop(1)


def test_a_held_node_goes_on_by_itself_after_its_lease_and_says_so_once(line, caplog):
    line.breakpoint("keep:in", lease=0.1)
    with caplog.at_level(logging.WARNING, "tinyflow"):
        for n in range(3):
            line.send("ahead:in", n)

        until(lambda: got == [0, 1, 2])

    said = [record for record in caplog.records if "lease" in record.message]
    assert len(said) == 1
    assert line.breakpoints == {}


def test_a_condition_that_fails_is_told_and_holds_nothing(line, caplog):
    line.breakpoint("keep:in", when="1 / msg > 0.4")

    with caplog.at_level(logging.WARNING, "tinyflow"):
        for n in (0, 5, 2):
            line.send("ahead:in", n)
        until(lambda: "keep" in line.held)

    assert line.held["keep"].message.payload == 2
    assert got == [0, 5]
    assert "ZeroDivisionError" in caplog.text


def test_what_no_breakpoint_can_be_is_refused(line):
    with pytest.raises(ExpressionError, match="TF-114"):
        line.breakpoint("keep:in", when="msg +")
    with pytest.raises(TinyFlowError, match="TF-101"):
        line.breakpoint("keep:inn")
    with pytest.raises(NodeError, match="TF-129"):
        line.breakpoint("keep:in", lease=0)

    assert line.held == {}
    line.stop()
    with pytest.raises(NotRunning, match="TF-135"):
        line.pause()


def test_nodes_are_driven_together_again_once_nothing_is_held(line):
    line.send("ahead:in", 1)
    line.wait(5)
    line.pause("keep")
    line.send("ahead:in", 3)
    line.step("keep")
    assert line._run.scheduler.runners["keep"].stretch is None
    line.resume("keep")

    line.send("ahead:in", 2)
    line.wait(5)

    runners = line._run.scheduler.runners
    assert runners["keep"].stretch is not None
    assert runners["keep"].stretch is runners["ahead"].stretch
    assert runners["keep"].blocked == 0
    assert not line._run.scheduler.holding
