"""What a cluster's API did not do, in words: it refused, it cannot be reached, or it is no longer asked."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

from tinyflow_runtime import place
from tinyflow_runtime.errors import ClusterError, DefinitionError
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.resources.names import GATEWAY
from tinyflow_runtime.rpc.gateway import ACCOUNTS


def refuse_other(given: object) -> None:
    """Only a flow is planned or pushed.

    Raises:
        DefinitionError: TF-119, it is something else.
    """
    if isinstance(given, Flow):
        return
    shown = repr(given) if isinstance(given, str) else f"A {type(given).__name__}"
    way_out = "Give the flow itself: cluster.push(flow). What runs on a cluster already is cluster.flow(name)."
    raise DefinitionError("TF-119", f"{shown} is no flow that can be pushed.", way_out, where=place.caller())


USER = "tinyflow-gateway-user"  # the role of who reaches the gateway, in the operator's namespace
BUSY = (409, 429, 500, 502, 503, 504)  # what passes; any other refusal is of what was asked


class Refused(ClusterError):
    """The cluster's answer to a request was no.

    Attributes:
        status: The HTTP status: 409 for a conflict, 422 for a document that breaks the schema.
    """

    status = 0


def refused(context: str, status: int, text: str, path: str, *, namespace: str) -> Refused:
    """The error for an answer of 300 and more.

    Args:
        context: What a person calls the cluster.
        status: The HTTP status.
        text: The body of the answer.
        path: What was asked for.
        namespace: Where one works, so that of the flows.
    """
    try:
        said = str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        said = text.strip()[:200] or "it gave no reason"  # a proxy's page, not Kubernetes
    action = "Look at what it says of the object, mend that, and push again."
    if status == 401:
        action = "Log in again: the credentials of the kubeconfig are not taken."
    elif status == 403:
        action = f"Ask who runs the cluster for this right{_given_by(said, namespace)}."
    elif missing := re.match(r'namespaces "([^"]+)" not found', said) if status == 404 else None:
        action = f"Run: kubectl create namespace {missing[1]}; or take one that is there: tf.Cluster(namespace=…)."
    elif status == 404 and "tinyflow.dev" in path:
        action = "It does not know TinyFlow: install it, beginning with tinyflow crds apply."
    elif status in (409, 429) or status >= 500:
        action = "Push again in a moment."
    error = Refused("TF-161", f"The cluster {context!r} refused ({status}): {said[:500].rstrip('.')}.", action)
    error.status = status
    return error


def not_allowed(context: str, namespace: str, what: str, rights: list[str], role: str) -> Refused:
    """The error for what one has no right to, known before anything was done."""
    error = Refused(
        "TF-161",
        f"You may not {what} in namespace {namespace!r} of {context}: it takes {', '.join(rights)}.",
        f"Ask who runs the cluster for the role {role!r} in that namespace, which gives it. Nothing was changed.",
    )
    error.status = 403
    return error


LOOK, CHANGE = ("get", "list", "watch"), ("create", "update", "patch", "delete", "deletecollection")
FLOWS = ("tinynodes", "tinyflows", "tinyprojects", "tinysignals")


def role_of(resource: str, verb: str, name: str = "") -> str:
    """The least role of the chart tinyflow-operator that gives a right; empty where none does.

    Args:
        name: Of the one object, where the right is to that alone.
    """
    looks = verb in LOOK
    if resource in ("services", "configmaps") and name == GATEWAY:
        return USER if verb == "get" else ""
    if resource == "pods/portforward":
        return USER if verb in ("get", "create") else ""
    if resource == "serviceaccounts/token":
        return name if name in ACCOUNTS and verb == "create" else ""  # role and account are called the same
    if resource in ("tinymodules", *FLOWS) and looks:
        return "tinyflow-viewer"
    if resource in FLOWS and verb in CHANGE:
        return "tinyflow-editor"
    pushes = resource in ("tinymodules", "configmaps") and (looks or verb in CHANGE)
    if pushes or (resource in ("pods", "pods/log") and verb in ("get", "list")):
        return "tinyflow-developer"
    return "tinyflow-developer" if (resource, verb) == ("tinymodules/code", "push") else ""


def _given_by(said: str, namespace: str) -> str:
    """Which role gives a right that an answer says is missing, where it is one of TinyFlow's."""
    if "tinymodules/code" in said:
        return ": the role 'tinyflow-developer' gives it"
    missing = re.search(r'cannot (\w+) resource "([\w./]+)"', said)
    if missing is None:
        return ""
    name, place = re.search(r'"([^"]+)" is forbidden', said), re.search(r'in the namespace "([^"]+)"', said)
    role = role_of(missing[2], missing[1], name[1] if name else "")
    if place and place[1] != namespace and missing[2] == "pods":
        role = USER  # where the gateway is, and not a flow
    return (
        f": the role {role!r} gives it in namespace {place[1]!r}"
        if role and place
        else "; no role of TinyFlow gives it"
    )


def forwarding_refused(context: str, namespace: str, status: int) -> Refused:
    """The error for a connection to the gateway that the API server refuses; it says no more than the status."""
    what = (
        f"You may not reach the gateway of {context!r}: it takes get and create of pods/portforward in {namespace!r}."
    )
    action = "Ask who runs the cluster for it; the role 'tinyflow-gateway-user' there gives it."
    if status == 401:
        what, action = f"The cluster {context!r} does not take the login of the kubeconfig.", "Log in again."
    elif status != 403:
        what = f"The cluster {context!r} makes no connection to its gateway: it answers {status}."
        action = "Look whether a proxy stands between that lets no websockets pass."
    error = Refused("TF-161", what, action)
    error.status = status
    return error


def unreachable(context: str, host: str, error: Exception) -> ClusterError:
    """The error for a cluster that does not answer."""
    reason = first_line(getattr(error, "reason", None) or error).rpartition(": ")[2].rstrip(".")
    action = "Look whether it runs, and whether this computer can reach it."
    return ClusterError("TF-162", f"The cluster {context!r} at {shown(host)} cannot be reached: {reason}.", action)


def not_kubernetes(host: str, text: str) -> ClusterError:
    """The error for an answer that is no document."""
    what = f"{shown(host)} does not answer as Kubernetes does: {(text or 'nothing').strip()[:100]!r}."
    return ClusterError("TF-161", what, "Look whether a proxy or a login page stands between.")


def closed() -> ClusterError:
    """The error for a cluster that is used after it was closed."""
    return ClusterError("TF-160", "The cluster was closed.", "Make it again: tf.Cluster() or tf.Cluster.local().")


def shown(host: str) -> str:
    """The server without its path: that of a pocket cluster is its key."""
    parts = urlsplit(host)
    return f"{parts.scheme}://{parts.netloc}"


def is_about_an_object(text: str) -> bool:
    """A 404 says which object is missing, if it is that; an API that is missing says nothing."""
    try:
        return bool((json.loads(text).get("details") or {}).get("name"))
    except (ValueError, AttributeError):
        return False


def first_line(error: object) -> str:
    """The first line of an error's text, or what kind of error it is."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
