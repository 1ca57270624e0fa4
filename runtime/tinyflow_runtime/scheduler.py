"""The scheduler owns the runners of one module: it brings them to what a flow says, and gives each its turn.

Everything happens on one loop, and in turns (``pump.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from tinyflow_runtime.channel import Channel
from tinyflow_runtime.delivery.exits import Exits
from tinyflow_runtime.errors import TinyFlowError, Undelivered
from tinyflow_runtime.execution.context import Context
from tinyflow_runtime.execution.serving import Serving
from tinyflow_runtime.execution.waiting import Waiting
from tinyflow_runtime.execution.watchdog import Watchdog
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.message import Address
from tinyflow_runtime.observation.complaints import Complaints
from tinyflow_runtime.observation.counts import Counts
from tinyflow_runtime.observation.deadletters import DeadLetters
from tinyflow_runtime.observation.lineage import Lineage
from tinyflow_runtime.probe import Probe
from tinyflow_runtime.runner import Runner
from tinyflow_runtime.scheduling.deadlock import free_stuck_loops
from tinyflow_runtime.scheduling.holding import Holding
from tinyflow_runtime.scheduling.pump import Pump
from tinyflow_runtime.scheduling.runners import Runners
from tinyflow_runtime.scheduling.wiring import apply

_LOOK_FOR_LOOPS = 0.5  # seconds between looks for stuck loops, while somebody waits for room
_LONGEST = 1_000  # letters of a line in the log; what a component raises may hold all of its data
_STUCK = 5  # looks in a row, for a task may just be about to go on

log = logging.getLogger("tinyflow")


class Scheduler(Pump):
    """Runs the nodes of one module. Use it as an asynchronous context manager, on the loop it is to run on.

    Attributes:
        runners: The nodes at work, by name; those that nothing has reached yet are made when they are asked for.
        wirings: How often anything about what leads where has changed.
        accepted: What a component waits for that has sent something for which there was room: nothing.
        busy: How many tasks that serve a runner have something to do.
        stopping: Whether the drain is over and what is left becomes dead letters.
    """

    def __init__(self, *, probe: Probe | None = None, dead_letters: DeadLetters | None = None, flow: str = "") -> None:
        super().__init__()
        self.wirings = 0
        self.probe = Probe() if probe is None else probe
        self.ids = self.probe.ids
        self.flow = flow  # its name, for the log
        self.dead_letters = DeadLetters(_cannot_replay) if dead_letters is None else dead_letters
        self.holding = Holding(self)
        self.runners = Runners(self)
        self.channels: dict[tuple[Address, Address], Channel] = {}
        self.exits = Exits(self)
        self.busy = 0
        self.stopping = False
        self.blocked_runners: set[Waiting] = set()
        self.beginners: list[Runner] = []  # the runners that have a source
        self._outside: dict[Address, Channel] = {}
        self._sending = 0
        self._looking = False
        self._complaints = Complaints()

    async def __aenter__(self) -> Scheduler:
        self._loop = asyncio.get_running_loop()
        self.accepted = self._loop.create_future()
        self.accepted.set_result(None)
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self.watchdog = Watchdog(self)
        return self

    async def __aexit__(self, *raised: object) -> None:
        try:
            if not self.stopping:
                await self.stop(0)
        finally:
            self.watchdog.end()
            await self._tasks.__aexit__(None, None, None)

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """A task that ends with the scheduler at the latest."""
        return self._tasks.create_task(work, name=name)

    # Stuck loops

    def look_for_loops(self) -> None:
        """While anybody waits for room, look now and then whether a loop is stuck."""
        if not self._looking and self.blocked_runners:
            self._looking = True
            self._loop.call_later(_LOOK_FOR_LOOPS, self._look)

    def _look(self) -> None:
        self._looking = False
        if self.blocked_runners:
            free_stuck_loops(self.blocked_runners)
            self.look_for_loops()

    # From outside

    async def apply(self, flow: Flow) -> None:
        """Bring the runners to what a flow says: what did not change runs on, undisturbed.

        Raises:
            HandlerError: A component raised while it was started; its node stays closed.
        """
        await apply(self, flow)

    async def send(self, address: Address, payload: Any, lineage: Lineage | None = None) -> None:
        """Send to an input port from outside the flow; returns when accepted. Cancelling sends nothing.

        Args:
            address: The port.
            payload: What its type says.
            lineage: Of a message that is one already; else it is the first of its trace.

        Raises:
            Busy: The port declares ``overflow="fail"`` and is full.
        """
        channel = self._outside.get(address)
        if channel is None:
            channel = self._outside[address] = self.runners[address.node].channel(address.port, edge=None)
        if channel.room <= 0 or channel.waiters:
            self._sending += 1
            try:
                await channel.wait_for_room()
            finally:
                self._sending -= 1
        channel.refuse_if_full()
        self.tick()
        if lineage is None:
            lineage = Lineage.first(self.ids.draw(1), self.now())
        (channel.probe or channel.target.inlet(channel)).record([payload], lineage)
        channel.put([payload], lineage)

    def quiet(self) -> bool:
        """Whether nothing is queued or being handled and every source has ended or waits for something of its own."""
        at_work = self._row or self._unflushed or self.busy or self.blocked_runners or self._sending
        still = all(runner.source is not None and runner.source.quiet for runner in self.beginners)
        return still and not at_work and self.exits.quiet() and not (self.holding and self.holding.waiting())

    async def idle(self, *, held: bool = False) -> bool:
        """Return once it is quiet; with ``held``, also once it never will be, because of nodes that are paused.

        Returns:
            Whether it is quiet.
        """
        pause, stuck = 0.0, 0
        while not self.quiet():
            stuck = stuck + 1 if held and self.holding.stuck() else 0
            if stuck > _STUCK:
                return False
            await asyncio.sleep(pause)
            pause = min(0.005, pause + 0.0001)  # a moment for a short flow, and no load for a long one
        return True

    def at_work(self) -> str:
        """Who still has something to do, for a person who waited in vain."""
        at_work = {name: one for name, one in self.counts().items() if one.running or one.queued}
        busy = [f"{name} ({one.queued} queued)" if one.queued else name for name, one in at_work.items()]
        busy += [each.name for each in self.beginners if each.source is not None and not each.source.quiet]
        paused = list(self.holding.held())
        return (_some(busy) or "messages between nodes") + (f"; paused: {_some(paused)}" if paused else "")

    def counts(self) -> dict[str, Counts]:
        """What became of every message, node by node; taken between two batches, so it balances."""
        return self.runners.counts()

    async def drain(self, timeout: float) -> None:
        """End the sources, and let what was accepted be handled for ``timeout`` seconds."""
        for runner in self.runners.values():
            if runner.source is not None:
                runner.source.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self.idle(held=True)

    async def stop(self, timeout: float = 5.0) -> None:
        """End the sources, let what was accepted be handled for ``timeout`` seconds, and make the rest dead letters."""
        await self.drain(timeout)
        self.stopping = True
        self.holding.end()
        for runner in self.runners.values():
            runner.opened = False
        served = []
        for runner in self.runners.values():
            if isinstance(runner.drive, Serving):
                served.append(runner)
            else:
                await runner.end(self.ending(runner.name))  # waits for nothing, so it needs no task
        await asyncio.gather(*(runner.end(self.ending(runner.name)) for runner in served))
        self.exits.end(self.ending)
        self._unflushed.clear()

    def forget(self, name: str) -> None:
        """A node is no more."""
        self.holding.forget(name)
        self.runners.pop(name, None)
        self.runners.nodes.pop(name, None)
        for address in [address for address in self._outside if address.node == name]:
            del self._outside[address]

    # What the others tell it

    def context(self, runner: Runner, port: str, lineage: Lineage, index: int, *, attempt: int = 1) -> Context:
        """What a handler may know of the message at ``index``."""
        message_id = self.ids.text(lineage.ids[index])
        return Context(
            node=runner.name,
            port=port,
            message_id=message_id,
            trace=self.ids.text(lineage.traces[index]),
            attempt=attempt,
            idempotency_key=f"{runner.name}/{message_id}",
            cancelled=self.stopping,
        )

    def dead_letter(
        self, to: Address, payload: Any, lineage: Lineage, index: int, reason: str, error: BaseException
    ) -> None:
        """Keep a message that could not be handled."""
        self.dead_letters.add(lineage.message(index, self.ids, to, payload), reason, error)

    def ending(self, node: str) -> TinyFlowError:
        """Why what is left at a node is not handled any more."""
        if self.stopping:
            when = f"while {node} was paused" if node in self.holding.held() else f"before {node} handled it"
            return Undelivered("TF-142", f"The flow was stopped {when}.", "Start it, then replay.")
        return Undelivered("TF-141", f"{node} was taken out of the flow before it handled it.", "Discard it.")

    def report(
        self,
        node: str,
        text: str,
        *,
        cause: str = "",
        message_id: str = "",
        always: bool = False,
        level: int = logging.WARNING,
    ) -> None:
        """Say in the log, in one line, what went wrong at a node; of one cause only once, and then it is counted.

        Args:
            cause: What makes it the same as before, where the text differs with each message; else the text.
            always: Whether it is said each time.
            level: An error where somebody has to do something, or all stands still.
        """
        count = 1 if always else self._complaints.due(node, cause or text)
        if count:
            times = f" ({count:,} times by now)" if count > 1 else ""
            extra = {"flow": self.flow, "node": node, "message_id": message_id}
            log.log(level, "%s%s", " ".join(text.split())[:_LONGEST], times, extra=extra)


def _cannot_replay(to: Address, payload: object, timeout: float | None) -> None:
    raise Undelivered("TF-142", "These dead letters belong to no flow that could be sent to.", "Send the payload.")


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
