"""The definitions of custom resources: brought, taken over, left to whoever owns them, and never made older."""

from __future__ import annotations

import pytest
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.labels import MANAGED_BY, SCHEMAS

from tinyflow_jupyter._cluster import helm, installing, leaving

CRDS = installing.CRDS
pytestmark = pytest.mark.timeout(180)


def test_definitions_that_are_new_enough_are_left_to_whoever_brought_them(cluster, namespace, pods):
    with pods():
        cluster.install(namespace=namespace)
        cluster.uninstall(namespace=namespace)
        before = cluster._api.request("GET", f"{CRDS}/tinyflows.tinyflow.dev")
        cluster.install(namespace=f"{namespace}-again")
        after = cluster._api.request("GET", f"{CRDS}/tinyflows.tinyflow.dev")
        cluster.uninstall(namespace=f"{namespace}-again")

    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_older_definitions_that_nobody_owns_are_taken_over(cluster, namespace, pods):
    again = f"{namespace}-again"
    with pods():
        cluster.install(namespace=namespace)
        cluster.uninstall(namespace=namespace)
        installing._mark(cluster._api, "tinyflows.tinyflow.dev", annotations={SCHEMAS: "1"})
        cluster.install(namespace=again)
    found = cluster._api.request("GET", f"{CRDS}/tinyflows.tinyflow.dev")["metadata"]["annotations"]
    cluster.uninstall(namespace=again, crds=True)

    assert int(found[SCHEMAS]) > 1
    assert found["meta.helm.sh/release-namespace"] == again


def test_older_definitions_of_another_release_are_not(cluster, namespace, pods):
    with pods():
        cluster.install({"watchNamespace": namespace}, namespace=namespace)
    installing._mark(cluster._api, "tinyflows.tinyflow.dev", annotations={SCHEMAS: "1"})

    with pytest.raises(ClusterError, match=rf"(?s)TF-196 .*belong to .* tinyflow-crds .*helm upgrade .* {namespace}"):
        cluster.install({"watchNamespace": f"{namespace}-again"}, namespace=f"{namespace}-again")

    cluster.uninstall(namespace=namespace, crds=True)


def test_definitions_that_are_just_going_are_waited_for(cluster, namespace, pods, monkeypatch):
    with pods():
        cluster.install(namespace=namespace)
        path = f"{CRDS}/tinyflows.tinyflow.dev"
        installing._mark(cluster._api, "tinyflows.tinyflow.dev", finalizers=["tinyflow.dev/held"])
        cluster._api.request("DELETE", path)
        with monkeypatch.context() as soon:
            soon.setattr(leaving, "GONE", 0.5)
            with pytest.raises(ClusterError, match=r"(?s)TF-196 The definition tinyflows\.tinyflow\.dev is being dele"):
                cluster.install(namespace=namespace)
        installing._mark(cluster._api, "tinyflows.tinyflow.dev", finalizers=None)
        cluster.install(namespace=namespace)

    assert cluster._api.request("GET", path) is not None
    cluster.uninstall(namespace=namespace)


def test_newer_definitions_are_not_replaced_and_nothing_is_begun(cluster, namespace, pods):
    with pods():
        cluster.install(namespace=namespace)
        cluster.uninstall(namespace=namespace)
    path = f"{CRDS}/tinyflows.tinyflow.dev"
    installing._mark(cluster._api, "tinynodes.tinyflow.dev", annotations={SCHEMAS: "1"})  # older ones are brought
    installing._mark(cluster._api, "tinyflows.tinyflow.dev", annotations={SCHEMAS: "99"})
    before = cluster._api.request("GET", path)

    with pytest.raises(ClusterError, match=r"TF-193 .*tinyflows\.tinyflow\.dev is of edition 99, and ours"):
        cluster.install(namespace=f"{namespace}-again", timeout=1)

    assert cluster._api.request("GET", path) == before
    assert cluster._api.request("GET", f"/api/v1/namespaces/{namespace}-again") is None


def test_definitions_that_could_not_be_brought_are_left_as_they_were(cluster, namespace, pods, monkeypatch):
    with pods():
        cluster.install(namespace=namespace)
        cluster.uninstall(namespace=namespace)
    name = "tinyflows.tinyflow.dev"
    installing._mark(cluster._api, name, labels={MANAGED_BY: "ada"}, annotations={SCHEMAS: "new"})
    before = cluster._api.request("GET", f"{CRDS}/{name}")["metadata"]

    def refuse(*arguments, **named):
        raise ClusterError("TF-196", "Helm refused: no.", "Mend it.")

    monkeypatch.setattr(helm, "upgrade", refuse)
    with pytest.raises(ClusterError, match="Helm refused: no"):
        cluster.install(namespace=f"{namespace}-again")

    after = cluster._api.request("GET", f"{CRDS}/{name}")["metadata"]
    assert (after["labels"], after["annotations"]) == (before["labels"], before["annotations"])
