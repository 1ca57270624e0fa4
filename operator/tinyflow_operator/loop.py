"""The operator's loop: whatever changes makes something due, and what is due is brought to what it shall be."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from tinyflow_runtime.resources.labels import MODULE_LABEL, PROJECT_LABEL
from tinyflow_runtime.wire import Remote

from tinyflow_operator.cache import Key, key_of
from tinyflow_operator.certificates import Certificates
from tinyflow_operator.configuration import DEFAULTS, Configuration
from tinyflow_operator.desk import ACCOUNT, FLOW, MODULE, NODE, PLAN, PROJECT, SIGNAL, Desk
from tinyflow_operator.due import Due, Outcome, Thing
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
from tinyflow_operator.reconcile.accounts import Accounts
from tinyflow_operator.reconcile.flows import Flows, key_of_node
from tinyflow_operator.reconcile.modules import Modules
from tinyflow_operator.reconcile.nodes import Nodes
from tinyflow_operator.reconcile.plans import Plans
from tinyflow_operator.reconcile.projects import Projects
from tinyflow_operator.reconcile.signals import Signals
from tinyflow_operator.running import Processes
from tinyflow_operator.world import World, label_of
from tinyflow_operator.writer import Writer

BURST = 0.05  # seconds in which changes of one flow are taken together
LARGE, PAUSE = 200, 1.0  # nodes of a flow, and seconds, past which what its nodes say is rolled up more seldom
FEW, MANY = 16, 24  # looks beside each other


class Operator:
    """Everything that works for one cluster.

    Args:
        namespace: Watch only this one; all of them when empty.
        configuration: Of the pods of modules.
        connect: Speaks to a module server.
        gateway: The Service by which notebooks reach modules, ``namespace/name``.
        certificates: Of modules, and our own, with which they are spoken to; without them anybody may speak to them.
    """

    def __init__(
        self,
        kube: Kube,
        namespace: str = "",
        *,
        configuration: Configuration = DEFAULTS,
        connect: Callable[[str], Remote] = Remote,
        gateway: str = "",
        certificates: Certificates | None = None,
    ) -> None:
        self._projects: dict[Key, str] = {}  # of each flow
        self._images: dict[Key, str] = {}  # of each module
        self._world = World(kube, namespace, self._heard)
        self._few, self._many = Due(self._look, at_once=FEW), Due(self._look, at_once=MANY)
        self._processes = Processes(certificates.connect if certificates else lambda address, _module: connect(address))
        writer = Writer(kube, self._world)
        self.desk = desk = Desk(
            self._world,
            writer,
            self._processes,
            self._few,
            self._many,
            configuration=configuration,
            clock=time.monotonic,
            gateway=gateway,
            certificates=certificates,
        )
        self._reconcilers: dict[str, Callable[[Key], Awaitable[Outcome]]] = {
            MODULE: Modules(desk).reconcile,
            PLAN: Plans(desk).reconcile,
            FLOW: Flows(desk).reconcile,
            NODE: Nodes(desk).reconcile,
            PROJECT: Projects(desk).reconcile,
            SIGNAL: Signals(desk).reconcile,
            ACCOUNT: Accounts(desk).reconcile,
        }

    async def run(self) -> None:
        """Work until cancelled."""
        certificates = self.desk.certificates
        async with contextlib.AsyncExitStack() as stack:
            if certificates is not None:
                await stack.enter_async_context(certificates)
            stack.push_async_callback(self._processes.close)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            tasks.create_task(self._world.run())
            tasks.create_task(self._work())
            if certificates is not None:
                tasks.create_task(certificates.run())

    async def _work(self) -> None:
        await self._world.synced()
        self.desk.unsettled |= {key_of_node(node) for node in self._world.each(NODES)}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._few.run())
            tasks.create_task(self._many.run())

    async def _look(self, thing: Thing) -> Outcome:
        kind, namespace, name = thing
        return await self._reconcilers[kind]((namespace, name))

    def _heard(self, kind: Kind, document: Document, by_us: bool) -> None:
        namespace, name = key_of(document)
        if kind is NODES:
            flow = key_of_node(document)
            large = len(self._world.nodes_of_flow(flow)) > LARGE
            self.desk.gate(flow).note(name, self._world.get(NODES, (namespace, name)))
            self._few.add((FLOW, *flow), PAUSE if large else BURST)
            if not by_us:
                self._many.add((NODE, namespace, name))
        elif kind is FLOWS:
            self._flow_changed(document)
            if not by_us:
                self._few.add((FLOW, namespace, name), BURST)
        elif kind is MODULES:
            self._module_changed(document)
            if not by_us:
                self._few.add((MODULE, namespace, name))
        elif kind in (PODS, DEPLOYMENTS, SERVICES):
            self._few.add((MODULE, namespace, label_of(document, MODULE_LABEL)))
        elif kind is PROJECTS:
            self._few.add((PROJECT, namespace, name))
        elif kind is SIGNALS:
            self._few.add((SIGNAL, namespace, name))

    def _flow_changed(self, flow: Document) -> None:
        """Its project is rolled up again, and the one that it left."""
        key = key_of(flow)
        project = label_of(flow, PROJECT_LABEL)
        for name in {project, self._projects.get(key, "")} - {""}:
            self._few.add((PROJECT, key[0], name), BURST)
        self._projects[key] = project
        if self.desk.gateway:  # which asks for their tokens
            self._few.add((ACCOUNT, key[0], "all"), BURST)

    def _module_changed(self, module: Document) -> None:
        """Nodes may have waited for a module of this name, or one that runs this image."""
        key = key_of(module)
        there = self._world.get(MODULES, key) is not None
        image = f"{there} {module['spec'].get('image', '')}"
        if self._images.get(key) == image:
            return
        self._images[key] = image
        for node in self._world.each(NODES):
            if node["metadata"]["namespace"] == key[0]:
                self._many.add((NODE, key[0], node["metadata"]["name"]))
                self._few.add((FLOW, *key_of_node(node)), BURST)
