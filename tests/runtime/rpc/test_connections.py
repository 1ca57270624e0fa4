"""Connections with TLS: made anew when credentials change, or when they are old, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.hosting.host import Host
from tinyflow_runtime.message import Address
from tinyflow_runtime.module import Module
from tinyflow_runtime.rpc import transport
from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.rpc.identity import OPERATOR, module_identity
from tinyflow_runtime.wire import Remote, dial, serve

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are no packages, and these share what makes certificates

from certificates import WANTED, Authority

pytestmark = pytest.mark.timeout(60)


async def test_a_connection_is_made_anew_when_credentials_changed_and_calls_under_way_end_on_the_old_one(
    unserved, monkeypatch
):
    operator = unserved.credentials(OPERATOR)
    module = Waits()
    told = transport.caller_of

    def met(context):
        module.certificates.add(bytes(context.auth_context()["x509_pem_cert"][0]))
        module.ports.add(context.peer())
        return told(context)

    monkeypatch.setattr(transport, "caller_of", met)
    async with serve(module, "127.0.0.1:0", credentials=unserved.credentials(WANTED)) as address:
        remote = Remote(address, credentials=operator, wanted=WANTED)
        waiting = asyncio.create_task(remote.describe())
        await module.asked.wait()
        first = module.certificates.copy()
        unserved.authority.of(OPERATOR, operator.folder)
        module.answers.set()
        await remote.describe()
        await waiting
        await remote.describe()
        await remote.close()

    assert len(first) == 1
    assert len(module.certificates) == 2
    assert len(module.ports) == 2


class Waits:
    """Answers when it may, and keeps what callers proved."""

    def __init__(self):
        self.asked, self.answers = asyncio.Event(), asyncio.Event()
        self.certificates, self.ports = set(), set()

    async def describe(self, request):
        self.asked.set()
        await self.answers.wait()
        return protocol.Description(module="wanted")


async def test_a_stream_between_modules_outlives_its_connections_and_loses_nothing(tmp_path, monkeypatch):
    ages = (("grpc.max_connection_age_ms", 200), ("grpc.max_connection_age_grace_ms", 100))
    monkeypatch.setattr("tinyflow_runtime.rpc.transport.SECURE_OPTIONS", ages)
    authority = Authority()
    ends = {each: Credentials(authority.of(module_identity("here", each), tmp_path / each)) for each in ("aged", "old")}
    dialled = []

    @contextlib.asynccontextmanager
    async def counting(address, module):
        dialled.append(module)
        async with dial(address, module, credentials=ends["aged"]) as stream:
            yield stream

    got.clear()
    async with (
        Host("aged", dial=counting) as near,
        Host("old") as far,
        serve(far, "127.0.0.1:0", credentials=ends["old"]) as address,
    ):
        edge = protocol.Edge(id="e", port="out", to="keep:in", module="old")
        incoming = protocol.Incoming(flow="f", edge="e", from_module="aged", to="keep:in")
        keep = protocol.Node(flow="f", name="keep", component="keep")
        await far.apply(protocol.Plan(hash="1", nodes=[keep], incoming=[incoming]))
        node = protocol.Node(flow="f", name="pass", component="passes", edges=[edge])
        peer = protocol.Peer(module="old", address=address)
        await near.apply(protocol.Plan(hash="1", nodes=[node], peers=[peer]))
        sent = 0
        async with asyncio.timeout(30):
            while len(dialled) < 6:
                await near.running["f"].scheduler.send(Address("pass", "in"), sent)
                sent += 1
                await asyncio.sleep(0.002)
            while len(got) < sent:  # noqa: ASYNC110 # it comes from another host
                await asyncio.sleep(0.01)

    assert got == list(range(sent))


got: list[int] = []
aged, old = Module("aged"), Module("old")


@aged.component
def passes(x: int) -> int:
    return x


@old.component
def keep(x: int) -> None:
    got.append(x)
