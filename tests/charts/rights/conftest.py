"""A real API server, asked as its administrator or as somebody else, with the chart installed on it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from pathlib import Path

import aiohttp
import pytest
import yaml
from tinyflow_operator.crds import definitions
from tinyflow_operator.kinds import ACCOUNTS, DEFINITIONS, NAMESPACES, OURS, Kind

from tinyflow_jupyter._cluster import helm

ADA = "ada"  # whose rights are looked at
GROUP = "rbac.authorization.k8s.io"


class Server:
    """An API server, asked as its administrator or as somebody whom they play."""

    def __init__(self, session, token):
        self.session, self._token = session, token

    async def ask(self, method, path, body=None, *, user="", content="application/json"):
        """The status and the document of an answer."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content}
        headers |= {"Impersonate-User": user} if user else {}
        data = json.dumps(body) if body is not None else None
        async with self.session.request(method, path, data=data, headers=headers, ssl=False) as answer:
            return answer.status, await answer.json()

    async def apply(self, kind, name, namespace, *, part="", manager="test", **document):
        metadata = {"name": name, **document.pop("metadata", {})}
        body = {**document, "apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
        path = f"{kind.path(namespace, name, part)}?fieldManager={manager}&force=true"
        status, answer = await self.ask("PATCH", path, body, content="application/apply-patch+yaml")
        assert status < 300, answer
        return answer

    async def get(self, kind, namespace, name):
        status, answer = await self.ask("GET", kind.path(namespace, name))
        return None if status == 404 else answer

    async def until(self, kind, namespace, name, fits):
        async with asyncio.timeout(60):
            while not fits(await self.get(kind, namespace, name)):  # noqa: ASYNC110  # any change at all may be the one
                await asyncio.sleep(0.1)

    async def has_policies(self):
        _, version = await self.ask("GET", "/version")
        return (int(version["major"]), int(version["minor"].rstrip("+"))) >= (1, 30)

    async def token_of(self, namespace, account):
        spec = {"expirationSeconds": 3600}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        _, answer = await self.ask("POST", ACCOUNTS.path(namespace, account, "token"), request)
        return answer["status"]["token"]

    async def attempt(self, place, method, root, what, body):
        """The status of what ada tries."""
        if body is not None and "kind" in body:
            api = root.removeprefix("/api/").removeprefix("/apis/")
            name = f"made-{uuid.uuid4().hex[:6]}" + (".it" if body["kind"] == "TinyNode" else "")
            body = {"apiVersion": api, "metadata": {"name": name}, **body}
            if body["kind"] == "TokenRequest":
                body = {**body, "apiVersion": "authentication.k8s.io/v1", "metadata": {}}
        content = "application/merge-patch+json" if method == "PATCH" else "application/json"
        status, _ = await self.ask(method, f"{root}/namespaces/{place}/{what}", body, user=ADA, content=content)
        return status

    async def answers(self, status, place, *what):
        """Try until the answer is that: a right, and a policy, are in force some time after they are stored."""
        async with asyncio.timeout(60):
            while await self.attempt(place, *what) != status:  # noqa: ASYNC110  # time alone brings it
                await asyncio.sleep(0.1)

    async def bind(self, place, kind, role, user=ADA):
        binding = Kind("RoleBinding", "rolebindings", GROUP, "v1")
        reference = {"apiGroup": GROUP, "kind": kind, "name": role}
        subjects = [{"apiGroup": GROUP, "kind": "User", "name": user}]
        await self.apply(binding, f"{user}-{role}", place, roleRef=reference, subjects=subjects)


@pytest.fixture
async def server(bare_kubeconfig, monkeypatch):
    """A server without controllers, where our resources are known."""
    monkeypatch.setenv("KUBECONFIG", bare_kubeconfig)
    host, token = _login(bare_kubeconfig)
    async with aiohttp.ClientSession(host, timeout=aiohttp.ClientTimeout(total=None)) as session:
        server = Server(session, token)
        for definition in definitions(rules=False):
            said = {"metadata": definition["metadata"], "spec": definition["spec"]}
            await server.apply(DEFINITIONS, definition["metadata"]["name"], "", **said)
        for kind in OURS:
            async with asyncio.timeout(10):
                while (await server.ask("GET", kind.path("default")))[0] != 200:  # noqa: ASYNC110  # soon
                    await asyncio.sleep(0.05)
        yield server


def _login(kubeconfig):
    said = yaml.safe_load(Path(kubeconfig).read_text())
    return said["clusters"][0]["cluster"]["server"], said["users"][0]["user"]["token"]


@pytest.fixture
async def home(server):
    """A namespace for the operator."""
    return await _namespace(server, "home")


@pytest.fixture
async def place(server):
    """A namespace for flows."""
    return await _namespace(server, "flows")


async def _namespace(server, what):
    name = f"tinyflow-{what}-{uuid.uuid4().hex[:8]}"
    await server.apply(NAMESPACES, name, "")
    return name


@pytest.fixture(name="installed")
def _installed():
    """Has the chart installed in a namespace within a block, as a person installs it."""
    return installed


@contextlib.asynccontextmanager
async def installed(home, values):
    await asyncio.to_thread(helm.upgrade, "it", "tinyflow-operator", values, namespace=home, context="")
    yield
    await asyncio.to_thread(helm.uninstall, "it", namespace=home, context="")
