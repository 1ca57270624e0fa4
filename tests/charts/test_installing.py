"""TinyFlow is installed on a real Kubernetes API, changed, and taken away; of pods only what others say is played."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import threading
import time
import uuid

import pytest
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.labels import SCHEMAS

from tinyflow_jupyter import Cluster
from tinyflow_jupyter._cluster import helm, installcommand, installing, leaving
from tinyflow_jupyter._cluster.programs import until_running
from tinyflow_jupyter._cluster.progress import Progress

SELF_MADE = {"Event", "Lease", "Endpoints", "EndpointSlice", "ControllerRevision", "ReplicaSet", "Pod", "APIService"}
CRDS = installing.CRDS
MADE = {"app.kubernetes.io/managed-by": "tinyflow"}
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def cluster(kubeconfig, bare_kubeconfig, monkeypatch):
    """A server without controllers: what a Deployment comes to is said by the test."""
    monkeypatch.setenv("KUBECONFIG", bare_kubeconfig)
    monkeypatch.setattr(leaving, "GONE", 5.0)  # no controller takes a namespace away
    with Cluster() as cluster:
        _forget(cluster)
        yield cluster
        _forget(cluster)


@pytest.fixture
def namespace():
    return f"tinyflow-{uuid.uuid4().hex[:8]}"


def _forget(cluster):
    names = [name for name, _ in installing._definitions()]
    for name in names:
        cluster._api.request("DELETE", f"{CRDS}/{name}")
    while any(cluster._api.request("GET", f"{CRDS}/{name}") for name in names):
        time.sleep(0.1)


@contextlib.contextmanager
def pods():
    """Plays the controller and the kubelet: whatever is deployed gets ready."""
    over = threading.Event()

    def play():
        with Cluster() as mine:
            while not over.wait(0.2):
                for each in mine._api.request("GET", "/apis/apps/v1/deployments")["items"]:
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
                        mine._api.request("PATCH", f"{path}/{name}/status", {"status": status}, content=content)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


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


def test_it_is_installed_changed_and_taken_away(cluster, namespace, capsys):
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
    assert {kind for kind, *_ in left} <= {"Namespace", "ServiceAccount"}  # no controller takes them away here
    told = capsys.readouterr().out.splitlines()
    assert told[-1].startswith("uninstall TinyFlow: TinyFlow has left")
    after = cluster._api.request("GET", f"{CRDS}/tinyflows.tinyflow.dev")["metadata"]
    assert "meta.helm.sh/release-name" not in after["annotations"]
    assert "app.kubernetes.io/managed-by" not in after["labels"]


def test_definitions_that_are_new_enough_are_left_to_whoever_brought_them(cluster, namespace):
    with pods():
        cluster.install(namespace=namespace)
        cluster.uninstall(namespace=namespace)
        before = cluster._api.request("GET", f"{CRDS}/tinyflows.tinyflow.dev")
        cluster.install(namespace=f"{namespace}-again")
        after = cluster._api.request("GET", f"{CRDS}/tinyflows.tinyflow.dev")
        cluster.uninstall(namespace=f"{namespace}-again")

    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_older_definitions_that_nobody_owns_are_taken_over(cluster, namespace):
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


def test_a_namespace_that_does_not_go_is_not_installed_into(cluster, namespace):
    cluster._api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    cluster._api.request("DELETE", f"/api/v1/namespaces/{namespace}")

    with pytest.raises(ClusterError, match=r"TF-196 The namespace .* is being deleted"):
        cluster.install(namespace=namespace)


def test_older_definitions_of_another_release_are_not(cluster, namespace):
    with pods():
        cluster.install(namespace=namespace)
    installing._mark(cluster._api, "tinyflows.tinyflow.dev", annotations={SCHEMAS: "1"})

    with pytest.raises(ClusterError, match=rf"(?s)TF-196 .*belong to .* tinyflow-crds .*helm upgrade .* {namespace}"):
        cluster.install(namespace=f"{namespace}-again")

    cluster.uninstall(namespace=namespace, crds=True)


def test_definitions_that_are_just_going_are_waited_for(cluster, namespace):
    with pods():
        cluster.install(namespace=namespace)
        path = f"{CRDS}/tinyflows.tinyflow.dev"
        installing._mark(cluster._api, "tinyflows.tinyflow.dev", finalizers=["tinyflow.dev/held"])
        cluster._api.request("DELETE", path)
        with pytest.raises(ClusterError, match=r"(?s)TF-196 The definition tinyflows\.tinyflow\.dev is being deleted"):
            cluster.install(namespace=namespace)
        installing._mark(cluster._api, "tinyflows.tinyflow.dev", finalizers=None)
        cluster.install(namespace=namespace)

    assert cluster._api.request("GET", path) is not None
    cluster.uninstall(namespace=namespace)


def test_with_the_definitions_all_flows_go_and_it_says_how_many(cluster, namespace, capsys):
    with pods():
        cluster.install(namespace=namespace)
    cluster.apply({"apiVersion": "tinyflow.dev/v1alpha1", "kind": "TinyFlow", "metadata": {"name": "sums"}, "spec": {}})

    cluster.uninstall(namespace=namespace, crds=True)

    assert "and 1 flow with it" in capsys.readouterr().out
    assert not [each for each in everything(cluster) if each[0] == "CustomResourceDefinition" and "tinyflow" in each[2]]


def test_what_the_operator_made_for_itself_goes_with_it_and_what_somebody_put_there_stays(cluster, namespace, capsys):
    api = cluster._api
    with pods():
        cluster.install(namespace=namespace)
    for name, labels in (("tinyflow-ca", {}), ("tinyflow-gateway-tls", MADE)):
        api.request("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": name, "labels": labels}})
    for name in ("tinyflow-viewer", "somebodys"):
        account = {"metadata": {"name": name, "labels": MADE}}
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
        account = {"metadata": {"name": "tinyflow-viewer", "labels": MADE}}
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


def test_newer_definitions_are_not_replaced_and_nothing_is_begun(cluster, namespace):
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


def test_definitions_that_could_not_be_brought_are_left_as_they_were(cluster, namespace, monkeypatch):
    with pods():
        cluster.install(namespace=namespace)
        cluster.uninstall(namespace=namespace)
    name = "tinyflows.tinyflow.dev"
    installing._mark(cluster._api, name, labels={"app.kubernetes.io/managed-by": "ada"}, annotations={SCHEMAS: "new"})
    before = cluster._api.request("GET", f"{CRDS}/{name}")["metadata"]

    def refuse(*arguments, **named):
        raise ClusterError("TF-196", "Helm refused: no.", "Mend it.")

    monkeypatch.setattr(helm, "upgrade", refuse)
    with pytest.raises(ClusterError, match="Helm refused: no"):
        cluster.install(namespace=f"{namespace}-again")

    after = cluster._api.request("GET", f"{CRDS}/{name}")["metadata"]
    assert (after["labels"], after["annotations"]) == (before["labels"], before["annotations"])


def test_a_namespace_with_flows_in_it_stays(cluster, namespace):
    with pods():
        cluster.install(namespace=namespace)
    module = {"metadata": {"name": "m"}, "spec": {}, "apiVersion": "tinyflow.dev/v1alpha1", "kind": "TinyModule"}
    path = f"/apis/tinyflow.dev/v1alpha1/namespaces/{namespace}/tinymodules"
    cluster._api.request("POST", path, module)

    cluster.uninstall(namespace=namespace)

    found = cluster._api.request("GET", f"/api/v1/namespaces/{namespace}")
    assert "deletionTimestamp" not in found["metadata"]
    cluster._api.request("DELETE", f"{path}/m")


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


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"operator": {"replica": 1}}, r"TF-196 There is no value 'operator\.replica' .*\n  Did you mean 'replicas'\?"),
        ({"colour": "red"}, r"TF-196 There is no value 'colour' .*\n  There are: image, "),
        ({"image": {"tag": "latest"}}, r"TF-196 The value 'image\.tag' .*cannot be that"),
        ({"operator": {"replicas": "two"}}, r"TF-196 The value 'operator\.replicas' .*got string, want integer"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(cluster, values, said):
    with pytest.raises(ClusterError, match=said):
        helm.upgrade("it", "tinyflow-operator", values, namespace="default", context="")

    assert deployment(cluster, "default") is None


def test_without_any_helm_nothing_is_begun(cluster, namespace, monkeypatch):
    monkeypatch.setattr(helm, "PACKAGE", "no_such_package")
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ClusterError, match=r"(?s)TF-195 .*pip install 'tinyflow-jupyter\[helm\]'"):
        cluster.install(namespace=namespace)

    assert cluster._api.request("GET", f"/api/v1/namespaces/{namespace}") is None


@pytest.mark.parametrize(("version", "forced"), [("v3.18.4+gd80839c", False), ("v4.1.0+g4553a0a", True)])
def test_the_command_helm_is_taken_where_there_is_one(version, forced, monkeypatch, tmp_path):
    script = tmp_path / "helm"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/said\n[ "$1" = version ] && echo {version} || cat > {tmp_path}/in\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    helm.upgrade("it", "tinyflow-operator", {"operator": {"replicas": 1}}, namespace="flows", context="here")
    helm.uninstall("it", namespace="flows", context="")

    _, upgrade, uninstall = (tmp_path / "said").read_text().splitlines()
    chart = helm.charts() / "tinyflow-operator"
    wanted = (
        f"upgrade it {chart} --install --namespace flows --values -{' --force-conflicts' * forced} --kube-context here"
    )
    assert upgrade == wanted
    assert uninstall == "uninstall it --ignore-not-found --namespace flows"


def test_the_commands_do_what_the_methods_do(cluster, namespace, tmp_path, capsys):
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


@pytest.mark.usefixtures("with_controllers")
def test_on_a_cluster_with_controllers_nothing_is_left(namespace):
    with Cluster() as cluster:
        before = everything(cluster)
        there = any("tinyflows.tinyflow.dev" in each for each in before)
        for values in ({}, {"watchNamespace": "default"}):
            with pytest.raises(ClusterError, match="TF-197"):  # nothing there runs pods
                cluster.install(values, namespace=namespace, timeout=1)
            assert deployment(cluster, namespace) is not None
            cluster.uninstall(namespace=namespace, crds=not there)

        assert everything(cluster) - before == set()


def test_helm_itself_installs_upgrades_rolls_back_and_uninstalls(cluster, namespace):
    said = _helm(
        f"""
        with helm_python.Config(namespace="{namespace}") as it:
            it.install("{helm.charts()}/tinyflow-operator", "it", {{}}, create_namespace=True)
            it.upgrade("{helm.charts()}/tinyflow-operator", "it", {{"operator": {{"replicas": 3}}}})
            it.rollback("it")
            print([(each["revision"], each["status"]) for each in it.history("it")])
            it.uninstall("it")
        """
    )

    assert said == "[(1, 'superseded'), (2, 'superseded'), (3, 'deployed')]"
    left = {each for each in everything(cluster) if namespace in each}
    assert {kind for kind, *_ in left} <= {"Namespace", "ServiceAccount"}


def test_a_helm_that_hangs_is_ended(monkeypatch, tmp_path):
    script = tmp_path / "helm"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(helm, "SHORT", 0.2)
    monkeypatch.setattr(helm, "NEVER", 0.2)

    with pytest.raises(ClusterError, match="TF-196 Helm did not tell its version"):
        helm.upgrade("it", "tinyflow-operator", {}, namespace="flows", context="")
    with pytest.raises(ClusterError, match="TF-196 Helm did not end"):
        helm.uninstall("it", namespace="flows", context="")


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


def _helm(program):
    """Run in a process of its own: the library keeps its connections."""
    lines = [line.removeprefix(" " * 8) for line in program.splitlines()]
    done = subprocess.run(
        [sys.executable, "-c", "import helm_python\n" + "\n".join(lines)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


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
