"""A real Kubernetes API that is stopped, forgets, is silent, or contradicts; real module processes run on meanwhile.

``TINYFLOW_OUTAGES=50 pytest tests/operator/test_cluster_faults.py`` has it stopped fifty times.
"""

from __future__ import annotations

import asyncio
import base64
import collections
import contextlib
import os
import random
import sys
import time
from pathlib import Path

import pytest
from aiohttp import web
from kubernetes import client as official
from tinyflow_operator import cache as caching
from tinyflow_operator import kube as client
from tinyflow_operator.conditions import condition_of, is_true
from tinyflow_operator.kinds import CONFIGMAPS, FLOWS, MODULES, NODES, PODS, SIGNALS
from tinyflow_operator.kube import Kube
from tinyflow_operator.launcher import launch
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.resources.labels import ADDRESS, SHA256
from tinyflow_runtime.wire import Remote

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no packages, and these share with others

from proxies import Proxy

pytestmark = pytest.mark.timeout(120)

OUTAGES = int(os.environ.get("TINYFLOW_OUTAGES", "3"))
COMPACTIONS = 20
RATE = 100  # messages a second of the flow that is looked at
WINDOW = 3.0  # seconds between two looks; in shorter ones a busy machine favours now one process, now the other
LOWEST = 0.8  # of what the twin that no cluster knows of handles in the same window

TEXT = f"""
import asyncio, time
from collections.abc import AsyncIterator
import tinyflow_jupyter as tf

m = tf.Module("m")

@m.component
async def ticks(*, every: float = {1 / RATE}) -> AsyncIterator[int]:
    number, began = 0, time.monotonic()
    while True:
        yield number
        number += 1
        await asyncio.sleep(max(0.0, began + number * every - time.monotonic()))

@m.component
def plus(x: int, *, more: int = 1) -> int:
    return x + more
"""


def nodes(more=1):
    """The flow: ticks go through two others, the last of which is edited."""
    edges = {
        "ticks": [{"id": "e1", "port": "out", "to": "a:in"}],
        "a": [{"id": "e2", "port": "out", "to": "b:in"}],
    }
    settings = {"b": [{"name": "settings", "settings": {"more": more}}]}
    return {
        name: {
            "module": "m",
            "component": "ticks" if name == "ticks" else "plus",
            **({"edges": edges[name]} if name in edges else {}),
            **({"ports": settings[name]} if name in settings else {}),
        }
        for name in ("ticks", "a", "b")
    }


on_kubernetes = pytest.mark.parametrize("place", ["kubernetes"], indirect=True)


@pytest.fixture
async def alone(apiserver, place_at, served, monkeypatch):
    """The default namespace of a server of this test's own."""
    monkeypatch.setenv("KUBECONFIG", apiserver.kubeconfig)
    async with Kube.of_this_machine() as kube:
        await served(kube)
        yield place_at(kube, "default")


@contextlib.asynccontextmanager
async def running(work):
    """Some work beside the test."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def operator(folder, *arguments):
    """The operator as a process."""
    with (folder / "operator.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tinyflow_operator", "--namespace", "default", *arguments), stderr=log
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def twin(folder, archive, sha256):
    """The same module with the same flow, and nobody who could disturb it: what the machine has to give."""
    (folder / "twin.zip").write_bytes(archive)
    source = ["--source", str(folder / "twin.zip"), "--sha256", sha256]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tinyflow_runtime", "module", "m", *source, "--listen", f"unix:{folder}/twin"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    remote = Remote(f"unix:{folder}/twin")
    try:
        await process.stdout.readline()
        plan = protocol.Plan(hash="1")
        for name, spec in nodes().items():
            edges = [protocol.Edge(id=one["id"], port=one["port"], to=one["to"]) for one in spec.get("edges", ())]
            plan.nodes.append(protocol.Node(flow="f", name=name, component=spec["component"], edges=edges))
        await remote.apply(plan)
        yield remote
    finally:
        await remote.close()
        process.kill()
        await process.communicate()


async def handled(remote):
    """Messages that the last node has handled, and whether its books balance."""
    state = await remote.state("f")
    last = next(node for node in state.nodes if node.name == "b")
    return last.handled


async def windows(ours, control, into):
    """Looks at both all the time: how many messages each handled in a window."""
    before = await handled(ours), await handled(control)
    while True:
        await asyncio.sleep(WINDOW)
        now = await handled(ours), await handled(control)
        into.append((now[0] - before[0], now[1] - before[1]))
        before = now


async def set_up(place, folder):
    """A module process with a flow that is Ready."""
    source = await place.source(TEXT)
    await place.apply(MODULES, "m", {"source": source})
    await place.apply(FLOWS, "f", {})
    for name, spec in nodes().items():
        await place.node(f"f.{name}", **spec)
    await place.until(FLOWS, "f", is_true, timeout=60)
    found = await place.get(CONFIGMAPS, source["configMapRef"]["name"])
    return base64.b64decode(found["binaryData"]["source.zip"]), source["sha256"], await address(place)


async def address(place):
    return next(iter((await place.list(PODS)).values()))["metadata"]["annotations"][ADDRESS]


async def again(ask, *, timeout=60):
    """Ask until it is answered: the server is away for moments."""
    async with asyncio.timeout(timeout):
        while True:
            try:
                return await ask()
            except TinyFlowError:
                await asyncio.sleep(0.1)


@pytest.mark.timeout(240 + 20 * OUTAGES)
async def test_flows_run_on_while_the_server_is_stopped_and_edits_arrive_afterwards(apiserver, alone, tmp_path, capsys):
    place = alone
    seen = []
    async with (
        running(launch(place.kube, tmp_path)),
        operator(tmp_path) as process,
    ):
        archive, sha256, where = await set_up(place, tmp_path)
        async with twin(tmp_path, archive, sha256) as control, contextlib.AsyncExitStack() as stack:
            ours = Remote(where)
            stack.push_async_callback(ours.close)
            instance = (await ours.describe()).instance
            async with running(windows(ours, control, seen)):
                for number in range(2, OUTAGES + 2):
                    await again(lambda number=number: place.node("f.b", **nodes(number)["b"]))
                    if number % 2:
                        await again(
                            lambda number=number: place.node(f"f.extra{number}", **nodes()["a"] | {"edges": []})
                        )
                        apiserver.compact()
                    apiserver.stop()
                    await asyncio.sleep(random.uniform(0.1, 2.0))  # some edits are seen before it, some after
                    await asyncio.to_thread(apiserver.start)
                last = await again(lambda: place.node("f.b", **nodes(1000)["b"]))
                await again(
                    lambda: place.condition(NODES, "f.b", status="True", generation=last["metadata"]["generation"])
                )
                await place.until(FLOWS, "f", lambda flow: is_true(flow) and flow["status"]["nodes"]["ready"] > 3)
                await asyncio.sleep(3 * WINDOW)
            after = (await ours.describe()).instance
            state = await ours.state("f")
        lived = process.returncode is None

    a, b = (next(node for node in state.nodes if node.name == name) for name in ("a", "b"))
    share = [mine / max(control, 1) for mine, control in seen]
    with capsys.disabled():
        print(
            f"\n{OUTAGES} outages, {len(seen)} windows of {WINDOW:g} s: {min(share):.2f} of the twin at worst,"
            f" {sum(mine for mine, _ in seen) / sum(control for _, control in seen):.3f} over all"
        )
    assert lived
    assert after == instance, "the module was started anew"
    assert b.accepted == b.handled + b.failed + b.dead + b.shed + b.queued + b.running
    assert (b.dead, a.dead, a.failed, b.failed) == (0, 0, 0, 0)
    assert min(share) >= LOWEST


class Between(Proxy):
    """Passes everything on, but for what ``fault`` answers."""

    def __init__(self, kube):
        super().__init__(kube)
        self.fault, self.transports = None, set()

    def cut(self):
        """End all that goes through, and let nothing through until there is no fault any more."""

        async def refuse(request):
            request.transport.abort()
            return web.Response()

        self.fault = refuse
        for transport in self.transports:
            transport.abort()

    async def answer(self, request):
        self.transports.add(request.transport)
        if self.fault is not None and (answered := await self.fault(request)) is not None:
            return answered
        return await super().answer(request)


@contextlib.asynccontextmanager
async def proxied(kube):
    proxy = Between(kube)
    async with proxy.serve() as url, Kube(official.Configuration(host=url)) as proxy.through:
        yield proxy


@pytest.fixture
async def between(place):
    async with proxied(place.kube) as proxy:
        yield proxy


@pytest.mark.timeout(300)
async def test_versions_that_etcd_forgot_hide_nothing(apiserver, alone, double, eventually):
    place, module = alone, double()
    await place.apply(MODULES, "m", {})
    async with proxied(place.kube) as proxy, place.serving(module), place.operating(proxy.through) as operator:
        await place.node("f.n0")
        await eventually(lambda: module.nodes == ["f.n0"], timeout=30)
        for number in range(1, COMPACTIONS + 1):
            if number % 5 == 0:
                proxy.cut()  # what goes meanwhile is told by nobody
            await place.node(f"f.n{number}")
            await place.delete(NODES, f"f.n{number - 1}")
            apiserver.compact()
            if number % 5 == 0:  # a server that starts anew has no versions in memory either
                apiserver.stop()
                await asyncio.to_thread(apiserver.start)
                proxy.fault = None
                await eventually(lambda number=number: module.nodes == [f"f.n{number}"], timeout=60)
        counts = [cache.counts for _, cache in operator.desk.world.kinds]

    assert sum(count["gone"] for count in counts) >= 1, "nothing was forgotten"


@on_kubernetes
async def test_a_watch_that_fell_silent_is_found_out(place, between, double, eventually, monkeypatch):
    monkeypatch.setattr(client, "SILENCE", 1.0)
    monkeypatch.setattr(caching, "BETWEEN_LISTS", 0.1)
    silent = 0

    async def hang(request):
        nonlocal silent
        if "watch" not in request.query or "tinynodes" not in request.path or silent >= 3:
            return None
        silent += 1
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(60)

    between.fault = hang
    module = double()
    await place.apply(MODULES, "m", {})
    async with place.serving(module), place.operating(between.through):
        for number in range(3):
            await place.node(f"f.n{number}")
            await eventually(
                lambda number=number: f"f.n{number}" in module.nodes
            )  # a watch of the test's is impatient too

    assert silent == 3


@on_kubernetes
async def test_a_storm_of_conflicts_ends_where_no_conflict_would_have(place, between, double, eventually):
    conflicts, in_a_row = 0, collections.Counter()

    async def conflict(request):
        nonlocal conflicts
        if request.method != "PATCH":
            return None
        if in_a_row[request.path] == 3 or random.random() < 0.4:  # more would be waited for too long
            in_a_row[request.path] = 0
            return None
        in_a_row[request.path] += 1
        conflicts += 1
        return web.json_response({"kind": "Status", "code": 409, "message": "the object has been modified"}, status=409)

    between.fault = conflict
    module = double()
    await place.apply(MODULES, "m", {})
    async with place.serving(module), place.operating(between.through):
        await place.flow("f", *(f"n{number}" for number in range(10)), wait=False)
        await place.apply(SIGNALS, "s", {"flow": "f", "to": "n0:in", "payload": 7, "timeoutSeconds": 60})
        await place.condition(SIGNALS, "s", "Delivered", status="True")
        flow = await place.until(FLOWS, "f", is_true, timeout=60)
        found = await place.list(NODES)

    assert conflicts > 10
    assert flow["status"]["nodes"] == {"total": 10, "ready": 10}
    assert all(condition_of(node, "Ready")["status"] == "True" for node in found.values())
    assert [message.payload for message in module.messages] == [b"\x07"]


@on_kubernetes
async def test_two_that_work_at_once_agree_and_come_to_rest(place, double, eventually):
    module = double()
    await place.apply(MODULES, "m", {})
    async with place.serving(module), place.operating(), place.operating():
        for number in range(20):
            await place.flow(f"f{number % 4}", *(f"n{one}" for one in range(number % 3 + 1)), wait=False)
        await place.apply(SIGNALS, "s", {"flow": "f0", "to": "n0:in", "payload": 7, "timeoutSeconds": 60})
        await place.condition(SIGNALS, "s", "Delivered", status="True")
        for number in range(4):
            await place.until(FLOWS, f"f{number}", is_true, timeout=60)
        rested = await rest(place)

    assert rested, "they contradict each other"
    assert [message.payload for message in module.messages] == [b"\x07"]


async def rest(place):
    """Whether nothing is written any more, for as long as each looks four times at what there is."""
    before = None
    for _ in range(8):
        now = versions(await place.list(NODES), await place.list(FLOWS), await place.list(MODULES))
        if now == before:
            return True
        before = now
        await asyncio.sleep(2)
    return False


def versions(*found):
    return [{name: one["metadata"]["resourceVersion"] for name, one in items.items()} for items in found]


@on_kubernetes
async def test_a_source_that_was_tampered_with_is_refused_and_the_old_revision_serves(place, tmp_path):
    async with running(launch(place.kube, tmp_path, namespace=place.namespace)), place.operating():
        _, first, where = await set_up(place, tmp_path)
        good = await place.source(TEXT + "\n# newer\n")
        name = good["configMapRef"]["name"]
        metadata = {**place.key(name), "annotations": {SHA256: good["sha256"]}}
        await place.delete(CONFIGMAPS, name)
        evil = {"binaryData": {"source.zip": base64.b64encode(b"something else").decode()}}
        await place.kube.apply(CONFIGMAPS, {"metadata": metadata, **evil}, "mallory")

        await place.apply(MODULES, "m", {"source": good})
        condition = await place.condition(MODULES, "m", status="False", generation=2)
        remote = Remote(where)
        described = await remote.describe()
        counts = [await handled(remote)]
        await asyncio.sleep(0.5)
        counts.append(await handled(remote))
        await remote.close()

    assert condition["reason"] == "HashMismatch"
    assert condition["message"].endswith(f"Revision {first[:12]} serves on.")
    assert described.revision == first
    assert counts[0] < counts[1]


@on_kubernetes
async def test_a_resource_that_was_edited_into_nonsense_stops_nothing_that_runs(place, double):
    module = double()
    await place.apply(MODULES, "m", {})
    async with place.serving(module), place.operating():
        await place.flow("f", "a", "b")
        nonsense = [{"id": "e", "port": "nowhere", "to": "nobody:out", "when": "((", "capacity": 1}]
        await place.node("f.a", component="nothing", edges=nonsense)
        condition = await place.condition(NODES, "f.a", status="False", generation=2)
        other = await place.condition(NODES, "f.b")
        began = time.monotonic()
        await place.node("f.a", edges=[{"id": "e", "port": "out", "to": "b:in"}])
        await place.condition(NODES, "f.a", status="True", generation=3)

    assert "TF-118" in condition["message"]
    assert other["status"] == "True"
    assert time.monotonic() - began < 20
