"""A flow that is missing on a cluster: what there is instead, and what may be left of it."""

from __future__ import annotations

from tinyflow_runtime import place
from tinyflow_runtime.errors import NodeError, did_you_mean
from tinyflow_runtime.labels import FLOW_LABEL

from .api import Api
from .resources import is_pushed


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
    idle = f"Pushed modules without nodes: {', '.join(sorted(pushed - used))}." if pushed - used else ""
    return NodeError(error.code, error.what, *error.way_out, idle, where=error.where)
