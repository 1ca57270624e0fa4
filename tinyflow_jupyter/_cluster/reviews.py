"""Reviews: the right to ask the cluster whose token it is, which the gateway of one namespace has to be given."""

from __future__ import annotations

from tinyflow_runtime.resources.documents import Document
from tinyflow_runtime.resources.labels import MANAGED
from tinyflow_runtime.resources.names import GATEWAY
from tinyflow_runtime.rpc.gateway import REVIEWER, let_review

from .api import Api
from .refusals import Refused

GROUP = "rbac.authorization.k8s.io"
BINDINGS = f"/apis/{GROUP}/v1/clusterrolebindings"


def give(api: Api, namespace: str) -> str:
    """Give the right to the gateway in a namespace; who may not is told the command that gives it."""
    name = _name(namespace)
    reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": REVIEWER}
    subject = {"kind": "ServiceAccount", "name": GATEWAY, "namespace": namespace}
    binding = {"metadata": {"name": name, "labels": MANAGED}, "roleRef": reference, "subjects": [subject]}
    try:
        api.request("POST", BINDINGS, binding)
    except Refused as error:
        if error.status == 403:
            command = let_review(namespace, GATEWAY)
            return f"; its gateway takes no token before who runs the cluster says once: {command}"
        if error.status != 409:
            raise
        there = api.request("GET", f"{BINDINGS}/{name}") or {}
        if there.get("roleRef") != reference or subject not in (there.get("subjects") or ()):
            return f"; the ClusterRoleBinding {name} is another one, so its gateway may take no token"
    return ""


def take(api: Api, namespace: str) -> str:
    """Take the right away again, if it is we who gave it; who may not is told the command."""
    path = f"{BINDINGS}/{_name(namespace)}"
    try:
        found: Document = (api.request("GET", path) or {}).get("metadata") or {}
        if MANAGED.items() <= (found.get("labels") or {}).items():
            api.request("DELETE", path)
    except Refused as error:
        if error.status != 403:
            raise
        return f"; who runs the cluster may say: kubectl delete clusterrolebinding {_name(namespace)}"
    return ""


def _name(namespace: str) -> str:
    return f"{GATEWAY}-{namespace}"
