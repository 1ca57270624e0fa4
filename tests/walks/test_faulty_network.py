"""The network between two modules breaks in every way we can make it: nothing is lost, doubled or reordered by that."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import time

import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.hosting.host import Host
from tinyflow_runtime.message import Address
from tinyflow_runtime.module import Module
from tinyflow_runtime.wire import dial, serve

far = Module("faulty-far")
near = Module("faulty-near")
got: list[int] = []


@near.component
def begin(x: int) -> int:
    return x


@far.component
def keep(x: int) -> None:
    got.append(x)


class Proxy:
    """A TCP proxy that can be told to break what passes it.

    Attributes:
        held: Nothing passes, in either direction, and nobody is told: a black hole.
        slice: Bytes that are passed on at once; the rest waits for the next turn of the loop.
        delay: Seconds that every piece is late.
        refusing: New connections are reset.
    """

    def __init__(self, to):
        self.to = int(to.rpartition(":")[2])
        self.passing = asyncio.Event()
        self.passing.set()
        self.slice = 1 << 16
        self.delay = 0.0
        self.refusing = False
        self.connections = set()

    @contextlib.asynccontextmanager
    async def running(self):
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            self.passing.set()
            self.reset()
            await server.wait_closed()
            await asyncio.sleep(0.05)

    def hold(self):
        self.passing.clear()

    def heal(self):
        self.passing.set()

    def reset(self):
        """Every connection ends with RST, and what was on its way is gone."""
        for writer in list(self.connections):
            found = writer.get_extra_info("socket")
            if found is not None and found.fileno() >= 0:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def close_half(self):
        """The way to the module ends, the way back does not."""
        for writer in list(self.connections):
            with contextlib.suppress(OSError):
                writer.write_eof()

    async def _connected(self, reader, writer):
        if self.refusing:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        self.connections |= {writer, back}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, back))
                group.create_task(self._pass(there, writer))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for each in (writer, back):
                self.connections.discard(each)
                each.transport.abort()

    async def _pass(self, reader, writer):
        while data := await reader.read(1 << 16):
            for start in range(0, len(data), self.slice):
                await self.passing.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data[start : start + self.slice])
                await writer.drain()
                if self.slice < 100:
                    await asyncio.sleep(0)
        raise ConnectionResetError


@contextlib.asynccontextmanager
async def two_modules():
    got.clear()
    edge = protocol.Edge(id="e", port="out", to="keep:in", module="faulty-far")
    incoming = protocol.Incoming(flow="f", edge="e", from_module="faulty-near", to="keep:in")
    async with Host("faulty-far") as b, serve(b, "127.0.0.1:0") as bound:
        proxy = Proxy(bound)
        async with proxy.running() as address, Host("faulty-near", dial=dial) as a:
            keeps = protocol.Node(flow="f", name="keep", component="keep")
            begins = protocol.Node(flow="f", name="begin", component="begin", edges=[edge])
            peer = protocol.Peer(module="faulty-far", address=address)
            await b.apply(protocol.Plan(nodes=[keeps], incoming=[incoming]))
            await a.apply(protocol.Plan(nodes=[begins], peers=[peer]))
            yield a, proxy


async def send(host, count, pause=0.0):
    scheduler = host.running["f"].scheduler
    for i in range(count):
        await scheduler.send(Address("begin", "in"), i)
        if pause and i % 20 == 0:
            await asyncio.sleep(pause)


async def until_all(host, count, seconds=30):
    async with asyncio.timeout(seconds):
        while len(got) < count or not host.running["f"].scheduler.exits.quiet():  # noqa: ASYNC110 # nothing tells of it
            await asyncio.sleep(0.01)


@pytest.mark.timeout(60)
async def test_resets_lose_nothing():
    async with two_modules() as (host, proxy):
        sending = asyncio.create_task(send(host, 10_000, pause=0.004))
        for _ in range(40):
            await asyncio.sleep(random.uniform(0.02, 0.2))
            proxy.reset()
        await sending
        await until_all(host, 10_000)

        assert not host.deliveries.losses

    assert got == list(range(10_000))


@pytest.mark.timeout(60)
async def test_slices_of_one_byte_carry_the_same():
    async with two_modules() as (host, proxy):
        proxy.slice = 1
        await send(host, 300)
        await until_all(host, 300)

    assert got == list(range(300))


async def test_a_slow_line_carries_the_same():
    async with two_modules() as (host, proxy):
        proxy.delay = 0.05
        await send(host, 3_000)
        await until_all(host, 3_000)

    assert got == list(range(3_000))


async def test_a_half_open_connection_is_made_anew():
    async with two_modules() as (host, proxy):
        await send(host, 100)
        proxy.close_half()
        await send(host, 100)
        await until_all(host, 200)

    assert got == [*range(100), *range(100)]


@pytest.mark.timeout(60)
async def test_a_black_hole_is_noticed_and_what_it_held_arrives_when_it_heals():
    async with two_modules() as (host, proxy):
        await send(host, 100)
        await until_all(host, 100)
        proxy.hold()
        held = time.monotonic()
        await send(host, 500)
        async with asyncio.timeout(20):
            while not host.deliveries.trouble("faulty-far"):  # noqa: ASYNC110 # nothing tells of it
                await asyncio.sleep(0.02)
        noticed = time.monotonic() - held
        proxy.reset()  # the connection from before: its bytes are gone
        proxy.heal()
        healed = time.monotonic()
        await until_all(host, 600)
        recovered = time.monotonic() - healed

        assert not host.deliveries.losses

    assert noticed <= 10
    assert recovered <= 5
    assert got == [*range(100), *range(500)]
