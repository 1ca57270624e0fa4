"""What every peer shares: its job, the sinks that check what arrives, the clock, and the one line it prints."""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

DEEP = 20_000  # calls: those who deliver inside the sender's call need a stack for each of 1,000 nodes
CAPACITY = 64  # what TinyFlow gives an edge; every bounded peer gets the same
FAN = 100
TRAVERSALS = 7  # of an idle chain: the first pays for what is made lazily, the median of the rest counts
WARM_UP = 10  # one in ten latencies is dropped at the start

Figures = dict[str, float]


class Wrong(Exception):
    """A message was lost, doubled, reordered or changed: the figure would mean nothing."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one process is asked to do.

    Attributes:
        workload: w1, fan-out, fan-in, w3, w5, w7 or w8.
        n: Messages; for w3 nodes, for w7 evaluations.
        k: Nodes between source and sink.
        variant: What the peer offers more than one of: styles of nodes, types of messages, languages of mappings.
    """

    workload: str
    n: int
    k: int = 10
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A message that cannot change, so nobody needs a copy of it."""

    i: int
    t: float


def in_order(n: int, done: Callable[[], object]) -> Callable[[dict], None]:
    """Expect n small dicts, in order."""
    seen = 0

    def sink(m: dict) -> None:
        nonlocal seen
        if m["i"] != seen or m["t"] != seen:
            raise Wrong(f"message {seen} arrived as {m}")
        seen += 1
        if seen == n:
            done()

    return sink


def readings_in_order(n: int, done: Callable[[], object]) -> Callable[[Reading], None]:
    """Expect n Readings, in order."""
    seen = 0

    def sink(m: Reading) -> None:
        nonlocal seen
        if m.i != seen or m.t != seen:
            raise Wrong(f"message {seen} arrived as {m}")
        seen += 1
        if seen == n:
            done()

    return sink


def in_order_per_sender(n: int, done: Callable[[], object]) -> Callable[[dict], None]:
    """Expect n small dicts from each of FAN senders, every sender's in order."""
    seen = [0] * FAN
    missing = n * FAN

    def sink(m: dict) -> None:
        nonlocal missing
        k = m["k"]
        if m["i"] != seen[k] or m["t"] != seen[k]:
            raise Wrong(f"message {seen[k]} of sender {k} arrived as {m}")
        seen[k] += 1
        missing -= 1
        if not missing:
            done()

    return sink


def after(n: int, done: Callable[[], object]) -> Callable[[], None]:
    """Call `done` the n-th time."""
    missing = n

    def one() -> None:
        nonlocal missing
        missing -= 1
        if not missing:
            done()

    return one


class Clock:
    """Wall and CPU seconds of this process, from start to stop."""

    stopped = False
    wall = cpu = 0.0

    def start(self) -> None:
        gc.collect()
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def stop(self) -> None:
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        self.stopped = True

    def throughput(self, hops: int) -> Figures:
        """Hops a CPU-second and a second.

        Raises:
            Wrong: The last message never arrived.
        """
        if not self.stopped:
            raise Wrong("the last message never arrived")
        return {"hops": hops, "rate": hops / self.cpu, "wall_rate": hops / self.wall}


def latency(laps: list[float]) -> Figures:
    """Microseconds, from laps in seconds."""
    laps = sorted(laps[len(laps) // WARM_UP :])
    return {"p50": laps[len(laps) // 2] * 1e6, "p99": laps[len(laps) * 99 // 100] * 1e6}


def idle(nodes: int, seconds: float, kib: float, laps: list[float]) -> Figures:
    """What an idle node costs, and what one message pays for passing all of them."""
    return {
        "us_node": seconds / nodes * 1e6,
        "kib_node": kib / nodes,
        "first_ms": laps[0] * 1e3,
        "traverse_ms": statistics.median(laps[1:]) * 1e3,
    }


def resident_kib() -> float:
    """Memory of this process now, after collecting garbage."""
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1024


def peak_mib() -> float:
    """Most memory this process ever had; macOS counts it in bytes, everyone else in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main(run: Callable[[Job], Figures], argv: Sequence[str] | None = None) -> None:
    """Do the job the command line names and print its figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workload")
    parser.add_argument("n", type=int)
    parser.add_argument("k", type=int)
    parser.add_argument("variant", nargs="?", default="")
    job = Job(**vars(parser.parse_args(argv)))
    sys.setrecursionlimit(DEEP)
    figures: dict[str, Any] = run(job)  # numbers, as JSON has them
    print(json.dumps(figures | {"peak_mib": peak_mib()}))
