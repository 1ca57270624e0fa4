"""Operators: what each on a cluster looks after, and that no two of them look after the same."""

from __future__ import annotations

from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.documents import Document
from tinyflow_runtime.resources.names import OPERATOR

from .api import Api
from .refusals import Refused

WATCHES = "--namespace="  # the operator's argument, where it looks after one namespace
HOMES = ("tinyflow", "tinyflow-system")  # where one is looked for by who may not look everywhere


def watched(operator: Document) -> str:
    """The one namespace that an operator looks after; empty where it looks after all."""
    containers = operator["spec"]["template"]["spec"].get("containers") or ()
    said = [str(word) for each in containers for word in (*(each.get("command") or ()), *(each.get("args") or ()))]
    return next((word.removeprefix(WATCHES) for word in said if word.startswith(WATCHES)), "")


def meet(one: str, other: str) -> bool:
    """Whether what two operators look after has a namespace in common."""
    return not one or not other or one == other


def operators_there(api: Api) -> list[Document]:
    """The operators of a cluster, whoever installed them.

    Raises:
        ClusterError: TF-161, one may not look everywhere.
    """
    path = f"/apis/apps/v1/deployments?fieldSelector=metadata.name%3D{OPERATOR}"
    return list((api.request("GET", path) or {}).get("items") or ())


def refuse_second(api: Api, namespace: str, wanted: str) -> None:
    """Refuse an operator beside one that looks after the same: each would undo what the other does.

    Args:
        namespace: Where it would be; one that is there already is changed.
        wanted: What it would look after; empty: all namespaces.

    Raises:
        ClusterError: TF-196.
    """
    for each in _seen(api, wanted):
        place, theirs = str(each["metadata"]["namespace"]), watched(each)
        if place != namespace and meet(theirs, wanted):
            what = (
                f"The operator in namespace {place!r} looks after {_all_or(theirs)} already, and one in {namespace!r}"
            )
            way_out = f"Use that one, or take it away first: tinyflow operator uninstall --namespace {place}"
            raise ClusterError(
                "TF-196", f"{what} for {_all_or(wanted)} would undo its work, and it that one's.", way_out
            )


def _seen(api: Api, wanted: str) -> list[Document]:
    try:
        return operators_there(api)
    except Refused as error:
        if error.status != 403:
            raise
    found: list[Document] = []
    for place in dict.fromkeys((*HOMES, *([wanted] if wanted else ()))):
        try:
            one = api.request("GET", f"/apis/apps/v1/namespaces/{place}/deployments/{OPERATOR}")
        except Refused as error:
            if error.status != 403:
                raise
            continue
        found += [one] if one is not None else []
    return found


def _all_or(namespace: str) -> str:
    return f"namespace {namespace!r}" if namespace else "all namespaces"
