"""The world as the cluster last told it: a cache for each kind, and who belongs to whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from tinyflow_runtime.resources.labels import MODULE_LABEL, PROJECT_LABEL
from tinyflow_runtime.resources.names import FAILING

from tinyflow_operator.cache import Cache, Key, key_of
from tinyflow_operator.conditions import condition_of, is_true
from tinyflow_operator.kinds import (
    DEPLOYMENTS,
    FLOWS,
    MODULES,
    NODES,
    PODS,
    PROJECTS,
    SERVICES,
    SIGNALS,
    Document,
    Kind,
)
from tinyflow_operator.kube import Kube
from tinyflow_operator.names import flow_of

Nodes = dict[str, Document]  # by metadata.name

_FEW = {PODS: MODULE_LABEL, DEPLOYMENTS: MODULE_LABEL, SERVICES: MODULE_LABEL}  # of these kinds, only ours are followed


class World:
    """What is there.

    Args:
        heard: Called with each object that appeared, changed or went, after the caches know of it, and whether it was
            us who changed it.
    """

    def __init__(self, kube: Kube, namespace: str, heard: Callable[[Kind, Document, bool], None]) -> None:
        self._heard = heard
        self._writing = False
        self._caches = {kind: self._cache(kube, kind, namespace) for kind in (MODULES, NODES, FLOWS, PROJECTS, SIGNALS)}
        self._caches |= {kind: self._cache(kube, kind, namespace) for kind in _FEW}
        self._by_flow: dict[Key, Nodes] = {}
        self._not_ready: dict[Key, set[str]] = {}
        self._failing: dict[Key, set[str]] = {}
        self._erring: dict[Key, set[str]] = {}
        self._by_project: dict[Key, set[Key]] = {}
        self._project_of_flow: dict[Key, Key] = {}
        self._pods: dict[Key, dict[str, Document]] = {}

    def get(self, kind: Kind, key: Key) -> Document | None:
        return self._caches[kind].get(key)

    @property
    def kinds(self) -> Iterable[tuple[Kind, Cache]]:
        """What is known of each kind, for metrics."""
        return self._caches.items()

    def each(self, kind: Kind) -> Iterator[Document]:
        return iter(self._caches[kind])

    def nodes_of_flow(self, flow: Key) -> Nodes:
        """By metadata.name; not to be changed."""
        return self._by_flow.get(flow, {})

    def not_ready(self, flow: Key) -> set[str]:
        """The nodes of a flow whose condition Ready does not hold, by metadata.name; not to be changed."""
        return self._not_ready.get(flow, set())

    def failing(self, flow: Key) -> set[str]:
        """Those of them whose condition says why; not to be changed."""
        return self._failing.get(flow, set())

    def erring(self, flow: Key) -> set[str]:
        """The nodes that run and handle no message any more, by metadata.name; not to be changed."""
        return self._erring.get(flow, set())

    def flows_of_project(self, project: Key) -> list[Document]:
        found = [self.get(FLOWS, key) for key in sorted(self._by_project.get(project, ()))]
        return [flow for flow in found if flow is not None]

    def pods_of_module(self, module: Key) -> list[Document]:
        return list(self._pods.get(module, {}).values())

    def put(self, kind: Kind, document: Document) -> None:
        """Know at once what we wrote ourselves; the watch tells it again, and nobody is told twice."""
        self._writing = True
        self._caches[kind].put(document)
        self._writing = False

    async def run(self) -> None:
        """Follow the server for ever."""
        async with asyncio.TaskGroup() as tasks:
            for cache in self._caches.values():
                tasks.create_task(cache.run())

    @property
    def is_synced(self) -> bool:
        return all(cache.synced.is_set() for cache in self._caches.values())

    async def synced(self) -> None:
        """Returns when all caches were filled. A half-read world would stop what was not read yet."""
        for cache in self._caches.values():
            await cache.synced.wait()

    def _cache(self, kube: Kube, kind: Kind, namespace: str) -> Cache:
        def changed(document: Document) -> None:
            self._sort(kind, document)
            self._heard(kind, document, self._writing)

        return Cache(kube, kind, namespace, changed, selector=_FEW.get(kind, ""))

    def _sort(self, kind: Kind, document: Document) -> None:
        key = key_of(document)
        now = self._caches[kind].get(key)
        if kind is NODES:
            flow = (key[0], flow_of(document))
            if now is None:
                nodes = self._by_flow.get(flow, {})
                nodes.pop(key[1], None)
                self._not_ready.get(flow, set()).discard(key[1])
                self._failing.get(flow, set()).discard(key[1])
                self._erring.get(flow, set()).discard(key[1])
                if not nodes:
                    self._by_flow.pop(flow, None)
                    self._not_ready.pop(flow, None)
                    self._failing.pop(flow, None)
                    self._erring.pop(flow, None)
                return
            self._by_flow.setdefault(flow, {})[key[1]] = now
            waiting, failing = self._not_ready.setdefault(flow, set()), self._failing.setdefault(flow, set())
            (waiting.discard if is_true(now) else waiting.add)(key[1])
            said, erring = condition_of(now, "Ready"), self._erring.setdefault(flow, set())
            (failing.add if said.get("status") == "False" else failing.discard)(key[1])
            (erring.add if said.get("reason") == FAILING else erring.discard)(key[1])
        elif kind is PODS:
            module = (key[0], label_of(document, MODULE_LABEL))
            pods = self._pods.setdefault(module, {})
            if now is None:
                pods.pop(key[1], None)
            else:
                pods[key[1]] = now
            if not pods:
                del self._pods[module]
        elif kind is FLOWS:
            before = self._project_of_flow.pop(key, None)
            if before is not None:
                self._by_project[before].discard(key)
            name = label_of(now, PROJECT_LABEL) if now is not None else ""
            if name:
                self._project_of_flow[key] = (key[0], name)
                self._by_project.setdefault((key[0], name), set()).add(key)


def label_of(document: Document, label: str) -> str:
    """An object's label; empty when it has none."""
    return str((document["metadata"].get("labels") or {}).get(label, ""))
