"""TinyFlow, as anybody would use it: components, a flow, start, wait. Counters are on; they cannot be turned off."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec

import tinyflow_jupyter as tf

from .measure import (
    FAN,
    TRAVERSALS,
    Clock,
    Figures,
    Job,
    Reading,
    Wrong,
    after,
    idle,
    in_order,
    in_order_per_sender,
    latency,
    main,
    readings_in_order,
    resident_kib,
)

PATIENCE = 120  # seconds until a flow that still runs has lost something


@dataclass(slots=True)
class Sample:
    """A typed message, as most people would write it."""

    i: int
    t: float


class Struct(msgspec.Struct):
    """The same for those who count nanoseconds."""

    i: int
    t: float


@tf.component
def value(m: dict) -> dict:
    """Hands on what it gets."""
    return m


@tf.component
def generator(m: dict) -> Iterator[dict]:
    """Yields what it gets."""
    yield m


@tf.component
async def waiting(m: dict) -> dict:
    """Hands on what it gets, from a coroutine."""
    return m


@tf.component(outputs={"out": dict})
async def handler(m: dict, output: tf.Handler) -> None:
    """Sends what it gets."""
    await output("out", m)


@tf.component
def sample(m: Sample) -> Sample:
    """Hands on a typed message."""
    return m


@tf.component
def struct(m: Struct) -> Struct:
    """Hands on a typed message."""
    return m


@tf.component
def document(m: Sample) -> dict:
    """Takes a typed message and sends a document: the next edge has to make a message of it again."""
    return {"i": m.i, "t": m.t}


STYLES = {"value": value, "generator": generator, "async": waiting, "handler": handler}

# What the source sends, what a node does, and the mapping that every edge evaluates.
FIELDS = "{'i': msg.i, 't': msg.t}"
KEYS = "{'i': msg['i'], 't': msg['t']}"
REALISTIC: dict[str, tuple[Any, Any, str]] = {
    "document": (dict, document, KEYS),
    "dataclass": (Sample, sample, FIELDS),
    "struct": (Struct, struct, FIELDS),
}


def running(run: Callable[[tf.Handler], Awaitable[None]]) -> type[tf.Component]:
    """A source of dicts that does `run` as soon as its node is there."""

    class Source(tf.Component):
        """Begins everything."""

        def ports(self) -> list[tf.Port]:
            return [tf.Port("out", "out", dict)]

        async def run(self, output: tf.Handler) -> None:
            await run(output)

    return Source


def numbers(n: int, clock: Clock) -> Callable[[], Iterator[dict]]:
    """A source of n small dicts that starts the clock."""

    @tf.component
    def source() -> Iterator[dict]:
        """Counts."""
        clock.start()
        for i in range(n):
            yield {"i": i, "t": float(i)}

    return source


def readings(make: Callable[[int, float], Any], payload: Any, n: int, clock: Clock) -> Callable[[], Iterator[Any]]:
    """The same of n typed messages."""

    def source():  # type: ignore[no-untyped-def] # what it gives is written below
        clock.start()
        for i in range(n):
            yield make(i, float(i))

    source.__annotations__["return"] = Iterator[payload]
    return tf.component(source)


def chain(flow: tf.Flow, nodes: list[Any], mapping: str | None = None) -> None:
    """Put components one behind the other, the source first."""
    names = ["source", *(f"n{i}" for i in range(len(nodes) - 2)), "sink"]
    for name, component in zip(names, nodes, strict=True):
        flow.node(name, component)
    for name, following in pairwise(names):
        flow.edge(f"{name}:out", f"{following}:in", map=mapping)


def carry(flow: tf.Flow, expected: dict[str, int]) -> None:
    """Let the flow run to its end, and check what every node says it handled."""
    flow.start()
    try:
        flow.wait(timeout=PATIENCE)
        counts = flow.counts()
        letters = list(flow.dead_letters)
    finally:
        flow.stop()
    if letters:
        raise Wrong(letters[0].reason)
    for name, count in expected.items():
        if counts[name].handled != count or counts[name].accepted != count:
            raise Wrong(f"{name} handled {counts[name]} instead of {count}")


def _chain(job: Job) -> Figures:
    style, _, watched = job.variant.partition(" ")
    clock, flow = Clock(), tf.Flow("bench")
    chain(flow, [numbers(job.n, clock), *[STYLES[style]] * job.k, tf.component(in_order(job.n, clock.stop))])
    with _slow_watcher(flow) if watched else nullcontext():
        carry(flow, {name: job.n for name in flow.nodes if name != "source"})
    if flow["source:out"].count != job.n:
        raise Wrong(f"the port counted {flow['source:out'].count} instead of {job.n}")
    return clock.throughput(job.n * (job.k + 1))


@contextmanager
def _slow_watcher(flow: tf.Flow) -> Iterator[None]:
    """Somebody who holds a place at every port, and looks at all of them twenty times a second."""
    places = [flow[f"{name}:out"] for name in flow.nodes if name != "sink"]
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for place in places:
                with suppress(TimeoutError):
                    place.next(timeout=0)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _fan_out(job: Job) -> Figures:
    clock, flow = Clock(), tf.Flow("bench")
    done = after(FAN, clock.stop)
    mutable = job.variant == "dict"
    sink = in_order if mutable else readings_in_order
    flow.node("source", numbers(job.n, clock) if mutable else readings(Reading, Reading, job.n, clock))
    for k in range(FAN):
        flow.node(f"s{k}", tf.component(sink(job.n, done)))
        flow.edge("source:out", f"s{k}:in")
    carry(flow, {f"s{k}": job.n for k in range(FAN)})
    return clock.throughput(job.n * FAN)


def _fan_in(job: Job) -> Figures:
    clock, flow = Clock(), tf.Flow("bench")

    def sender(k: int) -> Callable[[], Iterator[dict]]:
        @tf.component
        def source() -> Iterator[dict]:
            """Counts."""
            if k == 0:
                clock.start()
            for i in range(job.n):
                yield {"i": i, "t": float(i), "k": k}

        return source

    flow.node("sink", tf.component(in_order_per_sender(job.n, clock.stop)))
    for k in range(FAN):
        flow.node(f"s{k}", sender(k))
        flow.edge(f"s{k}:out", "sink:in")
    carry(flow, {"sink": job.n * FAN})
    return clock.throughput(job.n * FAN)


class Laps:
    """A source that sends a message only when the one before has reached the sink."""

    def __init__(self, n: int, k: int) -> None:
        self.n = n
        self.laps: list[float] = []
        self.flow = tf.Flow("bench")
        self._begun = threading.Event()
        self._go = asyncio.Event()
        self._waiting: asyncio.Future[dict] | None = None

        @tf.component
        def sink(m: dict) -> None:
            """Lets the source go on."""
            assert self._waiting is not None  # a message comes only after it was sent
            self._waiting.set_result(m)

        chain(self.flow, [running(self._run), *[value] * k, sink])
        self.flow.start()
        self._begun.wait()

    def run(self) -> list[float]:
        """Send one after the other; seconds of each."""
        self._loop.call_soon_threadsafe(self._go.set)
        carry(self.flow, {"sink": self.n})
        return self.laps

    async def _run(self, output: tf.Handler) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun.set()
        await self._go.wait()
        for i in range(self.n):
            self._waiting = arrived = self._loop.create_future()
            begin = time.perf_counter()
            await output("out", {"i": i, "t": float(i)})
            m = await arrived
            self.laps.append(time.perf_counter() - begin)
            if m != {"i": i, "t": i}:
                raise Wrong(f"message {i} arrived as {m}")


def _idle(job: Job) -> Figures:
    before, begin = resident_kib(), time.perf_counter()
    laps = Laps(TRAVERSALS, job.n)
    seconds = time.perf_counter() - begin
    return idle(job.n, seconds, resident_kib() - before, laps.run())


def _latency(job: Job) -> Figures:
    return latency(Laps(job.n, job.k).run())


def _realistic(job: Job) -> Figures:
    payload, node, mapping = REALISTIC[job.variant]
    clock, flow = Clock(), tf.Flow("bench")
    take = readings_in_order(job.n, clock.stop)
    take.__annotations__["m"] = Struct if job.variant == "struct" else Sample
    source = numbers(job.n, clock) if payload is dict else readings(payload, payload, job.n, clock)
    chain(flow, [source, *[node] * job.k, tf.component(take)], mapping)
    carry(flow, {name: job.n for name in flow.nodes if name != "source"})
    return clock.throughput(job.n * (job.k + 1))


def run(job: Job) -> Figures:
    workloads = {"w1": _chain, "fan-out": _fan_out, "fan-in": _fan_in, "w3": _idle, "w5": _latency, "w8": _realistic}
    return workloads[job.workload](job)


if __name__ == "__main__":
    main(run)
