"""People may what their role says, and nothing else."""

from __future__ import annotations

import time
import uuid

import pytest
from tinyflow_operator.kinds import ACCOUNTS, MODULES, NODES, Kind
from tinyflow_runtime.resources.documents import VERSION

from tinyflow_jupyter import Cluster
from tinyflow_jupyter._cluster import helm

pytestmark = pytest.mark.timeout(180)

TINY = f"/apis/{VERSION}"
FLOW = {"kind": "TinyFlow", "spec": {}}
NODE = {"kind": "TinyNode", "spec": {"module": "m", "component": "root"}}
SIGNAL = {"kind": "TinySignal", "spec": {"flow": "sums", "to": "a:in"}}
MODULE = {"kind": "TinyModule", "spec": {"image": "words:1"}}
SOURCE = {"kind": "ConfigMap", "data": {}}
TOKEN = {"kind": "TokenRequest", "spec": {"audiences": ["tinyflow-gateway"], "expirationSeconds": 600}}
# What is tried, and from which role on it may be done; nobody: no role of ours.
TRIES = [
    ("GET", TINY, "tinyflows", None, "viewer"),
    ("GET", TINY, "tinymodules/m", None, "viewer"),
    ("GET", TINY, "tinynodes/sums.a", None, "viewer"),
    ("POST", "/api/v1", "serviceaccounts/tinyflow-viewer/token", TOKEN, "viewer"),
    ("POST", "/api/v1", "serviceaccounts/tinyflow-editor/token", TOKEN, "editor"),
    ("POST", TINY, "tinyflows", FLOW, "editor"),
    ("POST", TINY, "tinynodes", NODE, "editor"),
    ("POST", TINY, "tinysignals", SIGNAL, "editor"),
    ("PATCH", TINY, "tinynodes/sums.a", {"spec": {"component": "leaf"}}, "editor"),
    ("DELETE", TINY, "tinynodes/sums.a", None, "editor"),
    ("POST", TINY, "tinymodules", MODULE, "developer"),
    ("PATCH", TINY, "tinymodules/m", {"spec": {"image": "words:2"}}, "developer"),
    ("DELETE", TINY, "tinymodules/m", None, "developer"),
    ("POST", "/api/v1", "configmaps", SOURCE, "developer"),
    ("GET", "/api/v1", "pods", None, "developer"),
    ("GET", "/api/v1", "pods/m/log", None, "developer"),
    ("GET", "/api/v1", "secrets", None, "nobody"),
    ("GET", "/api/v1", "secrets/m-tls", None, "nobody"),
    ("POST", "/api/v1", "serviceaccounts/default/token", TOKEN, "nobody"),
    ("POST", "/api/v1", "pods", {"kind": "Pod", "spec": {"containers": [{"name": "a", "image": "a:1"}]}}, "nobody"),
    ("PATCH", TINY, "tinymodules/m/status", {"status": {"address": "10.0.0.1:7443"}}, "nobody"),
    ("POST", "/apis/rbac.authorization.k8s.io/v1", "rolebindings", {"kind": "RoleBinding"}, "nobody"),
]
ROLES = ["viewer", "editor", "developer"]


@pytest.mark.parametrize("one_namespace", [False, True], ids=["cluster-wide", "one namespace"])
@pytest.mark.parametrize("role", [*ROLES, "nobody"])
async def test_people_may_what_their_role_says_and_nothing_else(role, one_namespace, server, home, place, installed):
    for account in ("tinyflow-viewer", "tinyflow-editor", "default"):
        await server.apply(ACCOUNTS, account, place)  # the operator makes ours
    may = [] if role == "nobody" else ROLES[: ROLES.index(role) + 1]

    async with installed(home, {"watchNamespace": place} if one_namespace else {}):
        if role != "nobody":
            await server.bind(place, "Role" if one_namespace else "ClusterRole", f"tinyflow-{role}")
        said = {}
        for method, root, what, body, least in TRIES:
            await server.apply(MODULES, "m", place, spec={"image": "words:1"})
            await server.apply(NODES, "sums.a", place, spec={"module": "m", "component": "root"})
            status = await server.attempt(place, method, root, what, body)
            said[method, what] = (status != 403, least in may)
        elsewhere = await server.attempt("default", "GET", TINY, "tinyflows", None)

    assert {each: allowed for each, (allowed, _) in said.items()} == {
        each: wanted for each, (_, wanted) in said.items()
    }
    assert elsewhere == 403


@pytest.mark.usefixtures("with_controllers")
def test_kubernetes_own_roles_have_ours(render):
    wanted = {"view": "viewer", "edit": "editor", "admin": "developer"}
    ours = {each["metadata"]["name"]: each["rules"] for each in render("tinyflow-operator") if "rules" in each}
    namespace, roles = f"tinyflow-{uuid.uuid4().hex[:8]}", "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    with Cluster() as cluster:
        cluster._api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        helm.upgrade("it", "tinyflow-operator", {}, namespace=namespace, context="")
        try:
            until = time.monotonic() + 30  # a controller adds them up
            while left := [
                (theirs, rule)
                for theirs, role in wanted.items()
                for rule in ours[f"tinyflow-{role}"]
                if rule not in cluster._api.request("GET", f"{roles}/{theirs}")["rules"]
            ]:
                assert time.monotonic() < until, left
                time.sleep(0.2)
            theirs = cluster._api.request("GET", f"{roles}/edit")["rules"]
        finally:
            helm.uninstall("it", namespace=namespace, context="")
            cluster._api.request("DELETE", f"/api/v1/namespaces/{namespace}")

    code = {"apiGroups": ["tinyflow.dev"], "resources": ["tinymodules/code"], "verbs": ["push"]}
    assert code in ours["tinyflow-developer"]
    assert code not in theirs


async def test_who_may_reach_the_gateway_reaches_its_pods_and_nothing_else_there(server, home, installed):
    users = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ada"}]
    async with installed(home, {"gateway": {"users": users}}):
        said = {}
        for method, what in (
            ("GET", "pods"),
            ("GET", "pods/it/portforward"),
            ("POST", "pods/it/portforward"),
            ("GET", "services/tinyflow-gateway"),
            ("GET", "configmaps/tinyflow-gateway"),
            ("GET", "configmaps/tinyflow-operator"),
            ("GET", "secrets/tinyflow-ca"),
            ("GET", "secrets"),
            ("POST", "pods/it/exec"),
            ("DELETE", "pods/it"),
        ):
            body = {} if method == "POST" else None
            said[method, what] = await server.attempt(home, method, "/api/v1", what, body) != 403

    assert [each for each, allowed in said.items() if allowed] == [
        ("GET", "pods"),
        ("GET", "pods/it/portforward"),
        ("POST", "pods/it/portforward"),
        ("GET", "services/tinyflow-gateway"),
        ("GET", "configmaps/tinyflow-gateway"),
    ]


async def test_who_may_write_modules_and_not_push_changes_no_code(server, home, place, installed):
    if not await server.has_policies():
        pytest.skip("Kubernetes 1.30, which has admission policies")
    group = "rbac.authorization.k8s.io"
    everything = [{"apiGroups": ["tinyflow.dev"], "resources": ["tinymodules"], "verbs": ["*"]}]
    push = [{"apiGroups": ["tinyflow.dev"], "resources": ["tinymodules/code"], "verbs": ["push"]}]
    role = Kind("Role", "roles", group, "v1")
    await server.apply(role, "writes-modules", place, rules=everything)
    await server.apply(role, "pushes", place, rules=push)
    await server.apply(MODULES, "m", place, spec={"image": "words:1"})
    await server.bind(place, "Role", "writes-modules")
    label = ("PATCH", TINY, "tinymodules/m", {"metadata": {"labels": {"a": "b"}}})
    image = ("PATCH", TINY, "tinymodules/m", {"spec": {"image": "words:2"}})
    source = ("PATCH", TINY, "tinymodules/m", {"spec": {"source": {"sha256": "0" * 64, "inline": ""}}})
    await server.answers(200, place, *label)

    async with installed(home, {}):
        await server.answers(403, place, "POST", TINY, "tinymodules", MODULE)
        refused = [await server.attempt(place, *each) for each in (image, source)]
        allowed = await server.attempt(place, *label)
        await server.bind(place, "Role", "pushes")
        await server.answers(200, place, *image)

    assert (refused, allowed) == ([403, 403], 200)
