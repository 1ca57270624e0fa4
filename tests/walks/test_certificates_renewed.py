"""Certificates are renewed and an authority replaced under load: nothing is lost, doubled or reordered, no call fails.

Two module processes: a source in ``south`` counts, ``north`` writes every number it handles to a file. Meanwhile an
operator asks both what they do, and watches a port. Longer::

    python tests/walks/test_certificates_renewed.py 60
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.rpc.identity import OPERATOR, module_identity
from tinyflow_runtime.wire import Remote

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no packages, and these share what makes certificates

from certificates import Authority

CELL = """
import asyncio
import os
from collections.abc import AsyncIterator
from tinyflow_runtime.module import Module

module = Module({name!r})
file = os.open({written!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@module.component
async def count() -> AsyncIterator[int]:
    number = 0
    while not os.path.exists({stop!r}):
        for _ in range(20):
            number += 1
            yield number
        await asyncio.sleep(0.002)
    os.close(os.open(f"{stop}-{{number}}", os.O_CREAT))

@module.component
def write(x: int) -> None:
    os.write(file, b"%d\\n" % x)
"""

TROUBLE = ("warning", "error", "critical")  # levels of the log


class Process:
    """A module process, its credentials and whoever asks it."""

    def __init__(self, folder, name, operator):
        self.folder, self.name, self.identity = folder / name, name, module_identity("here", name)
        self.folder.mkdir()
        self.tls = self.folder / "tls"
        self.operator = operator

    @contextlib.asynccontextmanager
    async def running(self, cell):
        (self.folder / "cell.py").write_text(cell)
        command = [sys.executable, "-m", "tinyflow_runtime", "module", self.name, self.folder / "cell.py", "--leash"]
        with (self.folder / "log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(*command, "--tls", self.tls, "--listen", "0.0.0.0:0"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        port = (await self.process.stdout.readline()).decode().strip().rpartition(":")[2]
        assert port, (self.folder / "log").read_text()
        self.port = int(port)
        self.address = f"127.0.0.1:{port}"
        self.remote = Remote(self.address, credentials=self.operator, wanted=self.identity)
        try:
            yield self
        finally:
            await self.remote.close()
            self.process.stdin.close()
            await self.process.wait()

    def taken(self):
        """How many certificates it has taken over since it began."""
        return (self.folder / "log").read_text().count("holds another certificate")

    def troubles(self):
        lines = (self.folder / "log").read_text().splitlines()
        return [line for line in lines if any(f'"level": "{level}"' in line for level in TROUBLE)]

    def way_to(self, other):
        """The local ports of its connections to another."""
        found = psutil.Process(self.process.pid).net_connections("tcp")
        return {one.laddr.port for one in found if one.raddr and one.raddr.port == other.port}


class Asking:
    """Asks a process all the time, and watches a port of it; whatever fails is kept.

    Attributes:
        answers: That came.
        seen: What the watch has told; there is one, which lasts.
    """

    def __init__(self, process):
        self.process, self.answers, self.failures, self.seen = process, 0, [], 0

    def __str__(self):
        return f"{self.process.name}: {self.answers} answers, {self.seen} seen, failures {self.failures}"

    async def run(self):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask())
            tasks.create_task(self._watch())

    async def _ask(self):
        while True:
            try:
                await self.process.remote.state("f")
                self.answers += 1
            except TinyFlowError as error:
                self.failures.append(str(error))
            await asyncio.sleep(0.01)

    async def _watch(self):
        port = "count:out" if self.process.name == "south" else "write:in"
        try:
            async for _ in self.process.remote.watch(protocol.WatchRequest(flow="f", port=port, per_second=20)):
                self.seen += 1
            self.failures.append("the watch ended")
        except TinyFlowError as error:
            self.failures.append(str(error))


@contextlib.asynccontextmanager
async def ending(tasks):
    """Ends tasks with the block, however that ends."""
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(says, *, timeout=30):
    async with asyncio.timeout(timeout):
        while not says():  # noqa: ASYNC110 # it is another process
            await asyncio.sleep(0.02)


async def renewals(folder, count):
    """Renew everybody's certificate so many times, then replace the authority, then renew again; returns figures."""
    old, new = Authority(), Authority()  # of one name
    written, stop = folder / "written", folder / "stop"
    both = old.pem + new.pem
    operators = old.of(OPERATOR, folder / "operator")
    operator = Credentials(operators)
    south, north = Process(folder, "south", operator), Process(folder, "north", operator)
    ways: set[int] = set()
    asking = [Asking(south), Asking(north)]
    tasks: list[asyncio.Task[None]] = []

    async def go_on():
        """Wait until whoever asks was answered again, and whoever watches has seen more."""
        before = [(each.answers, each.seen) for each in asking]

        def all_went_on():
            for task in tasks:
                assert not task.done(), task.exception()
            return all(each.answers > was and each.seen > saw for each, (was, saw) in zip(asking, before, strict=True))

        try:
            await until(all_went_on)
        except TimeoutError:
            raise AssertionError(f"it did not go on: {', '.join(map(str, asking))}") from None

    async def renew(authority, trusted=b"", *, whom):
        for each in whom:
            if each == "operator":
                authority.of(OPERATOR, operators, trusted=trusted)
            else:
                before = each.taken()
                authority.of(each.identity, each.tls, trusted=trusted)
                await until(lambda each=each, before=before: each.taken() > before)
        size = written.stat().st_size
        await until(lambda: written.stat().st_size > size + 1000)
        await go_on()
        ways.update(south.way_to(north))

    for process in (south, north):
        old.of(process.identity, process.tls)
    cell = {each: CELL.format(name=each.name, written=str(written), stop=str(stop)) for each in (south, north)}
    async with south.running(cell[south]), north.running(cell[north]), ending(tasks):
        await _plans(south, north)
        await until(lambda: written.exists() and written.stat().st_size > 1000)
        ways |= south.way_to(north)
        tasks += [asyncio.create_task(each.run()) for each in asking]
        await go_on()
        everybody = (south, north, "operator")
        for _ in range(count):
            await renew(old, whom=everybody)
        await renew(old, both, whom=everybody)
        for whom in ((north,), ("operator",), (south,)):  # not all at once, as kubelets have it
            await renew(new, both, whom=whom)
        await renew(new, whom=everybody)
        for _ in range(count):
            await renew(new, whom=everybody)
        stop.touch()
        await until(lambda: list(folder.glob("stop-*")))
        total = int(next(folder.glob("stop-*")).name.partition("-")[2])
        await until(lambda: written.read_bytes().endswith(b"%d\n" % total))
        lost = [*(await south.remote.state("f")).lost]
        assert not any(task.done() for task in tasks)
        numbers = [int(line) for line in written.read_bytes().split()]
        return {
            "sent": total,
            "written": len(numbers),
            "in order and once": numbers == list(range(1, total + 1)),
            "lost": len(lost),
            "certificates": [south.taken(), north.taken(), operator.version - 1],
            "connections": len(ways),
            "asked": sum(each.answers for each in asking),
            "seen": sum(each.seen for each in asking),
            "failures": [failure for each in asking for failure in each.failures],
            "troubles": south.troubles() + north.troubles(),
        }


async def _plans(south, north):
    edge = protocol.Edge(id="e", port="out", to="write:in", module="north")
    node = protocol.Node(flow="f", name="write", component="write")
    incoming = protocol.Incoming(flow="f", edge="e", from_module="south", to="write:in")
    await north.remote.apply(protocol.Plan(hash="n", nodes=[node], incoming=[incoming]))
    node = protocol.Node(flow="f", name="count", component="count", edges=[edge])
    peer = protocol.Peer(module="north", address=north.address)
    await south.remote.apply(protocol.Plan(hash="s", nodes=[node], peers=[peer]))


@pytest.mark.timeout(120)
async def test_certificates_and_their_authority_change_under_load_and_nothing_is_lost(tmp_path):
    figures = await renewals(tmp_path, 3)

    assert figures["in order and once"], figures
    assert figures["lost"] == 0
    assert figures["failures"] == []
    assert figures["troubles"] == []
    assert figures["certificates"] == [9, 9, 9]
    assert figures["connections"] >= 9  # the streams were made anew, and not only the files read
    assert figures["asked"] > 100
    assert figures["seen"] > 10


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(renewals(Path(folder), int(sys.argv[1]))))
