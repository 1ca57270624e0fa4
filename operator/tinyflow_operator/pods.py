"""What a module's pods tell: which of them serves, where, and why one does not start. Pure."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

from tinyflow_runtime.labels import ADDRESS, SHA256

from tinyflow_operator.cache import Key
from tinyflow_operator.kinds import Document
from tinyflow_operator.names import workload_name
from tinyflow_operator.workload import PORT
from tinyflow_operator.world import label_of

LAST_LINES = 6  # of what a process wrote before it ended: the error, where, and the way out
LOOP = 3  # ends of a process after which it is no accident any more
STEADY = 60.0  # seconds a process runs until it counts as one that will go on
_OURS = re.compile(r"^TF-\d{3} ", re.MULTILINE)  # how each of our errors begins
_TRACEBACK = "Traceback (most recent call last):\n"


def serving(pods: Iterable[Document], wanted: str) -> Document | None:
    """The pod whose module is to be spoken to: one with the wanted revision, else the newest that is ready."""
    ready = [pod for pod in pods if _is_ready(pod)]
    return max(ready, key=lambda pod: (_is_of(pod, wanted), *_age(pod)), default=None)


def address_of(pod: Document, module: Key) -> str:
    """Where a pod's module listens; that of the Service when the pod does not say."""
    said = (pod["metadata"].get("annotations") or {}).get(ADDRESS)
    return str(said or f"{workload_name(module[1])}.{module[0]}.svc:{PORT}")


def crash_of(pods: Iterable[Document], wanted: str) -> str:
    """Why a process of the wanted revision ended by itself; empty when none did."""
    of_it = [pod for pod in pods if not wanted or _is_of(pod, wanted)]
    for pod in sorted(of_it, key=_age, reverse=True):
        status = pod.get("status") or {}
        for container in status.get("initContainerStatuses", []):
            ended = _ended(container)
            if ended and ended.get("exitCode") and not _works(container):
                return _last_lines(str(ended.get("message") or f"It ended with {ended['exitCode']}."))
        for container in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
            if _works(container):
                continue
            ended, waiting = _ended(container), container.get("state", {}).get("waiting") or {}
            if ended and (ended.get("exitCode") or waiting):
                return _why(ended)
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                return f"{waiting['reason']}: {waiting.get('message', '')}".strip(": ")
    return ""


def loop_of(pods: Iterable[Document], now: float) -> str:
    """Why a module counts as one whose process keeps ending, though it may serve right now; empty when it does not.

    Args:
        now: Seconds since the epoch.
    """
    for pod in sorted(pods, key=_age, reverse=True):
        for container in (pod.get("status") or {}).get("containerStatuses", []):
            ended, times = _ended(container), int(container.get("restartCount", 0))
            running = container.get("state", {}).get("running") or {}
            if ended and times >= LOOP and now - _seconds(running.get("startedAt"), now) < STEADY:
                return f"Its process keeps ending, {times} times so far. {_why(ended)}"
    return ""


def _works(container: Document) -> bool:
    return bool(container.get("ready") or "running" in container.get("state", {}))


def _ended(container: Document) -> Document:
    """How a container ended last; empty while it never did."""
    state, last = container.get("state", {}), container.get("lastState", {})
    return state.get("terminated") or last.get("terminated") or {}


def _why(ended: Document) -> str:
    """Why a module's process ended: our own error, else the exit code and what it raised, never what it printed."""
    said = str(ended.get("message") or "").strip()
    ours = [found.start() for found in _OURS.finditer(said)]
    if ours:
        return _last_lines(said[ours[-1] :])
    code = int(ended.get("exitCode") or 0)
    how = f"exit code {code}" + (f", killed by signal {code - 128}" if code > 128 else "")
    raised = said.rpartition(_TRACEBACK)[2].splitlines() if _TRACEBACK in said else []
    line = next((line for line in raised if line and not line[0].isspace()), "")
    if line:
        return f"It ended with {how}: {line}"
    wrote = said.splitlines()[-1:]
    return f"It ended with {how}." + (f" The last line it wrote: {wrote[0].strip()!r}." if wrote else "")


def _last_lines(said: str) -> str:
    return "\n".join(said.strip().splitlines()[-LAST_LINES:])


def _seconds(when: object, otherwise: float) -> float:
    """A time that Kubernetes wrote, in seconds since the epoch."""
    try:
        return datetime.datetime.fromisoformat(str(when)).timestamp()
    except ValueError:
        return otherwise


def _is_ready(pod: Document) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _is_of(pod: Document, sha256: str) -> bool:
    return bool(sha256) and label_of(pod, SHA256) == sha256[:12]


def _age(pod: Document) -> tuple[str, str]:
    return pod["metadata"].get("creationTimestamp", ""), pod["metadata"]["name"]
