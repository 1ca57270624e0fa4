"""Installations of one namespace: what each needs of the cluster, and that no two look after the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.documents import VERSION
from tinyflow_runtime.rpc.gateway import let_review

from tinyflow_jupyter import Cluster
from tinyflow_jupyter._cluster import helm, installing, reviews

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def binding(cluster, namespace):
    """The ClusterRoleBinding of the gateway, as it is now."""
    path = f"{reviews.BINDINGS}/tinyflow-gateway-{namespace}"
    yield lambda: cluster._api.request("GET", path)
    cluster._api.request("DELETE", path)


def test_the_gateway_of_one_namespace_may_ask_whose_token_it_is_until_it_leaves(cluster, namespace, pods, binding):
    with pods():
        cluster.install({"watchNamespace": namespace}, namespace=namespace)
        cluster.install({"watchNamespace": namespace}, namespace=namespace)
    may = _may_review(cluster, f"system:serviceaccount:{namespace}:tinyflow-gateway")
    there = binding()

    cluster.uninstall(namespace=namespace)

    assert may
    assert there["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "tinyflow"}
    assert binding() is None


def test_one_that_looks_after_all_has_the_right_from_its_chart(cluster, namespace, pods, binding):
    with pods():
        cluster.install({"watchNamespace": namespace}, namespace=namespace)
        before = binding()
        cluster.install(namespace=namespace)

    assert (before is None, binding()) == (False, None)
    cluster.uninstall(namespace=namespace)


def test_a_right_that_somebody_else_gave_is_used_and_stays(cluster, namespace, pods, binding):
    subject = {"kind": "ServiceAccount", "name": "tinyflow-gateway", "namespace": namespace}
    cluster._api.request("POST", reviews.BINDINGS, _binding(namespace, subject))

    with pods():
        cluster.install({"watchNamespace": namespace}, namespace=namespace)
    cluster.uninstall(namespace=namespace)

    assert binding() is not None


def test_a_binding_of_that_name_that_gives_something_else_is_said(cluster, namespace, binding):
    subject = {"kind": "ServiceAccount", "name": "tinyflow-gateway", "namespace": "elsewhere"}
    cluster._api.request("POST", reviews.BINDINGS, _binding(namespace, subject))

    assert f"the ClusterRoleBinding tinyflow-gateway-{namespace} is another one" in reviews.give(
        cluster._api, namespace
    )


def _binding(namespace, subject):
    reference = {"apiGroup": reviews.GROUP, "kind": "ClusterRole", "name": "system:auth-delegator"}
    return {"metadata": {"name": f"tinyflow-gateway-{namespace}"}, "roleRef": reference, "subjects": [subject]}


def _may_review(cluster, user):
    attributes = {"verb": "create", "group": "authentication.k8s.io", "resource": "tokenreviews"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes},
    }
    return cluster._api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"]


def test_who_may_not_give_that_right_is_told_the_command_at_the_end(
    cluster, namespace, pods, binding, bare_kubeconfig, monkeypatch, tmp_path, capsys
):
    for path in (helm.charts() / "tinyflow-crds/definitions").glob("*.yaml"):
        cluster._api.request("POST", installing.CRDS, yaml.safe_load(path.read_text()))
    cluster._api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    _log_in_as_its_administrator(cluster, namespace, bare_kubeconfig, monkeypatch, tmp_path)

    with pods(bare_kubeconfig):
        with Cluster() as theirs:
            theirs.install({"watchNamespace": namespace}, namespace=namespace)
            installed = capsys.readouterr().out
            theirs.uninstall(namespace=namespace)
            gone = capsys.readouterr().out

    assert f"says once: {let_review(namespace, 'tinyflow-gateway')}, installed in" in installed
    assert f"may say: kubectl delete clusterrolebinding tinyflow-gateway-{namespace}, taken away in" in gone
    assert binding() is None


def _log_in_as_its_administrator(cluster, namespace, kubeconfig, monkeypatch, tmp_path):
    """The kubeconfig of who may do everything in the namespace, and look at definitions, and no more."""
    api = cluster._api
    api.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "ada"}})
    subject = {"kind": "ServiceAccount", "name": "ada", "namespace": namespace}
    root = f"/apis/{reviews.GROUP}/v1/namespaces/{namespace}/rolebindings"
    reference = {"apiGroup": reviews.GROUP, "kind": "ClusterRole", "name": "cluster-admin"}
    api.request("POST", root, {"metadata": {"name": "ada"}, "roleRef": reference, "subjects": [subject]})
    rule = {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["get"]}
    name = f"{namespace}-definitions"
    rbac = f"/apis/{reviews.GROUP}/v1"
    api.request("POST", f"{rbac}/clusterroles", {"metadata": {"name": name}, "rules": [rule]})
    reference = {"apiGroup": reviews.GROUP, "kind": "ClusterRole", "name": name}
    api.request("POST", reviews.BINDINGS, {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    said = api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts/ada/token", asked)
    config = yaml.safe_load(Path(kubeconfig).read_text())
    config["users"][0]["user"] = {"token": said["status"]["token"]}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("", "flows", "looks after all namespaces already"),
        ("flows", "", "looks after namespace 'flows' already"),
        ("flows", "flows", "looks after namespace 'flows' already"),
        ("", "", "looks after all namespaces already"),
    ],
)
def test_what_is_looked_after_already_gets_no_second_operator(cluster, namespace, first, second, said, everything):
    api, there = cluster._api, f"{namespace}-there"
    api.request("POST", "/api/v1/namespaces", {"metadata": {"name": there}})
    api.request("POST", f"/apis/apps/v1/namespaces/{there}/deployments", _operator(first))
    before = everything(cluster)

    with pytest.raises(ClusterError, match="TF-196") as caught:
        cluster.install({"watchNamespace": second}, namespace=namespace)

    assert f"The operator in namespace {there!r} {said}" in caught.value.what
    assert caught.value.way_out[0].endswith(f"tinyflow operator uninstall --namespace {there}")
    assert everything(cluster) == before
    api.request("DELETE", f"/apis/apps/v1/namespaces/{there}/deployments/tinyflow-operator")


def test_operators_of_different_namespaces_stand_beside_each_other(cluster, namespace, pods, binding, deployment):
    api, there = cluster._api, f"{namespace}-there"
    api.request("POST", "/api/v1/namespaces", {"metadata": {"name": there}})
    api.request("POST", f"/apis/apps/v1/namespaces/{there}/deployments", _operator("flows"))

    with pods():
        cluster.install({"watchNamespace": namespace}, namespace=namespace)

    assert deployment(cluster, namespace) is not None
    cluster.uninstall(namespace=namespace)
    api.request("DELETE", f"/apis/apps/v1/namespaces/{there}/deployments/tinyflow-operator")


def test_of_modules_that_run_it_is_said_that_they_take_new_certificates(cluster, namespace, pods, capsys):
    api = cluster._api
    with pods():
        cluster.install(namespace=namespace)
        nothing_runs = capsys.readouterr().out
        root = "/apis/tinyflow.dev/v1alpha1/namespaces/default/tinymodules"
        api.request("POST", root, {"metadata": {"name": "m"}, "apiVersion": VERSION, "kind": "TinyModule", "spec": {}})
        status, content = {"status": {"address": "10.0.0.1:7443"}}, "application/merge-patch+json"
        api.request("PATCH", f"{root}/m/status", status, content=content)
        cluster.install(namespace=namespace)
        without = capsys.readouterr().out
        api.request("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "tinyflow-ca"}})
        cluster.install(namespace=namespace)
        with_one = capsys.readouterr().out

    assert "the module that runs can be reached in a minute or two, with new certificates" in without
    assert "new certificates" not in nothing_runs + with_one
    api.request("DELETE", f"{root}/m")
    api.request("DELETE", f"/api/v1/namespaces/{namespace}/secrets/tinyflow-ca")
    cluster.uninstall(namespace=namespace)


def _operator(watched):
    """A Deployment of an operator, as far as others look at it."""
    arguments = [f"--namespace={watched}"] if watched else []
    labels = {"it": "operator"}
    spec = {"containers": [{"name": "operator", "image": "none", "args": ["--leader", *arguments]}]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "tinyflow-operator"},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    }
