"""Houses: one namespace with its two accounts and its module, and a gateway in front; Kubernetes is a real one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import msgspec
import pytest
from tinyflow_operator.addresses import Addresses
from tinyflow_operator.gateway import Gateway
from tinyflow_operator.kinds import MODULES, Kind
from tinyflow_operator.passes import Passes
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ClusterError, ModuleUnavailable, NodeError
from tinyflow_runtime.rpc.gateway import AUDIENCE, EDITOR, VIEWER, words_for
from tinyflow_runtime.wire import Remote, serve

ACCOUNTS = Kind("ServiceAccount", "serviceaccounts", "", "v1")


class Module:
    """A module server that says what came to it."""

    def __init__(self):
        self.messages = []
        self.watching = 0

    async def describe(self, request):
        return protocol.Description(module="maths", version="1")

    async def send(self, batch):
        self.messages += batch.messages
        return protocol.Accepted(count=len(batch.messages))

    async def look(self, request):
        raise NodeError("TF-107", f"There is no node {request.port!r}.", "Take another.")

    async def dead_letters(self, request):
        return protocol.Letters(letters=[protocol.Letter(id="1", reason="x" * 10_000_000)])

    async def apply(self, plan):
        raise AssertionError("nobody may")

    async def watch(self, request):
        self.watching += 1
        try:
            yield protocol.Seen()
            for number in itertools.count():
                yield protocol.Seen(message=protocol.Message(payload=msgspec.msgpack.encode(number)))
                await asyncio.sleep(0.01)
        finally:
            self.watching -= 1


class House:
    """One namespace with its two accounts, a module that runs, and a gateway in front."""

    def __init__(self, kube, namespace, module, trunk):
        self.kube, self.namespace, self.module, self.trunk = kube, namespace, module, trunk
        self.watches = []  # what is read to its end before the connection is closed

    async def token(self, account=EDITOR, *, audience=AUDIENCE, namespace="", seconds=600):
        """A token as a notebook asks for it."""
        path = f"{ACCOUNTS.path(namespace or self.namespace, account)}/token"
        spec = {"audiences": [audience] if audience else [], "expirationSeconds": seconds}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return (await self.kube._ask("POST", path, body=body))["status"]["token"]

    def with_(self, token, *, module="maths", namespace=""):
        """The module as whoever holds that token reaches it."""

        async def words(method):
            return words_for(token, namespace or self.namespace, module) if token is not None else ()

        return Remote(f"{namespace or self.namespace}/{module}", over=self.trunk, words=words)

    async def account(self, name):
        metadata = {"name": name, "namespace": self.namespace}
        return await self.kube.create(
            ACCOUNTS, self.namespace, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        )


@contextlib.asynccontextmanager
async def opened(kube, namespace, **options):
    module = Module()
    house = House(kube, namespace, module, None)
    for name in (VIEWER, EDITOR):
        await house.account(name)
    addresses = Addresses(kube, namespace)
    async with serve(module, "127.0.0.1:0") as address, asyncio.TaskGroup() as tasks:
        key = {"name": "maths", "namespace": namespace}
        await kube.apply(MODULES, {"metadata": key, "spec": {}}, "test")
        await kube.apply(MODULES, {"metadata": key, "status": {"address": address}}, "test", part="status")
        following = tasks.create_task(addresses.run())
        await addresses.synced.wait()
        async with Gateway(Passes(kube, **options), addresses).serve("127.0.0.1:0") as bound:
            house.trunk = Remote(bound)
            yield house
        await asyncio.wait_for(asyncio.gather(*house.watches), 10)
        await house.trunk.close()
        house.trunk = None
        following.cancel()


async def refused(work):
    with pytest.raises((ClusterError, ModuleUnavailable, NodeError)) as caught:
        await work
    return caught.value


def batch(count=1):
    return protocol.Batch(messages=[protocol.Message(flow="f", to="a:in", payload=b"\x01") for _ in range(count)])


async def to_its_end(watch):
    async for _ in watch:
        pass
