"""Inline driving: a plain function handles a whole batch in one go, on the scheduler's own stack.

For the component it is as if each message had come alone: a failure is its own, nothing overtakes, and a batch ends
early when a message blocks the loop. What makes it fast is that everything but the function itself happens once a
batch: room, counters, types, lineage, probe.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.channel import Channel
from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.execution.asleep import Asleep
from tinyflow_runtime.execution.context import Context
from tinyflow_runtime.execution.outlet import Handoff, Outlet
from tinyflow_runtime.execution.results import send
from tinyflow_runtime.execution.stretch import find
from tinyflow_runtime.observation.lineage import Lineage

if TYPE_CHECKING:
    from tinyflow_runtime.runner import Runner

BATCH = 256  # messages handled in one go at the most; beyond it nothing gets faster
SLOW_BATCH = 0.01  # seconds: a batch that takes longer is made smaller, for other nodes wait meanwhile
_NOWHERE = Lineage(range(0), range(0), None, 0, 0.0)


class Inline:
    """Drives a runner whose component is a plain function.

    Attributes:
        queued: Whether the scheduler will give it a turn.
        limit: How many messages it handles in one go; follows how long they take.
        unfinished: Whether the message in hand goes on when there is room for more of what it yields.
        uneven: Whether it has sent nothing for a message, or failed: what follows sees others than it does itself.
        truncated: The index of the message after which the watchdog, from its own thread, ended the batch; else -1.
    """

    __slots__ = (
        "_call",
        "_iterator",
        "_lineage",
        "_looked",
        "_payloads",
        "_port",
        "limit",
        "queued",
        "runner",
        "truncated",
        "uneven",
        "unfinished",
    )

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.queued = False
        self.truncated = -1
        self.limit = 64
        self._port = ""
        self._payloads: list[Any] = []
        self._lineage = _NOWHERE
        self._iterator: Iterator[Any] = iter(())
        self.unfinished = False
        self._looked = -1  # for stretches, when the nodes were connected for the n-th time
        self.rebind()

    def rebind(self) -> None:
        """Take over the component and its settings, from the next message on."""
        component: Any = self.runner.component  # a FunctionComponent: nothing else is driven inline
        self._call: Callable[..., Any] = component.call()
        self.uneven = False

    def wake(self) -> None:
        """There may be something to do: ask for a turn."""
        runner = self.runner
        if self.queued or runner.blocked or not runner.opened:
            if runner.hold is not None:
                runner.hold.wake()
            return
        if runner.ready or self.unfinished:
            self.queued = True
            runner.scheduler.enqueue(self)

    def close(self) -> None:
        """Drive no more."""

    async def finished(self) -> None:
        """Nothing is in hand between two turns."""

    async def end(self) -> None:
        """Drive no more, now."""

    def idle(self) -> bool:
        """Whether it could handle a batch at this very moment, before anything else."""
        runner = self.runner
        return runner.opened and not (self.queued or runner.blocked or runner.ready or self.unfinished)

    def room(self) -> int:
        """How many messages it can handle in one go, at the most."""
        runner = self.runner
        if self._looked != runner.scheduler.wirings:
            self._looked = runner.scheduler.wirings
            find(runner)
        stretch = runner.stretch
        if stretch is not None and stretch.head is runner:
            room = stretch.room()
            if room >= 0:
                return min(room, self.limit)
        return min(runner.room(), self.limit)

    def turn(self) -> Handoff | None:
        """Handle a batch from each channel in which something lies, as long as the others in the row can wait.

        Who has emptied all of them is idle, and what comes next is handled at once: hot, and without lying anywhere.
        """
        runner = self.runner
        scheduler = runner.scheduler
        self.queued = False
        handoff = None
        for _ in range(len(runner.ready)):
            if runner.drive is not self or runner.blocked or not runner.opened:
                return handoff
            room = self.room()
            if room <= 0:
                if runner.block():
                    return handoff
                break
            channel = runner.take_turn(room)
            if channel is None:
                return handoff
            settling = channel.port == runner.settings_port
            payloads, lineage = channel.take(1 if settling else room)
            runner.end_turn(channel)
            if settling:
                self._settle(payloads[0])
            else:
                handoff = self._handle(channel, payloads, lineage, room)
            if handoff is not None or self.unfinished or scheduler.clock > scheduler.slice_end:
                break
        self.wake()
        return handoff

    def work(self, channel: Channel, payloads: list[Any], lineage: Lineage) -> Handoff | None:
        """Handle a batch that never had to lie in its channel; what is too much is put there."""
        runner = self.runner
        count = len(payloads)
        room = self.room()
        if channel.port == runner.settings_port:
            room = 0
        if room >= count:
            return self._handle(channel, payloads, lineage, room)
        if room <= 0:
            self.give_back(channel, payloads, lineage)
            return None
        self.give_back(channel, payloads[room:], lineage.cut(room, count))
        return self._handle(channel, payloads[:room], lineage.cut(0, room), room)

    def _handle(self, channel: Channel, payloads: list[Any], lineage: Lineage, room: int) -> Handoff | None:
        """Handle a batch; while all results go to one idle plain function, let it handle them at once.

        The way through such a run of nodes is one loop without calls of ours but the probe's: this is where a hop's
        nanoseconds are won.
        """
        drive = self
        scheduler = self.runner.scheduler
        while True:
            runner, outlet = drive.runner, drive.runner.out
            stretch = runner.stretch
            if stretch is not None and stretch.clear and stretch.head is runner:
                passed, outlet = stretch.carry(channel, payloads, lineage), stretch.end.out
                if passed is None or outlet is None:
                    return None
                out, sent, kept = passed
                count = len(out)
                (outlet.probe or outlet.watched()).share(kept, count)
            else:
                out, origins = drive._call_each(channel, payloads, lineage, room)
                if outlet is None:
                    return None
                if origins is not None or outlet.check.first_misfit(out) >= 0:
                    return drive._send(outlet, out, lineage, origins)
                count = len(out)
                sent = lineage.next(scheduler.ids.draw(count), scheduler.clock + scheduler.epoch)
                try:
                    kept = (outlet.probe or outlet.watched()).record(out, sent)
                except PayloadError:
                    return drive._send(outlet, out, lineage, None)
            lane = outlet.lane
            if lane is None:
                return outlet.pass_on(out, sent, kept)
            runner = lane.target
            (lane.probe or runner.inlet(lane)).share(kept, count)
            following = runner.drive
            if type(following) is Asleep and runner.opened:
                following = following.roused()
            if (
                lane.queued
                or not isinstance(following, Inline)
                or not following.idle()
                or count > lane.capacity
                or count > (room := following.room())
                or lane.port == runner.settings_port
                or scheduler.clock > scheduler.slice_end
            ):
                lane.put(out, sent)
                return None
            lane.accepted += count
            drive, channel, payloads, lineage = following, lane, out, sent

    def _call_each(
        self, channel: Channel, payloads: list[Any], lineage: Lineage, _room: int
    ) -> tuple[list[Any], list[int] | None]:
        """Call the function for each message.

        Returns:
            Its results, of which None stands for a failure, and the indexes of the messages they came from: None where
            there is one for each.
        """
        runner = self.runner
        scheduler = runner.scheduler
        self._port, self._payloads, self._lineage = channel.port, payloads, lineage
        self._iterator = iterator = iter(payloads)
        self.truncated = -1
        scheduler.running = self
        call = self._call
        out: list[Any] = []
        failures = 0
        while True:
            try:
                out.extend(map(call, iterator))
            except BaseException as error:  # a handler may raise anything, even SystemExit; the node lives on
                failures += 1
                runner.fail(channel.port, payloads[len(out)], lineage, len(out), error)
                out.append(None)
                continue
            done = len(out)
            if done == len(payloads):
                break
            if self.truncated >= 0:
                self.give_back(channel, payloads[done:], lineage.cut(done, len(payloads)))
                break
            # map ends without a word when a handler raises StopIteration.
            failures += 1
            runner.fail(channel.port, payloads[done], lineage, done, StopIteration())
            out.append(None)
        scheduler.running = None
        runner.handled += done - failures
        self.took(done, scheduler.tick(), runner if self.truncated >= 0 else None)
        return out, None if done == len(payloads) else list(range(done))

    def _settle(self, settings: Any) -> None:
        self.runner.settle(settings)
        self.runner.handled += 1

    def give_back(self, channel: Channel, payloads: list[Any], lineage: Lineage) -> None:
        """Put back in front what was taken and not handled."""
        channel.put_back(payloads, lineage)
        if not channel.queued:
            self.runner.wake(channel)

    def took(self, done: int, seconds: float, blocking: Runner | None) -> None:
        """Make batches as small as other nodes can wait for; tell the watchdog what became of its intervention."""
        if seconds > SLOW_BATCH:
            self.limit = max(1, min(self.limit, int(done * SLOW_BATCH / seconds)))
            if blocking is not None:
                blocking.scheduler.watchdog.blocked(blocking, seconds)
        elif self.limit < BATCH:
            self.limit *= 2

    def _send(self, outlet: Outlet, out: list[Any], lineage: Lineage, origins: list[int] | None) -> Handoff | None:
        return send(outlet, out, lineage, origins, self._unfit)

    def _unfit(self, index: int, error: PayloadError) -> None:
        self.runner.handled -= 1
        self.runner.fail(self._port, self._payloads[index], self._lineage, index, error)

    def context(self) -> Context:
        """What the component may know of the message it is handling."""
        return self.runner.scheduler.context(self.runner, self._port, self._lineage, self.index())

    def index(self) -> int:
        """The index in the batch of the message that is being handled, or was last."""
        if self.truncated >= 0:
            return self.truncated
        left: int = self._iterator.__length_hint__()  # type: ignore[attr-defined] # a list's iterator
        return len(self._payloads) - left - 1

    def truncate(self) -> None:
        """Let the batch end after the message that is being handled. Called by the watchdog, from its own thread."""
        iterator = self._iterator  # held, so that a batch begun meanwhile is not the one that is ended
        self.truncated = self.index()
        # A list's iterator whose position is its end gives nothing more: map stops, without a test on its way.
        iterator.__setstate__(sys.maxsize)  # type: ignore[attr-defined] # a list's iterator
