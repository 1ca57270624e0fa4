"""Held output: what takes the place of a node's outlets and of a source's output while the node has a hold.

An object is given one of these classes for that time and its own class afterwards, so who is not held asks nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.execution.outlet import Handoff, Outlet
from tinyflow_runtime.execution.output import Output
from tinyflow_runtime.execution.sources import RunningSource

if TYPE_CHECKING:
    from tinyflow_runtime.channel import Channel
    from tinyflow_runtime.observation.lineage import Lineage
    from tinyflow_runtime.probe import Kept
    from tinyflow_runtime.runner import Runner


class HeldOutput(Output):
    """The handler of a source that is paused: it waits before it sends."""

    __slots__ = ()

    def __call__(self, port: str, payload: Any) -> Awaitable[None]:
        """Send once the node goes on, or makes a step."""
        return self._later(port, payload)

    async def _later(self, port: str, payload: Any) -> None:
        hold = self.runner.hold
        if hold is not None:
            self.waiting = True
            try:
                await hold.output()
            finally:
                self.waiting = False
        await Output.__call__(self, port, payload)


class BreakingOutlet(Outlet):
    """An output port with a breakpoint: whatever is sent there passes the node's hold."""

    __slots__ = ()

    def lead_to(self, channels: tuple[Channel, ...]) -> None:
        """Take over where it leads; nothing goes there on the quickest way."""
        super().lead_to(channels)
        self.lane = None

    def pass_on(self, payloads: list[Any], lineage: Lineage, kept: Kept) -> Handoff | None:
        """Hand on what the breakpoint does not hold."""
        hold = self.runner.hold
        if hold is None:
            return super().pass_on(payloads, lineage, kept)
        return hold.pass_out((self, payloads, lineage, kept))


def hold_source(runner: Runner) -> None:
    """Let a source that is a task wait before it sends."""
    if isinstance(runner.source, RunningSource):
        runner.source.output.__class__ = HeldOutput


def free_source(runner: Runner) -> None:
    """Let it send again."""
    if isinstance(runner.source, RunningSource):
        runner.source.output.__class__ = Output


def hold_outlet(runner: Runner, port: str) -> None:
    """Let what is sent at a port pass the node's hold, if the port is an output."""
    if port in runner.ports and runner.ports[port].direction == "out":
        outlet = runner.outlet(port)
        outlet.__class__ = BreakingOutlet
        outlet.lead_to(outlet.channels)


def free_outlets(runner: Runner) -> None:
    """Let all go where it goes on the quickest way."""
    for outlet in runner.outlets.values():
        if isinstance(outlet, BreakingOutlet):
            outlet.__class__ = Outlet  # type: ignore[assignment] # it was one before, and has the same slots
            outlet.lead_to(outlet.channels)
