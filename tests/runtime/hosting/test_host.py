"""A host, told by plans, as the wire tells it; without the wire."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator
from typing import ClassVar

import msgspec
import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ExpressionError, NodeError, NotRunning, PayloadError, PortError
from tinyflow_runtime.hosting.host import Host
from tinyflow_runtime.module import Module
from tinyflow_runtime.rpc.health import NOT_SERVING

import tinyflow_jupyter as tf

module = Module("hosted")


@dataclasses.dataclass
class Mood:
    """Whether it starts."""

    bad: bool = False


@module.component
def double(x: int) -> int:
    return 2 * x


@module.component
def above(x: int, *, limit: int = 10) -> int | None:
    return x if x > limit else None


@module.component
def same(x: str) -> str:
    return x


@module.component
def shut(x: str) -> None:
    raise ValueError("It is shut.")


@module.component
def boom(x: int) -> int:
    raise ValueError(f"{x} is none of mine")


@module.component
def picky(x: int) -> int:
    if x < 0:
        raise KeyError(x)
    return x


@module.component
def lacks(x: int) -> int:
    import sklearn.of_another_planet  # type: ignore[import-not-found]  # it is in no environment

    return int(sklearn)


@module.component
async def breaks(*, off: bool = False) -> AsyncIterator[int]:
    if not off:
        raise OSError("the line is dead")
    yield 1


class Fragile(tf.Component):
    """Starts when it is told to."""

    module = "hosted"
    waits: ClassVar[dict[str, asyncio.Event]] = {}

    def ports(self):
        return [tf.Port("in", "in", int), tf.Port("out", "out", int), tf.Port("settings", "in", Mood, settings=True)]

    async def start(self, output):
        if self.settings.bad:
            raise RuntimeError("not today")

    async def handle(self, output, port, payload):
        if port == "in":
            await output("out", payload)


module.component(Fragile)


@module.component
class Stuck(tf.Component):
    """Never starts."""

    def ports(self):
        return [tf.Port("in", "in", int)]

    async def start(self, output):
        await asyncio.Event().wait()

    async def handle(self, output, port, payload): ...


@module.component
async def ticks(*, every: float = 0.001) -> AsyncIterator[int]:
    n = 0
    while True:
        yield n
        n += 1
        await asyncio.sleep(every)


@module.component
async def gated(x: int) -> int:
    await Fragile.waits["gate"].wait()
    return x


def node(name, component="double", *, settings=None, to=(), flow="sums"):
    edges = [protocol.Edge(id=f"{name}-{end}", port="out", to=end) for end in to]
    packed = msgspec.msgpack.encode(settings) if settings else b""
    return protocol.Node(flow=flow, name=name, component=component, settings=packed, edges=edges)


def plan(*nodes):
    made = protocol.Plan(nodes=nodes)
    made.hash = made.SerializeToString(deterministic=True).hex()[-64:]
    return made


def batch(to, *payloads, flow="sums"):
    packed = [protocol.Message(flow=flow, to=to, payload=msgspec.msgpack.encode(payload)) for payload in payloads]
    return protocol.Batch(messages=packed)


@contextlib.asynccontextmanager
async def watching(host, port, flow="sums", **options):
    watch = host.watch(protocol.WatchRequest(flow=flow, port=port, **options))
    async with contextlib.aclosing(watch), asyncio.timeout(5):
        taken = await anext(watch)
        assert not taken.HasField("message")
        yield watch


async def payloads(watch, count):
    return [msgspec.msgpack.decode((await anext(watch)).message.payload) for _ in range(count)]


def troubles(applied):
    return {state.name: state.trouble for state in applied.nodes}


async def test_a_plan_runs_its_nodes_and_their_edges():
    async with Host("hosted") as host:
        applied = await host.apply(plan(node("a", to=["b:in"]), node("b")))
        async with watching(host, "b:out") as watch:
            await host.send(batch("a:in", 1))
            got = await payloads(watch, 1)

    assert troubles(applied) == {"a": "", "b": ""}
    assert got == [4]


async def test_a_watch_gives_what_passes_after_its_place_was_taken():
    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        async with watching(host, "a:out") as earlier:
            await host.send(batch("a:in", 1))
            await payloads(earlier, 1)
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:in", 2, 3))
            got = await payloads(watch, 2)

    assert got == [4, 6]


async def test_a_node_that_cannot_run_says_why_and_the_others_run():
    async with Host("hosted") as host:
        applied = await host.apply(plan(node("a"), node("b", "duble"), node("c", "above", settings={"limit": "no"})))
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:in", 1))
            got = await payloads(watch, 1)

    assert got == [2]
    assert troubles(applied)["a"] == ""
    assert "TF-118 Module 'hosted' has no component 'duble'." in troubles(applied)["b"]
    assert "TF-109" in troubles(applied)["c"]


async def test_an_edge_to_nowhere_is_told_to_the_node_it_leaves():
    async with Host("hosted") as host:
        applied = await host.apply(plan(node("a", to=["nobody:in"])))

    assert "nobody" in troubles(applied)["a"]


async def test_the_same_plan_again_does_nothing():
    async with Host("hosted") as host:
        first = await host.apply(plan(node("a")))
        second = await host.apply(plan(node("a")))

    assert second is first


async def test_new_settings_reach_the_running_node():
    async with Host("hosted") as host:
        await host.apply(plan(node("a", "above", settings={"limit": 5})))
        await host.apply(plan(node("a", "above", settings={"limit": 50})))
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:in", 20, 60))
            got = await payloads(watch, 1)

    assert got == [60]


async def test_settings_that_were_sent_count_on_when_another_flow_is_told_until_the_nodes_own_are_others():
    async with Host("hosted") as host:
        mine = node("a", "above", settings={"limit": 5})
        await host.apply(plan(mine))
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:settings", {"limit": 50}))
            await host.apply(plan(mine, node("b")))
            await host.send(batch("a:in", 20, 60))
            await host.apply(plan(node("a", "above", settings={"limit": 70})))
            await host.send(batch("a:in", 65, 75))
            got = await payloads(watch, 2)

    assert got == [60, 75]


async def test_a_node_that_left_the_plan_is_unknown():
    async with Host("hosted") as host:
        await host.apply(plan(node("a"), node("b")))
        await host.apply(plan(node("b")))
        with pytest.raises(NodeError, match="TF-107 There is no node 'a'"):
            await host.send(batch("a:in", 1))


async def test_a_flow_that_left_the_plan_ends_its_watches():
    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        async with watching(host, "a:out") as watch:
            ended = asyncio.create_task(anext(watch, None))
            await host.apply(plan())
            last = await ended

    assert last is None


@pytest.mark.parametrize(
    ("to", "payload", "error", "text"),
    [
        ("a:out", 1, PortError, "TF-102"),
        ("a:nowhere", 1, PortError, "TF-101"),
        ("nobody:in", 1, NodeError, "TF-107"),
        ("a:in", "one", PayloadError, "TF-123"),
    ],
)
async def test_what_does_not_fit_is_refused(to, payload, error, text):
    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        with pytest.raises(error, match=text):
            await host.send(batch(to, payload))


async def test_a_host_describes_its_components():
    async with Host("hosted") as host:
        description = await host.describe(protocol.DescribeRequest())

    ports = {port.name: (port.direction, port.type) for port in description.components[0].ports}
    assert description.components[0].name == "double"
    assert ports["in"] == ("in", "int")
    assert ports["out"] == ("out", "int")
    assert json.loads(description.components[0].ports[0].schema)["type"] == "integer"
    assert description.instance != ""


# What a plan is taken for


async def test_a_node_whose_new_settings_are_refused_runs_on_as_it_was():
    async with Host("hosted") as host:
        await host.apply(plan(node("a", "above", settings={"limit": 5})))
        applied = await host.apply(plan(node("a", "above", settings={"limit": "no"})))
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:in", 4, 6))
            got = await payloads(watch, 1)

    assert "TF-109" in troubles(applied)["a"]
    assert troubles(applied)["a"].endswith("It runs on as it was.")
    assert applied.nodes[0].running
    assert got == [6]


async def test_a_node_that_does_not_start_keeps_nobody_from_running_and_is_tried_again():
    async with Host("hosted") as host:
        refused = await host.apply(plan(node("t", "ticks", to=["a:in"]), node("a"), node("b", "fragile", settings=BAD)))
        async with watching(host, "a:out") as watch:
            got = await payloads(watch, 2)  # the source beside it has begun
        mended = await host.apply(plan(node("a"), node("b", "fragile", settings={"bad": False})))

    assert "TF-139 b raised RuntimeError: not today" in troubles(refused)["b"]
    assert not refused.nodes[2].running
    assert got[1] == got[0] + 2
    assert troubles(mended) == {"a": "", "b": ""}


BAD = {"bad": True}


async def test_a_node_whose_start_does_not_end_is_told_and_the_others_run(monkeypatch):
    monkeypatch.setattr("tinyflow_runtime.hosting.running.START", 0.05)

    async with Host("hosted") as host:
        applied = await host.apply(plan(node("b", "stuck"), node("a")))
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:in", 1))
            got = await payloads(watch, 1)

    assert "TF-130 b had not started after 0.05 s" in troubles(applied)["b"]
    assert not applied.nodes[0].running
    assert got == [2]


async def test_a_node_of_another_component_under_the_same_name_is_another_node():
    async with Host("hosted") as host:
        await host.apply(plan(node("a", "above", settings={"limit": 5})))
        applied = await host.apply(plan(node("a", "double")))
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:in", 1))
            got = await payloads(watch, 1)

    assert troubles(applied) == {"a": ""}
    assert got == [2]


async def test_a_node_whose_new_edge_is_refused_keeps_the_ones_it_had():
    async with Host("hosted") as host:
        await host.apply(plan(node("a", to=["b:in"]), node("b")))
        applied = await host.apply(plan(node("a", "above", settings={"limit": 5}, to=["b:nowhere"]), node("b")))
        async with watching(host, "b:out") as watch:
            await host.send(batch("a:in", 1))
            got = await payloads(watch, 1)

    assert "TF-101 'b' has no input port 'nowhere'" in troubles(applied)["a"]
    assert applied.nodes[0].running
    assert got == [4]


async def test_a_flow_whose_name_is_none_is_told_and_the_others_run():
    async with Host("hosted") as host:
        applied = await host.apply(plan(node("a", flow="No Name"), node("b")))

    assert "TF-106" in troubles(applied)["a"]
    assert troubles(applied)["b"] == ""


async def test_settings_that_are_no_mapping_are_told():
    wrong = node("a", "above")
    wrong.settings = msgspec.msgpack.encode([1, 2])

    async with Host("hosted") as host:
        applied = await host.apply(plan(wrong, node("b")))

    assert "TF-109" in troubles(applied)["a"]
    assert troubles(applied)["b"] == ""


async def test_a_plan_is_applied_whole_when_who_sent_it_has_gone():
    async with Host("hosted") as host:
        asking = asyncio.create_task(host.apply(plan(node("a"), node("b"))))
        await asyncio.sleep(0)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        again = await host.apply(plan(node("a"), node("b"), node("c")))

    assert troubles(again) == {"a": "", "b": "", "c": ""}


async def test_ports_are_told_only_where_they_are_not_the_components():
    async with Host("hosted") as host:
        applied = await host.apply(plan(node("a")))

    assert list(applied.nodes[0].ports) == []


# Watching and looking


async def test_a_watch_of_a_flow_shows_every_port():
    async with Host("hosted") as host:
        await host.apply(plan(node("a", to=["b:in"]), node("b")))
        async with watching(host, "") as watch:
            await host.send(batch("a:in", 1))
            seen = {(await anext(watch)).message.to for _ in range(4)}

    assert seen == {"a:in", "a:out", "b:in", "b:out"}


async def test_a_sampled_watch_shows_the_newest_and_counts_the_rest():
    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        async with watching(host, "a:out", per_second=50) as watch:
            await host.send(batch("a:in", *range(100)))
            seen = await anext(watch)
            while seen.count < 100:
                seen = await anext(watch)

    assert msgspec.msgpack.decode(seen.message.payload) == 198
    assert 0 < seen.skipped < 100


async def test_a_sampled_watch_of_a_flow_shows_the_first_message_of_a_port():
    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        async with watching(host, "", per_second=50) as watch:
            await host.send(batch("a:in", 1))
            seen = {(await anext(watch)).message.to for _ in range(2)}

    assert seen == {"a:in", "a:out"}


async def test_a_filter_is_looked_for_among_all_that_passed():
    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        async with watching(host, "a:out", per_second=50, where="msg == 84") as watch:
            await host.send(batch("a:in", *range(100)))
            got = await payloads(watch, 1)

    assert got == [84]


async def test_a_filter_that_is_no_expression_is_refused():
    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        with pytest.raises(ExpressionError, match="TF-114"):
            async with watching(host, "a:out", where="msg ==="):
                pass


async def test_a_watch_of_a_node_that_leaves_the_plan_ends():
    async with Host("hosted") as host:
        await host.apply(plan(node("a"), node("b")))
        async with watching(host, "a:out") as watch:
            await host.apply(plan(node("b")))
            last = await anext(watch, None)

    assert last is None


async def test_a_look_tells_count_and_history_oldest_first():
    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:in", 1, 2, 3))
            await payloads(watch, 3)
        look = await host.look(protocol.LookRequest(flow="sums", port="a:out", history=2))

    assert look.count == 3
    assert [msgspec.msgpack.decode(message.payload) for message in look.messages] == [4, 6]


async def test_a_look_at_large_messages_tells_of_as_many_as_an_answer_holds():
    async with Host("hosted") as host:
        await host.apply(plan(node("a", "same")))
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:in", *(f"{number:1000000}" for number in range(20))))
            await payloads(watch, 20)
        look = await host.look(protocol.LookRequest(flow="sums", port="a:out", history=20))

    assert [int(msgspec.msgpack.decode(message.payload)) for message in look.messages] == list(range(12, 20))


async def test_a_look_at_several_ports_tells_of_each_that_is_there():
    async with Host("hosted") as host:
        await host.apply(plan(node("a"), node("b")))
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:in", 1, 2, 3))
            await payloads(watch, 3)
        wanted = protocol.LookRequest(flow="sums", ports=["a:out", "b:out", "a:gone", "gone:out"], history=1)
        look = await host.look(wanted)

    told = {port: [msgspec.msgpack.decode(one.payload) for one in each.messages] for port, each in look.ports.items()}
    assert told == {"a:out": [6], "b:out": []}
    assert (look.ports["a:out"].count, look.ports["b:out"].count) == (3, 0)


async def test_a_look_at_several_ports_with_large_messages_is_one_answer_that_can_be_sent():
    async with Host("hosted") as host:
        await host.apply(plan(node("a", "same"), node("b", "same")))
        for name in "ab":
            async with watching(host, f"{name}:out") as watch:
                await host.send(batch(f"{name}:in", *(f"{number:1000000}" for number in range(6))))
                await payloads(watch, 6)
        look = await host.look(protocol.LookRequest(flow="sums", ports=["a:out", "b:out"], history=6))

    assert [look.ports[port].count for port in ("a:out", "b:out")] == [6, 6]
    assert [len(look.ports[port].messages) for port in ("a:out", "b:out")] == [6, 2]


# What becomes of messages


async def test_large_dead_letters_are_told_as_far_as_an_answer_holds_them():
    async with Host("hosted") as host:
        await host.apply(plan(node("b", "shut")))
        await host.send(batch("b:in", *(f"{number:1000000}" for number in range(20))))
        await settled(host, 20)
        told = await host.dead_letters(protocol.DeadLettersRequest(flow="sums"))

    assert told.count == 20
    assert [int(msgspec.msgpack.decode(letter.message.payload)) for letter in told.letters] == list(range(19, 11, -1))


async def full(host):
    """Once a node has one message in hand and its channel has no more room."""
    async with asyncio.timeout(5):
        while (await host.state(protocol.StateRequest())).nodes[0].accepted < 65:  # noqa: ASYNC110 # nobody tells
            await asyncio.sleep(0)


async def settled(host, count):
    """The counts of all nodes, once that many messages are done with."""
    async with asyncio.timeout(5):
        while True:
            nodes = (await host.state(protocol.StateRequest())).nodes
            if sum(one.handled + one.dead for one in nodes) >= count:
                return {one.name: one for one in nodes}
            await asyncio.sleep(0)


async def test_the_state_tells_of_nodes_edges_and_dead_letters():
    async with Host("hosted") as host:
        await host.apply(plan(node("a", to=["b:in"]), node("b", "boom")))
        await host.send(batch("a:in", 1))
        nodes = await settled(host, 2)
        state = await host.state(protocol.StateRequest(flow="sums"))

    assert (nodes["a"].handled, nodes["b"].dead) == (1, 1)
    assert "ValueError: 2 is none of mine" in nodes["b"].trouble
    assert [(edge.id, edge.to, edge.sent, edge.capacity) for edge in state.edges] == [("a-b:in", "b:in", 1, 64)]
    assert state.dead_letters == 1


async def test_a_node_that_handles_no_message_any_more_is_named_with_why_until_it_does():
    said = []
    async with Host("hosted") as host:
        await host.apply(plan(node("a", "picky")))
        for count, number in enumerate((-1, 1, -2, -3, -4, 2), start=1):
            await host.send(batch("a:in", number))
            await settled(host, count)
            description = await host.describe(protocol.DescribeRequest())
            said.append([(one.flow, one.name, one.text.partition(" (")[0]) for one in description.failing])

    one, four = ([("sums", "a", f"TF-139 a raised KeyError: {number}")] for number in (-1, -4))
    assert said == [one, [], [], [], four, []]


async def test_a_source_that_raised_is_named_until_it_begins_anew():
    async with Host("hosted") as host:
        await host.apply(plan(node("a", "breaks")))
        async with asyncio.timeout(5):
            while not (told := (await host.describe(protocol.DescribeRequest())).failing):  # noqa: ASYNC110  # no event
                await asyncio.sleep(0)
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:settings", {"off": True}))
            await payloads(watch, 1)
        after = await host.describe(protocol.DescribeRequest())

    assert "the line is dead" in told[0].text
    assert not after.failing


async def test_what_an_import_in_a_handler_does_not_find_is_told_with_what_brings_it():
    async with Host("hosted") as host:
        await host.apply(plan(node("a", "lacks")))
        await host.send(batch("a:in", 1))
        nodes = await settled(host, 1)

    assert "TF-139 a raised ModuleNotFoundError" in nodes["a"].trouble
    assert 'tf.Module("hosted", requirements=["scikit-learn"])' in nodes["a"].trouble


async def test_dead_letters_are_told_sent_again_and_forgotten():
    async with Host("hosted") as host:
        await host.apply(plan(node("b", "boom")))
        await host.send(batch("b:in", 1, 2))
        await settled(host, 2)
        told = await host.dead_letters(protocol.DeadLettersRequest(flow="sums"))
        oldest = protocol.LetterIds(flow="sums", ids=[told.letters[1].id])
        replayed = await host.replay(oldest)
        await settled(host, 3)
        again = await host.dead_letters(protocol.DeadLettersRequest(flow="sums"))
        discarded = await host.discard(protocol.LetterIds(flow="sums", all=True))

    assert [msgspec.msgpack.decode(letter.message.payload) for letter in told.letters] == [2, 1]
    assert "2 is none of mine" in told.letters[0].reason
    assert replayed.count == 1
    assert [msgspec.msgpack.decode(letter.message.payload) for letter in again.letters] == [1, 2]
    assert discarded.count == 2


async def test_a_letter_for_a_node_that_is_no_more_stays():
    async with Host("hosted") as host:
        await host.apply(plan(node("b", "boom"), node("a")))
        await host.send(batch("b:in", 1))
        await settled(host, 1)
        await host.apply(plan(node("a")))
        with pytest.raises(NodeError, match="TF-107"):
            await host.replay(protocol.LetterIds(flow="sums", all=True))
        left = await host.dead_letters(protocol.DeadLettersRequest(flow="sums"))

    assert left.count == 1


async def test_a_message_of_one_key_is_handled_once_also_while_it_waits_for_room():
    Fragile.waits["gate"] = asyncio.Event()
    keyed = protocol.Message(flow="sums", to="a:in", payload=msgspec.msgpack.encode(7), idempotency_key="k")

    async with Host("hosted") as host:
        await host.apply(plan(node("a", "gated")))
        filling = asyncio.create_task(host.send(batch("a:in", *range(80))))
        await full(host)
        twice = [asyncio.create_task(host.send(protocol.Batch(messages=[keyed]))) for _ in range(2)]
        await asyncio.sleep(0)
        Fragile.waits["gate"].set()
        counts = [(await sending).count for sending in twice]
        await filling
        nodes = await settled(host, 81)

    assert counts == [1, 1]
    assert nodes["a"].accepted == 81


async def test_a_message_that_has_an_id_and_a_trace_keeps_them():
    own = protocol.Message(
        flow="sums",
        to="a:in",
        payload=msgspec.msgpack.encode(7),
        id="00000000ab-0000000002",
        trace="00000000ab-0000000001",
        parent="00000000ab-0000000001",
        hops=1,
    )

    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        async with watching(host, "a:out") as watch:
            await host.send(protocol.Batch(messages=[own]))
            sent_on = (await anext(watch)).message
        look = await host.look(protocol.LookRequest(flow="sums", port="a:in", history=1))

    assert look.messages[0].id == own.id
    assert (sent_on.trace, sent_on.parent, sent_on.hops) == (own.trace, own.id, 2)


async def test_an_id_that_is_none_is_not_taken():
    own = protocol.Message(flow="sums", to="a:in", payload=msgspec.msgpack.encode(7), id="mine")

    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        await host.send(protocol.Batch(messages=[own]))
        look = await host.look(protocol.LookRequest(flow="sums", port="a:in", history=1))

    assert look.messages[0].id != "mine"


async def test_draining_ends_the_sources_and_handles_what_was_accepted():
    async with Host("hosted") as host:
        await host.apply(plan(node("t", "ticks", to=["a:in"]), node("a")))
        async with watching(host, "a:out") as watch:
            await payloads(watch, 3)
        drained = await host.drain(protocol.DrainRequest(timeout=5))
        state = await host.state(protocol.StateRequest())
        with pytest.raises(NotRunning, match="TF-135"):
            await host.send(batch("a:in", 1))
        serving = host.health.status(b"")

    assert drained.left == 0
    assert state.draining
    assert [one.queued for one in state.nodes] == [0, 0]
    assert serving == NOT_SERVING


async def test_what_a_drain_does_not_finish_becomes_dead_letters():
    Fragile.waits["gate"] = asyncio.Event()

    async with Host("hosted") as host:
        await host.apply(plan(node("a", "gated")))
        await host.send(batch("a:in", 1, 2, 3))
        drained = await host.drain(protocol.DrainRequest(timeout=0))
        letters = await host.dead_letters(protocol.DeadLettersRequest(flow="sums"))

    assert drained.left == letters.count == 3


# Edges to other modules


async def test_an_edge_to_another_module_is_told_with_its_module():
    leaving = node("a")
    leaving.edges.append(protocol.Edge(id="e", port="out", to="far:in", module="other", when="msg > 3"))

    async with Host("hosted") as host:
        applied = await host.apply(plan(leaving))
        state = await host.state(protocol.StateRequest())

    assert troubles(applied) == {"a": ""}
    assert [(edge.id, edge.to, edge.module) for edge in state.edges] == [("e", "far:in", "other")]


async def test_an_edge_to_another_module_from_a_port_that_is_not_there_is_told():
    leaving = node("a")
    leaving.edges.append(protocol.Edge(id="e", port="outt", to="far:in", module="other"))

    async with Host("hosted") as host:
        applied = await host.apply(plan(leaving))

    assert "TF-101 'a' has no output port 'outt'" in troubles(applied)["a"]
