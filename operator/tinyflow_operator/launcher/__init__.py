"""A launcher plays kubelet on any Kubernetes API: it runs the operator's Deployments as processes of this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tinyflow_runtime.resources.labels import MANAGED

from tinyflow_operator.cache import Cache, key_of
from tinyflow_operator.kinds import DEPLOYMENTS, Document
from tinyflow_operator.kube import Kube
from tinyflow_operator.launcher.rollout import Rollout

__all__ = ["launch"]


async def launch(kube: Kube, home: Path, *, namespace: str = "") -> None:
    """Run Deployments as processes until cancelled; then every process is gone.

    Args:
        kube: Any Kubernetes API whose own controllers leave Deployments alone.
        home: A folder for volumes, sockets and logs. Its path has to be short, for those of sockets may have 107 bytes.
        namespace: Watch only this one; all of them when empty.
    """
    rollouts: dict[tuple[str, str], Rollout] = {}

    def changed(deployment: Document) -> None:
        key = key_of(deployment)
        now = deployments.get(key)
        labels = deployment["metadata"].get("labels") or {}
        if not MANAGED.items() <= labels.items():  # a Deployment of somebody else is not ours to run
            now = None
        if key not in rollouts and now is not None:
            rollouts[key] = Rollout(kube, home)
            tasks.create_task(rollouts[key].run(), name=f"rollout {'/'.join(key)}")
        if key in rollouts:
            rollouts[key].want(now)

    deployments = Cache(kube, DEPLOYMENTS, namespace, changed)
    async with asyncio.TaskGroup() as tasks:
        await deployments.run()
