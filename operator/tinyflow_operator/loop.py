"""The operator's loop: whatever changes makes a module due; a module that is due is reconciled, one at a time each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from tinyflow_runtime.errors import ClusterError

from tinyflow_operator.cache import Cache, Key
from tinyflow_operator.kinds import MODULES, NODES, Document
from tinyflow_operator.kube import Kube
from tinyflow_operator.reconcile import ModuleReconciler, Outcome

log = logging.getLogger(__name__)

FIRST_DELAY, LONGEST_DELAY = 0.1, 30.0  # seconds before a module that failed is tried again


class Due:
    """Modules that have to be looked at: each once, however often it changed meanwhile."""

    def __init__(self) -> None:
        self._due: dict[Key, None] = {}  # a set that keeps the order
        self._failed: dict[Key, int] = {}
        self._some = asyncio.Event()

    def add(self, key: Key) -> None:
        self._due[key] = None
        self._some.set()

    async def serve(self, reconcile: Callable[[Key], Awaitable[Outcome]]) -> None:
        """Reconcile what is due, for ever."""
        while True:
            await self._some.wait()
            if not self._due:
                self._some.clear()
                continue
            key = next(iter(self._due))
            del self._due[key]  # before the look: a change during it makes it due again
            try:
                outcome = await reconcile(key)
            except ClusterError as error:
                outcome = Outcome(f"could not be reconciled: {error}", again=True)
            log.info("module %s %s", "/".join(key), outcome.text)
            if not outcome.again:
                self._failed.pop(key, None)
                continue
            failed = self._failed[key] = self._failed.get(key, 0) + 1
            asyncio.get_running_loop().call_later(min(FIRST_DELAY * 2**failed, LONGEST_DELAY), self.add, key)


async def operate(kube: Kube, namespace: str) -> None:
    """Follow TinyModules and TinyNodes of a namespace (all of them when it is empty) until cancelled."""
    due = Due()
    module_of_node: dict[Key, str] = {}

    def node_changed(node: Document) -> None:
        place, name, module = node["metadata"]["namespace"], node["metadata"]["name"], node["spec"]["module"]
        # A node that moved has to stop in the module it left.
        due.add((place, module_of_node.get((place, name), module)))
        module_of_node[place, name] = module
        due.add((place, module))

    def module_changed(module: Document) -> None:
        due.add((module["metadata"]["namespace"], module["metadata"]["name"]))

    nodes = Cache(kube, NODES, namespace, node_changed)
    modules = Cache(kube, MODULES, namespace, module_changed)
    reconciler = ModuleReconciler(kube, nodes, modules)

    async def serve() -> None:
        # A half-read world would stop the nodes that are not read yet.
        await nodes.synced.wait()
        await modules.synced.wait()
        await due.serve(reconciler.reconcile)

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(nodes.run())
            tasks.create_task(modules.run())
            tasks.create_task(serve())
    finally:
        await reconciler.close()
