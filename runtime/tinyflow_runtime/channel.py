"""A channel is an edge at work: what has been accepted for the next node and not yet handled.

It is bounded, so a slow node slows down whoever sends to it, and first in, first out. Payloads lie in it bare; their
lineages lie beside them, one for each batch that was put.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.errors import Busy
from tinyflow_runtime.observation.lineage import Lineage, join
from tinyflow_runtime.schema import check

if TYPE_CHECKING:
    from tinyflow_runtime.component import Port
    from tinyflow_runtime.execution.waiting import Waiting
    from tinyflow_runtime.flow import Edge
    from tinyflow_runtime.probe import PortProbe
    from tinyflow_runtime.runner import Runner

# How the messages of one put lie here: their lineage, and the index in it of the first that is still here.
Mark = list[Any]

UNBOUNDED = 1 << 30  # the room of a channel that sheds instead of making its sender wait


class Channel:
    """One bounded channel; the scheduler makes it, the loop's thread alone touches it.

    Attributes:
        edge: What it is at work for; None for what comes from outside the flow.
        port: The input port of ``target`` that it ends at.
        bound: How many messages make its sender wait: its capacity, unless the port sheds instead.
        accepted: Messages put, ever.
        filtered: Messages that the edge's ``when`` kept from being made.
        queued: Whether the target knows that something lies here.
        blocked: The runner that waits for room here, if any.
        waiters: Who waits for room from outside, oldest first.
        items: The payloads; None until the first is put.
        marks: Their lineages.
    """

    __slots__ = (
        "accepted",
        "blocked",
        "bound",
        "capacity",
        "check",
        "edge",
        "filtered",
        "items",
        "low",
        "marks",
        "overflow",
        "port",
        "probe",
        "queued",
        "target",
        "waiters",
    )

    sealed = False  # whether what lies in it must be decoded before it is taken

    def __init__(self, target: Runner, port: Port, *, edge: Edge | None, capacity: int) -> None:
        self.target = target
        self.port = port.name
        self.edge = edge
        self.capacity = capacity
        self.retype(port)
        self.accepted = 0
        self.filtered = 0
        self.queued = False
        self.blocked: Waiting | None = None
        self.probe: PortProbe | None = None  # of the port it ends at; the target gives it with the first message
        # Both are made when they are first needed: an idle channel among 10,000 costs 200 bytes and not 1,500.
        self.items: deque[Any] | None = None
        self.marks: deque[Mark] = _NOTHING
        self.waiters: deque[asyncio.Future[None]] | None = None

    def retype(self, port: Port) -> None:
        """Take over another declaration of the port it ends at."""
        self.check = check(port.type)
        self.overflow = port.overflow
        self.resize(self.capacity)

    def resize(self, capacity: int) -> None:
        """Change how much it holds; what lies in it stays."""
        self.capacity = capacity
        self.bound = capacity if self.overflow == "wait" else UNBOUNDED
        self.low = capacity // 2  # a waiting sender goes on when half is free, so that it sends in batches

    def __len__(self) -> int:
        return len(self.items) if self.items else 0

    @property
    def room(self) -> int:
        """How many messages can be put now without anybody waiting."""
        return self.bound - len(self.items) if self.items else self.bound

    @property
    def opened(self) -> int:
        """How many of the oldest can be taken as they are."""
        return len(self.items) if self.items else 0

    def unseal(self, limit: int) -> int:
        """Decode the oldest, where they came encoded, at most ``limit`` of them; returns how many can be taken."""
        return self.opened

    def take_all(self) -> tuple[list[Any], Lineage]:
        """Take everything; there must be something."""
        return self.take(len(self))

    def put(self, payloads: list[Any], lineage: Lineage) -> None:
        """Accept a batch; the caller has looked that there is room, unless the port sheds."""
        items = self.items
        if items is None:
            items = self.items = deque()
            self.marks = deque()
        self.accepted += len(payloads)
        if self.overflow != "wait" and len(items) + len(payloads) > self.capacity:
            self._shed(payloads, lineage)
        else:
            items.extend(payloads)
            self.marks.append([lineage, 0])
        if not self.queued and items:
            self.queued = True
            self.target.wake(self)

    def put_back(self, payloads: list[Any], lineage: Lineage) -> None:
        """Return what was taken and not handled to the front, in order."""
        if self.items is None:
            self.items = deque()
            self.marks = deque()
        self.items.extendleft(reversed(payloads))
        self.marks.appendleft([lineage, 0])

    def take(self, limit: int) -> tuple[list[Any], Lineage]:
        """Take the oldest messages, at least one and at most ``limit``; there must be one."""
        items = self.items
        assert items  # nobody takes from an empty channel
        count = len(items)
        if count <= limit:
            payloads = list(items)
            items.clear()
        else:
            count = limit
            pop = items.popleft
            payloads = [pop() for _ in range(count)]
        lineage, start = self.marks[0]
        if start == 0 and len(lineage.ids) == count:
            self.marks.popleft()
            return payloads, lineage
        return payloads, self._take_lineage(count)

    def take_newest(self) -> tuple[Any, Lineage]:
        """Take the message that was put last."""
        items, marks = list(self.items or ()), self._take_lineage(len(self))
        last = len(items) - 1
        self._replace(items[:last], marks.cut(0, last))
        return items[last], marks.cut(last, last + 1)

    async def wait_for_room(self) -> None:
        """Wait, from outside the flow, until there is room, after those who wait already.

        Cancelling gives the place up and nothing else.
        """
        if self.waiters is None:
            self.waiters = deque()
        waiters = self.waiters
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters.append(waiter)
        while True:
            try:
                await waiter
            except asyncio.CancelledError:
                granted = waiter.done() and not waiter.cancelled()
                waiters.remove(waiter)
                if granted:
                    self.freed()  # the room that was ours is the next one's
                raise
            if self.room > 0:
                waiters.remove(waiter)
                return
            again = asyncio.get_running_loop().create_future()  # somebody was quicker; our place stays ours
            waiters[waiters.index(waiter)] = waiter = again

    def refuse_if_full(self) -> None:
        """Refuse who sends from outside to a port that declares ``overflow="fail"``.

        Raises:
            Busy: It is full; nothing was sent.
        """
        if self.overflow == "fail" and len(self) >= self.capacity:
            raise Busy(
                "TF-134",
                f"{self.target.name}:{self.port} is full ({self.capacity} messages) and declares overflow='fail'.",
                "Send again later.",
            )

    def freed(self, *, anyway: bool = False) -> None:
        """Something was taken: let those go on who wait for room."""
        if self.blocked is not None and (anyway or len(self) <= self.low):
            runner, self.blocked = self.blocked, None
            runner.unblock()
        if self.waiters:
            # Each stays in its place until it goes on itself: nobody who comes meanwhile gets before it.
            for waiter in itertools.islice(self.waiters, max(self.room, 0)):
                if not waiter.done():
                    waiter.set_result(None)

    def _take_lineage(self, count: int) -> Lineage:
        parts = []
        while count > 0:
            lineage, start = self.marks.popleft()
            size = len(lineage.ids)
            if size - start > count:
                parts.append(lineage.cut(start, start + count))
                self.marks.appendleft([lineage, start + count])
                break
            parts.append(lineage.cut(start, size))
            count -= size - start
        return join(parts)

    def _replace(self, payloads: Sequence[Any], lineage: Lineage) -> None:
        # In place: who serves this channel holds both.
        assert self.items is not None
        self.items.clear()
        self.items.extend(payloads)
        self.marks.clear()
        if payloads:
            self.marks.append([lineage, 0])

    def _shed(self, payloads: list[Any], lineage: Lineage) -> None:
        """Keep ``capacity`` of what lies here and what comes, as the port declares; count or report the rest."""
        every = [*(self.items or ()), *payloads]
        lineages = join([*([self._take_lineage(len(self))] if self.items else []), lineage])
        kept = KEEP[self.overflow](len(every), self.capacity)
        self._replace([every[i] for i in kept], lineages.pick(kept))
        lost = sorted(set(range(len(every))).difference(kept))
        if self.overflow == "fail":
            error = Busy(
                "TF-143",
                f"{self.target.name}:{self.port} was full ({self.capacity} messages) and declares overflow='fail'.",
                "Replay the dead letter when there is room, or let the sender wait: overflow='wait'.",
            )
            self.target.bury(self.port, [every[i] for i in lost], lineages.pick(lost), error)
        else:
            self.target.shed += len(lost)


def _thin(count: int, capacity: int) -> list[int]:
    """Every second message, again and again, always with the newest: what stays is spread evenly over what came."""
    kept = list(range(count))
    while len(kept) > capacity:
        kept = kept[::-1][::2][::-1]
    return kept


KEEP = {
    "fail": lambda count, capacity: list(range(capacity)),
    "drop_newest": lambda count, capacity: list(range(capacity)),
    "drop_oldest": lambda count, capacity: list(range(count - capacity, count)),
    "sample": _thin,
}

_NOTHING: deque[Mark] = deque()
