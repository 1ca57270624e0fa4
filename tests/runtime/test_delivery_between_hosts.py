"""Edges between two modules, in one process: two hosts, and streams in memory or through the real gRPC."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.context import context
from tinyflow_runtime.errors import ModuleUnavailable
from tinyflow_runtime.host import Host
from tinyflow_runtime.module import Module
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
    async def dial(self, address):
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
    b = protocol.Plan(hash="b", nodes=[node(receives, receives)], incoming=[incoming] if rights else [])
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
