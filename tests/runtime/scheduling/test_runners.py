"""A node sleeps until its first message; nobody can tell but by the time a flow takes to start."""

from __future__ import annotations

import pytest
from tinyflow_runtime.embedded.flow import EmbeddedFlow, swap
from tinyflow_runtime.module import Module
from tinyflow_runtime.observation.counts import Counts
from tinyflow_runtime.scheduler import Scheduler


def functions(factor: int = 2):
    module = Module("asleep")

    @module.component
    def times(x: int) -> int:
        return factor * x

    @module.component
    async def later(x: int) -> int:
        return factor * x

    return times, later


times, later = functions()


@pytest.fixture
def flow():
    flow = EmbeddedFlow("asleep")
    for name in ("a", "b", "c"):
        flow.node(name, times)
    flow.edge("a:out", "b:in")
    flow.edge("b:out", "c:in")
    flow.start()
    yield flow
    flow.stop()


def made(flow: EmbeddedFlow) -> set[str]:
    async def look(scheduler: Scheduler) -> set[str]:
        return set(scheduler.runners)

    return flow._run.call(look, what="look")


def test_a_flow_of_functions_starts_without_a_runner(flow):
    assert made(flow) == set()
    assert flow.counts() == dict.fromkeys("abc", Counts())


def test_a_message_wakes_the_nodes_it_reaches_and_no_other(flow):
    flow.send("b:in", 1)
    flow.wait(timeout=5)

    assert made(flow) == {"b", "c"}
    assert flow["c:out"].last.payload == 4


def test_a_flow_that_was_applied_does_not_follow_its_definition_before_it_is_applied_again(flow):
    flow.remove("b:out", "c:in")
    flow.send("a:in", 1)
    flow.wait(timeout=5)
    before = flow["c:out"].count
    flow.start()
    flow.send("a:in", 1)
    flow.wait(timeout=5)

    assert (before, flow["c:out"].count) == (1, 1)


def test_a_node_that_sleeps_wakes_with_its_newest_code(flow):
    newer, _ = functions(10)
    for name in ("a", "b", "c"):
        flow.node(name, newer)
    flow.start()
    flow.send("a:in", 1)
    flow.wait(timeout=5)

    assert flow["c:out"].last.payload == 1000


@pytest.mark.parametrize("reached", [[], ["a:in"], ["c:in"]])
def test_a_swap_reaches_nodes_awake_and_asleep(flow, reached):
    for address in reached:
        flow.send(address, 1)
    flow.wait(timeout=5)

    swap(functions(10)[0].__tinyflow__)
    flow.send("a:in", 1)
    flow.wait(timeout=5)

    assert flow["c:out"].last.payload == 1000


def test_a_node_that_sleeps_may_become_one_that_waits(flow):
    flow.remove("b")
    flow.node("b", later)
    flow.edge("a:out", "b:in")
    flow.edge("b:out", "c:in")
    flow.start()
    flow.send("a:in", 1)
    flow.wait(timeout=5)

    assert flow["c:out"].last.payload == 8


def test_a_node_that_slept_and_is_taken_out_leaves_nothing(flow):
    flow.remove("c")
    flow.start()
    flow.send("a:in", 1)
    flow.wait(timeout=5)

    assert flow["b:out"].last.payload == 4
    assert flow.counts().keys() == {"a", "b"}
