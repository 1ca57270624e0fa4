"""What a module's pods tell of where it is: which of them serves, and at which address. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from tinyflow_runtime.resources.labels import ADDRESS, SHA256

from tinyflow_operator.conditions import condition_of
from tinyflow_operator.kinds import Document
from tinyflow_operator.podtemplate import PORT
from tinyflow_operator.world import label_of


def serving(pods: Iterable[Document], wanted: str) -> Document | None:
    """The pod whose module is to be spoken to: one with the wanted revision, else the newest that is ready."""
    ready = [pod for pod in pods if _is_ready(pod)]
    return max(ready, key=lambda pod: (is_of(pod, wanted), *age_of(pod)), default=None)


def address_of(pod: Document) -> str:
    """Where a pod's module listens: where it says, else at the pod's own address; empty while it has none.

    Never a name: a cluster's names need a service of their own, and follow a pod that moved a while later.
    """
    said = (pod["metadata"].get("annotations") or {}).get(ADDRESS)
    if said:
        return str(said)
    ip = str((pod.get("status") or {}).get("podIP", ""))
    if not ip:
        return ""
    return f"[{ip}]:{PORT}" if ":" in ip else f"{ip}:{PORT}"


def is_of(pod: Document, sha256: str) -> bool:
    """Whether a pod was started with a revision."""
    return bool(sha256) and label_of(pod, SHA256) == sha256[:12]


def age_of(pod: Document) -> tuple[str, str]:
    """What orders pods by when they were made."""
    return pod["metadata"].get("creationTimestamp", ""), pod["metadata"]["name"]


def _is_ready(pod: Document) -> bool:
    return not pod["metadata"].get("deletionTimestamp") and condition_of(pod, "Ready").get("status") == "True"
