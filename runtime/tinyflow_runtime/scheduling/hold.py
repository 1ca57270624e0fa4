"""A hold is what keeps one node from handling what comes: it is paused, or has breakpoints and is looked after.

A node with a hold counts as waiting for room, so nobody else has to ask whether it is paused, and a flow without holds
pays nothing for them. Its messages go through here one by one. When the hold ends, the node is driven as before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.execution.inline import Inline
from tinyflow_runtime.execution.outlet import Handoff, Outlet
from tinyflow_runtime.execution.sources import PulledSource
from tinyflow_runtime.message import Message
from tinyflow_runtime.scheduling.breakpoints import Breakpoint, Held
from tinyflow_runtime.scheduling.heldback import HeldBack, Sent, cut
from tinyflow_runtime.scheduling.heldoutput import free_outlets, free_source, hold_outlet, hold_source
from tinyflow_runtime.scheduling.lease import Lease
from tinyflow_runtime.scheduling.passes import Passes
from tinyflow_runtime.schema import snapshot

if TYPE_CHECKING:
    from tinyflow_runtime.runner import Runner
    from tinyflow_runtime.scheduler import Scheduler


class Hold:
    """Holds one node.

    Attributes:
        runner: The node at work; None while it has not been made.
        paused: Whether it handles nothing, but for a step at a time.
        breakpoints: By port.
        at: The port and the message of the breakpoint that holds it.
        queued: Whether the scheduler will give it a turn.
        back: What was sent at a breakpoint of an output, and waits there.
    """

    def __init__(self, name: str, scheduler: Scheduler) -> None:
        self.name, self.scheduler = name, scheduler
        self.runner: Runner | None = None
        self.paused = False
        self.breakpoints: dict[str, Breakpoint] = {}
        self.at: tuple[str, Message] | None = None
        self.queued = False
        self.back = HeldBack()
        self._passes = Passes()
        self._outputs: list[asyncio.Future[None]] = []  # sources that wait to send
        self._lease = Lease(self._expire)

    def used(self) -> None:
        """A message that was let through is handled."""
        self._passes.used()

    def attach(self, runner: Runner) -> None:
        """Hold a node that is at work from its next message on."""
        self.runner = runner
        runner.part()
        runner.hold = self
        runner.blocked += 1
        self.keep_outputs()
        for port in self.breakpoints:
            self.keep_outlet(port)

    def detach(self) -> None:
        """Let the node be driven as it was before."""
        self.resume()
        runner, self.runner = self.runner, None
        if runner is not None:
            free_outlets(runner)
            runner.hold = None
            runner.blocked -= 1
            runner.part()
            if runner.source is not None:
                runner.source.wake()
            runner.drive.wake()

    def pause(self, lease: float | None) -> None:
        """Handle nothing more after the message in hand."""
        self.paused = True
        self.keep_outputs()
        self._lease.give(lease)

    def stop_at(self, point: Breakpoint, message: Message) -> None:
        """A breakpoint is reached."""
        self.at = point.address.port, message
        self.pause(point.lease)

    def resume(self) -> None:
        """Go on; what is held goes first, and is not asked about again."""
        if not self.paused:
            return
        self.paused = False
        self._lease.give(None)
        self._passes.free = self.at is not None and not self.back
        self.at = None
        if self.runner is not None:
            free_source(self.runner)
        if self.back:
            self._pass_first()
        for sent in self.back.take_all():  # what follows is asked about anew
            self.scheduler.accept(self.pass_out(sent))
        self._passes.end()
        self._wake_all()

    async def step(self) -> None:
        """Handle one message; returns when that is done. There must be one."""
        self._lease.renew()
        if self.back:
            self._pass_first()
            if self.back:
                message = self.back.message()
                self.at = message.to.port, message
            return
        step = self._passes.ask()
        self._wake_all()
        await step

    def waits(self) -> bool:
        """Whether anything waits for the hold to end."""
        runner = self.runner
        if runner is None or not self.paused:
            return bool(self.back)
        return bool(self.back or self._outputs or runner.ready or self._pulls())

    def held(self) -> Held | None:
        """What a person sees of it; None when it is not paused."""
        if not self.paused:
            return None
        queued = sum(map(len, self.runner.channels)) if self.runner is not None else 0
        port, message = self.at or ("", None)
        return Held(self.name, port, message, queued, self._lease.left)

    # Messages, one by one

    def wake(self) -> None:
        """There may be something to do: ask for a turn."""
        if not self.queued and (not self.paused or self._passes or self._must_go_on()):
            self.queued = True
            self.scheduler.enqueue(self)

    def turn(self) -> Handoff | None:
        """Handle one message of a plain function, or pull one item of a source."""
        self.queued = False
        runner = self.runner
        if runner is None or runner.blocked > 1 or not runner.opened or not isinstance(runner.drive, Inline):
            return None
        drive = runner.drive
        if not (runner.ready or drive.unfinished or self._pulls()):
            return None
        if runner.room() <= 0:
            if not runner.block():
                self.wake()
            return None
        runner.blocked -= 1
        try:
            handoff = self._one(runner, drive)
        finally:
            runner.blocked += 1
        if not drive.unfinished:
            self._passes.used()
        self.wake()
        return handoff

    def _one(self, runner: Runner, drive: Inline) -> Handoff | None:
        if drive.unfinished:
            return drive.turn()
        if not runner.ready:
            source = runner.source
            assert isinstance(source, PulledSource)  # it pulls
            return source.one() if self._lets_through() or not self.paused else None
        channel = runner.take_turn(1) if self.admits() else None
        if channel is None:
            return None
        payloads, lineage = channel.take(1)
        runner.end_turn(channel)
        if channel.port == runner.settings_port:
            runner.settle(payloads[0])
            runner.handled += 1
            return None
        return drive.work(channel, payloads, lineage)

    def admits(self) -> bool:
        """Whether a message is to be handled now: the first of the first channel that is ready."""
        runner = self.runner
        assert runner is not None
        assert isinstance(runner.ready, deque)  # something lies there
        settings = self._settings()
        if settings is not None:  # whoever pauses a node wants to change it and look what comes
            runner.ready.remove(settings)
            runner.ready.appendleft(settings)
            return True
        if self._lets_through():
            return True
        channel = None if self.paused else runner.take_turn(1)
        if channel is None:
            return False
        runner.ready.appendleft(channel)
        point = self.breakpoints.get(channel.port)
        if point is None:
            return True
        payloads, lineage = channel.take(1)
        channel.put_back(payloads, lineage)
        if point.first(payloads, self._tell) < 0:
            return True
        self.stop_at(point, lineage.message(0, self.scheduler.ids, point.address, snapshot(payloads[0])))
        return False

    async def output(self) -> None:
        """Wait until a source may send one payload."""
        while self.paused and not self._lets_through():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._outputs.append(waiter)
            try:
                await waiter
            finally:
                if waiter in self._outputs:
                    self._outputs.remove(waiter)
        self._passes.used()

    def pass_out(self, sent: Sent) -> Handoff | None:
        """Let go on what was sent at an output with a breakpoint, as far as that does not hold it."""
        if self.back:
            self.back.append(sent)
            return None
        outlet, payloads, _, _ = sent
        point = self.breakpoints.get(outlet.port.name)
        if point is None or (index := point.first(payloads, self._tell)) < 0:
            return Outlet.pass_on(*sent)
        before, rest = cut(sent, index)
        self.back.append(rest)
        self.stop_at(point, self.back.message())
        if index:
            self.scheduler.accept(Outlet.pass_on(*before))
        return None

    def _pass_first(self) -> None:
        self.at = None
        self.scheduler.accept(Outlet.pass_on(*self.back.take_first()))

    def let_go_for_good(self) -> None:
        """The flow or the node ends: what is held at an output goes on to whoever keeps it."""
        self._lease.give(None)
        for sent in self.back.take_all():
            self.scheduler.accept(Outlet.pass_on(*sent))
        self._passes.end()

    def keep_outlet(self, port: str) -> None:
        """Let what is sent at an output port pass here."""
        if self.runner is not None:
            hold_outlet(self.runner, port)

    def keep_outputs(self) -> None:
        """Let a source that is a task wait before it sends, while the node is paused."""
        if self.runner is not None and self.paused:
            hold_source(self.runner)

    def _lets_through(self) -> bool:
        if not self._passes.use():
            return False
        self.at = None
        return True

    def _settings(self) -> Any:  # a Channel, if one of the settings' has something
        runner = self.runner
        if runner is None or runner.settings_port is None or runner.settings_port in self.breakpoints:
            return None
        return next((channel for channel in runner.ready if channel.port == runner.settings_port), None)

    def _must_go_on(self) -> bool:
        """Whether a message is in hand, or settings wait: a pause holds up neither."""
        return self.runner is not None and (
            (isinstance(self.runner.drive, Inline) and self.runner.drive.unfinished) or self._settings() is not None
        )

    def _pulls(self) -> bool:
        source = self.runner.source if self.runner is not None else None
        return isinstance(source, PulledSource) and not source.quiet

    def _wake_all(self) -> None:
        waiters, self._outputs = self._outputs, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self.runner is not None:
            self.runner.drive.wake()

    def _expire(self, seconds: float) -> None:
        where, more = (f" at {self.at[0]}", ", and the breakpoint is taken away") if self.at else ("", "")
        text = f"{self.name} was held{where} for {seconds:g} s, its lease; it goes on by itself{more}."
        self.scheduler.report(self.name, text, always=True)
        if self.at is not None:  # else a breakpoint that somebody forgot would hold every message for as long
            self.breakpoints.pop(self.at[0], None)
        self.scheduler.holding.resume(self.name)

    def _tell(self, error: Exception) -> None:
        text = f"A breakpoint's condition failed at {self.name} and held nothing: {error!r}."
        self.scheduler.report(self.name, text, cause=type(error).__name__)
