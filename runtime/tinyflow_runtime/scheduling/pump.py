"""The pump gives each runner that is ready its turn, until nothing is left to do.

Runners that are ready stand in one row, and a batch whose only receiver is idle is handed on at once, without lying in
a channel. The pump returns to the loop after a few milliseconds, so that what waits there (tasks, sockets, a person's
``send``) is served as well.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from tinyflow_runtime.execution.context import Context, current
from tinyflow_runtime.execution.ending import Ended
from tinyflow_runtime.execution.outlet import Handoff, Outlet

if TYPE_CHECKING:
    from tinyflow_runtime.execution.ledger import Ledger
    from tinyflow_runtime.observation.lineage import Lineage

SLICE = 0.005  # seconds the pump works before the loop comes round; a send waits no longer for its answer

log = logging.getLogger("tinyflow")


class Turn(Protocol):
    """What stands in the scheduler's row: it handles a batch when its turn comes."""

    def turn(self) -> Handoff | None:
        """Handle a batch; return what its only receiver may handle at once."""


class Pump:
    """The part of a scheduler that gives turns, on its loop.

    Attributes:
        running: The plain functions that are being called right now; None between batches.
        sending: Whether messages move on the stack of a task, which is not to blame for the time they take.
        clock: When a batch last ended, by the clock that never goes back.
        slice_end: When the loop has to come round.
    """

    _loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self.running: Any = None  # an Inline, a Stretch or a PulledSource; the watchdog reads it from its thread
        self._row: deque[Turn] = deque()
        self._unflushed: list[Outlet] = []
        self._untold: set[Ledger] = set()
        self._pumping = False
        self.sending = False
        self.clock = self.slice_end = time.perf_counter()
        self.epoch = time.time() - self.clock

    def enqueue(self, drive: Turn) -> None:
        """Give it a turn, after those that stand there already."""
        self._row.append(drive)
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def flush_soon(self, outlet: Outlet) -> None:
        """Something was sent: let it move on when the loop comes round."""
        self._unflushed.append(outlet)
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def at_rest(self) -> bool:
        """Whether nobody has anything to do at this moment."""
        return not self._pumping and self.running is None

    def send_at_once(self, outlet: Outlet, payload: Any, parents: Lineage | None, index: int) -> None:
        """Let one message go as far as it comes, on the stack of who sends it: there is nobody else to wait for.

        Raises:
            PayloadError: It holds something that cannot be sent; nothing was sent.
        """
        self.tick()
        self.slice_end = self.clock + SLICE
        before = current.set(self._running_context)
        self.sending = True
        try:
            self._hand_on(outlet.send_one(payload, parents, index))
        finally:
            self.sending = False
            current.reset(before)
        if self._untold:
            self._tell()

    def tell_soon(self, ledger: Ledger) -> None:
        """Somebody waits for what it notes: let him know before the loop comes round."""
        self._untold.add(ledger)

    def accept(self, handoff: Handoff | None) -> None:
        """Put a batch in its channel that nobody can handle at once."""
        if handoff is not None:
            channel, payloads, lineage = handoff
            channel.put_back(payloads, lineage)
            if not channel.queued:
                channel.target.wake(channel)

    def _pump(self) -> None:
        self.tick()
        self.slice_end = self.clock + SLICE
        current.set(self._running_context)
        try:
            self._work()
        except (Exception, Ended):  # a defect of ours must not silence every node of the module
            log.exception("TinyFlow met a defect of its own while it handed on messages")
        if self._untold:
            self._tell()
        if self._row or self._unflushed:
            self._loop.call_soon(self._pump)
        else:
            self._pumping = False

    def _work(self) -> None:
        row = self._row
        while True:
            if self._unflushed:
                unflushed, self._unflushed = self._unflushed, []
                for outlet in unflushed:
                    self._hand_on(outlet.flush())
            if not row or self.clock > self.slice_end:
                break
            self._hand_on(row.popleft().turn())

    def _tell(self) -> None:
        untold, self._untold = self._untold, set()
        for ledger in untold:
            ledger.tell()

    def _hand_on(self, handoff: Handoff | None) -> None:
        while handoff is not None:
            channel, payloads, lineage = handoff
            handoff = channel.target.drive.work(channel, payloads, lineage)  # type: ignore[union-attr] # an idle drive is Inline
            if self.clock > self.slice_end:  # a loop of plain functions would never return
                self.accept(handoff)
                return

    def _running_context(self) -> Context:
        """The context of the plain function that is being called."""
        context: Context = self.running.context()
        return context

    def tick(self) -> float:
        """Read the clock once a batch: seconds since it was read before."""
        before, self.clock = self.clock, time.perf_counter()
        return self.clock - before

    def now(self) -> float:
        """Seconds since the epoch, as of the last tick; it never goes back while the scheduler lives."""
        return self.clock + self.epoch
