"""asyncio by hand: a bounded asyncio.Queue for every edge, a coroutine for every node."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

from .measure import (
    CAPACITY,
    FAN,
    TRAVERSALS,
    Clock,
    Figures,
    Job,
    Reading,
    after,
    idle,
    in_order,
    in_order_per_sender,
    latency,
    main,
    readings_in_order,
    resident_kib,
)

Channel = asyncio.Queue[Any]  # payloads are the workload's
Sink = Callable[[Any], object]


async def node(source: Channel, target: Channel) -> None:
    get, put = source.get, target.put
    while True:
        await put(await get())


async def sink(source: Channel, take: Sink) -> None:
    get = source.get
    while True:
        take(await get())


@asynccontextmanager
async def chain(k: int, each: Callable[[Channel, Channel], Any] = node) -> AsyncIterator[list[Channel]]:
    """The channels of k running nodes, k + 1 of them."""
    channels: list[Channel] = [asyncio.Queue(CAPACITY) for _ in range(k + 1)]
    running = [asyncio.create_task(each(*pair)) for pair in pairwise(channels)]
    try:
        yield channels
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _until(done: asyncio.Event, endings: list[asyncio.Task[None]]) -> None:
    """Wait for the last message, or for the error that keeps it from coming."""
    last = asyncio.create_task(done.wait())
    finished, _ = await asyncio.wait([last, *endings], return_when=asyncio.FIRST_COMPLETED)
    for one in [last, *endings]:
        one.cancel()
    for one in finished:
        one.result()


async def carry(job: Job, each: Callable[[Channel, Channel], Any] = node) -> Figures:
    """One message after another through a chain of nodes."""
    clock, done = Clock(), asyncio.Event()
    take = in_order(job.n, lambda: (clock.stop(), done.set()))
    async with chain(job.k, each) as channels:
        ending = asyncio.create_task(sink(channels[-1], take))
        clock.start()
        put = channels[0].put
        for i in range(job.n):
            await put({"i": i, "t": float(i)})
        await _until(done, [ending])
    return clock.throughput(job.n * (job.k + 1))


async def _fan_out(job: Job) -> Figures:
    clock, done = Clock(), asyncio.Event()
    one = after(FAN, lambda: (clock.stop(), done.set()))
    channels: list[Channel] = [asyncio.Queue(CAPACITY) for _ in range(FAN)]
    endings = [asyncio.create_task(sink(channel, readings_in_order(job.n, one))) for channel in channels]
    clock.start()
    for i in range(job.n):
        m = Reading(i, float(i))
        for channel in channels:
            await channel.put(m)
    await _until(done, endings)
    return clock.throughput(job.n * FAN)


async def _fan_in(job: Job) -> Figures:
    clock, done = Clock(), asyncio.Event()
    channel: Channel = asyncio.Queue(CAPACITY)

    async def source(k: int) -> None:
        for i in range(job.n):
            await channel.put({"i": i, "t": float(i), "k": k})

    ending = asyncio.create_task(sink(channel, in_order_per_sender(job.n, lambda: (clock.stop(), done.set()))))
    clock.start()
    await asyncio.gather(*(source(k) for k in range(FAN)))
    await _until(done, [ending])
    return clock.throughput(job.n * FAN)


async def _idle(job: Job) -> Figures:
    before, begin = resident_kib(), time.perf_counter()
    async with chain(job.n) as channels:
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # every node waits at its channel now
        seconds = time.perf_counter() - begin
        kib = resident_kib() - before
        return idle(job.n, seconds, kib, await _laps(TRAVERSALS, channels))


async def _latency(job: Job) -> Figures:
    async with chain(job.k) as channels:
        return latency(await _laps(job.n, channels))


async def _laps(n: int, channels: list[Channel]) -> list[float]:
    laps = []
    for i in range(n):
        begin = time.perf_counter()
        await channels[0].put({"i": i, "t": float(i)})
        m = await channels[-1].get()
        laps.append(time.perf_counter() - begin)
        if m != {"i": i, "t": i}:
            raise ValueError(f"message {i} arrived as {m}")
    return laps


def run(job: Job) -> Figures:
    match job.workload:
        case "w1":
            return asyncio.run(carry(job))
        case "fan-out":
            return asyncio.run(_fan_out(job))
        case "fan-in":
            return asyncio.run(_fan_in(job))
        case "w3":
            return asyncio.run(_idle(job))
    return asyncio.run(_latency(job))


if __name__ == "__main__":
    main(run)
