"""Waiting: what a runner does when there is no room behind its outputs. It holds up nobody but who sends to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tinyflow_runtime.channel import UNBOUNDED
from tinyflow_runtime.execution.failing import Failing

if TYPE_CHECKING:
    from tinyflow_runtime.execution.asleep import Asleep
    from tinyflow_runtime.execution.inline import Inline
    from tinyflow_runtime.execution.outlet import Outlet
    from tinyflow_runtime.execution.serving import Serving
    from tinyflow_runtime.execution.sources import Source
    from tinyflow_runtime.scheduling.hold import Hold


class Waiting(Failing):
    """The part of a runner that knows how much room there is, and waits for more.

    Attributes:
        blocked: How many full channels it waits for; a hold counts as one.
        hold: Keeps it from handling what comes, while it is paused or has a breakpoint.
        waiters: Who waits with it.
    """

    __slots__ = ("blocked", "drive", "hold", "source", "waiters")

    blocked: int
    waiters: list[asyncio.Future[None]]
    drive: Inline | Serving | Asleep
    source: Source | None
    hold: Hold | None

    def room(self) -> int:
        """How many more messages can be sent before an output has no room; handling one sends at most one."""
        room = UNBOUNDED
        for outlet in self.outlets.values():
            if outlet.channels and outlet.measure() < room:
                room = outlet.room
        return room

    def block(self) -> bool:
        """Wait until there is room behind every output; False when there is now."""
        return any([self._block_on(outlet) for outlet in self.outlets.values()])

    async def wait_for_room(self, outlet: Outlet) -> None:
        """Wait until there is room behind one output. Cancelling leaves everything as it was."""
        if not self._block_on(outlet):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in self.waiters:
                self.waiters.remove(waiter)
            raise

    def _block_on(self, outlet: Outlet) -> bool:
        full = [channel for channel in outlet.channels if channel.room <= 0]
        for channel in full:
            if channel.blocked is not self:
                channel.blocked = self
                self.blocked += 1
        if full:
            self.scheduler.blocked_runners.add(self)
            self.scheduler.look_for_loops()
        return bool(full)

    def unblock(self) -> None:
        """A channel that was full has room again."""
        self.blocked -= 1
        if self.blocked > (self.hold is not None):
            return
        self.scheduler.blocked_runners.discard(self)
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self.source is not None:
            self.source.wake()
        self.drive.wake()
