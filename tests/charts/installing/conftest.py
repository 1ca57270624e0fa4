"""A real Kubernetes API on which TinyFlow is installed; of pods only what others say is played."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid

import pytest
from tinyflow_runtime.errors import ClusterError

from tinyflow_jupyter import Cluster
from tinyflow_jupyter._cluster import installing
from tinyflow_jupyter._cluster.api import Api
from tinyflow_jupyter._cluster.operators import operators_there

SELF_MADE = {"Event", "Lease", "Endpoints", "EndpointSlice", "ControllerRevision", "ReplicaSet", "Pod", "APIService"}


@pytest.fixture
def cluster(kubeconfig, bare_kubeconfig, namespace, monkeypatch):
    """A server without controllers: what a Deployment comes to is said by the test; namespaces that are deleted go."""
    monkeypatch.setenv("KUBECONFIG", bare_kubeconfig)
    with Cluster() as cluster, _played(lambda api: _let_go(api, namespace)):
        _forget(cluster)
        yield cluster
        _forget(cluster)


@pytest.fixture
def namespace():
    return f"tinyflow-{uuid.uuid4().hex[:8]}"


def _forget(cluster):
    for each in operators_there(cluster._api):  # of a test that failed: it must not take the others along
        place = f"/apis/apps/v1/namespaces/{each['metadata']['namespace']}/deployments"
        cluster._api.request("DELETE", f"{place}/{each['metadata']['name']}")
    names = [name for name, _ in installing._definitions()]
    for name in names:
        cluster._api.request("DELETE", f"{installing.CRDS}/{name}")
    while any(cluster._api.request("GET", f"{installing.CRDS}/{name}") for name in names):
        time.sleep(0.1)


@contextlib.contextmanager
def pods(kubeconfig=""):
    """Plays the controller and the kubelet: whatever is deployed gets ready.

    Args:
        kubeconfig: Theirs, where that of the test is somebody's who may not play them.
    """
    with _played(_get_ready, kubeconfig):
        yield


@contextlib.contextmanager
def _played(part, kubeconfig=""):
    """A thread that does its part again and again."""
    over = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        if kubeconfig:
            patch.setenv("KUBECONFIG", kubeconfig)
        api = Api.of_context(None, None)

    def play():
        with contextlib.closing(api):
            while not over.wait(0.1):
                part(api)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _get_ready(api):
    for each in api.request("GET", "/apis/apps/v1/deployments")["items"]:
        count = each["spec"]["replicas"]
        status = {
            "observedGeneration": each["metadata"]["generation"],
            "replicas": count,
            "updatedReplicas": count,
            "readyReplicas": count,
            "availableReplicas": count,
        }
        place, name = each["metadata"]["namespace"], each["metadata"]["name"]
        path = f"/apis/apps/v1/namespaces/{place}/deployments"
        content = "application/merge-patch+json"
        with contextlib.suppress(ClusterError):  # it was changed meanwhile, or deleted
            api.request("PATCH", f"{path}/{name}/status", {"status": status}, content=content)


def _let_go(api, namespace):
    """As its controller does once nothing is left in it."""
    for each in api.request("GET", "/api/v1/namespaces")["items"]:
        name = each["metadata"]["name"]
        if name.startswith(namespace) and each["spec"].get("finalizers") and "deletionTimestamp" in each["metadata"]:
            with contextlib.suppress(ClusterError):  # it is gone already
                api.request("PUT", f"/api/v1/namespaces/{name}/finalize", {**each, "spec": {}})


def everything(cluster):
    """Every object of the cluster, by kind, namespace and name."""
    api = cluster._api
    roots = [
        "/api/v1",
        *(f"/apis/{each['preferredVersion']['groupVersion']}" for each in api.request("GET", "/apis")["groups"]),
    ]
    found = set()
    for root in roots:
        for kind in api.request("GET", root)["resources"]:
            if "list" not in kind["verbs"] or kind["kind"] in SELF_MADE:
                continue
            with contextlib.suppress(ClusterError):  # a definition that just goes
                for each in (api.request("GET", f"{root}/{kind['name']}") or {})["items"] or ():
                    metadata = each["metadata"]
                    found.add((kind["kind"], metadata.get("namespace", ""), metadata["name"]))
    return found


def deployment(cluster, namespace, name="tinyflow-operator"):
    return cluster._api.request("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")


@pytest.fixture(name="pods")
def _pods():
    """Plays the controller and the kubelet within a block."""
    return pods


@pytest.fixture(name="everything")
def _everything():
    """Lists every object of a cluster, by kind, namespace and name."""
    return everything


@pytest.fixture(name="deployment")
def _deployment():
    """Looks for the operator's Deployment in a namespace."""
    return deployment
