"""A module of a pocket cluster is killed under load, and messages come through it again within two seconds.

Measured is all that lies between: the launcher notices and starts a process, that loads its source and goes on with its
last nodes, the modules that send to it find it, and a message passes it and comes to the end. More kills::

    python tests/walks/test_recovery.py 300
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tinyflow_operator.launcher.process import SERVED

import tinyflow_jupyter as tf
from tinyflow_jupyter._cluster import Cluster

RECOVERY = 2.0  # seconds that 99 of 100 kills stay below
BUSY = 4.0  # processes for each processor from which on it takes longer: most of it is the start of a process, in turns

begin, middle, end = tf.Module("recovery-begin"), tf.Module("recovery-middle"), tf.Module("recovery-end")


@begin.component
async def count() -> AsyncIterator[int]:
    n = 0
    while True:
        for _ in range(20):
            n += 1
            yield n
        await asyncio.sleep(0.01)  # 2,000 a second


@middle.component
def sign(n: int) -> list[int]:
    return [n, os.getpid()]


@end.component
def write(x: list[int], *, path: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, b"%d %d %d\n" % (*x, os.getpid()))
    os.close(file)


class Line(NamedTuple):
    """One message that came to the end, and the processes it passed."""

    n: int
    middle: int
    end: int


def last(path: Path) -> Line:
    """The newest message."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 100))
        written, _, _ = file.read().rpartition(b"\n")  # the line after that may be half there
        return Line(*map(int, written.splitlines()[-1].split()))


def wait(until, seconds=60):
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.002)


def kills(folder: Path, number: int) -> dict[str, object]:
    """Kill the two in turn, each once it has served for long enough to have ended by accident; returns figures."""
    path = folder / "written"
    flow = tf.Flow("recovery")
    flow.node("count", count)
    flow.node("sign", sign)
    flow.node("write", write, path=str(path))
    flow.edge("count:out", "sign:in")
    flow.edge("sign:out", "write:in")
    took, load = [], []
    with Cluster.local() as cluster:
        cluster.push(flow, timeout=60)
        wait(path.exists)
        began = dict.fromkeys(("middle", "end"), time.monotonic())
        for which in ("middle", "end") * (number // 2):
            time.sleep(max(0.0, began[which] + SERVED - time.monotonic()) + random.uniform(0.05, 0.3))
            before = getattr(last(path), which)
            killed = time.monotonic()
            os.kill(before, signal.SIGKILL)
            wait(lambda: getattr(last(path), which) != before)  # noqa: B023 # it has ended when the loop goes on
            began[which] = time.monotonic()
            took.append(began[which] - killed)
            load.append(os.getloadavg()[0] / (os.cpu_count() or 1))
    written = [int(line.split()[0]) for line in path.read_text().splitlines()]
    took.sort()
    return {
        "kills": len(took),
        "messages": len(written),
        "once and in order": written == sorted(set(written)),
        "median": round(took[len(took) // 2], 2),
        "p99": round(took[int(len(took) * 0.99)], 2),
        "load of a processor": round(max(load), 1),
    }


@pytest.mark.timeout(180)
def test_messages_pass_a_module_again_within_two_seconds_after_it_was_killed(tmp_path):
    figures = kills(tmp_path, 10)

    assert figures["once and in order"]
    assert figures["p99"] <= RECOVERY * max(1, figures["load of a processor"] / BUSY)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(kills(Path(folder), int(sys.argv[1])))
