"""A pod: one replica of a Deployment as a process of this machine, and what the API is told about it."""

from __future__ import annotations

import asyncio
import datetime
import os
import time
from collections.abc import Callable
from pathlib import Path

from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.labels import ADDRESS

from tinyflow_operator.kinds import CONFIGMAPS, Document
from tinyflow_operator.kube import Kube
from tinyflow_operator.launcher.process import Ended, KeptProcess, NotPrepared, end
from tinyflow_operator.launcher.template import (
    DEPENDENCIES,
    Program,
    but_for_its_source,
    config_maps,
    fill,
    fingerprint,
    folders,
    program,
)
from tinyflow_operator.names import ending

COMPLETE = ".complete"  # in a folder of dependencies: all of them are there


class Pod:
    """One replica. ``run`` keeps its process running until it is cancelled.

    Args:
        deployment: Whose replica it is.
        home: The folder for its volumes and its log; dependencies are shared between pods beside it.
        changed: Called when what the API should be told may have changed.
    """

    def __init__(self, kube: Kube, deployment: Document, home: Path, changed: Callable[[], None]) -> None:
        self.template: Document = deployment["spec"]["template"]
        suffix = ending()
        self.name = f"{deployment['metadata']['name'][:200]}-{fingerprint(self.template)}-{suffix}"
        self.namespace: str = deployment["metadata"]["namespace"]
        self.log = home / "logs" / self.namespace / f"{self.name}.log"
        self._owner = _owner(deployment)
        self._kube, self._home = kube, home
        self._process = KeptProcess(self._prepare, self.log, changed)
        self._began = now()
        self._prepared: tuple[Document, Program] | None = None

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.template)

    def is_of(self, deployment: Document) -> bool:
        """Whether this Deployment, as it is now, would make this very pod."""
        mine = self._owner["uid"] == deployment["metadata"]["uid"]
        return bool(mine and self.fingerprint == fingerprint(deployment["spec"]["template"]))

    @property
    def ready(self) -> bool:
        return bool(self._process.address)

    @property
    def address(self) -> str:
        return self._process.address

    async def run(self) -> None:
        await self._process.run()

    def can_take(self, template: Document) -> bool:
        """Whether nothing but the revision differs, so that a process which loaded it meanwhile needs no restart."""
        return but_for_its_source(self.template) == but_for_its_source(template)

    def take(self, template: Document) -> None:
        """Be a pod of this template: what it starts from, should it have to start again."""
        self.template = template

    def document(self) -> Document:
        """The pod as the API is told."""
        metadata = self.template["metadata"]
        annotations = {**(metadata.get("annotations") or {}), ADDRESS: self.address}
        return {
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {**metadata["labels"], "pod-template-hash": self.fingerprint},
                "annotations": annotations if self.ready else metadata.get("annotations") or {},
                "ownerReferences": [self._owner],
            },
            "spec": self.template["spec"],
        }

    def status(self) -> Document:
        """Its status as a kubelet would write it; times change only with what they are the time of."""
        ended = self._process.ended
        container: Document = {
            "name": self.template["spec"]["containers"][0]["name"],
            "image": self.template["spec"]["containers"][0].get("image", ""),
            "imageID": "",
            "ready": self.ready,
            "restartCount": max(self._process.starts - 1, 0),
            "state": {"running": {"startedAt": written(self._process.since)}} if self._process.pid else _waiting(ended),
        }
        if ended is not None:
            container["lastState"] = {
                "terminated": {
                    "exitCode": ended.code if ended.code >= 0 else 128 - ended.code,
                    "signal": -ended.code if ended.code < 0 else 0,
                    "reason": "Error" if ended.code else "Completed",
                    "message": ended.said[-2000:],
                }
            }
        ready = {"type": "Ready", "status": str(self.ready), "lastTransitionTime": self._began}
        return {"phase": "Running", "startTime": self._began, "conditions": [ready], "containerStatuses": [container]}

    async def _prepare(self) -> Program:
        """Mount its volumes, run its init containers, and say what to start.

        What starts again finds its volumes as they were: it needs nobody for it, not even the API.
        """
        template = self.template
        if self._prepared is not None and self._prepared[0] is template:
            return self._prepared[1]
        where = folders(template, self._home / "pods" / self.name, self._home / "dependencies")
        for folder in where.values():
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        for volume, name in config_maps(template).items():
            try:
                config_map = await self._kube.get(CONFIGMAPS, self.namespace, name)
            except ClusterError as error:
                raise NotPrepared(Ended(1, str(error))) from error
            if config_map is None:
                raise NotPrepared(Ended(1, f"The ConfigMap {name!r} is not there."))
            await asyncio.to_thread(fill, where[volume], config_map)
        for container in template["spec"].get("initContainers", []):
            await self._initialise(program(container, where), where.get(DEPENDENCIES))
        address = f"unix:{self._home}/{fingerprint({'name': self.name})}"
        self._prepared = template, program(template["spec"]["containers"][0], where, address=address)
        return self._prepared[1]

    async def _initialise(self, started: Program, dependencies: Path | None) -> None:
        """Run an init container to its end, unless another pod has filled the folder they share already."""
        if dependencies is not None and (dependencies / COMPLETE).exists():
            return
        process = await asyncio.create_subprocess_exec(
            *started.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **started.environment},
        )
        try:
            said, _ = await process.communicate()
        finally:
            await end(process)
        if process.returncode:
            raise NotPrepared(Ended(process.returncode, said.decode(errors="replace").strip()[-2000:]))
        if dependencies is not None:
            (dependencies / COMPLETE).touch()


def now() -> str:
    """The time as Kubernetes writes it."""
    return written(time.time())


def written(when: float) -> str:
    """A time in seconds since the epoch as Kubernetes writes it."""
    return f"{datetime.datetime.fromtimestamp(when, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _owner(deployment: Document) -> Document:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": deployment["metadata"]["name"],
        "uid": deployment["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _waiting(ended: Ended | None) -> Document:
    if ended is None:
        return {"waiting": {"reason": "ContainerCreating", "message": "It is being started."}}
    return {"waiting": {"reason": "CrashLoopBackOff", "message": ended.said[-2000:] or f"It ended with {ended.code}."}}
