"""A flow that is missing on a cluster: what there is instead, and what may be left of it."""

from __future__ import annotations

import contextlib

from tinyflow_runtime import place
from tinyflow_runtime.errors import ClusterError, NodeError, did_you_mean
from tinyflow_runtime.resources.documents import Document
from tinyflow_runtime.resources.labels import FLOW_LABEL

from .api import Api
from .resources import is_pushed


def found(api: Api, name: str) -> Document:
    """The resource of a flow.

    Raises:
        NodeError: TF-107, there is no such flow.
    """
    document = api.get("TinyFlow", name)
    if document is None:
        raise unknown_flow(api, name)
    return document


def still(api: Api, name: str) -> Document:
    """The resource of a flow that was there.

    Raises:
        NodeError: TF-107, it was deleted since.
    """
    document = api.get("TinyFlow", name)
    if document is None:
        what = f"Flow {name!r} is no longer on {api.context}: it was deleted."
        raise NodeError("TF-107", what, "Push it again: cluster.push(flow).")
    return document


def refuse_deleted(api: Api, name: str) -> None:
    """The same, for who knows a trouble already: that the cluster cannot be asked is another, and not his.

    Raises:
        NodeError: TF-107, the flow was deleted.
    """
    with contextlib.suppress(ClusterError):
        still(api, name)


def unknown_flow(api: Api, name: str) -> NodeError:
    """The error for a flow that is not there."""
    known = [str(one["metadata"]["name"]) for one in api.objects("TinyFlow")]
    left = (
        f'Nodes of it run on, for only its TinyFlow was deleted: cluster.delete("{name}") takes them away.'
        if api.objects("TinyNode", label=f"{FLOW_LABEL}={name}")
        else did_you_mean(name, known)
    )
    there = f"Flows: {', '.join(known) or 'none'}."
    return NodeError("TF-107", f"There is no flow {name!r} on {api.context}.", left, there, where=place.caller())


def nothing_to_delete(api: Api, name: str) -> NodeError:
    """The same, for who wants to take it away: a module in which no node is may be all that is left of it."""
    error = unknown_flow(api, name)
    used = {node["spec"]["module"] for node in api.objects("TinyNode")}
    pushed = {str(one["metadata"]["name"]) for one in api.objects("TinyModule") if is_pushed(one)}
    idle = sorted(pushed - used)
    left = f"Pushed modules without nodes, which are deleted likewise: {', '.join(idle)}." if idle else ""
    return NodeError(error.code, error.what, *error.way_out, left, where=error.where)
