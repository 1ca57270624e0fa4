"""Module processes are killed under load: nothing is doubled or reordered, and what is missing was reported.

The test is the first module, ``south`` and ``north`` are processes: test → south → north. The last node writes every
message it handles to a file, which outlives its process. More kills::

    python tests/walks/test_modules_killed.py 300 [slow]
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.hosting.host import Host
from tinyflow_runtime.message import Address
from tinyflow_runtime.module import Module
from tinyflow_runtime.wire import Remote, dial

CELL = """
import asyncio
import os
from tinyflow_runtime.module import Module

module = Module({name!r})
file = os.open({file!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@module.component
def through(x: int) -> int:
    return x

@module.component
async def slow(x: int) -> int:
    await asyncio.sleep(0.0003)  # so that messages lie in its channel when it is killed
    return x

@module.component
def write(x: int) -> None:
    os.write(file, b"%d\\n" % x)

@module.component
async def write_slowly(x: int) -> None:
    await asyncio.sleep(0.01)
    write(x)
"""

RECOVERY = 2.0  # seconds from a kill until a message that was sent since then is at the end: 99 of 100 stay below
BUSY = 4.0  # processes for each processor from which on it takes longer: most of it is the start of a process, in turns

first = Module("killed-first")


@first.component
def begin(x: int) -> int:
    return x


def _node(name, component, to="", module=""):
    edges = [protocol.Edge(id=f"{name}.out", port="out", to=to, module=module)] if to else []
    return protocol.Node(flow="f", name=name, component=component, edges=edges)


async def until(condition, seconds=30):
    async with asyncio.timeout(seconds):
        while not (await condition() if asyncio.iscoroutinefunction(condition) else condition()):  # noqa: ASYNC110 # it is another process
            await asyncio.sleep(0.002)


class Process:
    """A module process that is started anew whenever it was killed, and goes on with its last plan."""

    def __init__(self, folder, name, *, module=""):
        self.name = module or name
        self.address = f"unix:{folder}/{name}.sock"
        self.cell = folder / f"{name}.py"
        self.cell.write_text(CELL.format(name=self.name, file=str(folder / "written")))
        self.state = folder / f"{name}-state"
        self.log = folder / f"{name}.log"
        self.remote = None

    async def start(self):
        await asyncio.to_thread(self._start)
        self.listening = time.monotonic()
        self.remote = Remote(self.address)

    def _start(self):
        command = [sys.executable, "-m", "tinyflow_runtime", "module", self.name, str(self.cell)]
        command += ["--listen", self.address, "--state", str(self.state), "--leash"]
        Path(self.address.removeprefix("unix:")).unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        line = self.process.stdout.readline()
        assert line.startswith(b"listening"), self.log.read_text()[-2000:]

    async def kill(self):
        if self.remote is not None:
            await self.remote.close()
            self.remote = None
            self.process.kill()
            await asyncio.to_thread(self.process.communicate)

    async def empty(self):
        state = await self.remote.state("f")
        return not sum(each.queued for each in (*state.nodes, *state.edges))

    async def lost(self):
        return sum(lost.count for lost in (await self.remote.state("f")).lost)


class Line:
    """test → south → north, and what is known of the messages."""

    def __init__(self, folder, *, middle="through"):
        self.folder = folder
        self.south, self.north = Process(folder, "south"), Process(folder, "north")
        self.middle = middle
        self.sent = 0
        self.reported_by_south = 0  # in lives that have ended
        self.sending = True

    @contextlib.asynccontextmanager
    async def running(self):
        async with Host("killed-first", dial=dial) as self.host:
            try:
                await self.north.start()
                await self.south.start()
                await self.apply()
                load = asyncio.create_task(self.load())
                yield self
                self.sending = False
                await load
            finally:
                await self.south.kill()
                await self.north.kill()

    async def apply(self):
        def incoming(edge, module, to):
            return [protocol.Incoming(flow="f", edge=edge, from_module=module, to=to)]

        await self.north.remote.apply(
            protocol.Plan(hash="n", nodes=[_node("end", "write")], incoming=incoming("middle.out", "south", "end:in"))
        )
        await self.south.remote.apply(
            protocol.Plan(
                hash="s",
                nodes=[_node("middle", self.middle, "end:in", "north")],
                peers=[protocol.Peer(module="north", address=self.north.address)],
                incoming=incoming("begin.out", "killed-first", "middle:in"),
            )
        )
        await self.host.apply(
            protocol.Plan(
                hash="f",
                nodes=[_node("begin", "begin", "middle:in", "south")],
                peers=[protocol.Peer(module="south", address=self.south.address)],
            )
        )

    async def load(self):
        scheduler = self.host.running["f"].scheduler
        while self.sending:
            for _ in range(25):
                await scheduler.send(Address("begin", "in"), self.sent + 1)
                self.sent += 1
            await asyncio.sleep(0.005)

    def written(self):
        with contextlib.suppress(FileNotFoundError):
            return [int(line) for line in (self.folder / "written").read_bytes().split()]
        return []

    def size(self):
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "written").stat().st_size
        return 0

    async def until_more(self, seconds=30):
        """Something sent from now on has come to the end."""
        mark, size = self.sent, self.size()
        await until(lambda: self.size() > size and self.last() > mark, seconds)

    def last(self):
        """The newest message written."""
        with (self.folder / "written").open("rb") as file:
            file.seek(max(0, self.size() - 64))
            return int(file.read().split()[-1])

    async def kill(self, process):
        """Returns the seconds until messages came to the end again: since the kill, and since it listened."""
        if process is self.south:
            self.reported_by_south += await self.south.lost()
        killed = time.monotonic()
        await process.kill()
        await process.start()
        await self.until_more()
        now = time.monotonic()
        return now - killed, now - process.listening

    async def drain(self):
        self.sending = False
        await until(self.host.running["f"].scheduler.exits.quiet)
        await until(self.south.empty)
        await until(self.north.empty)

    async def reported(self):
        by_us = sum(loss.count for loss in self.host.deliveries.losses)
        return by_us + self.reported_by_south + await self.south.lost()


def check(line, reported):
    written = line.written()
    assert written == sorted(set(written)), "doubled or reordered"
    missing = line.sent - len(written)
    assert missing <= reported, f"{missing} are missing and {reported} were reported"
    return missing


async def kills(folder, count, seconds, *, middle="through", seed=1):
    """Kill the two in turn; returns figures."""
    draw = random.Random(seed)
    recoveries, loads, done, until = [], [], 0, time.monotonic() + seconds
    async with Line(folder, middle=middle).running() as line:
        await line.until_more()
        while done < count and time.monotonic() < until:
            await asyncio.sleep(draw.uniform(0.02, 0.12))
            recoveries.append(await line.kill(draw.choice((line.south, line.north))))
            loads.append(os.getloadavg()[0] / (os.cpu_count() or 1))
            done += 1
        await line.drain()
        reported = await line.reported()
        missing = check(line, reported)
    since_kill, since_listening = (sorted(each) for each in zip(*recoveries, strict=True))
    worst = int(len(recoveries) * 0.99)
    return {
        "kills": done,
        "sent": line.sent,
        "missing": missing,
        "reported": reported,
        "doubled": 0,
        "reordered": 0,
        "recovery_median": round(since_kill[done // 2], 2),
        "recovery_p99": round(since_kill[min(worst, done - 1)], 2),
        "recovery_p99_since_listening": round(since_listening[min(worst, done - 1)], 3),
        "load of a processor": round(max(loads), 1),
    }


@pytest.mark.timeout(120)
@pytest.mark.parametrize("middle", ["through", "slow"])
async def test_what_is_missing_after_kills_was_reported(tmp_path, middle):
    figures = await kills(tmp_path, 20, 25, middle=middle)

    assert figures["kills"] >= 5
    patience = RECOVERY if middle == "through" else 5  # what lay there is handled first
    assert figures["recovery_p99"] <= patience * max(1, figures["load of a processor"] / BUSY)


@pytest.mark.timeout(90)
async def test_a_stopped_process_is_noticed_and_loses_nothing_when_it_goes_on(tmp_path):
    async with Line(tmp_path).running() as line:
        await line.until_more()
        os.kill(line.south.process.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        await until(lambda: line.host.deliveries.trouble("south"))
        noticed = time.monotonic() - stopped
        await asyncio.sleep(1)
        os.kill(line.south.process.pid, signal.SIGCONT)
        await line.until_more()
        await line.drain()
        reported = await line.reported()

        assert noticed <= 10
        assert reported == 0
        assert line.written() == list(range(1, line.sent + 1))


async def _main(count, middle="through"):
    with tempfile.TemporaryDirectory() as folder:
        print(await kills(Path(folder), count, 10 * count, middle=middle, seed=time.time_ns()))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), *sys.argv[2:]))
