"""Nodes that go along a stretch show nothing of it: counts, ports, failures and swaps are those of nodes alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from tinyflow_runtime.component import prototype
from tinyflow_runtime.embedded.flow import EmbeddedFlow, swap
from tinyflow_runtime.execution import inline
from tinyflow_runtime.execution.context import context
from tinyflow_runtime.execution.ledger import Entry, Ledger
from tinyflow_runtime.execution.stretch import Stretch
from tinyflow_runtime.message import Address
from tinyflow_runtime.module import component
from tinyflow_runtime.observation.lineage import Ids, Lineage
from tinyflow_runtime.probe import PortProbe

COUNT = 3_000  # beyond the burst of 1,000 that ports keep in full


@component
def numbers(*, count: int = COUNT) -> Iterator[int]:
    yield from range(count)


@component
def dicts(*, count: int = COUNT) -> Iterator[dict]:
    for i in range(count):
        yield {"i": i, "passed": 0}


@component
def double(x: int) -> int:
    return 2 * x


@component
def half(x: int) -> int:
    return x // 2


@component
def until(x: int, *, end: int = 2_000) -> int | None:
    return x if x < end else None


@component
def fails(x: int) -> int:
    if x >= 2_000 and x % 100 == 0:
        raise ValueError(x)
    return x


@component
def lies(x: int) -> int:
    return "text" if x == 2_500 else x  # type: ignore[return-value] # that is the point


@component
def passes(m: dict) -> dict:
    m["passed"] += 1  # in place: what an earlier port has seen must not change
    return m


@component
def untyped(x):
    return x


@component
async def waits_a_moment(x: int) -> None:
    pass


@component
def sink(x) -> None:
    got.append(x)


got: list = []


@pytest.fixture
def flow():
    got.clear()
    flow = EmbeddedFlow("stretch")
    yield flow
    flow.stop(0)


@pytest.fixture(params=[True, False], ids=["along a stretch", "one by one"])
def along(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(inline, "find", lambda runner: None)
    return request.param


def line(flow, source, *nodes):
    flow.node("source", source)
    before = "source"
    for number, node in enumerate([*nodes, sink]):
        name = f"n{number}" if node is not sink else "sink"
        flow.node(name, node)
        flow.edge(f"{before}:out", f"{name}:in")
        before = name


def stretch_of(flow, name):
    return flow._run.scheduler.runners[name].stretch


def looks(flow, nodes):
    ports = {name: flow[f"{name}:out"] for name in nodes}
    return {name: (port.count, port.last.payload, port.last.hops) for name, port in ports.items()}


def test_plain_functions_in_a_line_are_found_to_be_a_stretch(flow):
    line(flow, numbers, double, half, untyped)

    flow.start()
    flow.wait(10)

    assert stretch_of(flow, "n0").runners == [flow._run.scheduler.runners[name] for name in ("n0", "n1", "n2", "sink")]
    assert got == list(range(COUNT))


def test_every_port_has_seen_what_passed_there(flow, along):
    line(flow, numbers, double, half, untyped, double)

    flow.start()
    flow.wait(10)

    assert looks(flow, ["n0", "n1", "n2", "n3"]) == {
        "n0": (COUNT, 2 * COUNT - 2, 1),
        "n1": (COUNT, COUNT - 1, 2),
        "n2": (COUNT, COUNT - 1, 3),
        "n3": (COUNT, 2 * COUNT - 2, 4),
    }
    assert all(flow[f"n{i}:in"].count == COUNT for i in range(4))
    assert all(one.accepted == one.handled for name, one in flow.counts().items() if name != "source")


def test_the_first_thousand_are_all_kept_and_the_rest_is_counted_as_skipped(flow, along):
    line(flow, numbers, double, half, untyped)
    flow.node("source", numbers, count=900)

    flow.start()
    flow.wait(10)

    ports = [flow[f"{name}:{way}"] for name in ("n0", "n1", "n2") for way in ("in", "out")]
    assert [port.skipped for port in ports] == [0] * 6
    assert [[message.payload for message in port.history()] for port in ports[2:5]] == [
        [2 * x for x in range(800, 900)],
        list(range(800, 900)),
        list(range(800, 900)),
    ]


def test_the_parent_of_a_message_is_the_one_before_it_all_along(flow, along):
    line(flow, numbers, double, half, untyped)
    flow.node("source", numbers, count=200)
    flow.start()
    flow.wait(10)

    histories = [flow[f"{name}:out"].history() for name in ("source", "n0", "n1", "n2")]

    for before, after in pairwise(histories):
        assert [message.parent for message in after] == [message.id for message in before]
        assert [message.trace for message in after] == [message.trace for message in before]
    ids = [message.id for history in histories for message in history]
    assert len(set(ids)) == len(ids)


def test_what_a_port_keeps_is_not_changed_by_a_function_behind_it(flow, along):
    line(flow, dicts, passes, passes, passes)

    flow.start()
    flow.wait(10)

    assert [flow[f"n{i}:out"].last.payload for i in range(3)] == [{"i": COUNT - 1, "passed": i + 1} for i in range(3)]


@pytest.mark.parametrize("kind", [numbers, dicts])
def test_the_newest_is_seen_behind_a_function_that_sends_nothing_any_more(flow, along, kind):
    @component
    def first(m):
        return m if (m["i"] if isinstance(m, dict) else m) < 2_000 else None

    line(flow, kind, untyped, untyped, first, untyped, untyped)

    flow.start()
    flow.wait(10)

    found = looks(flow, [f"n{i}" for i in range(5)])
    assert [count for count, _, _ in found.values()] == [COUNT, COUNT, 2_000, 2_000, 2_000]
    newest = [m["i"] if isinstance(m, dict) else m for _, m, _ in found.values()]
    assert newest == [COUNT - 1, COUNT - 1, 1_999, 1_999, 1_999]
    assert all(one.balanced for one in flow.counts().values())


def test_failures_and_misfits_belong_to_their_node_and_message(flow, along):
    line(flow, numbers, untyped, fails, half)

    flow.start()
    flow.wait(10)

    letters = [(letter.node, letter.message.payload, type(letter.error).__name__) for letter in flow.dead_letters]
    assert letters == [("n1", x, "ValueError") for x in range(2_000, COUNT, 100)]
    counts = flow.counts()
    assert all(one.balanced for one in counts.values())
    assert (counts["n1"].handled, counts["n1"].dead, counts["n2"].accepted) == (COUNT - 10, 10, COUNT - 10)
    assert got == [x // 2 for x in range(COUNT) if x < 2_000 or x % 100]


def test_what_does_not_fit_its_port_is_a_dead_letter_of_who_returned_it(flow, along):
    line(flow, numbers, untyped, untyped, lies, double)

    flow.start()
    flow.wait(10)

    (letter,) = flow.dead_letters
    assert letter.message.payload == 2_500
    assert (letter.node, letter.message.to.port, letter.error.code) == ("n2", "in", "TF-123")


def test_a_context_tells_node_and_message(flow, along):
    told = {}

    def teller(name):
        def tell(x: int) -> int:
            here = context()
            told.setdefault(here.node, []).append((here.port, here.message_id))
            return x

        tell.__name__ = name
        return component(tell)

    line(flow, numbers, teller("a"), teller("b"), teller("c"))
    flow.node("source", numbers, count=200)

    flow.start()
    flow.wait(10)

    for name in ("n0", "n1", "n2"):
        assert told[name][-100:] == [("in", message.id) for message in flow[f"{name}:in"].history()]


def test_a_hundred_swaps_in_a_stretch_lose_and_double_nothing(flow):
    def version(number):
        @component
        def swapped(x: int) -> int:
            return x if number >= 0 else -1

        return swapped

    line(flow, numbers, double, version(0), half)
    flow.node("source", numbers, count=200_000)
    flow.start()

    changed = [swap(prototype(version(number))) for number in range(1, 101)]
    flow.wait(15)

    assert changed == [["stretch:n1"]] * 100
    assert got == list(range(200_000))


def test_a_place_taken_while_messages_pass_gives_what_follows(flow):
    go = []

    @component
    def waits() -> Iterator[int]:
        for x in range(100_000):
            if x == 2_000:
                while not go:
                    yield None
            yield x

    line(flow, waits, double, half, double)
    flow.start()
    while len(got) < 2_000:
        time.sleep(0.001)

    port = flow["n1:out"]
    go.append(True)

    assert port.next(timeout=5).payload >= 2_000
    flow.wait(15)
    assert port.count == 100_000


def test_a_message_from_outside_may_enter_in_the_middle(flow):
    line(flow, numbers, double, half, double)
    flow.node("source", numbers, count=100)
    flow.start()
    flow.wait(5)

    flow.send("n1:in", 7)
    flow.wait(5)

    assert got[-1] == 6
    assert [message.payload for message in flow["n1:in"].history()][-2:] == [198, 7]


def test_settings_sent_to_a_node_in_the_middle_count_from_then_on(flow):
    line(flow, numbers, double, until, half)
    flow.node("source", numbers, count=500)
    flow.start()
    flow.wait(5)

    flow.send("n1:settings", {"end": 10})
    flow.wait(5)
    flow.send("n0:in", 4)
    flow.send("n0:in", 5)
    flow.wait(5)

    assert got[-2:] == [499, 4]


def test_a_function_that_blocks_is_named_and_moved_and_the_others_go_on(flow, caplog):
    @component
    def sleeps(x: int) -> int:
        if x in (300, 301):
            time.sleep(0.4)
        return x

    line(flow, numbers, untyped, sleeps, untyped)
    flow.node("source", numbers, count=500)

    flow.start()
    flow.wait(15)

    told = [record.getMessage() for record in caplog.records if "TF-131" in record.getMessage()]
    assert all("n1 blocked all" in text and "time.sleep(0.4)" in text for text in told)
    assert len(told) == 2
    assert got == list(range(500))


def test_a_full_channel_behind_a_stretch_holds_up_who_sends_into_it(flow):
    open_ = []

    @component(blocking=True)
    def gate(x: int) -> int:
        while not open_:
            time.sleep(0.001)
        return x

    line(flow, numbers, double, half, double)
    flow.node("gate", gate)
    flow.edge("n2:out", "gate:in", capacity=10)
    flow.start()
    before = -1
    while before != flow["source:out"].count:
        before = flow["source:out"].count
        time.sleep(0.2)

    counts = flow.counts()
    open_.append(True)
    flow.wait(15)

    assert 5 < counts["gate"].queued <= 10
    assert [counts[name].queued for name in ("n1", "n2")] == [64, 64]
    assert flow.counts()["gate"].handled == COUNT


def test_what_lies_between_nodes_is_out_of_the_way_before_more_comes(flow, monkeypatch):
    one_by_one = []
    call_each = inline.Inline._call_each

    def counting(self, channel, payloads, lineage, room):
        one_by_one.append(len(payloads))
        return call_each(self, channel, payloads, lineage, room)

    monkeypatch.setattr(inline.Inline, "_call_each", counting)
    line(flow, numbers, *[untyped] * 100)
    flow.node("source", numbers, count=20_000)

    flow.start()
    flow.wait(20)

    assert sum(one_by_one) < 20_000 * 101 / 10


def test_a_rate_is_that_of_the_last_seconds_though_nobody_looked_before(monkeypatch):
    output, entered = PortProbe(Address("a", "out"), Ids()), PortProbe(Address("b", "in"), Ids())
    ledger = Ledger([(output, entered)])
    monkeypatch.setattr(time, "time", lambda: 1_000.0)
    output.reset()

    # 10 messages a second for a minute, and then 1,000.
    for at in [*(1_000 + i / 10 for i in range(600)), *(1_060 + i / 1_000 for i in range(5_000))]:
        came = Lineage.first(range(1), at)
        if ledger.note(Entry(came, 1, 1, at, 1, 0, [["seen"]], [], sampled=False)):
            ledger.tell()
    monkeypatch.setattr(time, "time", lambda: 1_065.0)

    assert output.rate == pytest.approx(1_000, rel=0.05)


def lose_the_last(self, batch, out):
    return passed(self, batch, out[:-1]) if len(out) > 1 else passed(self, batch, out)


def double_the_last(self, batch, out):
    return passed(self, batch, [*out[:-2], *out[-1:] * min(2, len(out))])


def turn_round(self, batch, out):
    return passed(self, batch, out[::-1])


def count_one_more(self):
    self._handled += 1
    settle(self)


def tell_nothing(self):
    self._entries.clear()


def look_away(self, stage, result):
    return result


passed, settle = Stretch._passed, Stretch.settle


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [
        (Stretch, "_passed", lose_the_last),
        (Stretch, "_passed", double_the_last),
        (Stretch, "_passed", turn_round),
        (Stretch, "settle", count_one_more),
        (Stretch, "_odd", look_away),
        (Ledger, "tell", tell_nothing),
    ],
)
def test_a_fault_planted_in_a_stretch_is_caught(flow, monkeypatch, owner, name, fault):
    monkeypatch.setattr(owner, name, fault)
    line(flow, numbers, double, half, lies, half, until)
    if name == "_passed":  # let the stretch end before the last function
        flow.node("plus", waits_a_moment)
        flow.edge("n3:out", "plus:in")

    def check():
        flow.start()
        flow.wait(10)
        assert got == [x // 2 for x in range(COUNT) if x != 2_500 and x // 2 < 2_000]
        assert looks(flow, ["n1", "n3"]) == {"n1": (COUNT, COUNT - 1, 2), "n3": (COUNT - 1, COUNT // 2 - 1, 4)}
        assert all(one.balanced for one in flow.counts().values())
        assert [letter.node for letter in flow.dead_letters] == ["n2"]

    with pytest.raises(AssertionError):
        check()
