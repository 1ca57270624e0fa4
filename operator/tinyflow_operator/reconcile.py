"""Brings one module to what its TinyNodes say. Looks at the world, never at the event, and says what it saw."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from dataclasses import dataclass

from tinyflow_runtime.errors import DefinitionError, DeliveryError
from tinyflow_runtime.wire import Remote

from tinyflow_operator.cache import Cache, Key
from tinyflow_operator.kinds import NODES, Document
from tinyflow_operator.kube import Kube
from tinyflow_operator.plan import flow_of, name_of, plan_of

log = logging.getLogger(__name__)

STATUS = "tinyflow-operator-status"  # the status has a manager of its own: it never owns a field of the spec


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reconcile came to: it ends the sentence "the module …".

    Attributes:
        text: For the log and for people.
        again: Whether to try again, after a delay that grows; False also where only a change can help.
    """

    text: str
    again: bool = False


class ModuleReconciler:
    """Reconciles modules, one at a time each; holds one connection to every module server."""

    def __init__(self, kube: Kube, nodes: Cache, modules: Cache, connect: Callable[[str], Remote] = Remote) -> None:
        self._kube, self._nodes, self._modules = kube, nodes, modules
        self._connect = connect
        self._remotes: dict[Key, Remote] = {}

    async def close(self) -> None:
        for remote in self._remotes.values():
            await remote.close()
        self._remotes.clear()

    async def reconcile(self, key: Key) -> Outcome:
        """Tell a module server its nodes, and each node's status what came of it."""
        namespace, name = key
        nodes = [node for node in self._nodes if _belongs(node, namespace, name)]
        module = self._modules.get(key)
        address = ((module or {}).get("status") or {}).get("address", "")
        if not address:
            await self._forget(key)
            missing = (
                f"There is no TinyModule {name!r}." if module is None else f"The module {name!r} has no address yet."
            )
            await self._tell(nodes, dict.fromkeys(map(_name, nodes), missing), reason="NoModule")
            return Outcome(missing)
        remote = await self._remote(key, address)
        try:
            applied = await remote.apply(plan_of(nodes))
        except DefinitionError as error:
            await self._tell(nodes, dict.fromkeys(map(_name, nodes), str(error)), reason="Refused")
            return Outcome(f"refused its nodes: {error}")
        except DeliveryError as error:
            await self._tell(nodes, dict.fromkeys(map(_name, nodes), str(error)), reason="ModuleUnavailable")
            return Outcome(f"cannot be reached: {error}", again=True)
        await self._tell(
            nodes, {(state.flow, state.name): state.trouble for state in applied.nodes}, reason="NotStarted"
        )
        return Outcome(f"runs {len(nodes)} nodes, plan {applied.hash[:12]}")

    async def _remote(self, key: Key, address: str) -> Remote:
        remote = self._remotes.get(key)
        if remote is None or remote.address != address:
            await self._forget(key)
            remote = self._remotes[key] = self._connect(address)
        return remote

    async def _forget(self, key: Key) -> None:
        if remote := self._remotes.pop(key, None):
            await remote.close()

    async def _tell(self, nodes: list[Document], troubles: dict[tuple[str, str], str], *, reason: str) -> None:
        for node in nodes:
            status = ready_status(node, troubles.get(_name(node), ""), reason=reason)
            if status != node.get("status"):
                metadata = {"name": node["metadata"]["name"], "namespace": node["metadata"]["namespace"]}
                document = {"metadata": metadata, "status": status}
                await self._kube.apply(NODES, document, STATUS, part="status")


def _name(node: Document) -> tuple[str, str]:
    return flow_of(node), name_of(node)


def ready_status(node: Document, trouble: str, *, reason: str) -> Document:
    """A node's status: the old one itself when nothing is new, so that nothing is written.

    Args:
        trouble: Why the node does not run; empty when it runs.
        reason: The condition's reason when there is trouble.
    """
    old = node.get("status") or {}
    was: Document = next((condition for condition in old.get("conditions", []) if condition["type"] == "Ready"), {})
    generation = node["metadata"]["generation"]
    ready = {
        "type": "Ready",
        "status": "False" if trouble else "True",
        "reason": reason if trouble else "Running",
        # Never empty: the server-side apply of older Kubernetes makes null of it, which its own schema then refuses.
        "message": trouble or "The module runs it.",
        "observedGeneration": generation,
    }
    # The time tells when Ready turned, not when we last looked.
    turned = was.get("lastTransitionTime") if was.get("status") == ready["status"] else None
    ready["lastTransitionTime"] = turned or f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {"observedGeneration": generation, "conditions": [ready]}


def _belongs(node: Document, namespace: str, module: str) -> bool:
    return bool(node["metadata"]["namespace"] == namespace and node["spec"]["module"] == module)
