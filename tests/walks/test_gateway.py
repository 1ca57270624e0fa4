"""A notebook, a gateway, an operator and a module process, each by itself, and a real Kubernetes API between them.

What carries the bytes to the gateway is a connection on this machine here; port-forward itself needs a kubelet.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from tinyflow_operator.kinds import FLOWS, MODULES, NODES, Kind
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ClusterError, TinyFlowError, WaitTimeout
from tinyflow_runtime.rpc.gateway import EDITOR, VIEWER
from tinyflow_runtime.wire import Remote

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no packages, and these share with others

from ways import Far

import tinyflow_jupyter as tf
from tinyflow_jupyter._cluster import connections as connections_file
from tinyflow_jupyter._cluster import forward as forward_file
from tinyflow_jupyter._cluster import stream as stream_file
from tinyflow_jupyter._cluster.gateway import Gateway

pytestmark = [pytest.mark.timeout(120)]
ACCOUNTS = Kind("ServiceAccount", "serviceaccounts", "", "v1")
CELL = """
import asyncio
import tinyflow_jupyter as tf

@tf.component
def double(x: int) -> int:
    return 2 * x

@tf.component
def invert(x: int) -> float:
    return 1 / x

@tf.component(outputs={"out": int})
async def count(x: int, output: tf.Handler) -> None:
    for number in range(x):
        await output("out", number)

@tf.component(outputs={"out": int})
async def paced(x: int, output: tf.Handler) -> None:
    for number in range(x):
        await output("out", number)
        if number % 8 == 7:
            await asyncio.sleep(0.01)
"""


class Ways:
    """Makes the way to the gateway, and can close it."""

    def __init__(self):
        self.address, self.made, self.error, self.open = "", 0, None, []

    def __call__(self, api, service):
        async def way():
            if self.error is not None:
                raise self.error
            try:
                far = await Far.at(self.address)
            except OSError as error:
                raise forward_file._broken("gateway", str(error)) from None
            self.made += 1
            self.open.append(far)
            return far

        return way


class Program:
    """A program of ours on a leash, that can be killed and started anew."""

    def __init__(self, *arguments, kubeconfig=""):
        self.command = [sys.executable, "-m", *arguments, "--leash"]
        self.environment = {**os.environ, "KUBECONFIG": kubeconfig}
        self.process, self.address = None, ""

    def start(self, *, waits=True):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, env=self.environment)
        if waits:
            self.address = self.process.stdout.readline().decode().removeprefix("listening at ").strip()
        return self

    def kill(self):
        self.process.kill()
        self.end()

    def end(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


class Site:
    """What a test works with."""

    def __init__(self, kube, namespace, kubeconfig, folder):
        self.kube, self.namespace, self.kubeconfig = kube, namespace, kubeconfig
        self.ways = Ways()
        cell = folder / "cell.py"
        cell.write_text(CELL)
        self.module = Program("tinyflow_runtime", "module", "notebook", str(cell))
        self.operator = Program(
            *("tinyflow_operator", "--namespace", namespace, "--gateway", "here/tinyflow-gateway"),
            kubeconfig=kubeconfig,
        )
        self.gateway = Program(
            *("tinyflow_operator", "gateway", "--namespace", namespace, "--listen", "127.0.0.1:0"),
            kubeconfig=kubeconfig,
        )

    async def begin(self):
        for name in (VIEWER, EDITOR):
            account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
            await self.kube.create(ACCOUNTS, self.namespace, account)
        await self.kube.apply(MODULES, {"metadata": self.key("notebook"), "spec": {}}, "test")
        self.module.start()
        self.operator.start(waits=False)
        await self.at(self.module.address)
        await self.kube.apply(FLOWS, {"metadata": self.key("numbers"), "spec": {}}, "test")
        edge = [{"id": "e", "port": "out", "to": "next:in"}]
        for name, component, edges in (
            ("double", "double", edge),
            ("next", "double", []),
            ("invert", "invert", []),
            ("count", "count", []),
            ("paced", "paced", []),
        ):
            metadata = {**self.key(f"numbers.{name}"), "labels": {"tinyflow.dev/flow": "numbers"}}
            spec = {"module": "notebook", "component": component, "edges": edges}
            await self.kube.apply(NODES, {"metadata": metadata, "spec": spec}, "test")
        self.start_gateway()
        async with asyncio.timeout(60):
            while True:
                flow = await self.kube.get(FLOWS, self.namespace, "numbers")
                status = flow.get("status") or {}
                if (status.get("nodes") or {}).get("ready") == 5:
                    assert status["gateway"] == "here/tinyflow-gateway"
                    return
                await asyncio.sleep(0.1)

    async def at(self, address):
        await self.kube.apply(
            MODULES, {"metadata": self.key("notebook"), "status": {"address": address}}, "test", part="status"
        )

    def key(self, name):
        return {"name": name, "namespace": self.namespace}

    def start_gateway(self):
        self.gateway.start()
        self.ways.address = self.gateway.address

    def end(self):
        for program in (self.gateway, self.operator, self.module):
            if program.process is not None and program.process.poll() is None:
                program.end()


@pytest.fixture
async def site(kube, kubeconfig, namespace, tmp_path, monkeypatch):
    site = Site(kube, namespace, kubeconfig, tmp_path)
    monkeypatch.setattr(connections_file, "forwarded", site.ways)
    monkeypatch.setattr(connections_file, "Gateway", functools.partial(Gateway, plain=True))
    try:
        await site.begin()
        yield site
    finally:
        site.end()


@pytest.fixture
async def flow(site):
    """The flow as a notebook has it."""
    cluster = await asyncio.to_thread(tf.Cluster, namespace=site.namespace)
    yield await asyncio.to_thread(cluster.flow, "numbers")
    await asyncio.to_thread(cluster.close)


async def there(work, *arguments, **named):
    """As a cell does it, which is no coroutine."""
    return await asyncio.to_thread(work, *arguments, **named)


async def test_a_flow_behind_a_gateway_is_worked_with_like_any_other(site, flow):
    def cell():
        port = flow["next:out"]
        flow.send("double:in", 21, timeout=10)
        passed = port.next(timeout=10).payload
        flow.send("invert:in", 0, timeout=10)
        flow.wait(timeout=10)
        letters = [(letter.node, letter.reason.split()[0]) for letter in flow.dead_letters]
        discarded = flow.dead_letters.discard()
        flow.pause("double")
        flow.send("double:in", 1, timeout=10)
        held = list(flow.held)
        flow.step("double", timeout=10)
        flow.resume()
        return passed, port.last.payload, port.count, letters, discarded, held, flow.counts()["double"].handled

    passed, last, counted, letters, discarded, held, handled = await there(cell)

    assert (passed, last, counted, handled) == (84, 4, 2, 2)
    assert (letters, discarded, held) == ([("invert", "TF-139")], 1, ["double"])
    assert site.ways.made == 1


async def test_all_of_a_notebook_goes_over_one_connection_which_its_end_ends(site):
    folder = Path(tempfile.gettempdir())

    def cell():
        before = set(folder.glob("tinyflow-gateway-*/socket"))
        cluster = tf.Cluster(namespace=site.namespace)
        flows = [cluster.flow("numbers") for _ in range(5)]
        ports = [flow[port] for flow in flows for port in ("double:in", "double:out", "next:out", "invert:in")]
        flows[0].send("double:in", 2, timeout=10)
        got = [port.next(timeout=10).payload for port in ports if str(port.address) == "next:out"]
        with pytest.raises(TinyFlowError, match="TF-163 There is no module 'other'"):
            flows[0]._connections.ask("other", lambda remote: remote.describe(), what="asking", patience=0)
        folders = set(folder.glob("tinyflow-gateway-*/socket")) - before
        modes = {oct(each.parent.stat().st_mode & 0o777) for each in folders}
        cluster.close()
        return got, modes, [each for each in folders if each.exists()]

    got, modes, left = await there(cell)

    assert (got, site.ways.made) == ([8] * 5, 1)
    assert modes == {"0o700"}
    assert left == []
    assert [far for far in site.ways.open if not far.writer.is_closing()] == []


async def test_ten_thousand_small_messages_pass_the_gateway(flow):
    def cell():
        port = flow["count:out"]
        began = time.monotonic()
        flow.send("count:in", 10_000, timeout=10)
        got = [port.next(timeout=20).payload]
        while got[-1] != 9_999:
            got.append(port.next(timeout=20).payload)
        return got, time.monotonic() - began, port.skipped

    got, took, skipped = await there(cell)

    print(f"{len(got)} of 10000 messages, the others sampled away, in {took:.2f} s")
    assert got == sorted(set(got))
    assert len(got) + skipped == 10_000
    assert len(got) >= 100
    assert took < 10


async def test_below_a_thousand_a_second_each_of_many_messages_passes_the_gateway(flow):
    def cell():
        port = flow["paced:out"]
        began = time.monotonic()
        flow.send("paced:in", 3_000, timeout=10)
        got = [port.next(timeout=20).payload for _ in range(3_000)]
        return got, time.monotonic() - began, port.skipped

    got, took, skipped = await there(cell)

    print(f"{len(got)} messages in {took:.2f} s")
    assert (got, skipped) == (list(range(3_000)), 0)


async def test_a_gateway_that_was_killed_is_followed_by_another_and_what_was_missed_is_fetched(site, flow):
    def cell():
        port = flow["next:out"]
        flow.send("double:in", 1, timeout=10)
        first = port.next(timeout=10).payload
        site.gateway.kill()
        sending = threading.Timer(0.5, site.start_gateway)
        sending.start()
        flow.send("double:in", 2, timeout=20)  # waits for the next gateway
        flow.send("double:in", 3, timeout=10)
        rest = [port.next(timeout=20).payload for _ in range(2)]
        sending.join()
        return first, rest, port.skipped

    first, rest, skipped = await there(cell)

    assert (first, rest, skipped) == (4, [8, 12], 0)


async def test_more_than_a_port_keeps_that_passed_meanwhile_is_counted_as_missed(site, flow):
    def cell():
        port = flow["count:out"]
        flow.send("count:in", 1, timeout=10)
        port.next(timeout=10)
        site.ways.error = forward_file._broken("gateway", "the machine is away")
        for far in site.ways.open:
            flow._connections.loop.call(far.close(), what="cutting")

        async def beside():
            remote = Remote(site.module.address)
            message = protocol.Message(flow="numbers", to="count:in", payload=b"\xcd\x01\xf4")  # 500
            await remote.send(protocol.Batch(messages=[message]), timeout=10)
            look = protocol.LookRequest(flow="numbers", port="count:out")
            while (await remote.look(look)).count < 501:  # noqa: ASYNC110  # another process has no events
                await asyncio.sleep(0.01)
            await remote.close()

        asyncio.run(beside())
        site.ways.error = None
        got = []
        while len(got) < 100:
            got.append(port.next(timeout=20).payload)
        return got, port._place.missed, port.skipped

    got, missed, skipped = await there(cell)

    assert got == list(range(400, 500))
    assert missed == 400
    assert skipped >= 400


async def test_while_the_way_is_broken_a_live_place_says_so_instead_of_that_nothing_came(site, flow, monkeypatch):
    monkeypatch.setattr(stream_file, "PATIENCE", 0.5)

    def cell():
        port = flow["next:out"]
        site.gateway.kill()
        with pytest.raises(WaitTimeout) as broken:
            port.next(timeout=1.5)
        ended = port._place.ended
        site.start_gateway()
        flow.send("double:in", 5, timeout=20)
        return str(broken.value), ended, port.next(timeout=20).payload

    told, ended, passed = await there(cell)

    assert "No message came at next:out within 1.5 s: TF-163" in told
    assert (ended, passed) == (False, 20)


async def test_who_may_not_look_is_told_the_right_and_the_role(site, monkeypatch):
    def cell():
        cluster = tf.Cluster(namespace=site.namespace)
        try:
            flow = cluster.flow("numbers")
            api = flow._connections.api
            asked = api.create

            def create(path, document):
                if path.endswith("/token"):
                    error = forward_file.forwarding_refused("it", site.namespace, 403)
                    raise error
                return asked(path, document)

            monkeypatch.setattr(api, "create", create)
            with pytest.raises(ClusterError) as caught:
                flow.send("double:in", 1, timeout=10)
            with pytest.raises(TinyFlowError) as looked:
                flow["double:out"]
            return caught.value, looked.value
        finally:
            cluster.close()

    sent, looked = await there(cell)

    assert "may not send to flows" in str(sent)
    assert "the role 'tinyflow-editor' gives it" in str(sent)
    assert "the role 'tinyflow-viewer' gives it" in str(looked)
