"""TinyFlow is installed on a real Kubernetes API and changed, by the methods and by the commands."""

from __future__ import annotations

import pytest
from tinyflow_runtime.errors import ClusterError

from tinyflow_jupyter import Cluster
from tinyflow_jupyter._cluster import installcommand, installing, leaving
from tinyflow_jupyter._cluster.programs import until_running
from tinyflow_jupyter._cluster.progress import Progress

CRDS = installing.CRDS
pytestmark = pytest.mark.timeout(180)


def test_it_is_installed_changed_and_taken_away(cluster, namespace, pods, everything, deployment, capsys):
    with pods():
        cluster.install(namespace=namespace)
        first = deployment(cluster, namespace)
        cluster.install({"operator": {"replicas": 3}}, namespace=namespace)
        second = deployment(cluster, namespace)
    definitions = [cluster._api.request("GET", f"{CRDS}/{name}") for name, _ in installing._definitions()]

    cluster.uninstall(namespace=namespace)

    assert (first["spec"]["replicas"], second["spec"]["replicas"]) == (2, 3)
    assert all(each["metadata"]["annotations"]["meta.helm.sh/release-namespace"] == namespace for each in definitions)
    assert deployment(cluster, namespace) is None
    left = {each for each in everything(cluster) if namespace in each}
    assert {kind for kind, *_ in left} <= {"ServiceAccount"}  # no controller takes it away here
    told = capsys.readouterr().out.splitlines()
    assert told[-1].startswith("uninstall TinyFlow: TinyFlow has left")
    after = cluster._api.request("GET", f"{CRDS}/tinyflows.tinyflow.dev")["metadata"]
    assert "meta.helm.sh/release-name" not in after["annotations"]
    assert "app.kubernetes.io/managed-by" not in after["labels"]


def test_a_namespace_that_does_not_go_is_not_installed_into(cluster, namespace, monkeypatch):
    monkeypatch.setattr(leaving, "GONE", 0.5)
    held = {"name": namespace, "finalizers": ["tinyflow.dev/held"]}
    cluster._api.request("POST", "/api/v1/namespaces", {"metadata": held})
    cluster._api.request("DELETE", f"/api/v1/namespaces/{namespace}")

    with pytest.raises(ClusterError, match=r"TF-196 The namespace .* is being deleted"):
        cluster.install(namespace=namespace)

    content = "application/merge-patch+json"
    path = f"/api/v1/namespaces/{namespace}"
    cluster._api.request("PATCH", path, {"metadata": {"finalizers": None}}, content=content)


def test_where_no_program_is_nothing_runs(cluster, namespace):
    with pytest.raises(ClusterError, match=r"TF-197 .*: nothing ready"):
        until_running(cluster._api, namespace, 0.1, Progress("install"))


def test_what_does_not_run_in_time_is_said_with_its_reason(cluster, namespace):
    with pytest.raises(
        ClusterError, match=r"(?s)TF-197 .*operator 0 of 2, gateway 0 of 2 ready\. No pod of it was made"
    ):
        cluster.install(namespace=namespace, timeout=0.5)

    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    _pod(cluster, namespace, {"containerStatuses": [_container(state={"waiting": waiting})]})
    with pytest.raises(ClusterError, match=r"(?s)TF-197 .*ImagePullBackOff: Back-off.*Name an image"):
        cluster.install(namespace=namespace, timeout=0.5)

    ended = {
        "exitCode": 1,
        "message": "TF-192 The cluster's definition of TinyNode is of edition 1.\n  Run: tinyflow crds apply",
    }
    _pod(cluster, namespace, {"containerStatuses": [_container(lastState={"terminated": ended}, state={})]})
    with pytest.raises(ClusterError, match=r"(?s)TF-197 .*ended: +Run: tinyflow crds apply"):
        cluster.install(namespace=namespace, timeout=0.5)

    cluster._api.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/it?gracePeriodSeconds=0")
    cluster.uninstall(namespace=namespace)


def _pod(cluster, namespace, status):
    path = f"/api/v1/namespaces/{namespace}/pods"
    labels = {"app.kubernetes.io/part-of": "tinyflow"}
    spec = {"containers": [{"name": "it", "image": "none"}]}
    cluster._api.request(
        "PATCH",
        f"{path}/it?fieldManager=test",
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "it", "labels": labels}, "spec": spec},
        content="application/apply-patch+yaml",
    )
    cluster._api.request("PATCH", f"{path}/it/status", {"status": status}, content="application/merge-patch+json")


def _container(**more):
    return {"name": "it", "image": "none", "imageID": "", "ready": False, "restartCount": 0, **more}


def test_the_commands_do_what_the_methods_do(cluster, namespace, pods, deployment, tmp_path, capsys):
    values = tmp_path / "values.yaml"
    values.write_text("operator: {replicas: 1}\n")

    with pods():
        installcommand.install(["--namespace", namespace, "--values", str(values)])
    found = deployment(cluster, namespace)
    installcommand.uninstall(["--namespace", namespace])

    assert found["spec"]["replicas"] == 1
    assert deployment(cluster, namespace) is None
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines() if "TinyFlow" in line][-1]


def test_values_that_cannot_be_read_are_said_so(tmp_path):
    for text in ("a: [", "- a", "\x00"):
        (tmp_path / "values.yaml").write_text(text)
        with pytest.raises(ClusterError, match="TF-196"):
            installcommand._read(tmp_path / "values.yaml")
    with pytest.raises(ClusterError, match="cannot be read"):
        installcommand._read(tmp_path / "none.yaml")


def test_on_a_pocket_cluster_there_is_nothing_to_install():
    with Cluster.local() as pocket:
        for act in (pocket.install, pocket.uninstall):
            with pytest.raises(ClusterError, match="TF-196 A pocket cluster has its operator"):
                act()
