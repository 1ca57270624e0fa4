"""Several people and one real Kubernetes API: what each may do, what is tried out first, and whose flows are whose."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from tinyflow_operator.kinds import FLOWS, MODULES, NAMESPACES, NODES, PODS, Kind
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.module import DEFAULT
from tinyflow_runtime.resources.labels import MANAGED_BY, MODULE_LABEL, PRODUCTION, PUSHED_BY

import tinyflow_jupyter as tf
from tinyflow_jupyter._cluster import pushing as pushing_file
from tinyflow_jupyter._cluster.api import Api
from tinyflow_jupyter._magics import Magics

ROOT = Path(__file__).parents[2]
ROLES = Kind("ClusterRole", "clusterroles", "rbac.authorization.k8s.io", "v1", namespaced=False)
BINDINGS = Kind("RoleBinding", "rolebindings", "rbac.authorization.k8s.io", "v1")
ACCOUNTS = Kind("ServiceAccount", "serviceaccounts", "", "v1")


@tf.component
def double(x: int) -> int:
    return 2 * x


@tf.component
def above(x: float, *, limit: float = 10.0) -> float | None:
    return x if x > limit else None


COMPONENTS = {name: DEFAULT.components[name] for name in ("double", "above")}


def flow(name="numbers", *, limit=2.0):
    flow = tf.Flow(name)
    flow.node("double", double)
    flow.node("above", above, limit=limit)
    flow.edge("double:out", "above:in")
    return flow


class People:
    """Gives each a kubeconfig, with the roles of the chart."""

    def __init__(self, kube, namespace, kubeconfig, folder, monkeypatch):
        self.kube, self.namespace, self.folder = kube, namespace, folder
        self._admin = yaml.safe_load(Path(kubeconfig).read_text())
        self._monkeypatch = monkeypatch
        self._clusters = []

    async def roles(self):
        chart = (ROOT / "tests/charts/golden/tinyflow-operator.yaml").read_text()
        for text in chart.split("\n---\n"):
            if "\nkind: ClusterRole\n" in text:
                await self.kube.apply(ROLES, yaml.safe_load(text), "test")

    async def __call__(self, name, role="", *, context=""):
        """Somebody's cluster: an account of his own and, perhaps, a role in the namespace."""
        metadata = {"name": name, "namespace": self.namespace}
        with contextlib.suppress(ClusterError):  # he is there already
            await self.kube.create(ACCOUNTS, self.namespace, {"metadata": metadata})
        if role:
            subject = {"kind": "ServiceAccount", "name": name, "namespace": self.namespace}
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
            await self.kube.apply(BINDINGS, {"metadata": metadata, "roleRef": reference, "subjects": [subject]}, "test")
        path = f"{ACCOUNTS.path(self.namespace, name)}/token"
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
        token = (await self.kube._ask("POST", path, body=asked))["status"]["token"]
        context = context or f"at-{name}"
        config = {
            **self._admin,
            "current-context": context,
            "contexts": [{"name": context, "context": {"cluster": self._admin["clusters"][0]["name"], "user": name}}],
            "users": [{"name": name, "user": {"token": token}}],
        }
        file = self.folder / f"{context}.json"
        file.write_text(json.dumps(config))
        self._monkeypatch.setenv("KUBECONFIG", str(file))
        cluster = await asyncio.to_thread(tf.Cluster, namespace=self.namespace)
        self._clusters.append(cluster)
        return cluster

    def end(self):
        for cluster in self._clusters:
            cluster.close()


@pytest.fixture
async def people(kube, kubeconfig, namespace, tmp_path, monkeypatch):
    monkeypatch.setattr(DEFAULT, "components", dict(COMPONENTS))  # others have defined some, and it is pushed whole
    people = People(kube, namespace, kubeconfig, tmp_path, monkeypatch)
    await people.roles()
    yield people
    await asyncio.to_thread(people.end)


async def pushed(cluster, flow, **options):
    """Pushes; nobody brings it to life here, so that it is not ready in time is as it should be."""
    try:
        await asyncio.to_thread(cluster.push, flow, 0.05, **options)
    except ClusterError as error:
        if error.code != "TF-164":
            return error
    return None


async def objects(people):
    found = {}
    for kind in (MODULES, FLOWS, NODES):
        found |= {
            f"{kind.name} {one['metadata']['name']}": one for one in (await people.kube.list(kind, people.namespace))[0]
        }
    return found


async def test_a_developer_pushes_and_an_editor_is_told_what_he_lacks_before_anything_is_done(people):
    editor = await people("ed", "tinyflow-editor")

    error = await pushed(editor, flow())
    before = await objects(people)
    developer = await people("dev", "tinyflow-developer")
    pushing = await pushed(developer, flow())
    again = await asyncio.to_thread(developer.plan, flow())

    assert (error.code, before) == ("TF-161", {})
    assert "You may not push 'numbers'" in str(error)
    assert "create configmaps" in str(error)
    assert "create tinymodules" in str(error)
    assert "tinynodes" not in str(error)
    assert "the role 'tinyflow-developer'" in str(error)
    assert (pushing, bool(again)) == (None, False)
    assert sorted(await objects(people)) == [
        "TinyFlow numbers",
        "TinyModule notebook",
        "TinyNode numbers.above",
        "TinyNode numbers.double",
    ]


async def test_an_editor_pushes_a_flow_whose_code_is_there_already(people):
    await pushed(await people("dev", "tinyflow-developer"), flow())
    editor = await people("ed", "tinyflow-editor")

    plan = await asyncio.to_thread(editor.plan, flow(limit=3.0))
    error = await pushed(editor, flow(limit=3.0), confirm="dev")

    assert (error, plan.refusals) == (None, ())
    assert [f"{change.action} {change.kind} {change.name}" for change in plan.changes] == [
        "change TinyFlow numbers",
        "change TinyNode above",
    ]


async def test_a_viewer_reads_and_neither_deletes_nor_rolls_back_nor_changes_a_node(people):
    await pushed(await people("dev", "tinyflow-developer"), flow())
    viewer = await people("vi", "tinyflow-viewer")

    names = await asyncio.to_thread(lambda: (viewer.flows, viewer.projects))
    with pytest.raises(ClusterError, match=r"TF-161 You may not delete 'numbers'[\s\S]*'tinyflow-editor'"):
        await asyncio.to_thread(viewer.delete, "numbers")
    with pytest.raises(ClusterError, match=r"TF-161 [\s\S]*the role 'tinyflow-editor' gives it"):
        await asyncio.to_thread((await asyncio.to_thread(viewer.flow, "numbers"))._configure, "above", {"limit": 1.0})

    assert names == (["numbers"], [])
    assert len(await objects(people)) == 4


async def test_who_may_nothing_is_told_the_role_of_what_he_wanted(people):
    nobody = await people("no")

    with pytest.raises(ClusterError, match=r"TF-161 .*cannot list resource \"tinyflows\"[\s\S]*role 'tinyflow-viewer'"):
        await asyncio.to_thread(lambda: nobody.flows)


async def test_a_plan_says_what_the_cluster_would_refuse_and_changes_nothing(people):
    developer = await people("dev", "tinyflow-developer")
    long = flow()
    long.edges.clear()
    for number in range(1_100):  # more than the schema takes
        long.node(f"n{number}", double)
        long.edge("double:out", f"n{number}:in")

    plan = await asyncio.to_thread(developer.plan, long)
    before = await objects(people)
    error = await pushed(developer, long)

    assert (before, await objects(people)) == ({}, {})
    assert len(plan.refusals) == 1
    assert "TinyNode double" in plan.refusals[0]
    assert "x refused: TinyNode double" in repr(plan)
    assert "✗ refused" in plan._html()
    assert error.code == "TF-161"
    assert "Nothing was changed" in str(error)


async def test_a_push_that_was_interrupted_half_way_goes_on_where_it_was(people, monkeypatch):
    developer = await people("dev", "tinyflow-developer")
    asked, left = Api._ask, [4]

    def interrupted(self, method, path, question=None, **more):
        if method == "PATCH" and "dryRun" not in (question or {}):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
        return asked(self, method, path, question, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Api, "_ask", interrupted)
        with pytest.raises(KeyboardInterrupt):
            await asyncio.to_thread(_whole, developer.push, flow(), 0.05)
    half = await objects(people)
    plan = await asyncio.to_thread(developer.plan, flow())
    await pushed(developer, flow())
    rest = await asyncio.to_thread(developer.plan, flow())

    assert 1 <= len(half) < 4
    assert len(plan.changes) == 5 - 1 - len(half)
    assert (bool(rest), len(await objects(people))) == (False, 4)


def _whole(work, *arguments):
    """A thread's KeyboardInterrupt would end the test run."""
    try:
        work(*arguments)
    except KeyboardInterrupt as interrupt:
        raise interrupt from None


async def test_production_is_changed_only_by_who_repeats_its_name(people):
    await people.kube._ask(
        "PATCH",
        NAMESPACES.path("", people.namespace),
        body={"metadata": {"labels": {PRODUCTION: "true"}}},
        content="application/merge-patch+json",
    )
    await people.kube.apply(
        ROLES,
        {
            "metadata": {"name": "sees-namespaces"},
            "rules": [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}],
        },
        "test",
    )
    developer = await people("dev", "tinyflow-developer")
    subject = {"kind": "ServiceAccount", "name": "dev", "namespace": people.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "sees-namespaces"}
    binding = {"metadata": {"name": "sees", "namespace": people.namespace}, "roleRef": reference, "subjects": [subject]}
    await people.kube.apply(BINDINGS, binding, "test")

    unconfirmed = await pushed(developer, flow())
    wrong = await pushed(developer, flow(), confirm="default")
    before = await objects(people)
    right = await pushed(developer, flow(), confirm=people.namespace)
    with pytest.raises(ClusterError, match="TF-190"):
        await asyncio.to_thread(developer.delete, "numbers")
    with pytest.raises(ClusterError, match="TF-190"):
        await asyncio.to_thread(developer.rollback, "numbers")
    await asyncio.to_thread(lambda: developer.delete("numbers", confirm=people.namespace))

    assert (unconfirmed.code, wrong.code, before, right) == ("TF-190", "TF-190", {}, None)
    assert f'cluster.push(flow, confirm="{people.namespace}")' in str(unconfirmed)
    assert f"its label {PRODUCTION} says so" in str(unconfirmed)
    assert await objects(people) == {}


async def test_a_context_that_says_prod_is_production_and_one_that_says_product_is_not(people):
    prod = await people("dev", "tinyflow-developer", context="gke-prod-1")
    product = await people("dev", "tinyflow-developer", context="products")

    refused = await pushed(prod, flow())
    taken = await pushed(product, flow())

    assert (refused.code, taken) == ("TF-190", None)
    assert "by the name of the context 'gke-prod-1'" in str(refused)


async def test_the_magic_says_what_to_write_where_something_has_to_be_confirmed_and_takes_it(people, monkeypatch):
    monkeypatch.setattr(pushing_file, "wait_until_ready", lambda *_: None)  # nobody brings it to life here
    ada = await people("ada", "tinyflow-developer")
    await pushed(ada, flow())
    bob = await people("bob", "tinyflow-developer", context="gke-prod-1")
    magics = Magics(SimpleNamespace(user_ns={"numbers": flow(limit=3.0), "cluster": bob}))

    said, line = [], "numbers cluster"
    for _ in range(2):
        with pytest.raises(ClusterError) as caught:
            await asyncio.to_thread(magics.push, line)
        said.append(caught.value)
        line = str(caught.value).partition("%push ")[2].removesuffix(".")
    await asyncio.to_thread(magics.push, line)

    assert [error.code for error in said] == ["TF-190", "TF-191"]
    assert line == f"numbers cluster --confirm {people.namespace} --confirm ada"
    assert not any("cluster.push" in str(error) for error in said)
    after = await objects(people)
    assert after["TinyNode numbers.above"]["spec"]["ports"][0]["settings"] == {"limit": 3.0}


async def test_a_flow_of_somebody_else_is_replaced_only_by_who_says_whose_it_is(people):
    ada, bob = await people("ada", "tinyflow-developer"), await people("bob", "tinyflow-developer")
    await pushed(ada, flow())

    same = await pushed(bob, flow())  # as it is: nothing to do, and nothing to take away
    plan = await asyncio.to_thread(bob.plan, flow(limit=3.0))
    error = await pushed(bob, flow(limit=3.0))
    before = await objects(people)
    agreed = await pushed(bob, flow(limit=3.0), confirm="ada")
    after = await objects(people)

    assert (same, error.code, agreed) == (None, "TF-191", None)
    assert "It would replace flow 'numbers', which was pushed by ada" in str(error)
    assert 'confirm="ada"' in str(error)
    assert "! it would replace flow 'numbers', which was pushed by ada" in repr(plan)
    assert before["TinyNode numbers.above"]["spec"]["ports"][0]["settings"] == {"limit": 2.0}
    assert after["TinyNode numbers.above"]["spec"]["ports"][0]["settings"] == {"limit": 3.0}
    assert [one["TinyFlow numbers"]["metadata"]["annotations"][PUSHED_BY] for one in (before, after)] == ["ada", "bob"]


async def test_code_that_somebody_elses_flow_runs_is_replaced_only_by_who_says_whose_it_is(people):
    from tinyflow_runtime.source.archive import Source

    ada, bob = await people("ada", "tinyflow-developer"), await people("bob", "tinyflow-developer")
    mine = {"notebook": Source("notebook", {"notebook.py": "x = 1\n"})}
    await pushed(ada, flow("sums"))

    error = await pushed(bob, flow("numbers"), sources=mine)
    own = await pushed(ada, flow("sums"), sources=mine)

    assert (error.code, own) == ("TF-191", None)
    assert "It would replace the code of module 'notebook' that flow 'sums' runs, which was pushed by ada" in str(error)


async def test_a_module_that_helm_installed_is_taken_over_only_by_who_says_so(people):
    metadata = {"name": "notebook", "namespace": people.namespace, "labels": {MANAGED_BY: "Helm"}}
    await people.kube.apply(MODULES, {"metadata": metadata, "spec": {"image": "registry.example/maths:1"}}, "helm")
    ada = await people("ada", "tinyflow-developer")

    plan = await asyncio.to_thread(ada.plan, flow())
    error = await pushed(ada, flow())
    before = await objects(people)
    agreed = await pushed(ada, flow(), confirm="Helm")
    after = await objects(people)

    said = "t would take over module 'notebook', which was installed by Helm and not by a push"
    assert f"! i{said}" in repr(plan)
    assert (error.code, agreed) == ("TF-191", None)
    assert f"I{said}; nothing was changed." in str(error)
    assert 'tf.Module(…); or replace what was installed, and say: cluster.push(flow, confirm="Helm").' in str(error)
    assert list(before) == ["TinyModule notebook"]
    assert "source" not in before["TinyModule notebook"]["spec"]
    assert "source" in after["TinyModule notebook"]["spec"]


async def test_a_module_that_was_applied_by_hand_is_taken_over_only_by_who_says_with_what(people):
    metadata = {"name": "notebook", "namespace": people.namespace}
    await people.kube.apply(MODULES, {"metadata": metadata, "spec": {"image": "registry.example/maths:1"}}, "kubectl")
    ada = await people("ada", "tinyflow-developer")

    error = await pushed(ada, flow())

    assert error.code == "TF-191"
    assert "installed by kubectl" in str(error)
    assert await pushed(ada, flow(), confirm="kubectl") is None


async def test_nodes_of_a_flow_that_was_deleted_are_made_anew_with_the_flow(people):
    """This server collects nothing, so what is to go with the flow is there still; another would take it any moment."""
    ada = await people("ada", "tinyflow-developer")
    await pushed(ada, flow())
    before = await objects(people)
    await people.kube.delete(FLOWS, people.namespace, "numbers")

    await pushed(ada, flow())
    after = await objects(people)
    again = await asyncio.to_thread(ada.plan, flow())

    nodes = ("TinyNode numbers.above", "TinyNode numbers.double")
    owners = [{one[node]["metadata"]["ownerReferences"][0]["uid"] for node in nodes} for one in (before, after)]
    assert owners == [{one["TinyFlow numbers"]["metadata"]["uid"]} for one in (before, after)]
    assert not {before[node]["metadata"]["uid"] for node in nodes} & {after[node]["metadata"]["uid"] for node in nodes}
    assert not again


async def test_a_log_that_has_not_begun_says_what_it_waits_for(people):
    ada = await people("ada", "tinyflow-developer")
    await pushed(ada, flow())
    none = await asyncio.to_thread(ada.logs, "numbers")
    metadata = {"name": "tm-notebook-x", "namespace": people.namespace, "labels": {MODULE_LABEL: "notebook"}}
    install, module = ({"name": name, "image": "registry.example/maths:1"} for name in ("install", "module"))
    spec = {"initContainers": [install], "containers": [module], "automountServiceAccountToken": False}
    await people.kube.create(PODS, people.namespace, {"metadata": metadata, "spec": spec})

    made = await asyncio.to_thread(ada.logs, "numbers")
    waiting = {"name": "install", "state": {"waiting": {"reason": "PodInitializing"}}, "image": "x", "imageID": "x"}
    status = {"initContainerStatuses": [{**waiting, "ready": False, "restartCount": 0}]}
    await people.kube.apply(PODS, {"metadata": metadata, "status": status}, "test", part="status")
    initializing = await asyncio.to_thread(ada.logs, "numbers")

    assert none == "(it has no pod yet: kubectl describe tinymodule notebook says why)"
    assert made == "(tm-notebook-x has not begun to write: its pod is being made)"
    assert initializing == "(tm-notebook-x has not begun to write: PodInitializing)"


async def test_context_and_namespace_stand_wherever_one_looks_before_a_change(people, capsys):
    developer = await people("dev", "tinyflow-developer")

    plan = await asyncio.to_thread(developer.plan, flow())
    await pushed(developer, flow())

    where = f"at-dev, namespace {people.namespace}"
    assert repr(developer) == f"Cluster at-dev (namespace {people.namespace})"
    assert f"Plan for flow numbers on {where}" in repr(plan)
    assert where in plan._html()
    assert developer._title("push", "numbers") == f"push numbers ({where})"
