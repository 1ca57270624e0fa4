"""A rollout brings the pods of one Deployment to its template: old ones go when the new ones are ready."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from pathlib import Path

from tinyflow_runtime.errors import ClusterError, TinyFlowError
from tinyflow_runtime.wire import Remote

from tinyflow_operator.kinds import DEPLOYMENTS, PODS, Document
from tinyflow_operator.kube import Kube
from tinyflow_operator.launcher.pod import Pod, now
from tinyflow_operator.launcher.template import source_of

log = logging.getLogger(__name__)

MANAGER = "tinyflow-launcher"
STATUS = (
    "tinyflow-launcher-status"  # of its own: applying as one manager takes back what it applied before, elsewhere too
)
AGAIN = 0.5  # seconds before the API is told again what it could not be told


class Rollout:
    """The pods of one Deployment. ``run`` works until it is cancelled; then no process is left.

    Args:
        home: The folder for volumes and logs.
    """

    def __init__(self, kube: Kube, home: Path) -> None:
        self._kube, self._home = kube, home
        self._wanted: Document | None = None
        self._pods: dict[Pod, asyncio.Task[None]] = {}
        self._told: dict[str, tuple[Document, Document]] = {}  # by pod: what the API was told last
        self._changed = asyncio.Event()

    def want(self, deployment: Document | None) -> None:
        """This is the Deployment now; None when it is gone."""
        self._wanted = deployment
        self._changed.set()

    @property
    def pods(self) -> list[Pod]:
        return list(self._pods)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._changed.wait()
                self._changed.clear()
                deployment = self._wanted
                await self._bring(deployment, tasks)
                try:
                    if deployment is not None:
                        await self._tell(deployment)
                except ClusterError as error:
                    log.warning("%s", error)
                    asyncio.get_running_loop().call_later(AGAIN, self._changed.set)

    async def _bring(self, deployment: Document | None, tasks: asyncio.TaskGroup) -> None:
        if deployment is None:
            await asyncio.gather(*(self._end(pod) for pod in list(self._pods)))
            return
        template = deployment["spec"]["template"]
        for pod in self._pods:
            if not pod.is_of(deployment) and pod.ready and pod.can_take(template) and await _serves(pod, template):
                pod.take(template)
        count = int(deployment["spec"].get("replicas", 1))
        new = [pod for pod in self._pods if pod.is_of(deployment)]
        old = [pod for pod in self._pods if not pod.is_of(deployment)]
        for _ in range(count - len(new)):
            pod = Pod(self._kube, deployment, self._home, self._changed.set)
            self._pods[pod] = tasks.create_task(pod.run(), name=f"pod {pod.name}")
            new.append(pod)
        served = sum(pod.ready for pod in new) >= count
        # An old one that serves stays until the new ones do: a broken revision leaves the old one serving.
        surplus = [pod for pod in old if served or not pod.ready] + new[count:]
        await asyncio.gather(*(self._end(pod) for pod in surplus))

    async def _end(self, pod: Pod) -> None:
        running = self._pods.pop(pod)
        running.cancel()
        await asyncio.wait([running])
        self._told.pop(pod.name, None)
        with contextlib.suppress(ClusterError):  # the Deployment's end takes it along
            await self._kube.delete(PODS, pod.namespace, pod.name)
        await asyncio.to_thread(shutil.rmtree, self._home / "pods" / pod.name, ignore_errors=True)

    async def _tell(self, deployment: Document) -> None:
        for pod in list(self._pods):
            document, status = pod.document(), pod.status()
            before = self._told.get(pod.name, ({}, {}))
            if document != before[0]:
                await self._kube.apply(PODS, document, MANAGER)
            if status != before[1]:
                await self._kube.apply(PODS, {"metadata": _named(document), "status": status}, STATUS, part="status")
            self._told[pod.name] = document, status
        status = self._status(deployment)
        if {**status, "conditions": _without_times(status)} != _known(deployment, status):
            named = {"metadata": _named(deployment), "status": status}
            await self._kube.apply(DEPLOYMENTS, named, STATUS, part="status")

    def _status(self, deployment: Document) -> Document:
        count = int(deployment["spec"].get("replicas", 1))
        updated = [pod for pod in self._pods if pod.is_of(deployment)]
        ready = sum(pod.ready for pod in self._pods)
        available = {
            "type": "Available",
            "status": str(ready >= count),
            "reason": "MinimumReplicasAvailable" if ready >= count else "MinimumReplicasUnavailable",
            "message": f"{ready} of {count} replicas are ready.",
            "lastTransitionTime": now(),
            "lastUpdateTime": now(),
        }
        return {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": len(self._pods),
            "updatedReplicas": len(updated),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(count - ready, 0),
            "conditions": [available],
        }


async def _serves(pod: Pod, template: Document) -> bool:
    """Whether a pod's module has loaded the revision of this template already."""
    remote = Remote(pod.address)
    try:
        described = await remote.describe(timeout=2)
    except TinyFlowError:
        return False
    finally:
        await remote.close()
    return bool(source_of(template)) and described.revision == source_of(template)


def _named(document: Document) -> Document:
    return {"name": document["metadata"]["name"], "namespace": document["metadata"]["namespace"]}


def _without_times(status: Document) -> list[Document]:
    timeless = ("type", "status", "reason", "message")
    return [{name: one.get(name) for name in timeless} for one in status.get("conditions", [])]


def _known(deployment: Document, status: Document) -> Document:
    """What the API knows of the fields of a status, in a form that can be compared."""
    known = deployment.get("status") or {}
    return {**{name: known.get(name, 0) for name in status}, "conditions": _without_times(known)}
