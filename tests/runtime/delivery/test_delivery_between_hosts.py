"""Edges between two modules, in one process: two hosts, and streams in memory or through the real gRPC."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import msgspec
import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.component import Handler
from tinyflow_runtime.delivery.frames import EdgeKey
from tinyflow_runtime.delivery.strangers import LATE, Strangers
from tinyflow_runtime.errors import ModuleUnavailable
from tinyflow_runtime.execution.context import context
from tinyflow_runtime.hosting.host import Host
from tinyflow_runtime.module import Module
from tinyflow_runtime.payloads.sizes import LIMIT
from tinyflow_runtime.rpc.streams import either
from tinyflow_runtime.wire import dial, serve

north = Module("delivery-north")
south = Module("delivery-south")
got: list[object] = []
seen: list[object] = []
gate: list[asyncio.Event] = []


@north.component
def twice(x: int) -> int:
    return 2 * x


@north.component
def anything(x):
    return x


@south.component
def keep(x: int) -> None:
    got.append(x)


@south.component
def keep_anything(x) -> None:
    got.append(x)


@south.component
async def slow(x: int) -> None:
    await gate[0].wait()
    got.append(x)


@south.component
async def keep_async(x) -> None:
    got.append(x)


@south.component(outputs={"out": int})
async def keep_handler(x, output: Handler) -> None:
    await asyncio.sleep(0)
    got.append(x)


@south.component
def keep_generator(x) -> Iterator[int]:
    got.append(x)
    yield 1


@south.component
def look(x: int) -> None:
    seen.append(context())


class Pipe:
    """Two ends of a stream in memory; bytes travel, as they would elsewhere."""

    def __init__(self):
        self.up, self.down = asyncio.Queue(8), asyncio.Queue(8)
        self.broken = False

    def end(self, reads, writes, kind):
        pipe = self

        class End:
            async def read(self):
                data = await reads.get()
                if data is None or pipe.broken:
                    raise ModuleUnavailable("TF-163", "It was cut.")
                return kind.FromString(data)

            async def write(self, message):
                if pipe.broken:
                    raise ModuleUnavailable("TF-163", "It was cut.")
                await writes.put(message.SerializeToString())

        return End()

    def cut(self):
        self.broken = True
        for queue in (self.up, self.down):
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(None)


class Memory:
    """Addresses in memory: dial one, and the host there serves the other end."""

    def __init__(self):
        self.hosts = {}
        self.pipes = []

    @contextlib.asynccontextmanager
    async def dial(self, address, _module=""):
        if address not in self.hosts:
            raise ModuleUnavailable("TF-163", f"Nobody is at {address}.")
        pipe = Pipe()
        self.pipes.append(pipe)
        serving = asyncio.ensure_future(self.hosts[address].deliver(pipe.end(pipe.up, pipe.down, protocol.Dispatch)))
        try:
            yield pipe.end(pipe.down, pipe.up, protocol.Receipts)
        finally:
            pipe.cut()
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError, ModuleUnavailable):
                await serving


@pytest.fixture(autouse=True)
def _clean():
    got.clear()
    seen.clear()
    gate[:] = [asyncio.Event()]


def node(name, component, *edges):
    return protocol.Node(flow="f", name=name, component=component, edges=edges)


def edge(source, to, **options):
    id_ = f"{source}.{to}".replace(":", ".")
    return protocol.Edge(id=id_, port=source.partition(":")[2], to=to, module="delivery-south", **options)


def plans(sends, receives, *, address="south", rights=True, capacity=0, **options):
    leaving = edge(f"{sends}:out", f"{receives}:in", capacity=capacity, **options)
    a = protocol.Plan(
        hash="a",
        nodes=[node(sends, sends, leaving)],
        peers=[protocol.Peer(module="delivery-south", address=address)],
    )
    incoming = protocol.Incoming(
        flow="f", edge=leaving.id, from_module="delivery-north", to=leaving.to, capacity=capacity
    )
    b = protocol.Plan(nodes=[node(receives, receives)], incoming=[incoming] if rights else [])
    return a, b


async def send(host, to, *payloads):
    messages = [protocol.Message(flow="f", to=to, payload=msgspec.msgpack.encode(payload)) for payload in payloads]
    await host.send(protocol.Batch(messages=messages))


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 # nothing tells of it
            await asyncio.sleep(0.002)


def exits(host):
    return [exit_.counts() for exit_ in host.running["f"].scheduler.exits]


def balanced(counts):
    return counts.accepted == counts.delivered + counts.dead + counts.shed + counts.lost + counts.queued


@contextlib.asynccontextmanager
async def in_memory(a_plan, b_plan):
    memory = Memory()
    async with Host("delivery-north", dial=memory.dial) as a, Host("delivery-south") as b:
        memory.hosts["south"] = b
        await b.apply(b_plan)
        await a.apply(a_plan)
        yield a, b, memory


async def test_messages_cross_in_order_and_every_snapshot_balances():
    async with in_memory(*plans("twice", "keep")) as (a, _, _):
        await send(a, "twice:in", *range(500))
        await until(lambda: len(got) == 500)
        await until(lambda: exits(a)[0].delivered == 500)
        assert balanced(exits(a)[0])

    assert got == [2 * x for x in range(500)]


async def test_a_burst_of_the_largest_messages_crosses_through_the_real_grpc(tmp_path):
    address = f"unix:{tmp_path}/south.sock"
    a_plan, b_plan = plans("anything", "keep-anything", address=address)
    sent = ["x" * (LIMIT - 100)] * 40
    async with (
        Host("delivery-south") as b,
        serve(b, address),
        Host("delivery-north", dial=dial) as a,
    ):
        await b.apply(b_plan)
        await a.apply(a_plan)
        await send(a, "anything:in", *range(100))
        await until(lambda: len(got) == 100)
        await send(a, "anything:in", *sent)
        await until(lambda: len(got) == 140)

    assert got[100:] == sent


async def test_messages_cross_through_the_real_grpc(tmp_path):
    address = f"unix:{tmp_path}/south.sock"
    a_plan, b_plan = plans("twice", "keep", address=address)
    async with (
        Host("delivery-south") as b,
        serve(b, address),
        Host("delivery-north", dial=dial) as a,
    ):
        await b.apply(b_plan)
        await a.apply(a_plan)
        await send(a, "twice:in", *range(500))
        await until(lambda: len(got) == 500)

    assert got == [2 * x for x in range(500)]


async def test_a_full_receiver_makes_the_sender_wait_and_nothing_is_lost():
    a_plan, b_plan = plans("twice", "slow", capacity=4)
    async with in_memory(a_plan, b_plan) as (a, b, _):
        sending = asyncio.create_task(send(a, "twice:in", *range(1_000)))
        entrance = b.running["f"].scheduler.runners["slow"]
        await until(lambda: entrance.channels and len(entrance.channels[-1]) >= 3)
        await asyncio.sleep(0.1)  # more would come now, if it could

        assert not sending.done()
        assert len(entrance.channels[-1]) <= 4
        assert exits(a)[0].queued <= 4
        assert balanced(exits(a)[0])

        gate[0].set()
        await sending
        await until(lambda: len(got) == 1_000)

    assert got == [2 * x for x in range(1_000)]


async def test_nothing_is_lost_doubled_or_reordered_over_a_hundred_cuts():
    async with in_memory(*plans("twice", "keep")) as (a, _, memory):
        sending = asyncio.create_task(send(a, "twice:in", *range(20_000)))
        for _ in range(100):
            await asyncio.sleep(0.003)
            memory.pipes[-1].cut()
        await sending
        await until(lambda: len(got) == 20_000)

        assert not a.deliveries.losses

    assert got == [2 * x for x in range(20_000)]


async def test_messages_without_a_right_wait_until_it_is_there(caplog, monkeypatch):
    monkeypatch.setattr("tinyflow_runtime.delivery.deliveries.TICK", 0.01)
    a_plan, b_plan = plans("twice", "keep", rights=False)
    async with in_memory(a_plan, b_plan) as (a, b, _):
        await send(a, "twice:in", 1, 2, 3)
        departure = next(iter(a.running["f"].scheduler.exits)).departure
        await until(lambda: departure.refusal is not None)
        assert departure.refusal.code == "TF-150"
        assert got == []

        await b.apply(plans("twice", "keep")[1])
        await until(lambda: len(got) == 3)

    assert got == [2, 4, 6]
    assert [record.getMessage() for record in caplog.records if record.levelname != "INFO"] == []


async def test_messages_without_a_right_become_dead_letters_when_it_never_comes(monkeypatch):
    monkeypatch.setattr("tinyflow_runtime.delivery.sender.PATIENCE", 0.2)
    a_plan, b_plan = plans("twice", "keep", rights=False)
    async with in_memory(a_plan, b_plan) as (a, _, _):
        await send(a, "twice:in", 1, 2, 3)
        letters = a.running["f"].dead_letters
        await until(lambda: len(letters) == 3)

        assert [letter.message.payload for letter in letters] == [2, 4, 6]
        assert letters[0].reason.startswith("TF-150 Module 'delivery-south' refused module 'delivery-north'")
        assert balanced(exits(a)[0])


async def test_a_module_that_owns_no_edge_into_a_port_sends_nothing_there_and_is_in_the_log(caplog, monkeypatch):
    monkeypatch.setattr("tinyflow_runtime.delivery.deliveries.TICK", 0.01)
    monkeypatch.setattr("tinyflow_runtime.delivery.strangers.LATE", 0.05)
    a_plan, b_plan = plans("twice", "keep")
    b_plan.incoming[0].from_module = "another"
    async with in_memory(a_plan, b_plan) as (a, _, _):
        await send(a, "twice:in", 1)
        departure = next(iter(a.running["f"].scheduler.exits)).departure
        await until(lambda: departure.refusal is not None)
        await until(lambda: "refused module 'delivery-north'" in caplog.text)
        await asyncio.sleep(0.05)

    assert got == []
    assert caplog.text.count("TF-150") == 1


def test_a_stranger_is_in_the_log_once_it_has_had_no_right_for_a_while(caplog):
    strangers, one, other = Strangers(), EdgeKey("f", "one"), EdgeKey("f", "other")

    strangers.refused("a", one, "a, one")
    strangers.refused("a", other, "a, other")
    strangers.look(100)
    strangers.look(100 + LATE - 0.1)
    early = caplog.text
    strangers.forget("a", other)  # its right has come
    strangers.refused("a", one, "a, one, again")
    strangers.look(100 + LATE)
    strangers.look(200)

    assert early == ""
    assert [record.getMessage() for record in caplog.records] == ["a, one"]


@pytest.mark.parametrize("lasts", [False, True])
async def test_a_module_that_is_away_is_in_the_log_once_that_lasts(caplog, monkeypatch, lasts):
    if lasts:
        monkeypatch.setattr("tinyflow_runtime.delivery.peers.LATE", 0.05)
    a_plan, b_plan = plans("twice", "keep")
    async with in_memory(a_plan, b_plan) as (a, b, memory):
        await send(a, "twice:in", 1)
        await until(lambda: len(got) == 1)
        del memory.hosts["south"]
        memory.pipes[-1].cut()
        await until(lambda: "TF-163" in a.deliveries.trouble("delivery-south"))
        if lasts:
            await until(lambda: "No connection to module delivery-south" in caplog.text)
        memory.hosts["south"] = b
        await send(a, "twice:in", 2)
        await until(lambda: len(got) == 2)

    assert caplog.text.count("No connection to module") == lasts


async def test_messages_to_a_node_that_is_not_there_are_dead_letters_with_the_receivers_text():
    a_plan, b_plan = plans("twice", "keep")
    del b_plan.nodes[:]
    b_plan.nodes.append(node("other", "keep"))
    async with in_memory(a_plan, b_plan) as (a, b, _):
        await send(a, "twice:in", 1, 2)
        letters = a.running["f"].dead_letters
        await until(lambda: len(letters) == 2)
        assert letters[0].reason.startswith("TF-107 There is no node 'keep' in this module.")
        assert balanced(exits(a)[0])

        await b.apply(plans("twice", "keep")[1])  # the node comes, and the letters are sent again
        departure = next(iter(a.running["f"].scheduler.exits)).departure
        await until(lambda: departure.opened)
        await a.replay(protocol.LetterIds(flow="f", all=True))
        await until(lambda: len(got) == 2)

    assert sorted(got) == [2, 4]


async def test_a_payload_that_does_not_fit_is_a_dead_letter_of_its_receiver_and_the_others_are_handled():
    async with in_memory(*plans("anything", "keep")) as (a, b, _):
        await send(a, "anything:in", 1, "two", 3)
        await until(lambda: len(got) == 2)
        letters = b.running["f"].dead_letters
        await until(lambda: len(letters) == 1)
        counts = b.running["f"].scheduler.counts()["keep"]

        assert letters[0].message.payload == "two"
        assert letters[0].reason.startswith("TF-123")
        assert counts.balanced
        assert (counts.accepted, counts.handled, counts.dead) == (3, 2, 1)

    assert got == [1, 3]


async def test_a_message_that_a_mapping_made_too_large_is_a_dead_letter_of_its_sender():
    async with in_memory(*plans("anything", "keep-anything", map="msg + msg")) as (a, _, _):
        await send(a, "anything:in", "small", "x" * (LIMIT * 2 // 3), "small too")
        await until(lambda: len(got) == 2)

        assert [letter.reason[:6] for letter in a.running["f"].dead_letters] == ["TF-121"]
        assert balanced(exits(a)[0])


@pytest.mark.parametrize("keeps", ["keep-anything", "keep-async", "keep-handler", "keep-generator"])
async def test_large_messages_are_decoded_a_few_at_a_time_whatever_handles_them(keeps):
    async with in_memory(*plans("anything", keeps)) as (a, b, _):
        sent = [[number, "x" * 20_000] for number in range(60)]
        await send(a, "anything:in", *sent)
        await until(lambda: len(got) == 60)
        await until(lambda: not b.running["f"].scheduler.counts()[keeps].queued)

        assert b.running["f"].scheduler.counts()[keeps].balanced

    assert got == sent


async def test_what_lies_encoded_at_a_node_that_goes_becomes_dead_letters_decoded():
    a_plan, b_plan = plans("twice", "slow", capacity=8)
    async with in_memory(a_plan, b_plan) as (a, b, _):
        await send(a, "twice:in", *range(8))
        await until(lambda: exits(a)[0].delivered == 8)
        await b.apply(protocol.Plan(nodes=[node("other", "keep")]))
        letters = [letter.message.payload for letter in b.running["f"].dead_letters]

    assert letters == [2 * x for x in range(8)]


async def test_a_message_keeps_its_id_trace_and_hops_across_modules():
    async with in_memory(*plans("twice", "look")) as (a, b, _):
        await send(a, "twice:in", 1)
        await until(lambda: len(seen) == 1)
        begun = a.running["f"].probe.port(("twice", "in")).last or next(
            probe.last for address, probe in a.running["f"].probe.ports.items() if str(address) == "twice:in"
        )
        sent = next(probe.last for address, probe in a.running["f"].probe.ports.items() if str(address) == "twice:out")
        came = next(probe.last for address, probe in b.running["f"].probe.ports.items() if str(address) == "look:in")

    assert (seen[0].message_id, seen[0].trace) == (sent.id, begun.id)
    assert seen[0].idempotency_key == f"look/{sent.id}"
    assert (came.id, came.trace, came.parent, came.hops) == (sent.id, begun.id, begun.id, 1)
    assert came.payload == 2


async def test_a_receiver_that_ends_is_reported_and_its_successor_gets_what_was_not_sent():
    a_plan, b_plan = plans("twice", "slow", capacity=8)
    memory = Memory()
    async with Host("delivery-north", dial=memory.dial) as a:
        async with Host("delivery-south") as b:
            memory.hosts["south"] = b
            await b.apply(b_plan)
            await a.apply(a_plan)
            sending = asyncio.create_task(send(a, "twice:in", *range(100)))
            await until(lambda: exits(a)[0].delivered == 9 or exits(a)[0].delivered == 8)
            del memory.hosts["south"]
            memory.pipes[-1].cut()
            gate[0].set()
        handled_before = list(got)
        async with Host("delivery-south") as successor:
            memory.hosts["south"] = successor
            await successor.apply(b_plan)
            await sending
            await until(lambda: exits(a)[0].queued == 0)
            await until(lambda: not successor.running["f"].scheduler.counts()["slow"].queued)
            counts = exits(a)[0]
            state = await a.state(protocol.StateRequest(flow="f"))

            assert balanced(counts)
            assert 8 <= counts.lost <= 16
            assert [lost.count for lost in state.lost] == [counts.lost]
            assert (state.lost[0].edge, state.lost[0].peer) == ("twice.out.slow.in", "delivery-south")

    assert got == sorted(set(got))
    assert 100 - len(got) <= counts.lost
    assert len(handled_before) <= 16


async def test_conditions_and_mappings_work_before_a_message_leaves():
    async with in_memory(*plans("twice", "keep", when="msg > 10", map="msg + 1")) as (a, _, _):
        await send(a, "twice:in", *range(10))
        await until(lambda: len(got) == 4)
        await until(lambda: exits(a)[0].queued == 0)

    assert got == [13, 15, 17, 19]


async def test_an_edge_that_goes_lets_what_lies_there_leave():
    a_plan, b_plan = plans("twice", "slow", capacity=4)
    async with in_memory(a_plan, b_plan) as (a, _, _):
        await send(a, "twice:in", *range(7))
        await until(lambda: exits(a)[0].queued or exits(a)[0].delivered)
        await a.apply(protocol.Plan(hash="none", nodes=[node("twice", "twice")]))
        gate[0].set()
        await until(lambda: len(got) == 7)
        await until(lambda: not a.running["f"].scheduler.exits.every())

    assert got == [2 * x for x in range(7)]


async def test_a_flow_that_ends_delivers_what_it_holds_first():
    a_plan, b_plan = plans("twice", "keep")
    async with in_memory(a_plan, b_plan) as (a, _, _):
        await send(a, "twice:in", *range(500))
        await a.apply(protocol.Plan(hash="none"))

        await until(lambda: len(got) == 500)

    assert got == [2 * x for x in range(500)]


async def test_who_is_cancelled_ends_though_its_work_answers_with_an_error():
    begun = asyncio.Event()

    async def stubborn():
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ModuleUnavailable("TF-163", "The call was cancelled.") from None

    task = asyncio.create_task(either(stubborn(), asyncio.Event().wait()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
