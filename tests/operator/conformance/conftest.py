"""One suite, two servers: the pocket's API, and a real one wherever the tests find it."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import io
import json
import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import yaml
from tinyflow_operator.crds import definitions
from tinyflow_operator.pocket.api import serve
from tinyflow_operator.pocket.store import Store

SERVERS = ("pocket", "kubernetes")
GADGET = yaml.safe_load((Path(__file__).parent / "gadget.yaml").read_text())  # what our own kinds do not use, it has
ROOTS = {
    "tinynodes": "/apis/tinyflow.dev/v1alpha1",
    "tinymodules": "/apis/tinyflow.dev/v1alpha1",
    "tinysignals": "/apis/tinyflow.dev/v1alpha1",
    "gadgets": "/apis/conformance.tinyflow.dev/v1",
    "deployments": "/apis/apps/v1",
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1",
}
CLUSTER_WIDE = ("namespaces", "customresourcedefinitions")
APPLY, MERGE, JSON = "application/apply-patch+yaml", "application/merge-patch+json", "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"

_ran: collections.Counter[str] = collections.Counter()
_differences: set[str] = set()
_defined: set[str] = set()  # servers that outlive a case and have our kinds already


@dataclass
class Answer:
    status: int
    body: dict
    headers: dict

    @property
    def version(self):
        return self.body["metadata"]["resourceVersion"]


class Api:
    """A Kubernetes API over plain HTTP: nothing between a case and what the server says."""

    def __init__(self, name, session, root, namespace):
        self.name, self.namespace = name, namespace
        self._session, self._root = session, root
        self.minor = 0  # of the version it says it is

    def differs(self, minor, what):
        """Whether this server is older than 1.<minor> and so answers otherwise; what that is gets printed."""
        if self.minor >= minor:
            return False
        _differences.add(f"{self.name} 1.{self.minor} is older than 1.{minor}: {what}")
        return True

    def path(self, plural, name="", part="", *, everywhere=False):
        place = "" if everywhere or plural in CLUSTER_WIDE else f"/namespaces/{self.namespace}"
        return "/".join(piece for piece in (ROOTS.get(plural, "/api/v1") + place, plural, name, part) if piece)

    async def ask(self, method, path, body=None, *, content="application/json", headers=None, **asked):
        data = body if isinstance(body, bytes | None) else io.BytesIO(json.dumps(body).encode())
        head = {"Content-Type": content, "Accept": "application/json", **(headers or {})}
        async with self._session.request(method, self._root + path, params=asked, data=data, headers=head) as answer:
            text = await answer.text()
            return Answer(answer.status, json.loads(text) if text[:1] == "{" else text, answer.headers)

    async def get(self, plural, name, part=""):
        return await self.ask("GET", self.path(plural, name, part))

    async def list(self, plural, **asked):
        return await self.ask("GET", self.path(plural), **asked)

    async def create(self, plural, document, **asked):
        return await self.ask("POST", self.path(plural), document, **asked)

    async def replace(self, plural, document, part="", **asked):
        return await self.ask("PUT", self.path(plural, document["metadata"]["name"], part), document, **asked)

    async def apply(self, plural, document, manager="a", *, part="", **asked):
        path = self.path(plural, document["metadata"]["name"], part)
        return await self.ask("PATCH", path, document, content=APPLY, fieldManager=manager, **asked)

    async def merge(self, plural, name, patch, part="", **asked):
        return await self.ask("PATCH", self.path(plural, name, part), patch, content=MERGE, **asked)

    async def patch(self, plural, name, patch, content=JSON, **asked):
        return await self.ask("PATCH", self.path(plural, name), patch, content=content, **asked)

    async def delete(self, plural, name, options=None, **asked):
        return await self.ask("DELETE", self.path(plural, name), options, **asked)

    async def watch(self, plural, *, most=1000, until=None, headers=None, **asked):
        """Events until there are that many, one fits, or the server ends the watch."""
        seen = []
        asked = {"watch": "1", "timeoutSeconds": "5", **asked}
        head = {"Accept": "application/json", **(headers or {})}
        url = self._root + self.path(plural)
        async with self._session.request("GET", url, params=asked, headers=head) as answer:
            if answer.status != 200:
                return [{"type": "REFUSED", "object": await answer.json()}]
            async for line in answer.content:
                seen.append(json.loads(line))
                if len(seen) >= most or (until and until(seen[-1])):
                    break
        return seen

    async def gone(self, plural, name):
        """Wait until an object is not there; collectors of a real cluster take a moment."""
        async with asyncio.timeout(15):
            while True:
                if (await self.get(plural, name)).status == 404:
                    return
                await asyncio.sleep(0.02)  # the server tells nobody who polls, and a watch is what is tested

    @contextlib.asynccontextmanager
    async def stranger(self):
        """The same API for somebody without a login."""
        connector = aiohttp.TCPConnector(ssl=False)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Api(self.name, session, self._root, self.namespace)

    def node(self, name, **spec):
        return self._object("tinyflow.dev/v1alpha1", "TinyNode", name, {"module": "m", "component": "double", **spec})

    def gadget(self, name, **spec):
        return self._object("conformance.tinyflow.dev/v1", "Gadget", name, spec)

    def map(self, name, **texts):
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": texts}

    def _object(self, version, kind, name, spec):
        return {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": spec,
        }


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        metafunc.parametrize("server", SERVERS)


@pytest.fixture
async def api(server: str, request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """An API with our kinds and the gadget in it, and a namespace of this case's own."""
    served = _pocket() if server == "pocket" else _real(request.getfixturevalue("kubeconfig"))
    async with served as (session, root):
        api = Api(server, session, root, f"conform-{uuid.uuid4().hex[:8]}")
        api.minor = int((await api.ask("GET", "/version")).body["minor"].rstrip("+"))
        if server == "kubernetes" and root not in _defined:
            for definition in [*definitions(), GADGET]:
                await _define(api, definition)
            _defined.add(root)
        made = await api.create("namespaces", {"metadata": {"name": api.namespace}})
        assert made.status == 201, made.body
        yield api
        await api.delete("namespaces", api.namespace)
    _ran[server] += 1


@pytest.fixture
async def collector(api: Api, need: Callable[[bool, str], None]) -> None:
    """Somebody collects garbage: a real cluster's controllers do, and they make an account in each namespace, too."""
    if api.name == "kubernetes":
        found = await api.ask("GET", "/api/v1/namespaces/default/serviceaccounts/default")
        need(found.status == 200, "the controllers of a Kubernetes API")


async def _define(api: Api, definition: dict) -> None:
    """A definition in place and its API served."""
    kinds, spec = "customresourcedefinitions", definition["spec"]
    found = await api.get(kinds, definition["metadata"]["name"])
    if found.status == 404:
        made = await api.create(kinds, definition)
        assert made.status in (201, 409), made.body
    else:
        await api.merge(kinds, definition["metadata"]["name"], {"spec": {"versions": spec["versions"]}})
    path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
    async with asyncio.timeout(20):
        while True:
            if (await api.ask("GET", path, limit="1")).status != 404:
                return
            await asyncio.sleep(0.05)  # for the moment between a definition and its API


@contextlib.asynccontextmanager
async def _pocket() -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    async with serve(Store([*definitions(), GADGET]), token="secret") as url:
        connector = aiohttp.TCPConnector()
        headers = {"Authorization": "Bearer secret"}
        async with aiohttp.ClientSession(connector=connector, headers=headers, read_bufsize=2**22) as session:
            yield session, url


@contextlib.asynccontextmanager
async def _real(kubeconfig: str) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    from kubernetes import client as official
    from kubernetes import config as credentials

    config = official.Configuration()
    credentials.load_kube_config(kubeconfig, client_configuration=config, persist_config=False)
    verify = ssl.create_default_context(cafile=config.ssl_ca_cert)
    if config.cert_file:
        verify.load_cert_chain(config.cert_file, config.key_file)
    if not config.verify_ssl:
        verify.check_hostname, verify.verify_mode = False, ssl.CERT_NONE
    logins = config.auth_settings().values()
    headers = {login["key"]: login["value"] for login in logins if login["in"] == "header" and login["value"]}
    connector = aiohttp.TCPConnector(ssl=verify)
    async with aiohttp.ClientSession(connector=connector, headers=headers, read_bufsize=2**22) as session:
        yield session, config.host


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _ran:
        return
    counts = ", ".join(f"{count} on the {server} API" for server, count in sorted(_ran.items()))
    terminalreporter.write_line(f"CONFORMANCE: cases run: {counts}")
    if unchecked := Store(definitions()).unchecked:
        terminalreporter.write_line(f"CONFORMANCE: rules that the pocket does not check: {', '.join(unchecked)}")
    for difference in sorted(_differences):
        terminalreporter.write_line(f"CONFORMANCE: {difference}")
