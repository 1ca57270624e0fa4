"""Programs have the rights that they ask for, and no more: each is run, and what it asks is noted."""

from __future__ import annotations

import asyncio
import base64
import collections
import contextlib
import functools
import json
import os
import sys
from pathlib import Path

import pytest
from aiohttp import web
from tinyflow_operator.kinds import (
    CONFIGMAPS,
    DEPLOYMENTS,
    FLOWS,
    MODULES,
    NODES,
    PODS,
    PROJECTS,
    SECRETS,
    SIGNALS,
)
from tinyflow_runtime.resources.labels import FLOW_LABEL, MODULE_LABEL
from tinyflow_runtime.source.archive import Source

ROOT = Path(__file__).parents[3]
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


@contextlib.asynccontextmanager
async def program(server, home, name, folder):
    """Runs what a Deployment of the chart runs, with its arguments and its account; yields the witness."""
    deployment = await server.get(DEPLOYMENTS, home, name)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    token = await server.token_of(home, deployment["spec"]["template"]["spec"]["serviceAccountName"])
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
    one_namespace, server, home, place, render, tmp_path, installed
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


async def test_what_the_operators_account_can_do_with_somebody_elses_secret_is_what_the_documents_say(
    server, home, place, installed
):
    policies = await server.has_policies()
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
