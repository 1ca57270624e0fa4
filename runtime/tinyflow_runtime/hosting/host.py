"""A host runs the nodes of one module: what module.proto asks is answered here."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Protocol, Self, TypeVar

from tinyflow_runtime import __version__, protocol
from tinyflow_runtime.component import ports_of
from tinyflow_runtime.definition.functions import FunctionComponent
from tinyflow_runtime.delivery.deliveries import Deliveries
from tinyflow_runtime.delivery.frames import ENDING
from tinyflow_runtime.errors import NodeError, NotRunning, PortError, unknown
from tinyflow_runtime.hosting import halting, letters, reports
from tinyflow_runtime.hosting.described import described, described_ports
from tinyflow_runtime.hosting.reload import load, reload
from tinyflow_runtime.hosting.running import Running
from tinyflow_runtime.hosting.watching import watch
from tinyflow_runtime.message import Address
from tinyflow_runtime.module import held
from tinyflow_runtime.redaction import Redactor
from tinyflow_runtime.rpc.health import Health
from tinyflow_runtime.rpc.methods import SERVICE
from tinyflow_runtime.rpc.streams import Dial, Inbound, unreachable
from tinyflow_runtime.schema import check, decode
from tinyflow_runtime.source.archive import Source

HANDLES = 5.0  # seconds for a process that is asked to end, to handle what it has accepted

T = TypeVar("T")


class Kept(Protocol):
    """What remembers over the end of the process what was run last."""

    def keep_plan(self, plan: protocol.Plan) -> None: ...
    def keep_source(self, source: Source) -> None: ...


class Host:
    """The nodes of one module, in flows of a scheduler each. Use it as an asynchronous context manager.

    Args:
        module: Its components are those this process has loaded under that name.
        revision: The sha256 of the source they were loaded from.
        redactor: Masks what is observed; one of its own, unless the program's log shares it.
        dial: Reaches other modules; without it, what goes to them waits.
        kept: Is told of every plan and source that runs.
    """

    def __init__(
        self,
        module: str,
        *,
        revision: str = "",
        redactor: Redactor | None = None,
        dial: Dial = unreachable,
        kept: Kept | None = None,
    ) -> None:
        self.module = module
        self.revision = revision
        self.version = __version__
        self.instance = uuid.uuid4().hex
        self.health = Health(SERVICE)
        self.redactor = Redactor(os.environ) if redactor is None else redactor
        self.running: dict[str, Running] = {}
        self.draining = False
        self._components = held(module)
        self.deliveries = Deliveries(module, self.instance, dial=dial)
        self._kept = kept
        self._plan = protocol.Plan()
        self._applied = protocol.Applied()
        self._refused: dict[str, str] = {}  # flows of the plan that cannot be, and why
        self._changing = asyncio.Lock()
        self._rates = reports.Rates()

    async def __aenter__(self) -> Self:
        await self.deliveries.__aenter__()
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for running in self.running.values():
            running.over.set()
        try:
            await self._tasks.__aexit__(None, None, None)  # what is on its way is delivered meanwhile
        finally:
            await self.deliveries.__aexit__(None, None, None)

    async def describe(self, _request: protocol.DescribeRequest) -> protocol.Description:
        return protocol.Description(
            module=self.module,
            components=[described(part) for part in self._components.values()],
            version=self.version,
            revision=self.revision,
            instance=self.instance,
            failing=reports.failing(self.running.values(), self.redactor),
        )

    async def apply(self, plan: protocol.Plan) -> protocol.Applied:
        """Run exactly the plan's nodes; who asks may go away meanwhile, and it is applied whole all the same."""
        return await self._whole(self._apply(plan))

    async def load(self, archive: protocol.Archive) -> protocol.Description:
        """Run the text of an archive instead; refused whole with TF-110, and then nothing has changed."""
        source = Source.read(archive.archive, sha256=archive.sha256 or None)
        await self._whole(self._load(source))
        return await self.describe(protocol.DescribeRequest())

    async def send(self, batch: protocol.Batch) -> protocol.Accepted:
        """Accept a batch in order; an error tells of the first message that was refused, and those before it stay."""
        for sent in batch.messages:
            self._refuse_draining()
            running = self._flow(sent.flow)
            to = Address.parse(sent.to)
            port = running.port(to)
            if port.direction == "out":
                raise PortError("TF-102", f"{to} is an output; a message is sent to an input.", "Send to an input.")
            payload = check(port.type).one(decode(sent.payload, port.type))
            if port.settings:
                self.redactor.learn(payload, type=port.type)
            await running.send(to, payload, sent)
        return protocol.Accepted(count=len(batch.messages))

    async def deliver(self, stream: Inbound) -> None:
        """Take messages from another module until its stream ends."""
        await self.deliveries.serve(stream)

    async def look(self, request: protocol.LookRequest) -> protocol.Look:
        """What is known of one port, or of several."""
        return reports.looked(self._flow(request.flow), request, self.redactor)

    async def watch(self, request: protocol.WatchRequest) -> AsyncIterator[protocol.Seen]:
        """That the place is taken, then what passes from then on, until the flow or the node ends."""
        async for seen in watch(self._flow(request.flow), request, self.redactor):
            yield seen

    async def state(self, request: protocol.StateRequest) -> protocol.State:
        """What runs, and what became of every message."""
        flows = [self._flow(request.flow)] if request.flow else list(self.running.values())
        return protocol.State(
            nodes=[node for running in flows for node in reports.nodes(running, self.redactor)],
            edges=[edge for running in flows for edge in reports.edges(running, self._rates)],
            lost=[lost for running in flows for lost in reports.lost(running.name, self.deliveries.losses)],
            ports=[port for running in flows for port in reports.ports(running)],
            dead_letters=sum(len(running.dead_letters) for running in flows),
            draining=self.draining,
        )

    async def dead_letters(self, request: protocol.DeadLettersRequest) -> protocol.Letters:
        """The newest first."""
        return letters.told(self._flow(request.flow), request.limit, self.redactor)

    async def replay(self, wanted: protocol.LetterIds) -> protocol.Replayed:
        """Send letters again, oldest first; one that is refused stays, with those after it."""
        self._refuse_draining()
        return protocol.Replayed(count=await letters.replay(self._flow(wanted.flow), wanted))

    async def discard(self, wanted: protocol.LetterIds) -> protocol.Discarded:
        """Forget letters."""
        return protocol.Discarded(count=letters.discard(self._flow(wanted.flow), wanted))

    async def hold(self, request: protocol.HoldRequest) -> protocol.Holds:
        """Pause, lead, hold and let go nodes of a flow; tells what is held then."""
        return await halting.halt(self._flow(request.flow), request, self.redactor)

    async def make_way(self) -> None:
        """Be ready to end, while others still reach us: handle what was accepted, and tell who sent it of that."""
        self.draining = True
        self.health.turn(serving=False)
        self.deliveries.end_all(self._about_to_end())
        await asyncio.gather(*(running.scheduler.drain(HANDLES) for running in self.running.values()))
        await self.deliveries.tell_settled()
        for running in self.running.values():
            await running.scheduler.stop(0)

    async def drain(self, request: protocol.DrainRequest) -> protocol.Drained:
        """End the sources, accept nothing more, and handle what was accepted; the rest becomes dead letters."""
        self.draining = True
        self.health.turn(serving=False)
        return await self._whole(self._drain(request.timeout))

    async def _apply(self, plan: protocol.Plan) -> protocol.Applied:
        async with self._changing:
            self._refuse_draining()
            if plan.hash and plan.hash == self._applied.hash and not any(node.trouble for node in self._applied.nodes):
                return self._applied
            wanted: dict[str, list[protocol.Node]] = {}
            for node in plan.nodes:
                wanted.setdefault(node.flow, []).append(node)
            for name in self.running.keys() - wanted.keys():
                await self.running.pop(name).end()
                self._rates.forget(name)
            self._refused = {}
            for name, nodes in wanted.items():
                try:
                    await self._begun(name)
                except NodeError as error:  # a name that is none
                    self._refused[name] = str(error)
                else:
                    await self.running[name].bring(nodes, self._components)
            self._plan = plan
            await self._settle()
            if self._kept is not None:
                await asyncio.to_thread(self._kept.keep_plan, plan)
            return self._applied

    async def _load(self, source: Source) -> None:
        async with self._changing:
            self._refuse_draining()
            if source.sha256 == self.revision:
                return
            async with load(source, self.module) as components:
                self._components = await reload(self.running.values(), self._components, components)
            self.revision = source.sha256
            await self._settle()
            if self._kept is not None:
                await asyncio.to_thread(self._kept.keep_source, source)

    async def _drain(self, timeout: float) -> protocol.Drained:
        async with self._changing:
            before = self._dead()
            await asyncio.gather(*(running.scheduler.stop(timeout) for running in self.running.values()))
            return protocol.Drained(left=self._dead() - before)

    def _dead(self) -> int:
        return sum(counts.dead for running in self.running.values() for counts in running.scheduler.counts().values())

    async def _begun(self, name: str) -> None:
        if name not in self.running:
            running = self.running[name] = Running(name, self.module)
            self._tasks.create_task(running.run(), name=f"flow {name}")
            await running.begun.wait()

    async def _settle(self) -> None:
        """What follows from other nodes: their secrets, the edges to other modules, and what is told of them."""
        for running in self.running.values():
            for node in map(running.defined.flow.nodes.__getitem__, running.fresh):
                port = next((port for port in node.ports.values() if port.settings), None)
                if port is not None:
                    self.redactor.learn(node.configured.settings, type=port.type)
        await self.deliveries.bring(self.running, self._plan.peers, self._plan.incoming)
        self._applied = protocol.Applied(hash=self._plan.hash, nodes=[self._told(node) for node in self._plan.nodes])

    def _told(self, node: protocol.Node) -> protocol.NodeState:
        if node.flow in self._refused:
            return protocol.NodeState(flow=node.flow, name=node.name, trouble=self._refused[node.flow])
        running = self.running[node.flow]
        return protocol.NodeState(
            flow=node.flow,
            name=node.name,
            trouble=self.redactor.text(running.defined.troubles.get(node.name, "")),
            ports=self._own_ports(running, node.name),
            running=running.opened(node.name),
        )

    def _own_ports(self, running: Running, node: str) -> list[protocol.Port]:
        """The ports of a node, where they follow its settings; ten thousand plain nodes must fit one answer."""
        generation, ports = running.defined.generations.get(node), running.ports(node)
        if generation is None or isinstance(generation.component, FunctionComponent):
            return []
        return [] if ports == ports_of(generation.component.instance()) else described_ports(ports.values())

    def _refuse_draining(self) -> None:
        if self.draining:
            raise self._about_to_end()

    def _about_to_end(self) -> NotRunning:
        what = f"Module {self.module!r} is about to end and accepts nothing more."
        return NotRunning(ENDING, what, "Send it to the process that takes its place.")

    def _flow(self, name: str) -> Running:
        if name not in self.running:
            raise unknown("flow", name, self.running)
        return self.running[name]

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:  # Any: as asyncio has it
        """Do something to its end, also when whoever waits for it is cancelled: a call that is given up is."""
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        outcome.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody asks any more

        async def act() -> None:
            try:
                outcome.set_result(await work)
            except Exception as error:
                outcome.set_exception(error)
            finally:
                outcome.cancel()

        self._tasks.create_task(act())
        return await asyncio.shield(outcome)
