"""Peers that deliver inside the sender's call: no channel, no bound, no isolation."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from .measure import (
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
    readings_in_order,
    resident_kib,
)

Push = Callable[[Any], None]  # what a peer takes in is of its own type


class Wiring(Protocol):
    """How a peer connects things; each returns where to push."""

    def chain(self, k: int, sink: Push) -> Push: ...
    def fan_out(self, sinks: list[Push]) -> Push: ...
    def fan_in(self, senders: int, sink: Push) -> list[Push]: ...


def run(job: Job, wiring: Wiring) -> Figures:
    """Do the job with a peer's wiring."""
    match job.workload:
        case "w1":
            return _chain(job, wiring)
        case "fan-out":
            return _fan_out(job, wiring)
        case "fan-in":
            return _fan_in(job, wiring)
        case "w3":
            return _idle(job, wiring)
    return _latency(job, wiring)


def _chain(job: Job, wiring: Wiring) -> Figures:
    clock = Clock()
    push = wiring.chain(job.k, in_order(job.n, clock.stop))
    clock.start()
    for i in range(job.n):
        push({"i": i, "t": float(i)})
    return clock.throughput(job.n * (job.k + 1))


def _fan_out(job: Job, wiring: Wiring) -> Figures:
    clock = Clock()
    done = after(FAN, clock.stop)
    push = wiring.fan_out([readings_in_order(job.n, done) for _ in range(FAN)])
    clock.start()
    for i in range(job.n):
        push(Reading(i, float(i)))
    return clock.throughput(job.n * FAN)


def _fan_in(job: Job, wiring: Wiring) -> Figures:
    clock = Clock()
    pushes = wiring.fan_in(FAN, in_order_per_sender(job.n, clock.stop))
    clock.start()
    for i in range(job.n):
        for k, push in enumerate(pushes):
            push({"i": i, "t": float(i), "k": k})
    return clock.throughput(job.n * FAN)


def _idle(job: Job, wiring: Wiring) -> Figures:
    before, begin = resident_kib(), time.perf_counter()
    got: list[Any] = []
    push = wiring.chain(job.n, got.append)
    seconds = time.perf_counter() - begin
    kib = resident_kib() - before
    return idle(job.n, seconds, kib, _laps(TRAVERSALS, push, got))


def _latency(job: Job, wiring: Wiring) -> Figures:
    got: list[Any] = []
    return latency(_laps(job.n, wiring.chain(job.k, got.append), got))


def _laps(n: int, push: Push, got: list[Any]) -> list[float]:
    laps = []
    for i in range(n):
        begin = time.perf_counter()
        push({"i": i, "t": float(i)})
        laps.append(time.perf_counter() - begin)
        if got.pop() != {"i": i, "t": i}:
            raise ValueError(f"message {i} never arrived")
    return laps
