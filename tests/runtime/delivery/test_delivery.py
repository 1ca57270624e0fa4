"""Random flows deliver exactly what a small interpreter says, and every snapshot of the counts balances."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tinyflow_runtime.channel import Channel
from tinyflow_runtime.component import Handler
from tinyflow_runtime.embedded.flow import EmbeddedFlow
from tinyflow_runtime.errors import NodeError
from tinyflow_runtime.execution.context import context
from tinyflow_runtime.execution.inline import Inline
from tinyflow_runtime.module import component
from tinyflow_runtime.scheduling.hold import Hold

seen: dict[str, list[int]] = collections.defaultdict(list)


@component
def double(x: int) -> int:
    seen[context().node].append(x)
    return 2 * x


@component
def odd(x: int) -> int | None:
    seen[context().node].append(x)
    return x if x % 2 else None


@component
def pair(x: int) -> Iterator[int]:
    seen[context().node].append(x)
    yield x
    yield x + 1


@component
async def plus(x: int, *, n: int = 1) -> int:
    seen[context().node].append(x)
    return x + n


@component(outputs={"out": int, "other": int})
async def split(x: int, output: Handler) -> None:
    seen[context().node].append(x)
    await output("out" if x % 3 else "other", x)


@component
def fails(x: int) -> int:
    seen[context().node].append(x)
    if x % 5 == 0:
        raise ValueError(x)
    return x


@component(blocking=True)
def threaded(x: int) -> int:
    seen[context().node].append(x)
    return x - 1


@component
def ahead(x: int) -> int:
    return x


@component
def numbers(*, count: int = 0) -> Iterator[int]:
    yield from range(count)


# What each of them sends for one message, as plainly as it can be said.
MEANING = {
    double: lambda x: [2 * x],
    odd: lambda x: [x] if x % 2 else [],
    pair: lambda x: [x, x + 1],
    plus: lambda x: [x + 1],
    split: lambda x: [x] if x % 3 else [],
    fails: lambda x: [x] if x % 5 else [],
    threaded: lambda x: [x - 1],
}
WHEN = {None: lambda x: True, "msg % 2 == 0": lambda x: x % 2 == 0, "msg > 3": lambda x: x > 3}
MAP = {None: lambda x: x, "msg % 1000 + 1": lambda x: x % 1000 + 1}

edges = st.tuples(st.sampled_from(list(WHEN)), st.sampled_from(list(MAP)), st.sampled_from([1, 2, 7, 64]))
shapes = st.lists(
    st.tuples(st.sampled_from(list(MEANING)), st.lists(st.tuples(st.integers(0, 100), edges), min_size=1, max_size=2)),
    min_size=1,
    max_size=7,
)


def interpret(shape, count):
    """What every node is given, and whether the order is decided: it is where no two edges meet on the way."""
    given, sent, ordered = {}, [list(range(count))], [True]
    for number, (kind, parents) in enumerate(shape, 1):
        ways = {parent % number: edge for parent, edge in parents}
        given[number] = [
            MAP[mapping](x) for parent, (when, mapping, _) in ways.items() for x in sent[parent] if WHEN[when](x)
        ]
        sent.append([y for x in given[number] for y in MEANING[kind](x)])
        ordered.append(len(ways) == 1 and all(ordered[parent] for parent in ways))
    return given, ordered


def run(shape, count):
    """Run the same as a flow; gives what every node saw."""
    seen.clear()
    flow = EmbeddedFlow("random")
    flow.node("n0", numbers, count=count)
    for number, (kind, parents) in enumerate(shape, 1):
        flow.node(f"n{number}", kind)
        ways = {parent % number: edge for parent, edge in parents}
        for parent, (when, mapping, capacity) in ways.items():
            flow.edge(f"n{parent}:out", f"n{number}:in", when=when, map=mapping, capacity=capacity)
    flow.start()
    try:
        for _ in range(5):
            assert all(counts.balanced for counts in flow.counts().values()), flow.counts()
        flow.wait(15)
        counts = flow.counts()
        assert all(each.balanced and not (each.queued or each.running) for each in counts.values()), counts
        accepted = {name: each.accepted for name, each in counts.items() if name != "n0"}
        assert accepted == {name: len(seen[name]) for name in accepted}
        letters = collections.Counter((letter.node, letter.message.payload) for letter in flow.dead_letters)
    finally:
        flow.stop(1)
    return letters


def check(shape, count):
    given, ordered = interpret(shape, count)
    letters = run(shape, count)
    for number, wanted in given.items():
        got = seen[f"n{number}"]
        if ordered[number]:
            assert got == wanted
        else:
            assert collections.Counter(got) == collections.Counter(wanted)
    failed = [
        (f"n{number}", x)
        for number, (kind, _) in enumerate(shape, 1)
        if kind is fails
        for x in given[number]
        if x % 5 == 0
    ]
    assert letters == collections.Counter(failed)


@pytest.mark.timeout(120)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shapes, st.sampled_from([0, 1, 5, 63, 64, 65, 300]))
def test_random_flows_deliver_what_the_interpreter_says(shape, count):
    check(shape, count)


CHAIN = [(plus, [(0, (None, None, 7))]), (double, [(1, (None, None, 7))]), (plus, [(2, (None, None, 7))])]


def drop(payloads):
    return payloads[:-1]


def twice(payloads):
    return [*payloads, payloads[-1]]


def reorder(payloads):
    return payloads[::-1]


def change(payloads):
    return [*payloads[:-1], payloads[-1] + 1]


@pytest.mark.parametrize("fault", [drop, twice, reorder, change])
def test_a_fault_planted_in_a_channel_is_caught(fault, monkeypatch):
    put = Channel.put

    def faulty(self, payloads, lineage):
        if self.target.name == "n3" and len(payloads) > 1:
            payloads = fault(payloads)
            lineage = lineage.pick([min(i, len(lineage.ids) - 1) for i in range(len(payloads))])
        put(self, payloads, lineage)

    monkeypatch.setattr(Channel, "put", faulty)

    with pytest.raises(AssertionError):
        check(CHAIN, 50)


def test_a_planted_miscount_is_caught(monkeypatch):
    call_each = Inline._call_each

    def faulty(self, channel, payloads, lineage, room):
        self.runner.handled += 1
        return call_each(self, channel, payloads, lineage, room)

    monkeypatch.setattr(Inline, "_call_each", faulty)

    with pytest.raises(AssertionError):
        check(CHAIN, 50)


doing_of = st.sampled_from(["pause", "step", "resume", "in", "out", "clear", "send"])
operations = st.lists(st.tuples(doing_of, st.integers(1, 7)), max_size=14)


def run_held(shape, doings, sends):
    """Run a random flow, fed from outside, with operations between the messages; gives what became dead letters."""
    seen.clear()
    flow = EmbeddedFlow("held")
    flow.node("n0", ahead)
    for number, (kind, parents) in enumerate(shape, 1):
        flow.node(f"n{number}", kind)
        for parent, (when, mapping, _) in {parent % number: edge for parent, edge in parents}.items():
            flow.edge(f"n{parent}:out", f"n{number}:in", when=when, map=mapping, capacity=1_000)
    flow.start()
    sent = iter(range(sends))
    try:
        for doing, number in doings:
            node = f"n{number % (len(shape) + 1)}"
            if doing == "step":
                with contextlib.suppress(NodeError):  # it is not paused, or nothing waits there
                    flow.step(node)
            elif doing == "in":
                flow.breakpoint(f"{node}:in", when="msg % 2 == 0")
            elif doing == "out":
                flow.breakpoint(f"{node}:out", when="msg % 3 == 0")
            elif doing == "clear":
                flow.clear(f"{node}:in")
            elif doing == "send":
                for _, n in zip(range(number), sent, strict=False):
                    flow.send("n0:in", n, timeout=5)
            else:
                getattr(flow, doing)(node)
            assert all(counts.balanced for counts in flow.counts().values()), flow.counts()
        for n in sent:
            flow.send("n0:in", n, timeout=5)
        for address in list(flow.breakpoints):
            flow.clear(address)
        flow.resume()
        flow.wait(15)
        counts = flow.counts()
        assert all(each.balanced and not (each.queued or each.running) for each in counts.values()), counts
        assert not flow._run.scheduler.holding
        return collections.Counter((letter.node, letter.message.payload) for letter in flow.dead_letters)
    finally:
        flow.stop(1)


def check_held(shape, doings, sends=40):
    given_to, ordered = interpret(shape, sends)
    run_held(shape, doings, sends)
    for number, wanted in given_to.items():
        there = seen[f"n{number}"]
        if ordered[number]:
            assert there == wanted
        else:
            assert collections.Counter(there) == collections.Counter(wanted)


@pytest.mark.timeout(240)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shapes, operations)
def test_random_flows_deliver_the_same_however_they_are_paused_and_led(shape, doings):
    check_held(shape, doings)


PLAIN = [(double, [(0, (None, None, 64))])]


def loses_the_rest(hold):
    hold.back.clear()


def plays_twice(hold):
    hold.back.extend(list(hold.back))


@pytest.mark.parametrize("fault", [loses_the_rest, plays_twice])
def test_a_fault_planted_in_what_is_held_back_is_caught(fault, monkeypatch):
    stop_at = Hold.stop_at

    def faulty(self, point, message):
        stop_at(self, point, message)
        fault(self)

    monkeypatch.setattr(Hold, "stop_at", faulty)

    with pytest.raises(AssertionError):
        check_held(PLAIN, [("out", 0), ("send", 7), ("resume", 0)])
