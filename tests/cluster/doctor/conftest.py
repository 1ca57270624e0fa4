"""The doctor on a real API server, with what people have wrong there."""

from __future__ import annotations

import asyncio
import datetime
import json
import time
import uuid
from pathlib import Path

import pytest
import yaml
from tinyflow_operator.crds import definitions
from tinyflow_operator.kinds import ACCOUNTS, DEFINITIONS, DEPLOYMENTS, LEASES, NAMESPACES, PODS, Kind
from tinyflow_operator.kube import Kube
from tinyflow_runtime import __version__

from tinyflow_jupyter._doctor.examination import of_cluster

ROLES = Kind("Role", "roles", "rbac.authorization.k8s.io", "v1")
BINDINGS = Kind("RoleBinding", "rolebindings", "rbac.authorization.k8s.io", "v1")


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


@pytest.fixture
def server(bare_kubeconfig):
    """The address of the real server."""
    said = yaml.safe_load(Path(bare_kubeconfig).read_text())
    return said["clusters"][0]["cluster"]["server"]


@pytest.fixture(name="look")
def _look():
    """Has the doctor look: what is found, by what it is about."""
    return look


def look(**options):
    began = time.monotonic()
    found = of_cluster(**options)
    assert time.monotonic() - began < 40
    assert all("\n" not in each.what + each.fix and "Traceback" not in each.what for each in found)
    assert [each for each in found if each.state == "bad" and not each.fix] == []
    return {each.about: each for each in found}


class Real:
    """A real server of the tests' own, without controllers: what is written there stays as it is."""

    def __init__(self, server, config):
        self.server, self._config = server, config
        self.namespace = f"tinyflow-test-{uuid.uuid4().hex[:8]}"

    def log_in(self, token="token", namespace=""):
        """Make this one the kubeconfig's, as whoever has the token."""
        at = namespace or self.namespace
        self._config(self.server, {"token": token}, at, **{"insecure-skip-tls-verify": True})

    def version(self):
        async def version():
            async with Kube.of_this_machine() as kube:
                return await kube.version()

        return asyncio.run(version())

    def define(self, definition):
        said = {name: definition[name] for name in ("metadata", "spec")}
        self.put(DEFINITIONS, definition["metadata"]["name"], **said)

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
def real(server, config):
    """The real server, with our definitions and a namespace of this test's own, which is the kubeconfig's."""
    real = Real(server, config)
    real.log_in()
    for definition in definitions(rules=False):
        real.define(definition)
    real.put(NAMESPACES, real.namespace)
    yield real
    real.log_in()
    for kind, name in ((DEPLOYMENTS, "tinyflow-operator"), (DEPLOYMENTS, "tinyflow-gateway"), (PODS, "it")):
        real.delete(kind, name)
    real.delete(NAMESPACES, real.namespace)
