"""A flow that runs in this process can be waited for, paused, led step by step, and held at breakpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tinyflow_runtime import place
from tinyflow_runtime.component import Port
from tinyflow_runtime.embedded.liveport import seconds
from tinyflow_runtime.embedded.lookup import address_of, node_called, port_of
from tinyflow_runtime.embedded.run import Run
from tinyflow_runtime.errors import NotRunning, WaitTimeout
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.message import Address
from tinyflow_runtime.scheduler import Scheduler
from tinyflow_runtime.scheduling.breakpoints import LEASE, Held


class PausableFlow(Flow):
    """The part of a flow in this process that brings what it does to a halt, and lets it go on."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._run: Run | None = None

    def wait(self, timeout: float | None = None) -> None:
        """Return when nothing is queued or being handled and every source waits for something of its own.

        A flow that is stopped has nothing to wait for.

        Raises:
            WaitTimeout: That was not so within ``timeout`` seconds; it is a TimeoutError. Without a timeout: it never
                will be, because of nodes that are paused.
        """
        timeout = seconds(timeout, "wait")
        run = self._alive()
        if run is None:
            return

        async def idle(scheduler: Scheduler) -> None:
            try:
                async with asyncio.timeout(timeout):
                    if await scheduler.idle(held=timeout is None):
                        return
                after = "and nothing moves"
            except TimeoutError:
                after = f"after {timeout:g} s"
            paused = "Let what is paused go on, flow.resume(), or" if scheduler.holding.waiting() else "Wait longer, or"
            what = f"Flow {self.name!r} was still at work {after}: {scheduler.at_work()}."
            raise WaitTimeout("TF-138", what, f"{paused} stop it: flow.stop().")

        run.call(idle, what="wait()", timeout=timeout)

    def pause(self, node: str | None = None, lease: float | None = None) -> None:
        """Handle nothing more at a node, or at all of them, after the message it is in; sources wait before they send.

        What comes lies in the channels, and senders wait when these are full. Settings are taken over all the same.

        Args:
            node: Its name; None for all, and for those that are added later.
            lease: Seconds after which it goes on by itself; None: never.
        """
        if node is not None:
            node_called(self, node)

        async def pause(scheduler: Scheduler) -> None:
            scheduler.holding.pause(node, lease)

        self._needed("pause()").call(pause, what="pause()")

    def resume(self, node: str | None = None) -> None:
        """Let a paused node go on, or all of them. What is held at a breakpoint goes first, and is not held again."""
        if node is not None:
            node_called(self, node)

        async def resume(scheduler: Scheduler) -> None:
            scheduler.holding.resume(node)

        self._needed("resume()").call(resume, what="resume()")

    def step(self, node: str, timeout: float | None = None) -> None:
        """Let a paused node handle exactly one message, or a paused source send one; returns when that is done.

        Raises:
            NodeError: TF-132, the node is not paused; TF-128, nothing waits there.
            WaitTimeout: TF-138, it was not handled within ``timeout`` seconds; if it has begun, it still will be.
        """
        node_called(self, node)

        async def step(scheduler: Scheduler) -> None:
            try:
                async with asyncio.timeout(timeout):
                    await scheduler.holding.step(node)
            except TimeoutError:
                what = f"{node} had not handled a message after {timeout:g} s."
                raise WaitTimeout("TF-138", what, f"Look at what it does: flow.counts()[{node!r}].") from None

        self._needed("step()").call(step, what="step()", timeout=timeout)

    def breakpoint(self, address: str, when: str | None = None, lease: float = LEASE) -> None:
        """Hold a node at the first message at a port for which a condition is true.

        At an input, the message is not handled yet; at an output, it was sent and no next node has it yet. ``held``
        shows it, ``step`` and ``resume`` let it go. A condition that fails is told in the log, and holds nothing.

        Args:
            address: ``node:port``; a breakpoint there is replaced.
            when: An expression over ``msg``, as of an edge; None for every message.
            lease: Seconds after which a held node goes on by itself.

        Raises:
            ExpressionError: TF-114, the condition. NodeError: TF-129, the lease.
        """
        to, port = self._port(address)

        async def hold(scheduler: Scheduler) -> None:
            if to.node in scheduler.runners.nodes:
                scheduler.holding.breakpoint(to, port, when, lease)
            else:
                what = f"{to.node} does not run yet."
                raise NotRunning("TF-135", what, "Bring the flow to its definition: flow.start().")

        self._needed("breakpoint()").call(hold, what="breakpoint()")

    def clear(self, address: str) -> None:
        """Take a breakpoint away; a node that it holds goes on. Where there is none, nothing changes."""
        to = Address.parse(address)

        async def clear(scheduler: Scheduler) -> None:
            scheduler.holding.take_away(to)

        self._needed("clear()").call(clear, what="clear()")

    @property
    def held(self) -> Mapping[str, Held]:
        """The nodes that are paused, by name, and what they are held at; none while it is stopped."""
        run = self._alive()
        if run is None:
            return {}

        async def held(scheduler: Scheduler) -> dict[str, Held]:
            return scheduler.holding.held()

        return run.call(held, what="held")

    @property
    def breakpoints(self) -> Mapping[str, str]:
        """The condition of each breakpoint, by address; an empty text where every message is held."""
        run = self._alive()
        if run is None:
            return {}

        async def breakpoints(scheduler: Scheduler) -> dict[str, str]:
            return scheduler.holding.breakpoints()

        return run.call(breakpoints, what="breakpoints")

    def _port(self, address: str) -> tuple[Address, Port]:
        to = address_of(address)
        return to, port_of(self, to, self._ports(to.node))

    def _ports(self, node: str) -> Mapping[str, Port] | None:
        """Of a node at work: they may follow settings that were sent."""
        run = self._alive()
        runner = run.scheduler.runners.get(node) if run is not None else None
        return runner.ports if runner is not None else None

    def _alive(self) -> Run | None:
        if self._run is not None and not self._run.ended:
            return self._run
        return None

    def _needed(self, what: str) -> Run:
        run = self._alive()
        if run is None:
            raise NotRunning(
                "TF-135",
                f"Flow {self.name!r} does not run, so {what} has nobody to give it to.",
                "Start it: flow.start().",
                where=place.caller(),
            )
        return run
