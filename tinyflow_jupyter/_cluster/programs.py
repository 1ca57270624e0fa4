"""The programs that are installed, operator and gateway: whether their pods run, and why not."""

from __future__ import annotations

import time

from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.names import GATEWAY, OPERATOR

from .api import Api
from .progress import Progress

PROGRAMS = (OPERATOR, GATEWAY)
LOOK = 0.2  # seconds between two looks


def until_running(api: Api, namespace: str, timeout: float, progress: Progress) -> None:
    """Return when the programs run.

    Raises:
        ClusterError: TF-197.
    """
    deadline = time.monotonic() + timeout
    while True:
        states = [state for name in PROGRAMS if (state := _ready(api, namespace, name)) is not None]
        done, total = sum(ready for _, ready, _ in states), sum(wanted for _, _, wanted in states)
        if states and done == total:  # none: what was installed is not to be seen yet, or was taken away
            return
        told = ", ".join(f"{name.removeprefix('tinyflow-')} {ready} of {wanted}" for name, ready, wanted in states)
        progress.say(told, done, total)
        if time.monotonic() > deadline:
            why, action = _reason(api, namespace)
            what = f"TinyFlow is installed, and does not run after {timeout:g} s: {told or 'nothing'} ready. {why}"
            raise ClusterError("TF-197", what, action)
        time.sleep(LOOK)


def _ready(api: Api, namespace: str, name: str) -> tuple[str, int, int] | None:
    """The name, how many of its newest pods are ready, and how many shall be; None when it is not installed."""
    found = api.request("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    if found is None:
        return None
    wanted, status = int(found["spec"].get("replicas", 1)), found.get("status") or {}
    if status.get("observedGeneration", 0) < found["metadata"]["generation"]:
        return name, 0, wanted
    old = int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))
    ready = min(int(status.get("updatedReplicas", 0)), int(status.get("availableReplicas", 0)))
    return name, ready if not old else min(ready, wanted - 1), wanted


def _reason(api: Api, namespace: str) -> tuple[str, str]:
    """Why the pods are not ready, as far as one of them says; and what to do."""
    asked = "pods?labelSelector=app.kubernetes.io%2Fpart-of%3Dtinyflow"
    pods = (api.request("GET", f"/api/v1/namespaces/{namespace}/{asked}") or {}).get("items") or []
    look = f"Look: kubectl --namespace {namespace} get pods,events"
    for pod in pods:
        status, name = pod.get("status") or {}, pod["metadata"]["name"]
        for container in status.get("containerStatuses") or ():
            waiting = (container.get("state") or {}).get("waiting") or {}
            last = (container.get("lastState") or {}).get("terminated") or {}
            if said := (last.get("message") or "").strip():
                return f"Pod {name} ended: {said.splitlines()[-1]}", f"kubectl --namespace {namespace} logs {name}"
            if waiting.get("reason", "ContainerCreating") not in ("ContainerCreating", "PodInitializing"):
                why = f"Pod {name}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
                if "Image" in waiting["reason"]:
                    return f"{why}.", "Name an image that the cluster can pull: values image and modules.image."
                return f"{why}.", look
        for condition in status.get("conditions") or ():
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return f"Pod {name} has no machine: {condition.get('message', '')}.", look
    if not pods:
        return "No pod of it was made.", f"Look: kubectl --namespace {namespace} describe deployments"
    return "No machine has taken its pods yet.", look
