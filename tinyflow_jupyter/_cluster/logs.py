"""Logs: what module processes wrote last."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path

from tinyflow_runtime.resources.documents import Document
from tinyflow_runtime.resources.labels import MODULE_LABEL

from .api import Api
from .readiness import condition_of
from .refusals import Refused

MODULE = "module"  # the container of a pod that the operator makes; a mesh may add some of its own
NOT_YET = 400  # the status of the answer for a container that has not begun: the rest of it is in order


def read_logs(api: Api, modules: Iterable[str], lines: int, *, folder: Path | None = None) -> str:
    """The last lines of each module's processes, under a heading each where there are several.

    Of a process that has not begun, what keeps it, and what its pod's containers before it wrote.

    Args:
        folder: Of a pocket cluster; its launcher writes the logs there.
    """
    parts = []
    for module in modules:
        pods = api.objects("Pod", label=f"{MODULE_LABEL}={module}")
        if not pods:
            parts.append((module, f"(it has no pod yet: kubectl describe tinymodule {module} says why)"))
        for pod in pods:
            name = str(pod["metadata"]["name"])
            text = _log(api, pod, lines) if folder is None else _last(folder / api.namespace / f"{name}.log", lines)
            parts.append((f"{module} ({name})", text.rstrip("\n")))
    if len(parts) == 1:
        return parts[0][1]
    return "\n".join(f"== {title}\n{text}" for title, text in parts)


def _log(api: Api, pod: Document, lines: int) -> str:
    name, spec = str(pod["metadata"]["name"]), pod["spec"]
    containers = [str(one["name"]) for one in spec["containers"]]
    wrote = _of_container(api, name, MODULE if len(containers) > 1 and MODULE in containers else "", lines)
    if wrote or _has_begun(pod):
        return wrote
    before = [_of_container(api, name, str(one["name"]), lines) for one in spec.get("initContainers") or ()]
    return "".join([*before, f"({name} has not begun to write: {_waits_for(pod)})\n"])


def _of_container(api: Api, pod: str, container: str, lines: int) -> str:
    """What a container wrote; nothing while it has not begun, which is not there or, on a machine, refused."""
    try:
        return api.log(pod, lines, container=container)
    except Refused as error:
        if error.status != NOT_YET:
            raise
        return ""


def _has_begun(pod: Document) -> bool:
    containers = (pod.get("status") or {}).get("containerStatuses") or ()
    states = [state for one in containers for state in (one.get("state") or {}, one.get("lastState") or {})]
    return any({"running", "terminated"} & state.keys() for state in states)


def _waits_for(pod: Document) -> str:
    """What keeps a pod's process from running, in Kubernetes' own words where it has some."""
    status = pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason"):
            said = " ".join(str(waiting.get("message") or "").split())
            return f"{waiting['reason']}: {said}" if said else str(waiting["reason"])
    scheduled = condition_of(pod, "PodScheduled") or {}
    if scheduled.get("status") == "False":
        return " ".join(f"{scheduled.get('reason', '')}: {scheduled.get('message', '')}".split())
    return "its pod is being made"


def _last(path: Path, lines: int) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(deque(file, maxlen=lines))
    except OSError:  # it has written nothing yet
        return ""
