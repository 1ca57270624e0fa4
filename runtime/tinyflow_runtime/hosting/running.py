"""A running flow: its scheduler, what it runs by, and a task that owns both from beginning to end."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from tinyflow_runtime import protocol
from tinyflow_runtime.component import Component, Port
from tinyflow_runtime.errors import PortError, did_you_mean, unknown
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.hosting.generations import Defined, define
from tinyflow_runtime.message import Address
from tinyflow_runtime.observation.deadletters import DeadLetters
from tinyflow_runtime.observation.lineage import Lineage
from tinyflow_runtime.observation.shown import encoded
from tinyflow_runtime.probe import Probe
from tinyflow_runtime.scheduler import Scheduler
from tinyflow_runtime.scheduling import wiring

START = 30.0  # seconds for one component to start; the others of the plan wait no longer for it
KEYS = 10_000  # idempotency keys remembered; a key that is older than so many others may be new again


class Running:
    """One flow at work on this loop.

    Attributes:
        plan: The nodes it was told to run.
        defined: What of them it runs, and why not the rest.
        fresh: The nodes whose generation the last plan or text has changed.
        over: Set it to end the flow; ``end`` also waits for that.
    """

    def __init__(self, name: str, module: str) -> None:
        self.name, self.module = name, module
        self.probe = Probe(keep=encoded)
        self.dead_letters = DeadLetters(_nobody)
        self.scheduler = Scheduler(probe=self.probe, dead_letters=self.dead_letters, flow=name)
        self.plan: Sequence[protocol.Node] = ()
        self.fresh: list[str] = []
        self.defined = Defined(Flow(name))
        self.begun, self.over, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._keys: OrderedDict[str, asyncio.Future[None] | None] = OrderedDict()

    async def run(self) -> None:
        """Begin, and stop when ``over`` is set; what is still queued after five seconds becomes dead letters."""
        try:
            async with self.scheduler:
                self.begun.set()
                await self.over.wait()
                if not self.scheduler.stopping:
                    await self.scheduler.stop()
        finally:
            self.probe.end()
            self._ended.set()

    async def end(self) -> None:
        """Returns when it has stopped."""
        self.over.set()
        await self._ended.wait()

    @property
    def ended(self) -> bool:
        """Whether it has stopped."""
        return self._ended.is_set()

    async def wait_ended(self) -> None:
        """Return when it has stopped."""
        await self._ended.wait()

    async def bring(self, plan: Sequence[protocol.Node], components: Mapping[str, Component]) -> None:
        """Run what can be run of a plan; a node that cannot be changed runs on as it was."""
        old = self.defined
        # In a thread: ten thousand nodes take a second, in which the others are to run on.
        defined = await asyncio.to_thread(define, self.name, plan, components, module=self.module, old=old)
        for name, generation in old.generations.items():
            new = defined.generations.get(name)
            other = new is not None and new.node.component != generation.node.component
            if other and name in self.scheduler.runners:
                await wiring.remove(self.scheduler, name)  # a node of another component is another node
        failures = await wiring.change_code(self.scheduler, defined.flow, START)
        if failures:
            stay = {name: str(error) for name, error in failures.items()}
            defined = define(self.name, plan, components, module=self.module, old=old, stay=stay)
        self.scheduler.exits.bring(defined.leaving)
        failures = await wiring.bring(self.scheduler, defined.flow, limit=START)
        defined.troubles.update((name, str(error)) for name, error in failures.items())
        self._settle(plan, defined)

    async def reload(self, defined: Defined) -> None:
        """Run other code by the same plan.

        Raises:
            HandlerError: It did not start; everything runs as it did.
        """
        old = self.defined
        changed = [name for name in old.generations if name in defined.generations]
        try:
            await wiring.exchange(self.scheduler, defined.flow, changed, START)
        except BaseException:
            await wiring.exchange(self.scheduler, old.flow, changed, START)
            raise
        self.scheduler.exits.bring(defined.leaving)
        failures = await wiring.bring(self.scheduler, defined.flow, limit=START)
        defined.troubles.update((name, str(error)) for name, error in failures.items())
        self._settle(self.plan, defined)

    def _settle(self, plan: Sequence[protocol.Node], defined: Defined) -> None:
        before = self.defined.generations
        gone = before.keys() - defined.generations.keys()
        for address, probe in list(self.probe.ports.items()):
            if address.node in gone:
                for place in probe.places():
                    place.end()
        for node in gone:
            self.probe.forget(node)
        self.fresh = [name for name, made in defined.generations.items() if before.get(name) is not made]
        self.plan, self.defined = plan, defined

    async def send(self, to: Address, payload: Any, sent: protocol.Message) -> None:
        """Send from outside, under the id that was given, if one was; a message of a key that was accepted is not."""
        if not sent.idempotency_key:
            await self.scheduler.send(to, payload, self._lineage(sent))
            return
        key = f"{to} {sent.idempotency_key}"
        while key in self._keys:
            accepting = self._keys[key]
            if accepting is None:
                return
            await asyncio.wait([accepting])
        accepting = self._keys[key] = asyncio.get_running_loop().create_future()
        try:
            await self.scheduler.send(to, payload, self._lineage(sent))
        except BaseException:
            del self._keys[key]
            raise
        else:
            self._keys[key] = None
        finally:
            accepting.set_result(None)
        while len(self._keys) > KEYS:
            self._keys.popitem(last=False)

    def _lineage(self, sent: protocol.Message) -> Lineage | None:
        ids = self.scheduler.ids
        number = ids.number(sent.id)
        trace = ids.number(sent.trace) if sent.trace else number
        if number is None or trace is None:
            return None
        parent = ids.number(sent.parent)
        parents = None if parent is None else [parent]
        return Lineage([number], [trace], parents, sent.hops, sent.time or self.scheduler.now())

    def opened(self, node: str) -> bool:
        """Whether a node handles messages; one that sleeps does, when the first comes."""
        runner = self.scheduler.runners.get(node)
        return node in self.scheduler.runners.nodes if runner is None else runner.opened

    def ports(self, node: str) -> Mapping[str, Port]:
        """The ports of a node that runs here, as its settings have them now; none of a node that is not here."""
        runner = self.scheduler.runners.get(node)
        if runner is not None:
            return runner.ports
        defined = self.scheduler.runners.nodes.get(node)
        return {} if defined is None else defined.ports

    def port(self, address: Address) -> Port:
        """A port of a node that runs here.

        Raises:
            NodeError: TF-107, there is no such node. PortError: TF-101, it has no such port.
        """
        if address.node not in self.scheduler.runners.nodes:
            raise unknown("node", address.node, self.scheduler.runners.nodes)
        ports = self.ports(address.node)
        if address.port not in ports:
            what = f"{address.node!r} has no port {address.port!r}."
            near = did_you_mean(address.port, ports)
            raise PortError("TF-101", what, near, f"Ports of {address.node}: {', '.join(ports)}.")
        return ports[address.port]


def _nobody(to: Address, payload: object, timeout: float | None) -> None:
    raise RuntimeError("a module's dead letters are sent again by the running flow")
