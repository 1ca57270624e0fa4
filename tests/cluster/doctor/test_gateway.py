"""The doctor speaks to a gateway as a notebook does: what keeps a notebook from it, it tells; the API is a real one.

What carries the bytes is a connection on this machine here; port-forward itself needs a kubelet.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from tinyflow_operator.addresses import Addresses
from tinyflow_operator.crds import definitions
from tinyflow_operator.gateway import Gateway
from tinyflow_operator.kinds import CONFIGMAPS, DEFINITIONS, DEPLOYMENTS, MODULES, NAMESPACES, Kind
from tinyflow_operator.kube import Kube, Refused
from tinyflow_operator.passes import Passes
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.rpc.gateway import VIEWER, let_review
from tinyflow_runtime.rpc.identity import GATEWAY, module_identity
from tinyflow_runtime.wire import serve

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are no packages, and these share what makes certificates

from certificates import Authority

from tinyflow_jupyter._cluster.api import Api
from tinyflow_jupyter._cluster.rights import Right
from tinyflow_jupyter._doctor import gateway as gateway_file
from tinyflow_jupyter._doctor.finding import Check, carry_out
from tinyflow_jupyter._doctor.gateway import WANTED, gateway
from tinyflow_jupyter._doctor.installed import Home, home
from tinyflow_jupyter._doctor.server import Server

ROOT = Path(__file__).parents[3]
ACCOUNTS = Kind("ServiceAccount", "serviceaccounts", "", "v1")
pytestmark = pytest.mark.timeout(120)


class Module:
    async def describe(self, request):
        return protocol.Description(module="maths")


class Nobody:
    """Takes no token."""

    async def of(self, token):
        raise ClusterError("TF-185", "The cluster does not take the token.", "Ask for a new one.")


class Unasked:
    """Passes of a gateway that the cluster lets ask nothing: it logs in as an account without rights."""

    def __init__(self, kube, namespace):
        self._kube, self._namespace = kube, namespace

    async def of(self, token):
        await self._kube.apply(
            ACCOUNTS, {"metadata": {"name": "tinyflow-gateway", "namespace": self._namespace}}, "tests"
        )
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        path = ACCOUNTS.path(self._namespace, "tinyflow-gateway", "token")
        own = (await self._kube._ask("POST", path, body=asked))["status"]["token"]
        theirs = yaml.safe_load(await asyncio.to_thread(Path(os.environ["KUBECONFIG"]).read_text))
        theirs["users"][0]["user"] = {"token": own}
        with tempfile.NamedTemporaryFile("w") as file, pytest.MonkeyPatch.context() as patch:
            json.dump(theirs, file)
            file.flush()
            patch.setenv("KUBECONFIG", file.name)
            kube = Kube.of_this_machine()
        async with kube:
            return await Passes(kube).of(token)


class Far:
    """A connection on this machine, in place of a port-forward."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def read(self):
        return await self.reader.read(65536)

    async def write(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def close(self):
        self.writer.close()


class Site:
    """A namespace with everything that a gateway needs, and what a test changes of it.

    Attributes:
        port: Where the way to the gateway leads.
    """

    def __init__(self, kube, namespace, folder):
        self.kube, self.namespace, self._folder, self.port = kube, namespace, folder, 0
        self.authority = Authority()

    async def put(self, kind, name, *, part="", **document):
        metadata = {"name": name, "namespace": self.namespace, **document.pop("metadata", {})}
        await self.kube.apply(kind, {"metadata": metadata, **document}, f"tests{part}", part=part)

    async def delete(self, kind, name):
        await self.kube.delete(kind, self.namespace, name)

    async def begin(self):
        for name in ("tinyflow-operator", "tinyflow-gateway"):
            labels = {"app.kubernetes.io/name": name}
            template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "it", "image": "it"}]}}
            spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
            await self.put(DEPLOYMENTS, name, metadata={"labels": labels}, spec=spec)
            await self.put(DEPLOYMENTS, name, part="status", status={"replicas": 2, "readyReplicas": 2})
        await self.put(ACCOUNTS, VIEWER)
        await self.put(CONFIGMAPS, "tinyflow-gateway", data={"ca.crt": self.authority.pem.decode()})

    async def end(self):
        for name in ("tinyflow-operator", "tinyflow-gateway"):
            await self.delete(DEPLOYMENTS, name)
        await self.delete(MODULES, "maths")  # no controller does, and operators of other tests would see it

    async def module(self, address):
        await self.put(MODULES, "maths", spec={})
        await self.put(MODULES, "maths", part="status", status={"address": address})

    @contextlib.asynccontextmanager
    async def serving(self, *, passes=None, identity=GATEWAY):
        """A module, and a gateway in front of it."""
        theirs = Credentials(self.authority.of(module_identity(self.namespace, "maths"), self._folder / "module"))
        ours = Credentials(self.authority.of(identity, self._folder / "gateway"))
        addresses = Addresses(self.kube, self.namespace)
        async with serve(Module(), "127.0.0.1:0", credentials=theirs) as address, asyncio.TaskGroup() as tasks:
            following = tasks.create_task(addresses.run())
            await addresses.synced.wait()
            async with Gateway(passes or Passes(self.kube), addresses, ours).serve("127.0.0.1:0") as bound:
                self.port = int(bound.rpartition(":")[2])
                yield address
            following.cancel()

    def way(self, api, service):
        assert service == f"{self.namespace}/tinyflow-gateway"

        async def way():
            return Far(*await asyncio.open_connection("127.0.0.1", self.port))

        return way

    async def look(self):
        """What the doctor finds of the gateway."""
        return await asyncio.to_thread(self._look)

    def _look(self):
        api = Api.of_context(None, self.namespace)
        server = Server(api)
        try:
            (found,) = carry_out([Check("gateway", lambda: gateway(server, home(server)), 30)])
        finally:
            api.close()
        return found


@pytest.fixture
async def site(bare_kubeconfig, monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", bare_kubeconfig)
    async with Kube.of_this_machine() as kube:
        for definition in definitions(rules=False):
            await kube.apply(DEFINITIONS, definition, "tinyflow-tests")
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(Refused):  # 404 for the moment between a definition and its API
                    await kube.list(MODULES, "default")
                    break
                await asyncio.sleep(0.05)
        site = Site(kube, f"tinyflow-test-{uuid.uuid4().hex[:8]}", tmp_path)
        await kube.apply(NAMESPACES, {"metadata": {"name": site.namespace}}, "tests")
        monkeypatch.setattr(gateway_file, "way_to", site.way)
        await site.begin()
        yield site
        await site.end()
        await kube.delete(NAMESPACES, "", site.namespace)


async def test_a_gateway_that_is_well_is_asked_for_a_module_with_a_token(site):
    async with site.serving() as address:
        of_nobody = await site.look()
        await site.module(address)
        async with asyncio.timeout(20):
            while "module" not in (found := await site.look()).what:  # noqa: ASYNC110  # the gateway hears of it soon
                await asyncio.sleep(0.1)

    assert (of_nobody.state, found.state) == ("ok", "ok")
    assert "it took your token in" in of_nobody.what
    assert f"2 of 2 ready in namespace {site.namespace!r}; it reached module 'maths' in" in found.what


async def test_before_there_is_an_account_the_gateway_has_to_prove_itself_and_no_more(site):
    await site.delete(ACCOUNTS, VIEWER)

    async with site.serving():
        found = await site.look()

    assert (found.state, "; it answered in" in found.what) == ("ok", True)


async def test_a_gateway_that_nothing_is_said_of_is_told(site):
    await site.delete(CONFIGMAPS, "tinyflow-gateway")

    async with site.serving():
        found = await site.look()

    assert found.state == "bad"
    assert "TF-153 Nothing says whom the gateway" in found.what


async def test_a_gateway_of_another_authority_is_told(site):
    await site.put(CONFIGMAPS, "tinyflow-gateway", data={"ca.crt": Authority("other").pem.decode()})

    async with site.serving():
        found = await site.look()

    assert (found.state, "TF-153" in found.what) == ("bad", True)


async def test_somebody_else_in_the_gateways_place_is_told(site):
    async with site.serving(identity=module_identity(site.namespace, "maths")):
        found = await site.look()

    assert (found.state, "TF-153" in found.what) == ("bad", True)


async def test_a_gateway_that_takes_no_token_is_told(site):
    async with site.serving(passes=Nobody()):
        found = await site.look()

    assert found.state == "bad"
    assert "TF-185 The cluster does not take the token" in found.what


async def test_a_gateway_that_may_not_ask_whose_token_it_is_is_told_with_the_command_that_lets_it(site):
    async with site.serving(passes=Unasked(site.kube, site.namespace)) as address:
        await site.module(address)
        found = await site.look()

    assert found.state == "bad"
    assert "TF-161 The gateway lets nobody pass: it may not ask the cluster whose token it was shown" in found.what
    assert found.fix == f"Who runs the cluster says once: {let_review(site.namespace, 'tinyflow-gateway')}"


async def test_whoever_takes_connections_and_says_nothing_is_no_gateway(site):
    async def hang_up(reader, writer):
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as deaf:
        site.port = deaf.sockets[0].getsockname()[1]
        found = await site.look()

    assert found.state == "bad"


async def test_a_module_that_is_not_where_it_says_is_named(site):
    async with site.serving():
        await site.module("127.0.0.1:1")
        async with asyncio.timeout(20):
            while (found := await site.look()).state == "ok":  # noqa: ASYNC110  # the gateway hears of it soon
                await asyncio.sleep(0.1)

    assert found.state == "bad"
    assert "maths" in found.what


class Without:
    """A server that lets one do all but one thing."""

    login = SimpleNamespace(namespace="flows")

    def __init__(self, right):
        self.right = right

    def create(self, path, document):
        said = document["spec"]["resourceAttributes"]
        resource = "/".join(said[part] for part in ("resource", "subresource") if part in said)
        return {"status": {"allowed": Right(said["verb"], resource, name=said.get("name", "")) != self.right}}

    def who(self):
        return "--user=ada"


@pytest.mark.parametrize("right", WANTED, ids=str)
def test_no_right_that_reaching_the_gateway_takes_is_forgotten(right):
    metadata = {"name": "tinyflow-gateway", "namespace": "tinyflow"}
    ready = {"metadata": metadata, "spec": {"replicas": 2}, "status": {"readyReplicas": 2}}

    (found,) = gateway(Without(right), Home("tinyflow", (ready,)))

    assert found.state == "bad"
    assert found.what == f"It runs in 'tinyflow', where you may not: {right}."
    assert "--role=tinyflow-gateway-user" in found.fix


def test_what_is_asked_for_is_what_the_role_gives():
    golden = (ROOT / "tests/charts/golden/tinyflow-operator.yaml").read_text().split("\n---\n")
    roles = [yaml.safe_load(text) for text in golden if "\nkind: Role\n" in text]  # notes for people are in it too
    (role,) = [each for each in roles if each["metadata"]["name"] == "tinyflow-gateway-user"]
    given = {
        Right(verb, resource, name=name)
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }

    assert given - set(WANTED) == {Right("get", "pods")}  # which kubectl port-forward asks for
    assert set(WANTED) <= given
