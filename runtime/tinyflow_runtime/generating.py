"""Generating: a function that yields is driven inline too; where there is no room for all it yields, it goes on later.

One message's generator at most is unfinished between two turns. Its message is the one that is running.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.inline import Inline

if TYPE_CHECKING:
    from tinyflow_runtime.channel import Channel
    from tinyflow_runtime.lineage import Lineage
    from tinyflow_runtime.outlet import Handoff
    from tinyflow_runtime.runner import Runner


class Generating(Inline):
    """Drives a runner whose component is a plain function that yields."""

    __slots__ = ("_held", "_made")

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self._made: Iterator[Any] = iter(())  # what the message in hand still yields
        self._held: tuple[Any, ...] = ()  # what it has yielded already, and there was no room for

    @property
    def lineage(self) -> Lineage:
        """Of the batch in hand, or of the last one; ``index()`` tells which message of it."""
        return self._lineage

    def close(self) -> None:
        """Drive no more. A generator that was not finished is: what it would still yield is not sent."""
        if self.unfinished:
            self._finish()
            self.runner.handled += self.runner.running
            self.runner.running = 0

    async def end(self) -> None:
        """Drive no more, now: a message whose generator was not finished becomes a dead letter."""
        if self.unfinished:
            runner, index = self.runner, self.index()
            self._finish()
            runner.running = 0
            message = self._payloads[index : index + 1], self._lineage.cut(index, index + 1)
            runner.bury(self._port, *message, runner.scheduler.ending(runner.name))

    def turn(self) -> Handoff | None:
        """Go on with the message in hand, or else handle a batch."""
        runner = self.runner
        if not self.unfinished or runner.drive is not self or runner.blocked or not runner.opened:
            return super().turn()
        self.queued = False
        room = self.room()
        if room <= 0:
            runner.block()
            return None
        handoff = self._yield(room)
        self.wake()
        return handoff

    def _handle(self, channel: Channel, payloads: list[Any], lineage: Lineage, room: int) -> Handoff | None:
        self._port, self._payloads, self._lineage = channel.port, payloads, lineage
        self._iterator = iter(payloads)
        self.truncated = -1
        handoff = self._yield(room)
        begun = self.index() + 1
        if begun < len(payloads):
            self.truncate()  # so that the message in hand is the last of this batch
            self.give_back(channel, payloads[begun:], lineage.cut(begun, len(payloads)))
        self.wake()
        return handoff

    def _yield(self, room: int) -> Handoff | None:
        """Let one message after the other yield, as long as there is room."""
        runner = self.runner
        out: list[Any] = []
        origins: list[int] = []
        runner.scheduler.running = self
        while True:
            try:
                self._pull(room, out, origins)
                break
            except BaseException as error:  # a handler may raise anything; the next message has its turn
                index = self.index()
                self._finish()
                runner.fail(self._port, self._payloads[index], self._lineage, index, error)
        runner.scheduler.running = None
        runner.running = int(self.unfinished)
        self.took(max(1, len(out)), runner.scheduler.tick(), runner if self.truncated >= 0 else None)
        return self._send(runner.out, out, self._lineage, origins) if runner.out is not None else None

    def _pull(self, room: int, out: list[Any], origins: list[int]) -> None:
        """The loop itself: nothing in it but what every message and every item needs."""
        put, note, left = out.append, origins.append, room - len(out)
        # The message in hand comes first; where there is none, its round is empty and does not count.
        first = self.index()
        rounds = chain((chain(self._held, self._made),), map(self._call, self._iterator))
        done = 0 if self.unfinished else -1
        try:
            for index, items in enumerate(rounds, first):
                for item in items:
                    if not left:  # only now it is certain that this message is not finished
                        self._made = self._made if index == first else items
                        self._held, self.unfinished = (item,), True
                        return
                    put(item)
                    note(index)
                    left -= 1
                done += 1
            self._finish()
        finally:
            self.runner.handled += done

    def _finish(self) -> None:
        self._made, self._held, self.unfinished = iter(()), (), False
