"""Leaving: what goes with an operator that is taken away, and what stays because it is somebody else's."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.documents import Document
from tinyflow_runtime.resources.labels import MANAGED
from tinyflow_runtime.resources.names import OPERATOR
from tinyflow_runtime.rpc.gateway import ACCOUNTS

from .api import Api
from .operators import operators_there, watched
from .refusals import Refused

LOOK = 0.2  # seconds between two looks
GONE = 60.0  # seconds until what was deleted is gone
ITSELF = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt"), ("ConfigMap", "openshift-service-ca.crt")}
PASSING = {"Event", "Endpoints", "PodMetrics"}  # kinds of objects that Kubernetes keeps of others
TOKENS = "kubernetes.io/service-account-token"  # Secrets that Kubernetes before 1.24 made of itself


def accounts_of(api: Api, namespace: str) -> list[str]:
    """The paths of the accounts that the operator of a namespace made, and no other operator looks after."""
    everywhere = True
    try:
        found = operators_there(api)
    except Refused as error:
        if error.status != 403:
            raise
        everywhere = False  # so we do not see who else is there
        one = api.request("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{OPERATOR}")
        found = [one] if one is not None else []
    ours = "" if everywhere else namespace
    others: set[str] = set()
    for each in found:
        if each["metadata"]["namespace"] == namespace:
            ours = watched(each) or ours
        else:
            others.add(watched(each))
    if "" in others:
        return []  # it looks after all namespaces
    ((label, value),) = MANAGED.items()
    asked = f"serviceaccounts?labelSelector={label.replace('/', '%2F')}%3D{value}"
    accounts = _items(api, f"/api/v1/namespaces/{ours}/{asked}" if ours else f"/api/v1/{asked}")
    return [
        f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{metadata['name']}"
        for metadata in (each["metadata"] for each in accounts)
        if metadata["name"] in ACCOUNTS and metadata["namespace"] not in others
    ]


def take_namespace(api: Api, namespace: str) -> str:
    """Delete the operator's namespace if we made it and nobody has put anything there; says why it stays."""
    path = f"/api/v1/namespaces/{namespace}"
    try:
        found = api.request("GET", path)
        if found is None or not MANAGED.items() <= (found["metadata"].get("labels") or {}).items():
            return ""
        left = next(_left(api, namespace), "")
        if left:
            return f"; the namespace {namespace} stays, for {left} is in it"
        api.request("DELETE", path)
        until_gone(api, path)
    except Refused as error:
        if error.status != 403:
            raise
    return ""


def until_gone(api: Api, path: str, *, only_going: bool = False) -> bool:
    """Wait until an object is gone; whether it is, or is not going at all."""
    deadline = time.monotonic() + GONE
    while (found := api.request("GET", path)) is not None:
        if only_going and "deletionTimestamp" not in found["metadata"]:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK)
    return True


def _left(api: Api, namespace: str) -> Iterator[str]:
    """What is in a namespace that neither Kubernetes made of itself nor goes with its owner."""
    groups = (api.request("GET", "/apis") or {}).get("groups") or ()
    for root in ("/api/v1", *(f"/apis/{each['preferredVersion']['groupVersion']}" for each in groups)):
        try:
            kinds = (api.request("GET", root) or {}).get("resources") or ()
            for kind in kinds:
                if kind["namespaced"] and "list" in kind["verbs"] and kind["kind"] not in PASSING:
                    for each in _items(api, f"{root}/namespaces/{namespace}/{kind['name']}"):
                        metadata = each["metadata"]
                        going = metadata.get("deletionTimestamp") or metadata.get("ownerReferences")
                        made = (kind["kind"], metadata["name"]) in ITSELF or each.get("type") == TOKENS
                        if not going and not made:
                            yield f"{kind['kind']} {metadata['name']}"
        except ClusterError:
            yield f"something of {root} that cannot be looked at"


def _items(api: Api, path: str) -> list[Document]:
    return list((api.request("GET", path) or {}).get("items") or ())
