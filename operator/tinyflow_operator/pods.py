"""What a module's pods tell: which of them serves, where, and why one does not start. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from tinyflow_runtime.labels import ADDRESS, SHA256

from tinyflow_operator.cache import Key
from tinyflow_operator.kinds import Document
from tinyflow_operator.names import workload_name
from tinyflow_operator.workload import PORT
from tinyflow_operator.world import label_of

LAST_LINES = 6  # of what a process wrote before it ended: the error, where, and the way out


def serving(pods: Iterable[Document], wanted: str) -> Document | None:
    """The pod whose module is to be spoken to: one with the wanted revision, else the newest that is ready."""
    ready = [pod for pod in pods if _is_ready(pod)]
    return max(ready, key=lambda pod: (_is_of(pod, wanted), *_age(pod)), default=None)


def address_of(pod: Document, module: Key) -> str:
    """Where a pod's module listens; that of the Service when the pod does not say."""
    said = (pod["metadata"].get("annotations") or {}).get(ADDRESS)
    return str(said or f"{workload_name(module[1])}.{module[0]}.svc:{PORT}")


def crash_of(pods: Iterable[Document], wanted: str) -> str:
    """The last lines of a process of the wanted revision that ended by itself; empty when none did."""
    of_it = [pod for pod in pods if not wanted or _is_of(pod, wanted)]
    for pod in sorted(of_it, key=_age, reverse=True):
        status = pod.get("status") or {}
        for container in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
            if container.get("ready") or "running" in container.get("state", {}):
                continue
            ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")
            waiting = container.get("state", {}).get("waiting") or {}
            if ended and ended.get("exitCode"):
                lines = str(ended.get("message") or f"It ended with {ended['exitCode']}.").strip().splitlines()
                return "\n".join(lines[-LAST_LINES:])
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                return f"{waiting['reason']}: {waiting.get('message', '')}".strip(": ")
    return ""


def _is_ready(pod: Document) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _is_of(pod: Document, sha256: str) -> bool:
    return bool(sha256) and label_of(pod, SHA256) == sha256[:12]


def _age(pod: Document) -> tuple[str, str]:
    return pod["metadata"].get("creationTimestamp", ""), pod["metadata"]["name"]
