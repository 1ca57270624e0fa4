"""The notebook's side of the gateway: a token is shown to nobody who has not proved that he is it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ClusterError, ModuleUnavailable
from tinyflow_runtime.rpc import transport
from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.rpc.grpc_options import CLIENT_OPTIONS
from tinyflow_runtime.rpc.identity import GATEWAY, OPERATOR
from tinyflow_runtime.wire import serve

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no packages, and these share with others

from certificates import Authority
from ways import Far

from tinyflow_jupyter._cluster import connections as connections_file
from tinyflow_jupyter._cluster.connections import Connections
from tinyflow_jupyter._cluster.gateway import Gateway
from tinyflow_jupyter._cluster.kubeconfig import Login


class Api:
    """What a cluster says of its gateway, and every token that was asked for."""

    context, namespace = "test", "flows"

    def __init__(self, told):
        self.told, self.tokens = told, []

    def get(self, kind, name, *, namespace):
        assert (kind, name, namespace) == ("ConfigMap", "tinyflow-gateway", "tinyflow")
        return self.told

    def create(self, path, document):
        self.tokens.append(path)
        return {"status": {"token": "secret", "expirationTimestamp": "2999-01-01T00:00:00Z"}}


class Listener:
    """A connection to whoever is at the gateway's place; what was said to him is kept."""

    def __init__(self):
        self.heard, self.over = bytearray(), asyncio.Event()

    async def way(self):
        return self

    async def read(self):
        await self.over.wait()
        return b""

    async def write(self, data):
        self.heard += data

    async def close(self):
        self.over.set()


class Module:
    async def describe(self, request):
        return protocol.Description(module="maths")


@contextlib.asynccontextmanager
async def at(address):
    """The way to an address of this machine."""
    opened = []

    async def way():
        opened.append(await Far.at(address))
        return opened[-1]

    yield way
    for far in opened:
        await far.close()


@pytest.mark.parametrize("told", [None, {}, {"data": {}}, {"data": {"ca.crt": " \n"}}, {"data": {"ca.crt": None}}])
async def test_without_an_authority_no_token_is_asked_for_and_nothing_is_said(told):
    api, listener = Api(told), Listener()
    gateway = Gateway(api, "tinyflow/tinyflow-gateway", listener.way)

    with pytest.raises(ClusterError, match=r"(?s)TF-153 Nothing says .*kubectl -n tinyflow get configmap"):
        await (await gateway.remote("maths")).describe(timeout=1)
    await gateway.close()

    assert (bytes(listener.heard), api.tokens) == (b"", [])


def test_a_notebook_is_told_so_at_once():
    listener = Listener()
    connections = Connections(Api(None), way=lambda api, service: listener.way)
    connections.through("tinyflow/tinyflow-gateway")

    with pytest.raises(ClusterError, match="TF-153"):
        connections.ask("maths", lambda remote: remote.describe(), what="asking")
    connections.close()

    assert not listener.heard


@pytest.mark.parametrize("secured", [True, False])
async def test_whoever_is_not_the_gateway_hears_no_token(secured, tmp_path):
    authority = Authority()
    api = Api({"data": {"ca.crt": authority.pem.decode()}})
    theirs = Credentials(authority.of(OPERATOR, tmp_path)) if secured else None

    async with serve(Module(), "127.0.0.1:0", credentials=theirs) as address, at(address) as way:
        gateway = Gateway(api, "tinyflow/tinyflow-gateway", way)
        with pytest.raises(ModuleUnavailable, match="TF-153"):
            await (await gateway.remote("maths")).describe(timeout=5)
        await gateway.close()


async def test_without_tls_only_who_says_so_speaks():
    api = Api(None)

    async with serve(Module(), "127.0.0.1:0") as address, at(address) as way:
        gateway = Gateway(api, "tinyflow/tinyflow-gateway", way, plain=True)
        described = await (await gateway.remote("maths")).describe(timeout=5)
        await gateway.close()

    assert described.module == "maths"


def test_a_channel_to_somebody_wanted_is_never_a_plain_one():
    for wanted, trusted in ((GATEWAY, b""), (None, b"an authority")):
        with pytest.raises(ValueError, match="has to prove it"):
            transport.channel("127.0.0.1:1", CLIENT_OPTIONS, None, wanted, trusted)


async def test_a_gateway_that_nobody_uses_any_more_is_closed_at_once_and_not_at_the_end(tmp_path, monkeypatch):
    authority = Authority()
    api = Api({"data": {"ca.crt": authority.pem.decode()}})
    theirs = Credentials(authority.of(OPERATOR, tmp_path))  # nobody believes that it is the gateway
    open_now = set()

    class Counted(Gateway):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            open_now.add(self)

        async def close(self):
            await super().close()
            open_now.discard(self)

    monkeypatch.setattr(connections_file, "Gateway", Counted)
    async with serve(Module(), "127.0.0.1:0", credentials=theirs) as address, at(address) as way:
        connections = Connections(api, way=lambda api, service: way)
        await asyncio.to_thread(connections.through, "tinyflow/tinyflow-gateway")
        for _ in range(3):
            with pytest.raises(ModuleUnavailable, match="TF-153"):
                await asyncio.to_thread(
                    connections.ask, "maths", lambda remote: remote.describe(timeout=5), what="asking"
                )
        left = len(open_now)
        await asyncio.to_thread(connections.close)

    assert (left, open_now) == (1, set())


@pytest.mark.parametrize(
    ("said", "environment", "through"),
    [
        ({"proxy-url": "http://proxy:3128"}, {}, "http://proxy:3128"),
        ({}, {"https_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ({}, {"https_proxy": "http://proxy:3128", "no_proxy": "cluster.example"}, None),
        ({}, {"https_proxy": "http://proxy:3128", "no_proxy": "elsewhere.example"}, "http://proxy:3128"),
    ],
)
def test_a_forwarded_connection_asks_the_proxy_that_other_requests_ask(
    said, environment, through, tmp_path, monkeypatch
):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.upper(), value)
    cluster = {"name": "c", "cluster": {"server": "https://api.cluster.example:6443", **said}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    config = {"clusters": [cluster], "contexts": [context], "users": [{"name": "u", "user": {"token": "t"}}]}
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "c", **config}))
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    assert Login.of_context(None, None).proxy == through
