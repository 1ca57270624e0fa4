"""Two processes on one machine: dict → MessagePack → loopback → dict, and an acknowledgement from end to end.

The variants send the same messages: TinyFlow from a flow to a node in a real module process; the others bare, with a
window of as many messages, or as many calls at once as do them good.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from .measure import Figures, Job, Wrong, latency, main

WINDOW, BATCH = 1_024, 256  # messages that are not acknowledged, at the most; and messages in one write
CALLS = 64  # unary calls at once: more are no faster
LAPS = 500
encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode
OPTIONS = (("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20))

Push = Callable[[list[bytes]], Awaitable[None]]


RECORD: dict[str, Any] = {"i": 0, "t": 1.5, "dev": "sensor-17", "tags": ["a", "b"], "v": [1.0, 2.0, 3.0], "ok": True}
RECORD |= {"unit": "celsius", "site": "plant-a"}


def messages(kind: str) -> Callable[[int], dict[str, Any]]:
    """What makes the i-th message: a record of 100 bytes, or 103 of them."""
    made = RECORD if kind == "small" else {"i": 0, "rows": [RECORD | {"i": j} for j in range(103)]}

    def make(i: int) -> dict[str, Any]:
        message = dict(made)
        message["i"] = i
        return message

    return make


# The receivers


class Sink:
    """Decodes and checks that nothing is missing."""

    def __init__(self) -> None:
        self.seen = 0

    def take(self, payload: bytes) -> None:
        if decode(payload)["i"] != self.seen:
            raise Wrong(f"message {self.seen} is not the next")
        self.seen += 1


async def serve_tcp() -> None:
    sink = Sink()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                count, size = msgspec.msgpack.decode(await reader.readexactly(11), type=tuple[int, int])
                for payload in decode(await reader.readexactly(size)):
                    sink.take(payload)
                writer.write(count.to_bytes(4, "big"))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


async def serve_grpc() -> None:
    import grpc  # here: TinyFlow loads it its own way

    stream_sink, unary_seen = Sink(), 0

    async def push(request: bytes, _context: Any) -> bytes:
        nonlocal unary_seen
        decode(request)  # in no order: that is what calls of their own are
        unary_seen += 1
        return unary_seen.to_bytes(8, "big")

    async def stream(requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
        async for payload in requests:
            stream_sink.take(payload)
            yield stream_sink.seen.to_bytes(8, "big")

    server = grpc.aio.server(options=OPTIONS)
    handlers = {
        "push": grpc.unary_unary_rpc_method_handler(push),
        "stream": grpc.stream_stream_rpc_method_handler(stream),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("B", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await asyncio.Event().wait()


SINK = """
from tinyflow_runtime.module import Module
sink = Module("sink")
seen = 0

@sink.component
def take(m: dict) -> None:
    global seen
    if m["i"] != seen:
        raise ValueError(f"message {seen} is not the next: {m['i']}")
    seen += 1
"""


@contextlib.contextmanager
def process(*command: str) -> Any:
    """A process on a leash; gives the last word of the first line it prints."""
    child = subprocess.Popen([sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield child.stdout.readline().split()[-1]
    finally:
        child.kill()
        child.communicate()


# The senders


class Acks:
    """How many messages were acknowledged, and who waits for that."""

    def __init__(self) -> None:
        self.count = 0
        self._wanted = 0
        self._waiting: asyncio.Future[None] | None = None

    def add(self, count: int) -> None:
        self.reach(self.count + count)

    def reach(self, count: int) -> None:
        self.count = count
        if self._waiting is not None and count >= self._wanted:
            waiting, self._waiting = self._waiting, None
            waiting.set_result(None)

    async def until(self, count: int) -> None:
        if self.count < count:
            self._wanted, self._waiting = count, asyncio.get_running_loop().create_future()
            await self._waiting


async def windowed(job: Job, acks: Acks, write: Push, batch: int) -> Figures:
    """One in flight, then as many as the window holds."""
    make, laps = messages(job.workload), []
    for i in range(LAPS):
        started = time.perf_counter()
        await write([encode(make(i))])
        await acks.until(i + 1)
        laps.append(time.perf_counter() - started)
    sent, end, started = LAPS, LAPS + job.n, time.perf_counter()
    while sent < end:
        if sent - acks.count >= WINDOW:
            await acks.until(sent - WINDOW + 1)
        count = min(batch, WINDOW - (sent - acks.count), end - sent)
        await write([encode(make(sent + k)) for k in range(count)])
        sent += count
    await acks.until(end)
    return latency(laps) | {"messages": job.n / (time.perf_counter() - started)}


async def through_tcp(job: Job, port: str) -> Figures:
    acks = Acks()

    class Client(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            acks.add(sum(int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)))

    transport, _ = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", int(port))

    async def write(payloads: list[bytes]) -> None:
        body = encode(payloads)
        # A head of ten bytes, whatever the numbers are.
        head = b"\x92\xce" + len(payloads).to_bytes(4, "big") + b"\xce" + len(body).to_bytes(4, "big")
        transport.write(head[:1] + head[1:6] + head[6:] + body)
        if len(payloads) > 1:
            await asyncio.sleep(0)

    try:
        return await windowed(job, acks, write, BATCH)
    finally:
        transport.close()


async def through_stream(job: Job, port: str) -> Figures:
    import grpc  # here: TinyFlow loads it its own way

    acks = Acks()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as channel:
        call = channel.stream_stream("/B/stream")()

        async def read() -> None:
            while (answer := await call.read()) is not grpc.aio.EOF:
                acks.reach(int.from_bytes(answer, "big"))

        async def write(payloads: list[bytes]) -> None:
            await call.write(payloads[0])

        reading = asyncio.create_task(read())
        try:
            return await windowed(job, acks, write, 1)
        finally:
            reading.cancel()
            call.cancel()


async def through_unary(job: Job, port: str) -> Figures:
    import grpc  # here: TinyFlow loads it its own way

    make, laps = messages(job.workload), []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as channel:
        push = channel.unary_unary("/B/push")
        for i in range(LAPS):
            started = time.perf_counter()
            await push(encode(make(i)))
            laps.append(time.perf_counter() - started)
        numbers = iter(range(job.n))

        async def work() -> None:
            for i in numbers:
                await push(encode(make(i)))

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(CALLS)))
        return latency(laps) | {"messages": job.n / (time.perf_counter() - started)}


async def through_tinyflow(job: Job, address: str) -> Figures:
    from tinyflow_runtime import protocol
    from tinyflow_runtime.delivery.leaving import Exit
    from tinyflow_runtime.hosting.host import Host
    from tinyflow_runtime.message import Address
    from tinyflow_runtime.module import Module
    from tinyflow_runtime.wire import Remote, dial

    make, acks, laps = messages(job.workload), Acks(), []
    source = Module("between")

    @source.component
    def one(i: int) -> dict:
        return make(i)

    @source.component
    def burst(span: list) -> Any:
        yield from map(make, range(*span))

    delivered = Exit.delivered

    def noticed(exit_: Exit, count: int) -> None:
        delivered(exit_, count)
        acks.add(count)

    Exit.delivered = noticed  # type: ignore[method-assign] # to know when, without asking all the time
    nodes, incoming = [], []
    for name in ("one", "burst"):
        edge = protocol.Edge(id=f"{name}.out.take.in", port="out", to="take:in", module="sink")
        nodes.append(protocol.Node(flow="w4", name=name, component=name, edges=[edge]))
        incoming.append(protocol.Incoming(flow="w4", edge=edge.id, from_module="between", to="take:in"))
    remote = Remote(address)
    take = protocol.Node(flow="w4", name="take", component="take")
    await remote.apply(protocol.Plan(hash="sink", nodes=[take], incoming=incoming))
    try:
        async with Host("between", dial=dial) as host:
            peer = protocol.Peer(module="sink", address=address)
            await host.apply(protocol.Plan(hash="source", nodes=nodes, peers=[peer]))
            scheduler = host.running["w4"].scheduler
            for i in range(LAPS):
                started = time.perf_counter()
                await scheduler.send(Address("one", "in"), i)
                await acks.until(i + 1)
                laps.append(time.perf_counter() - started)
            started = time.perf_counter()
            await scheduler.send(Address("burst", "in"), [LAPS, LAPS + job.n])
            await acks.until(LAPS + job.n)
            took = time.perf_counter() - started
            runner = None
            async with asyncio.timeout(20):
                while runner is None or runner.handled < LAPS + job.n:
                    runner = next(one for one in (await remote.state("w4")).nodes if one.name == "take")
                    if runner.dead:
                        raise Wrong(runner.trouble)
    finally:
        Exit.delivered = delivered  # type: ignore[method-assign] # as it was
        await remote.close()
    return latency(laps) | {"messages": job.n / took}


def run(job: Job) -> Figures:
    """Send to a process of our own."""
    if job.variant == "tinyflow":
        with tempfile.TemporaryDirectory() as folder:
            cell = Path(folder) / "sink.py"
            cell.write_text(SINK)
            command = ["-m", "tinyflow_runtime", "module", "sink", str(cell), "--listen", "127.0.0.1:0", "--leash"]
            with process(*command) as address:
                return asyncio.run(through_tinyflow(job, address))
    serve = "tcp" if job.variant == "tcp" else "grpc"
    through = {"tcp": through_tcp, "stream": through_stream, "unary": through_unary}[job.variant]
    with process("-m", "benchmarks.peers.between", "serve", serve) as port:
        return asyncio.run(through(job, port))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve_tcp() if sys.argv[2] == "tcp" else serve_grpc())
    else:
        main(run)
