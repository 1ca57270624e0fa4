"""The doctor on a real API server: up, down, hanging, with what people have wrong there; each thing is named."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import json
import socket
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from tinyflow_operator.crds import definitions
from tinyflow_operator.kinds import CONFIGMAPS, DEFINITIONS, DEPLOYMENTS, NAMESPACES, PODS, Kind
from tinyflow_operator.kube import Kube
from tinyflow_operator.pocket.api import serve
from tinyflow_operator.pocket.store import Store
from tinyflow_runtime import __version__

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no packages, and these share what makes certificates

from certificates import Authority

from tinyflow_jupyter._cluster.kubeconfig import Login
from tinyflow_jupyter._cluster.refusals import unreachable
from tinyflow_jupyter._cluster.rights import Right
from tinyflow_jupyter._doctor.examination import of_cluster
from tinyflow_jupyter._doctor.installed import Home
from tinyflow_jupyter._doctor.rights import CODE, LOOK, PUSH, SEND, rights
from tinyflow_jupyter._doctor.server import Answer, Server

EARLIER = Path(__file__).parents[1] / "operator/editions/2.yaml"
LEASES = Kind("Lease", "leases", "coordination.k8s.io", "v1")
ROLES = Kind("Role", "roles", "rbac.authorization.k8s.io", "v1")
BINDINGS = Kind("RoleBinding", "rolebindings", "rbac.authorization.k8s.io", "v1")
ACCOUNTS = Kind("ServiceAccount", "serviceaccounts", "", "v1")


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Writes a kubeconfig and makes it the one: ``config("https://…", token="x")``."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)

    def write(server, user=None, namespace="default", **cluster):
        said = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": namespace}}],
            "clusters": [{"name": "it", "cluster": {"server": server, **cluster}}],
            "users": [{"name": "it", "user": user or {}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(said))
        path.chmod(0o600)
        monkeypatch.setenv("KUBECONFIG", str(path))
        return path

    return write


def server_of(path):
    said = yaml.safe_load(Path(path).read_text())
    return said["clusters"][0]["cluster"]["server"]


def look(**options):
    """What is found, by what it is about; nothing takes long."""
    began = time.monotonic()
    found = of_cluster(**options)
    assert time.monotonic() - began < 40
    assert all("\n" not in each.what + each.fix and "Traceback" not in each.what for each in found)
    assert [each for each in found if each.state == "bad" and not each.fix] == []
    return {each.about: each for each in found}


# --- before a server is reached


def test_no_kubeconfig_is_no_fault(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)

    found = look()

    assert [(each.about, each.state) for each in found.values()] == [("kubeconfig", "ok")]


def test_a_kubeconfig_that_is_named_has_to_be_there(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))

    found = look()

    assert list(found) == ["kubeconfig"]
    assert found["kubeconfig"].state == "bad"
    assert "TF-160" in found["kubeconfig"].what


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe garbage",
        b"- a\n- list\n",
        b"just words",
        b"{a: b",
        b"apiVersion: v1\nkind: Config\n",
        b"{current-context: x, contexts: [], clusters: [], users: []}",
        b"{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}], clusters: [], users: []}",
        b"{current-context: x, contexts: 7, clusters: {}, users: null}",
        b"{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}],"
        b" clusters: [{name: c, cluster: {server: 'https://127.0.0.1:9', certificate-authority-data: '%%%'}}],"
        b" users: [{name: u, user: {}}]}",
        b"{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}],"
        b" clusters: [{name: c, cluster: {server: 'no address'}}], users: [{name: u, user: {}}]}",
    ],
)
def test_garbage_is_named_as_such(monkeypatch, tmp_path, content):
    path = tmp_path / "kubeconfig"
    path.write_bytes(content)
    path.chmod(0o600)
    monkeypatch.setenv("KUBECONFIG", str(path))

    found = look()

    assert [each.state for each in found.values()][-1] == "bad"
    assert set(found) <= {"kubeconfig", "API server"}


def test_a_context_that_is_not_there_is_told_which_there_are(config):
    config("https://127.0.0.1:9")

    found = look(context="its")

    assert found["kubeconfig"].state == "bad"
    assert "Did you mean 'it'" in found["kubeconfig"].fix


def test_a_program_that_logs_in_and_never_ends_is_not_waited_for(config, monkeypatch):
    monkeypatch.setattr("tinyflow_jupyter._doctor.examination.LOGIN", 1.0)
    call = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["4"]}
    config("https://127.0.0.1:9", {"exec": {**call, "interactiveMode": "Never"}})

    began = time.monotonic()
    found = look()

    assert time.monotonic() - began < 8
    assert found["kubeconfig"].what == "There was no answer within 1 s."


def test_a_program_that_logs_in_and_is_not_there_is_named(config):
    call = {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-login", "interactiveMode": "Never"}
    config("https://127.0.0.1:9", {"exec": call})

    found = look()

    assert [each.state for each in found.values()][-1] == "bad"


def test_a_file_that_others_may_read_is_told(config, bare_kubeconfig):
    path = config(server_of(bare_kubeconfig), {"token": "token"}, **{"insecure-skip-tls-verify": True})
    path.chmod(0o644)

    found = look()

    assert (found["kubeconfig"].state, found["kubeconfig"].fix) == ("warn", f"chmod 600 {path}")


# --- reaching it


def test_a_server_that_is_down_is_all_that_is_told(config):
    config("https://127.0.0.1:9")

    found = look()

    assert list(found) == ["kubeconfig", "API server"]
    assert found["API server"].state == "bad"
    assert "cannot be reached: Connection refused" in found["API server"].what.replace("[Errno 111] ", "")


def test_a_server_that_says_nothing_is_waited_for_some_seconds(config, monkeypatch):
    monkeypatch.setattr("tinyflow_jupyter._doctor.server.READ", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        config(f"http://127.0.0.1:{silent.getsockname()[1]}")

        began = time.monotonic()
        found = look()

    assert time.monotonic() - began < 5
    assert found["API server"].state == "bad"


def test_an_authority_that_is_not_the_servers_is_named(config, bare_kubeconfig, tmp_path):
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=other"]
    subprocess.run([*made, "-keyout", tmp_path / "key", "-out", tmp_path / "ca.crt"], check=True, capture_output=True)
    authority = base64.b64encode((tmp_path / "ca.crt").read_bytes()).decode()
    config(server_of(bare_kubeconfig), {"token": "token"}, **{"certificate-authority-data": authority})

    found = look()

    assert list(found) == ["kubeconfig", "API server"]
    assert "authority did not sign" in found["API server"].what
    assert found["API server"].fix.startswith("kubectl config set-cluster")


def test_a_login_that_is_not_taken_is_named(config, bare_kubeconfig):
    config(server_of(bare_kubeconfig), {"token": "stale"}, **{"insecure-skip-tls-verify": True})

    found = look()

    assert found["API server"].what.endswith("does not take the credentials.")


@contextlib.contextmanager
def answering(status, body, **headers):
    """Something on HTTP that is no Kubernetes."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"<html>Please log in</html>", {}),
        (302, b"", {"Location": "https://login.example.com/"}),
        (200, b"[1, 2]", {}),
        (200, b'{"major": {}, "minor": null}', {}),
        (502, b"bad gateway", {}),
    ],
)
def test_what_is_no_kubernetes_is_named(config, status, body, headers):
    with answering(status, body, **headers) as url:
        config(url)

        found = look()

    assert list(found)[-1] == "API server"
    assert "does not answer as Kubernetes does" in found["API server"].what


def test_an_api_that_is_nonsense_throughout_breaks_nothing(config):
    body = json.dumps({"major": "1", "minor": "34", "items": [{"metadata": {}}], "status": [], "spec": 7}).encode()
    with answering(200, body) as url:
        config(url)

        found = look()

    assert found["API server"].state == "ok"


def test_a_server_is_told_with_its_version_and_what_it_is_too_old_for(config, real):
    found = look()

    version = asyncio.run(real.version())
    assert f"Kubernetes v{version[0]}.{version[1]}." in found["API server"].what
    assert found["API server"].state == ("ok" if version >= (1, 30) else "warn")
    assert ("rules" in found["API server"].what) == (version < (1, 25))
    assert found["clock"].state == "ok"


@pytest.mark.parametrize(("off", "state"), [(20, "warn"), (-20, "warn"), (3600, "bad")])
def test_clocks_that_differ_are_told(config, real, monkeypatch, off, state):
    monkeypatch.setattr("tinyflow_jupyter._doctor.server.time.time", lambda now=time.time: now() + off)

    found = look()["clock"]

    assert found.state == state
    assert ("before" if off > 0 else "behind") in found.what
    assert found.fix == "sudo timedatectl set-ntp true"


# --- what is on it


class Real:
    """A real server of the tests' own, without controllers: what is written there stays as it is."""

    def __init__(self, server):
        self.server = server
        self.namespace = f"tinyflow-test-{uuid.uuid4().hex[:8]}"

    async def version(self):
        async with Kube.of_this_machine() as kube:
            return await kube.version()

    def put(self, kind, name, namespace="", part="", **document):
        namespace = (namespace or self.namespace) if kind.namespaced else ""
        metadata = {**document.pop("metadata", {}), "name": name, **({"namespace": namespace} if namespace else {})}

        async def put():
            async with Kube.of_this_machine() as kube:
                await kube.apply(kind, {"metadata": metadata, **document}, f"tests{part}", part=part)

        asyncio.run(put())

    def delete(self, kind, name, namespace=""):
        async def delete():
            async with Kube.of_this_machine() as kube:
                await kube.delete(kind, (namespace or self.namespace) if kind.namespaced else "", name)

        asyncio.run(delete())

    def deployment(self, name, ready=2, version=__version__, *, namespace="", only="", **status):
        labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/version": version}
        container = {"name": "it", "image": "it", "args": [f"--namespace={only}"] if only else []}
        selected = {"app.kubernetes.io/name": name}
        template = {"metadata": {"labels": selected}, "spec": {"containers": [container]}}
        spec = {"replicas": 2, "selector": {"matchLabels": selected}, "template": template}
        self.put(DEPLOYMENTS, name, namespace, metadata={"labels": labels}, spec=spec)
        said = {"replicas": 2, "readyReplicas": ready, **status}
        self.put(DEPLOYMENTS, name, namespace, part="status", status=said)

    def lease(self, holder="tinyflow-operator-1", silent=0.0):
        at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=silent)
        spec = {"holderIdentity": holder, "renewTime": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "leaseDurationSeconds": 15}
        self.put(LEASES, "tinyflow-operator", spec=spec)

    def somebody(self, *rights):
        """A token of somebody with these rights in the namespace, and no others."""
        self.put(ACCOUNTS, "ada")
        if rights:
            rules = [
                {
                    "apiGroups": [right.group],
                    "resources": [right.resource],
                    "verbs": [right.verb],
                    **({"resourceNames": [right.name]} if right.name else {}),
                }
                for right in rights
            ]
            self.put(ROLES, "ada", rules=rules)
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "ada"}
            subject = {"kind": "ServiceAccount", "name": "ada", "namespace": self.namespace}
            self.put(BINDINGS, "ada", roleRef=reference, subjects=[subject])
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}

        async def token():
            async with Kube.of_this_machine() as kube:
                path = ACCOUNTS.path(self.namespace, "ada", "token")
                return (await kube._ask("POST", path, body=asked))["status"]["token"]

        return asyncio.run(token())


@pytest.fixture
def real(config, bare_kubeconfig):
    """The real server, with our definitions and a namespace of this test's own, which is the kubeconfig's."""
    real = Real(server_of(bare_kubeconfig))
    config(real.server, {"token": "token"}, real.namespace, **{"insecure-skip-tls-verify": True})
    for definition in definitions(rules=False):
        real.put(DEFINITIONS, **written(definition))
    real.put(NAMESPACES, real.namespace)
    yield real
    config(real.server, {"token": "token"}, real.namespace, **{"insecure-skip-tls-verify": True})
    for kind, name in ((DEPLOYMENTS, "tinyflow-operator"), (DEPLOYMENTS, "tinyflow-gateway"), (PODS, "it")):
        real.delete(kind, name)
    real.delete(NAMESPACES, real.namespace)


def written(definition):
    return {
        "name": definition["metadata"]["name"],
        "metadata": dict(definition["metadata"]),
        "spec": definition["spec"],
    }


async def test_a_cluster_that_has_never_heard_of_us_is_told_how_it_does(config):
    async with serve(Store([])) as url:
        config(url)

        found = await asyncio.to_thread(look)

    assert (found["definitions"].state, found["definitions"].fix) == ("bad", "tinyflow crds apply")


async def test_a_pocket_cluster_is_well(config):
    async with serve(Store(definitions())) as url:
        config(url)

        found = await asyncio.to_thread(look)

    assert {each.state for each in found.values()} == {"ok"}
    assert "pocket" in found["operator"].what


def test_old_definitions_are_told_with_their_edition(real):
    from tinyflow_operator.editions import EDITION

    for definition in yaml.safe_load_all(EARLIER.read_text()):
        if definition["metadata"]["name"].startswith("tinyflows"):
            real.put(DEFINITIONS, **{**written(definition), "spec": definitions(rules=False)[2]["spec"]})

    found = look()["definitions"]

    assert found.what == f"tinyflows are of edition 2, and {EDITION} is needed."
    assert (found.state, found.fix) == ("bad", "tinyflow crds apply")


def test_newer_definitions_ask_for_a_newer_version(real):
    definition = definitions(rules=False)[2]
    definition["metadata"]["annotations"]["tinyflow.dev/schemas"] = "99"
    real.put(DEFINITIONS, **written(definition))

    found = look()["definitions"]

    assert found.state == "warn"
    assert "pip install --upgrade tinyflow-jupyter" in found.fix


def test_a_cluster_where_nothing_is_installed_is_told_the_command(real):
    found = look()

    assert (found["operator"].state, found["operator"].fix) == ("bad", "tinyflow operator install")
    assert found["gateway"].state == "bad"


def test_a_cluster_that_is_well_is_well_throughout(real, monkeypatch):
    async def spoken(*_):
        return "answered"

    monkeypatch.setattr("tinyflow_jupyter._doctor.gateway.speak", spoken)  # no pods run here
    real.deployment("tinyflow-operator")
    real.deployment("tinyflow-gateway")
    real.lease()

    found = look()

    about = ("kubeconfig", "clock", "definitions", "operator", "gateway", "images")
    may = tuple(f"right to {each.does}" for each in (LOOK, SEND, PUSH))
    assert {name: found[name].state for name in found if name != "API server"} == dict.fromkeys(about + may, "ok")
    assert found["operator"].what == f"{__version__} in namespace {real.namespace!r}, led by tinyflow-operator-1"


@pytest.mark.parametrize(
    ("plant", "state", "said"),
    [
        (lambda real: real.deployment("tinyflow-operator", ready=0), "bad", "None of 2 is ready"),
        (
            lambda real: real.deployment(
                "tinyflow-operator",
                ready=0,
                conditions=[{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota.", "reason": "x"}],
            ),
            "bad",
            "exceeded quota",
        ),
        (lambda real: real.deployment("tinyflow-operator", version="0.0.1"), "warn", "made for each other"),
        (lambda real: real.lease(silent=300), "bad", "tinyflow-operator-1 led, and says nothing any more"),
        (lambda real: real.lease(holder=""), "bad", "nobody led"),
        (lambda real: real.delete(LEASES, "tinyflow-operator"), "bad", "nobody leads"),
    ],
    ids=["not ready", "why not", "other version", "silent leader", "no holder", "no lease"],
)
def test_an_operator_that_does_not_work_is_told_why(real, plant, state, said):
    real.deployment("tinyflow-operator")
    real.lease()
    plant(real)

    found = look()["operator"]

    assert found.state == state
    assert said in found.what


@pytest.fixture
def elsewhere(real):
    """Another namespace, with an operator of its own: ``elsewhere(only="flows")``."""
    name = f"tinyflow-test-{uuid.uuid4().hex[:8]}"

    def install(only=""):
        real.put(NAMESPACES, name)
        real.deployment("tinyflow-operator", ready=0, namespace=name, only=only)
        return name

    yield install
    real.delete(DEPLOYMENTS, "tinyflow-operator", name)
    real.delete(NAMESPACES, name)


def test_of_several_operators_the_one_that_looks_after_the_namespace_is_looked_at(real, elsewhere):
    elsewhere(only="others")
    real.deployment("tinyflow-operator", only=real.namespace)
    real.lease()

    found = look()["operator"]

    assert found.state == "ok"
    assert f"in namespace {real.namespace!r}" in found.what


def test_where_all_operators_look_after_other_namespaces_that_is_told(real, elsewhere):
    at = elsewhere(only="others")

    found = look()["operator"]

    assert found.state == "bad"
    assert found.what == f"There is none for namespace {real.namespace!r}: that in {at!r} looks after 'others' alone."


def test_two_operators_of_one_namespace_are_told(real, elsewhere):
    at = elsewhere()
    real.deployment("tinyflow-operator", only=real.namespace)
    real.lease()

    found = look()["operator"]

    assert found.state == "bad"
    assert f"{real.namespace!r}, {at!r} all look after namespace {real.namespace!r}" in found.what
    assert found.fix == f"tinyflow operator uninstall --namespace {at}"


@pytest.mark.parametrize("path", ["/deployments", "/leases/", "/customresourcedefinitions/", "accessreviews"])
@pytest.mark.parametrize("answers", [503, None], ids=["in trouble", "away"])
def test_trouble_of_the_api_server_is_told_as_that_and_as_nothing_else(real, monkeypatch, path, answers):
    real.deployment("tinyflow-operator")
    real.lease()
    hear, ask = Server.hear, Login.ask

    def troubled(server, asked, *rest, **more):
        if path in asked and answers:
            return Answer(answers, {}, "etcd is away", None, 0.1)
        return hear(server, asked, *rest, **more)

    def away(login, method, asked, *rest, **more):
        if path in asked and not answers:
            raise unreachable(login.context, login.host, ConnectionResetError("reset"))
        return ask(login, method, asked, *rest, **more)

    monkeypatch.setattr(Server, "hear", troubled)
    monkeypatch.setattr(Login, "ask", away)
    found = look()

    code = "TF-161" if answers else "TF-162"
    assert [each.about for each in found.values() if each.what.startswith(code)] != []
    said = " ".join(each.what for each in found.values() if each.about != "gateway")
    for wrong in ("you may not", "There is none", "nobody leads", "edition 0", "are of edition"):
        assert wrong not in said


@pytest.mark.parametrize(
    ("only", "sees", "said"),
    [
        (True, True, "--role=tinyflow-viewer --user"),
        (False, True, "--clusterrole=tinyflow-viewer --user"),
        (True, False, "; --role=tinyflow-viewer where TinyFlow looks after this namespace alone"),
    ],
    ids=["of one namespace", "of all", "hidden"],
)
def test_a_right_is_given_by_the_kind_of_role_that_is_there(real, config, only, sees, said):
    real.deployment("tinyflow-operator", only=real.namespace if only else "")
    token = real.somebody(*([Right("list", "deployments", "apps")] if sees else []))
    config(real.server, {"token": token}, real.namespace, **{"insecure-skip-tls-verify": True})

    fix = look()["right to look at flows"].fix

    assert said in fix
    assert ("--clusterrole" in fix) is not (only and sees)


def test_a_gateway_that_is_not_ready_is_told(real):
    real.deployment("tinyflow-operator")
    real.deployment("tinyflow-gateway", ready=0)

    found = look()["gateway"]

    assert (found.state, "describe pods" in found.fix) == ("bad", True)


def test_a_gateway_that_cannot_be_connected_to_is_told(real):
    real.deployment("tinyflow-operator")
    real.deployment("tinyflow-gateway")
    real.put(ACCOUNTS, "tinyflow-viewer")
    real.put(CONFIGMAPS, "tinyflow-gateway", data={"ca.crt": Authority().pem.decode()})

    found = look()["gateway"]

    assert found.state == "bad"
    assert "TF-163 The gateway" in found.what


@pytest.mark.parametrize(
    ("message", "fix"),
    [
        ("failed to authorize: 401 Unauthorized", "create secret docker-registry mine"),
        ("manifest unknown", "describe pod it"),
    ],
)
def test_an_image_that_cannot_be_had_is_told_with_its_secret(real, message, fix):
    container = {"name": "module", "image": "registry.example.com/maths:1"}
    spec = {"containers": [container], "imagePullSecrets": [{"name": "mine"}]}
    real.put(PODS, "it", metadata={"labels": {"tinyflow.dev/module": "maths"}}, spec=spec)
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
    state = {"name": "module", "image": container["image"], "imageID": "", "ready": False, "restartCount": 0}
    real.put(PODS, "it", part="status", status={"containerStatuses": [{**state, "state": waiting}]})

    found = look()["images"]

    assert found.state == "bad"
    assert "registry.example.com/maths:1" in found.what
    assert fix in found.fix


def test_a_namespace_that_is_not_there_is_told(real, config):
    config(real.server, {"token": "token"}, "nowhere", **{"insecure-skip-tls-verify": True})

    found = look()["namespace"]

    assert (found.state, found.fix) == ("bad", "kubectl create namespace nowhere")


def test_somebody_without_rights_is_told_each_that_is_missing(real, config):
    token = real.somebody()
    config(real.server, {"token": token}, real.namespace, **{"insecure-skip-tls-verify": True})

    found = look()

    assert found["right to look at flows"].state == "bad"
    assert "get tinyflows, list tinyflows" in found["right to look at flows"].what
    assert "--clusterrole=tinyflow-viewer" in found["right to look at flows"].fix
    assert [found[f"right to {each.does}"].state for each in (SEND, PUSH)] == ["warn", "warn"]
    assert [found[each].state for each in ("operator", "gateway", "images")] == ["warn"] * 3
    assert found["definitions"].state == "ok"  # what is served, everybody may see


def test_somebody_who_may_only_look_is_told_what_that_leaves_out(real, config):
    token = real.somebody(*LOOK.rights)
    config(real.server, {"token": token}, real.namespace, **{"insecure-skip-tls-verify": True})

    found = look()

    assert found["right to look at flows"].state == "ok"
    assert found["right to push"].state == "warn"
    assert found["right to send to flows"].what.endswith("you may not: create serviceaccounts/token tinyflow-editor.")


@pytest.mark.parametrize("right", [*PUSH.rights, CODE], ids=str)
def test_no_right_that_a_push_needs_is_forgotten(right):
    found = {each.about: each for each in rights(Without(right), Home("tinyflow"), policies=True)}

    assert found["right to push"].state == "warn"
    assert str(right) in found["right to push"].what


def test_where_no_policy_can_be_its_right_is_not_asked_for():
    of_all, of_one = Home("tinyflow"), Home("tinyflow", only=True)

    states = [
        rights(Without(CODE), home, policies=policies)[-1].state
        for home, policies in ((of_all, True), (of_all, False), (of_one, True))
    ]

    assert states == ["warn", "ok", "ok"]


class Without:
    """A server that lets one do all but one thing."""

    login = SimpleNamespace(namespace="default")

    def __init__(self, right):
        self.right = right

    def create(self, path, document):
        said = document["spec"]["resourceAttributes"]
        resource = "/".join(said[part] for part in ("resource", "subresource") if part in said)
        asked = Right(said["verb"], resource, said.get("group", ""), said.get("name", ""))
        return {"status": {"allowed": asked != self.right}}

    def who(self):
        return "ada"
