"""Generating: a function that yields is driven inline too; where there is no room for all it yields, it goes on later.

One message's generator at most is unfinished between two turns. Its message is the one that is running.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.execution.inline import BATCH, Inline

if TYPE_CHECKING:
    from tinyflow_runtime.channel import Channel
    from tinyflow_runtime.execution.outlet import Handoff
    from tinyflow_runtime.observation.lineage import Lineage
    from tinyflow_runtime.runner import Runner

_ONE_EACH = list(range(BATCH - 1, -1, -1))  # of a room of so many, what is left after each message that yields one


class Generating(Inline):
    """Drives a runner whose component is a plain function that yields."""

    __slots__ = ("_held", "_made")

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self._made: Iterator[Any] = iter(())  # what the message in hand still yields
        self._held: Any = None  # what it has yielded already, and there was no room for; Any, as payloads are

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
        out, origins = self._yield(room, self.index())
        handoff = self._send(runner.out, out, self._lineage, origins) if runner.out is not None else None
        self.wake()
        return handoff

    def _call_each(
        self, channel: Channel, payloads: list[Any], lineage: Lineage, room: int
    ) -> tuple[list[Any], list[int] | None]:
        """Let each message yield, as far as there is room; what was not begun is given back."""
        self._port, self._payloads, self._lineage = channel.port, payloads, lineage
        self._iterator = iter(payloads)
        self.truncated = -1
        out, origins = self._yield(room, 0)
        begun = self.index() + 1
        if begun < len(payloads):
            self.truncate()  # so that the message in hand is the last of this batch
            self.give_back(channel, payloads[begun:], lineage.cut(begun, len(payloads)))
        if self.unfinished:
            self.wake()
        return out, origins

    def _yield(self, room: int, first: int) -> tuple[list[Any], list[int] | None]:
        """Let one message after the other yield, as long as there is room.

        Args:
            room: How many items can be sent.
            first: The index of the first message: of the one in hand, where there is one.

        Returns:
            The items, and the indexes of the messages they came from: None where there is one for each of the batch.
        """
        runner = self.runner
        out: list[Any] = []
        left: list[int] = []
        failures = 0
        runner.scheduler.running = self
        while True:
            try:
                self._pull(room, out, left)
                break
            except BaseException as error:  # a handler may raise anything; the next message has its turn
                failures += 1
                index = first + len(left)
                left.append(room - len(out))
                self._finish()
                runner.fail(self._port, self._payloads[index], self._lineage, index, error)
        runner.scheduler.running = None
        runner.running = int(self.unfinished)
        runner.handled += len(left) - failures
        self.took(max(1, len(out)), runner.scheduler.tick(), runner if self.truncated >= 0 else None)
        each = len(self._payloads)
        if len(out) == each and left == _ONE_EACH[BATCH - room : BATCH - room + each]:
            return out, None
        return out, _origins(first, room, left, len(out))

    def _pull(self, room: int, out: list[Any], left: list[int]) -> None:
        """The loop itself: nothing in it but what every message and every item needs."""
        put, note, more = out.append, left.append, room - len(out)
        rounds: Iterator[Iterator[Any]] = map(self._call, self._iterator)
        if self.unfinished:  # what it held back is let go now, for there is room
            put(self._held)
            more -= 1
            rounds = chain((self._made,), rounds)
        for items in rounds:
            for item in items:
                if not more:  # only now it is certain that this message is not finished
                    self._made, self._held, self.unfinished = items, item, True
                    return
                put(item)
                more -= 1
            note(more)
        self._finish()

    def _finish(self) -> None:
        self._made, self._held, self.unfinished = iter(()), None, False


def _origins(first: int, room: int, left: list[int], count: int) -> list[int]:
    """The index of the message of each item, from how much room each message has left; the last one is in hand."""
    origins: list[int] = []
    for index, more in enumerate((*left, room - count), first):
        origins += [index] * (room - more - len(origins))
    return origins
