"""Rights, on a real API server: programs have what they ask for and no more; people may what their role says."""

from __future__ import annotations

import asyncio
import base64
import collections
import contextlib
import functools
import json
import os
import sys
import time
import uuid
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiohttp import web
from tinyflow_operator.crds import definitions
from tinyflow_operator.kinds import (
    CONFIGMAPS,
    DEFINITIONS,
    DEPLOYMENTS,
    FLOWS,
    MODULES,
    NAMESPACES,
    NODES,
    OURS,
    PODS,
    PROJECTS,
    SECRETS,
    SIGNALS,
    Kind,
)
from tinyflow_runtime.labels import FLOW_LABEL, MODULE_LABEL
from tinyflow_runtime.source import Source

from tinyflow_jupyter import Cluster
from tinyflow_jupyter._cluster import helm

ROOT = Path(__file__).parents[2]
ACCOUNTS = Kind("ServiceAccount", "serviceaccounts", "", "v1")
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# What a server asks for by itself, where it looks whose an object is.
NEVER_SEEN = {("update", "tinymodules/finalizers")}
pytestmark = pytest.mark.timeout(180)


class Witness:
    """Stands between a program and the API server, and notes what is asked and answered."""

    def __init__(self, server):
        self._server = server
        self.asked = collections.Counter()  # (verb, resource, namespace, name, status)

    @contextlib.asynccontextmanager
    async def serve(self):
        application = web.Application(client_max_size=10_000_000)
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _pass_on(self, request):
        headers = {name: value for name, value in request.headers.items() if name not in ("Host", "Content-Length")}
        body = await request.read()
        asked = self._server.session.request(request.method, request.path_qs, data=body, headers=headers, ssl=False)
        async with asked as answer:
            self._note(request, answer.status)
            passed = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            await passed.prepare(request)
            with contextlib.suppress(ConnectionError):
                async for chunk in answer.content.iter_any():
                    await passed.write(chunk)
            return passed

    def _note(self, request, status):
        resource, namespace, name = asked_for(request.path)
        verb = VERBS.get(request.method) or ("get" if name else "watch" if "watch" in request.query else "list")
        self.asked[verb, resource, namespace, name, status] += 1
        if verb == "patch" and status == 201:  # server-side apply of what was not there
            self.asked["create", resource, namespace, "", status] += 1

    @property
    def refused(self):
        return {(verb, resource, name) for verb, resource, _, name, status in self.asked if status == 403}

    def idle(self, role):
        """What a role gives that was never asked for."""
        namespace = role["metadata"].get("namespace", "")
        for rule in role["rules"]:
            names = rule.get("resourceNames", [])
            asked = {
                (verb, resource)
                for verb, resource, where, name, _ in self.asked
                if namespace in ("", where) and (not names or name in names)
            }
            for resource in rule["resources"]:
                yield from ((verb, resource, *names) for verb in rule["verbs"] if (verb, resource) not in asked)


def asked_for(path):
    """The resource of a path, with its subresource, and the namespace and the name of one object."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2:
        _, namespace, *parts = parts
    resource, name, part = [*parts, "", ""][:3]
    return f"{resource}/{part}" if part else resource, namespace, name


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


@contextlib.asynccontextmanager
async def installed(home, values):
    """The chart, in a namespace; as a person installs it."""
    await asyncio.to_thread(helm.upgrade, "it", "tinyflow-operator", values, namespace=home, context="")
    yield
    await asyncio.to_thread(helm.uninstall, "it", namespace=home, context="")


@contextlib.asynccontextmanager
async def program(server, home, name, folder):
    """Runs what a Deployment of the chart runs, with its arguments and its account; yields the witness."""
    deployment = await server.get(DEPLOYMENTS, home, name)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    token = await token_of(server, home, deployment["spec"]["template"]["spec"]["serviceAccountName"])
    said = (await server.get(CONFIGMAPS, home, "tinyflow-operator"))["data"]["config.yaml"]
    (folder / "config.yaml").write_text(said)
    witness = Witness(server)
    async with witness.serve() as url, contextlib.AsyncExitStack() as stack:
        (folder / "kubeconfig").write_text(_kubeconfig(url, token))
        arguments = [_here(one, folder) for one in [*container["command"][2:], *container["args"]]]
        log = stack.enter_context((folder / "log").open("wb"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tinyflow_operator", *arguments),
            env={
                **os.environ,
                "KUBECONFIG": str(folder / "kubeconfig"),
                "POD_NAMESPACE": home,
                "POD_NAME": "it",
                "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "runtime", ROOT / "operator"))),
            },
            stdout=asyncio.subprocess.DEVNULL,
            stderr=log,
        )
        try:
            yield witness
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            print((folder / "log").read_text()[-3000:])


async def token_of(server, namespace, account):
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    _, answer = await server.ask("POST", ACCOUNTS.path(namespace, account, "token"), request)
    return answer["status"]["token"]


def _here(argument, folder):
    """An argument of a pod, on this machine."""
    flag, _, value = argument.partition("=")
    moved = {
        "--metrics": "127.0.0.1:0",
        "--health": "127.0.0.1:0",
        "--listen": "127.0.0.1:0",
        "--config": str(folder / "config.yaml"),
    }
    return f"{flag}={moved.get(flag, value)}" if value else flag


def _kubeconfig(url, token):
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": {"server": url}}],
            "users": [{"name": "it", "user": {"token": token}}],
        }
    )


async def work(server, place):
    """Everything that makes an operator ask for something."""
    apply = functools.partial(server.apply, namespace=place)
    for number in range(7):  # more than are kept
        source = Source("m", {"m.py": f"NUMBER = {number}\n"})
        inline = base64.b64encode(source.archive()).decode()
        await apply(MODULES, "m", spec={"source": {"sha256": source.sha256, "inline": inline}})
        await server.until(MODULES, place, "m", lambda it, sha256=source.sha256: sha256 in json.dumps(it.get("status")))
    pushed = Source("n", {"n.py": "NUMBER = 1\n"})
    name = f"tm-n-{pushed.sha256[:12]}"
    held = base64.b64encode(pushed.archive()).decode()
    await apply(CONFIGMAPS, name, immutable=True, binaryData={"source.zip": held})
    await apply(MODULES, "n", spec={"source": {"sha256": pushed.sha256, "configMapRef": {"name": name}}})
    await apply(MODULES, "i", spec={"image": "words:1"})
    node = {"module": "none", "component": "root"}
    await apply(NODES, "sums.a", spec=node, metadata={"labels": {FLOW_LABEL: "sums"}})
    await apply(FLOWS, "sums", spec={}, metadata={"labels": {"tinyflow.dev/project": "demo"}})
    await apply(PROJECTS, "demo", spec={})
    lost = {"flow": "none", "to": "a:in", "payload": 1, "timeoutSeconds": 1, "keepSeconds": 0}
    await apply(SIGNALS, "hello", spec=lost)
    pod = {"containers": [{"name": "module", "image": "none"}]}
    await apply(PODS, "m", metadata={"labels": {MODULE_LABEL: "m"}}, spec=pod)
    await server.until(NODES, place, "sums.a", lambda it: it.get("status"))
    await server.until(PROJECTS, place, "demo", lambda it: it.get("status"))
    await server.until(SIGNALS, place, "hello", lambda it: it is None)


@pytest.mark.parametrize("one_namespace", [False, True], ids=["cluster-wide", "one namespace"])
async def test_the_operator_has_the_rights_that_it_asks_for_and_no_other(
    one_namespace, server, home, place, render, tmp_path
):
    values = {"watchNamespace": place} if one_namespace else {}
    async with installed(home, values), program(server, home, "tinyflow-operator", tmp_path) as witness:
        late = None
        try:
            await work(server, place)
        except TimeoutError as error:
            late = error
    roles = [
        each
        for each in render("tinyflow-operator", values, namespace=home)
        if each["kind"] in ("Role", "ClusterRole") and each["metadata"]["name"].startswith("tinyflow-operator")
    ]

    # In one namespace it may not look at the definitions, and goes on without.
    refused = {each for each in witness.refused if not (one_namespace and each[1] == "customresourcedefinitions")}
    assert (refused, late) == (set(), None)
    assert {each for role in roles for each in witness.idle(role)} == NEVER_SEEN


ADA, PLACE = "ada", "tinyflow.dev/v1alpha1"
FLOW = {"kind": "TinyFlow", "spec": {}}
NODE = {"kind": "TinyNode", "spec": {"module": "m", "component": "root"}}
SIGNAL = {"kind": "TinySignal", "spec": {"flow": "sums", "to": "a:in"}}
MODULE = {"kind": "TinyModule", "spec": {"image": "words:1"}}
SOURCE = {"kind": "ConfigMap", "data": {}}
TOKEN = {"kind": "TokenRequest", "spec": {"audiences": ["tinyflow-gateway"], "expirationSeconds": 600}}
# What is tried, and from which role on it may be done; nobody: no role of ours.
TRIES = [
    ("GET", TINY := f"/apis/{PLACE}", "tinyflows", None, "viewer"),
    ("GET", TINY, "tinymodules/m", None, "viewer"),
    ("GET", TINY, "tinynodes/sums.a", None, "viewer"),
    ("POST", "/api/v1", "serviceaccounts/tinyflow-viewer/token", TOKEN, "viewer"),
    ("POST", "/api/v1", "serviceaccounts/tinyflow-editor/token", TOKEN, "editor"),
    ("POST", TINY, "tinyflows", FLOW, "editor"),
    ("POST", TINY, "tinynodes", NODE, "editor"),
    ("POST", TINY, "tinysignals", SIGNAL, "editor"),
    ("PATCH", TINY, "tinynodes/sums.a", {"spec": {"component": "leaf"}}, "editor"),
    ("DELETE", TINY, "tinynodes/sums.a", None, "editor"),
    ("POST", TINY, "tinymodules", MODULE, "developer"),
    ("PATCH", TINY, "tinymodules/m", {"spec": {"image": "words:2"}}, "developer"),
    ("DELETE", TINY, "tinymodules/m", None, "developer"),
    ("POST", "/api/v1", "configmaps", SOURCE, "developer"),
    ("GET", "/api/v1", "pods", None, "developer"),
    ("GET", "/api/v1", "pods/m/log", None, "developer"),
    ("GET", "/api/v1", "secrets", None, "nobody"),
    ("GET", "/api/v1", "secrets/m-tls", None, "nobody"),
    ("POST", "/api/v1", "serviceaccounts/default/token", TOKEN, "nobody"),
    ("POST", "/api/v1", "pods", {"kind": "Pod", "spec": {"containers": [{"name": "a", "image": "a:1"}]}}, "nobody"),
    ("PATCH", TINY, "tinymodules/m/status", {"status": {"address": "10.0.0.1:7443"}}, "nobody"),
    ("POST", "/apis/rbac.authorization.k8s.io/v1", "rolebindings", {"kind": "RoleBinding"}, "nobody"),
]
ROLES = ["viewer", "editor", "developer"]


@pytest.mark.parametrize("one_namespace", [False, True], ids=["cluster-wide", "one namespace"])
@pytest.mark.parametrize("role", [*ROLES, "nobody"])
async def test_people_may_what_their_role_says_and_nothing_else(role, one_namespace, server, home, place):
    for account in ("tinyflow-viewer", "tinyflow-editor", "default"):
        await server.apply(ACCOUNTS, account, place)  # the operator makes ours
    may = [] if role == "nobody" else ROLES[: ROLES.index(role) + 1]

    async with installed(home, {"watchNamespace": place} if one_namespace else {}):
        if role != "nobody":
            await bind(server, place, "Role" if one_namespace else "ClusterRole", f"tinyflow-{role}")
        said = {}
        for method, root, what, body, least in TRIES:
            await server.apply(MODULES, "m", place, spec={"image": "words:1"})
            await server.apply(NODES, "sums.a", place, spec={"module": "m", "component": "root"})
            status = await attempt(server, place, method, root, what, body)
            said[method, what] = (status != 403, least in may)
        elsewhere = await attempt(server, "default", "GET", TINY, "tinyflows", None)

    assert {each: allowed for each, (allowed, _) in said.items()} == {
        each: wanted for each, (_, wanted) in said.items()
    }
    assert elsewhere == 403


async def attempt(server, place, method, root, what, body):
    """The status of what ada tries."""
    if body is not None and "kind" in body:
        api = root.removeprefix("/api/").removeprefix("/apis/")
        name = {
            "name": f"made-{uuid.uuid4().hex[:6]}.it" if body["kind"] == "TinyNode" else f"made-{uuid.uuid4().hex[:6]}"
        }
        body = {"apiVersion": api, "metadata": name, **body}
        if body["kind"] == "TokenRequest":
            body = {**body, "apiVersion": "authentication.k8s.io/v1", "metadata": {}}
    content = "application/merge-patch+json" if method == "PATCH" else "application/json"
    status, _ = await server.ask(method, f"{root}/namespaces/{place}/{what}", body, user=ADA, content=content)
    return status


async def bind(server, place, kind, role, user=ADA):
    group = "rbac.authorization.k8s.io"
    binding = Kind("RoleBinding", "rolebindings", group, "v1")
    reference = {"apiGroup": group, "kind": kind, "name": role}
    subjects = [{"apiGroup": group, "kind": "User", "name": user}]
    await server.apply(binding, f"{user}-{role}", place, roleRef=reference, subjects=subjects)


@pytest.mark.usefixtures("with_controllers")
def test_kubernetes_own_roles_have_ours(render):
    wanted = {"view": "viewer", "edit": "editor", "admin": "developer"}
    ours = {each["metadata"]["name"]: each["rules"] for each in render("tinyflow-operator") if "rules" in each}
    namespace, roles = f"tinyflow-{uuid.uuid4().hex[:8]}", "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    with Cluster() as cluster:
        cluster._api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        helm.upgrade("it", "tinyflow-operator", {}, namespace=namespace, context="")
        try:
            until = time.monotonic() + 30  # a controller adds them up
            while left := [
                (theirs, rule)
                for theirs, role in wanted.items()
                for rule in ours[f"tinyflow-{role}"]
                if rule not in cluster._api.request("GET", f"{roles}/{theirs}")["rules"]
            ]:
                assert time.monotonic() < until, left
                time.sleep(0.2)
            theirs = cluster._api.request("GET", f"{roles}/edit")["rules"]
        finally:
            helm.uninstall("it", namespace=namespace, context="")
            cluster._api.request("DELETE", f"/api/v1/namespaces/{namespace}")

    code = {"apiGroups": ["tinyflow.dev"], "resources": ["tinymodules/code"], "verbs": ["push"]}
    assert code in ours["tinyflow-developer"]
    assert code not in theirs


async def test_who_may_reach_the_gateway_reaches_its_pods_and_nothing_else_there(server, home):
    users = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": ADA}]
    async with installed(home, {"gateway": {"users": users}}):
        said = {}
        for method, what in (
            ("GET", "pods"),
            ("GET", "pods/it/portforward"),
            ("POST", "pods/it/portforward"),
            ("GET", "services/tinyflow-gateway"),
            ("GET", "configmaps/tinyflow-gateway"),
            ("GET", "configmaps/tinyflow-operator"),
            ("GET", "secrets/tinyflow-ca"),
            ("GET", "secrets"),
            ("POST", "pods/it/exec"),
            ("DELETE", "pods/it"),
        ):
            body = {} if method == "POST" else None
            said[method, what] = await attempt(server, home, method, "/api/v1", what, body) != 403

    assert [each for each, allowed in said.items() if allowed] == [
        ("GET", "pods"),
        ("GET", "pods/it/portforward"),
        ("POST", "pods/it/portforward"),
        ("GET", "services/tinyflow-gateway"),
        ("GET", "configmaps/tinyflow-gateway"),
    ]


async def test_who_may_write_modules_and_not_push_changes_no_code(server, home, place):
    _, version = await server.ask("GET", "/version")
    if (int(version["major"]), int(version["minor"].rstrip("+"))) < (1, 30):
        pytest.skip("Kubernetes 1.30, which has admission policies")
    group = "rbac.authorization.k8s.io"
    everything = [{"apiGroups": ["tinyflow.dev"], "resources": ["tinymodules"], "verbs": ["*"]}]
    push = [{"apiGroups": ["tinyflow.dev"], "resources": ["tinymodules/code"], "verbs": ["push"]}]
    role = Kind("Role", "roles", group, "v1")
    await server.apply(role, "writes-modules", place, rules=everything)
    await server.apply(role, "pushes", place, rules=push)
    await server.apply(MODULES, "m", place, spec={"image": "words:1"})
    await bind(server, place, "Role", "writes-modules")
    label = ("PATCH", TINY, "tinymodules/m", {"metadata": {"labels": {"a": "b"}}})
    image = ("PATCH", TINY, "tinymodules/m", {"spec": {"image": "words:2"}})
    source = ("PATCH", TINY, "tinymodules/m", {"spec": {"source": {"sha256": "0" * 64, "inline": ""}}})
    await until(200, server, place, *label)

    async with installed(home, {}):
        await until(403, server, place, "POST", TINY, "tinymodules", MODULE)
        refused = [await attempt(server, place, *each) for each in (image, source)]
        allowed = await attempt(server, place, *label)
        await bind(server, place, "Role", "pushes")
        await until(200, server, place, *image)

    assert (refused, allowed) == ([403, 403], 200)


async def test_what_the_operators_account_can_do_with_somebody_elses_secret_is_what_the_documents_say(
    server, home, place
):
    _, version = await server.ask("GET", "/version")
    policies = (int(version["major"]), int(version["minor"].rstrip("+"))) >= (1, 30)
    user, hidden = f"system:serviceaccount:{home}:tinyflow-operator", base64.b64encode(b"hidden!").decode()
    for name in ("database", "tm-m-tls"):
        await server.apply(SECRETS, name, place, data={"password": hidden})

    async def ask(method, name, body=None):
        content = f"application/{'json' if isinstance(body, list) else 'merge'}-patch+json"
        return await server.ask(method, SECRETS.path(place, name), body, user=user, content=content)

    async with installed(home, {}):
        read, _ = await ask("GET", "database")
        listed, _ = await ask("GET", "")
        async with asyncio.timeout(60):
            while policies and (await ask("PATCH", "database", {}))[0] != 403:  # noqa: ASYNC110  # some time after
                await asyncio.sleep(0.1)
        nothing, answer = await ask("PATCH", "database", {})
        changed, _ = await ask("PATCH", "database", {"data": {"more": ""}})
        no_label = {"op": "copy", "from": "/data/password", "path": "/metadata/labels/a"}
        made_invalid = [{"op": "add", "path": "/metadata/labels", "value": {}}, no_label]
        invalid, quote = await ask("PATCH", "database", made_invalid)
        own, _ = await ask("PATCH", "tm-m-tls", {"metadata": {"labels": {"a": "b"}}})

    assert (read, listed, own) == (403, 403, 200)
    # docs/explanation/security.md says so.
    assert (nothing, changed) == ((403, 403) if policies else (200, 200))
    assert ("data" in answer and answer["data"]["password"] == hidden) is not policies
    assert (invalid, hidden in quote["message"]) == (422, True)


async def until(status, server, place, *what):
    """Try until the answer is that: a right, and a policy, are in force some time after they are stored."""
    async with asyncio.timeout(60):
        while await attempt(server, place, *what) != status:  # noqa: ASYNC110  # time alone brings it
            await asyncio.sleep(0.1)
