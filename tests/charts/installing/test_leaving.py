"""TinyFlow is taken away: what goes with it, and what stays because it is somebody else's."""

from __future__ import annotations

import pytest
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.labels import MANAGED

from tinyflow_jupyter import Cluster
from tinyflow_jupyter._cluster import leaving

pytestmark = pytest.mark.timeout(180)


def test_with_the_definitions_all_flows_go_and_it_says_how_many(cluster, namespace, pods, everything, capsys):
    with pods():
        cluster.install(namespace=namespace)
    cluster.apply({"apiVersion": "tinyflow.dev/v1alpha1", "kind": "TinyFlow", "metadata": {"name": "sums"}, "spec": {}})

    cluster.uninstall(namespace=namespace, crds=True)

    assert "and 1 flow with it" in capsys.readouterr().out
    assert not [each for each in everything(cluster) if each[0] == "CustomResourceDefinition" and "tinyflow" in each[2]]


def test_what_the_operator_made_for_itself_goes_with_it_and_what_somebody_put_there_stays(
    cluster, namespace, pods, everything, capsys
):
    api = cluster._api
    with pods():
        cluster.install(namespace=namespace)
    for name, labels in (("tinyflow-ca", {}), ("tinyflow-gateway-tls", MANAGED)):
        api.request("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": name, "labels": labels}})
    for name in ("tinyflow-viewer", "somebodys"):
        account = {"metadata": {"name": name, "labels": MANAGED}}
        api.request("POST", "/api/v1/namespaces/default/serviceaccounts", account)

    cluster.uninstall(namespace=namespace)

    left = everything(cluster)
    assert ("Secret", namespace, "tinyflow-gateway-tls") not in left
    assert ("Secret", namespace, "tinyflow-ca") in left  # a company's own authority
    assert "deletionTimestamp" not in api.request("GET", f"/api/v1/namespaces/{namespace}")["metadata"]
    assert f"the namespace {namespace} stays, for Secret tinyflow-ca is in it" in capsys.readouterr().out
    assert ("ServiceAccount", "default", "tinyflow-viewer") not in left
    assert ("ServiceAccount", "default", "somebodys") in left
    api.request("DELETE", "/api/v1/namespaces/default/serviceaccounts/somebodys")
    api.request("DELETE", f"/api/v1/namespaces/{namespace}/secrets/tinyflow-ca")


@pytest.mark.parametrize(
    ("ours", "theirs", "goes"),
    [
        (None, "flows", {"default"}),  # ours has all but what another one looks after
        ("default", None, set()),
        ("default", "flows", {"default"}),
        (None, None, set()),
    ],
)
def test_the_accounts_of_another_installation_stay(cluster, namespace, ours, theirs, goes):
    api, flows = cluster._api, f"{namespace}-flows"
    api.request("POST", "/api/v1/namespaces", {"metadata": {"name": flows}})
    for place in ("default", flows):
        account = {"metadata": {"name": "tinyflow-viewer", "labels": MANAGED}}
        api.request("POST", f"/api/v1/namespaces/{place}/serviceaccounts", account)
    for place, watched in ((namespace, ours), (f"{namespace}-other", theirs)):
        api.request("POST", "/api/v1/namespaces", {"metadata": {"name": place}})
        watched = flows if watched == "flows" else watched
        operator = _operator([f"--namespace={watched}"] if watched else [])
        api.request("POST", f"/apis/apps/v1/namespaces/{place}/deployments", operator)

    found = {path.split("/")[4].replace(flows, "flows") for path in leaving.accounts_of(api, namespace)}

    assert found == goes
    for place in ("default", flows):
        api.request("DELETE", f"/api/v1/namespaces/{place}/serviceaccounts/tinyflow-viewer")
    for place in (namespace, f"{namespace}-other"):
        api.request("DELETE", f"/apis/apps/v1/namespaces/{place}/deployments/tinyflow-operator")


def _operator(arguments):
    """A Deployment of an operator, as far as others look at it."""
    spec = {"containers": [{"name": "operator", "image": "none", "args": ["--leader", *arguments]}]}
    labels = {"it": "operator"}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "tinyflow-operator"},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    }


def test_a_namespace_with_flows_in_it_stays(cluster, namespace, pods):
    with pods():
        cluster.install(namespace=namespace)
    module = {"metadata": {"name": "m"}, "spec": {}, "apiVersion": "tinyflow.dev/v1alpha1", "kind": "TinyModule"}
    path = f"/apis/tinyflow.dev/v1alpha1/namespaces/{namespace}/tinymodules"
    cluster._api.request("POST", path, module)

    cluster.uninstall(namespace=namespace)

    found = cluster._api.request("GET", f"/api/v1/namespaces/{namespace}")
    assert "deletionTimestamp" not in found["metadata"]
    cluster._api.request("DELETE", f"{path}/m")


@pytest.mark.usefixtures("with_controllers")
def test_on_a_cluster_with_controllers_nothing_is_left(namespace, everything, deployment):
    with Cluster() as cluster:
        before = everything(cluster)
        there = any("tinyflows.tinyflow.dev" in each for each in before)
        for values in ({}, {"watchNamespace": "default"}):
            with pytest.raises(ClusterError, match="TF-197"):  # nothing there runs pods
                cluster.install(values, namespace=namespace, timeout=1)
            assert deployment(cluster, namespace) is not None
            cluster.uninstall(namespace=namespace, crds=not there)

        assert everything(cluster) - before == set()
