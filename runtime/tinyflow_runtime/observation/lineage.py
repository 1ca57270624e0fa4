"""A lineage tells, for a whole batch at once, which message each payload is and where it came from.

A hop must cost nanoseconds, so no message object exists while a flow runs. A batch of payloads travels with one
lineage; ids are a range drawn at once, traces are the very sequence of the batch before. Messages are made of it
when somebody looks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from tinyflow_runtime.message import Address, Message

COUNTER_BITS = 40  # of a number that another run has drawn; above them stands that run's prefix
_COUNTER = (1 << COUNTER_BITS) - 1
_ID = re.compile("[0-9a-f]{10}-[0-9a-f]{10}")


class Ids:
    """The numbers behind message ids: drawn a batch at a time, growing, behind a prefix that is this run's own.

    Messages that come from other processes keep their ids: such a number holds the other run's prefix as well.
    """

    __slots__ = ("next", "prefix")

    def __init__(self) -> None:
        self.prefix = os.urandom(5).hex()
        self.next = 1

    def draw(self, count: int) -> range:
        """Take the next ``count`` numbers."""
        first = self.next
        self.next = first + count
        return range(first, self.next)

    def text(self, number: int) -> str:
        """The id that a person and other processes see; ids of one run compare as their messages were sent."""
        origin = number >> COUNTER_BITS
        if origin:
            return f"{origin:010x}-{number & _COUNTER:010x}"
        return f"{self.prefix}-{number:010x}"

    def number(self, text: str) -> int | None:
        """The number behind an id that was seen somewhere; None where it is no id."""
        if _ID.fullmatch(text) is None:
            return None
        prefix, _, counter = text.partition("-")
        return int(counter, 16) if prefix == self.prefix else int(prefix, 16) << COUNTER_BITS | int(counter, 16)


class Lineage(NamedTuple):
    """What is known of the messages of one batch, index by index. A tuple, for one is made at every hop.

    Attributes:
        ids: Their numbers.
        traces: The numbers of the messages that everything began with.
        parents: The numbers of the messages that were being handled; None when a source or a ``send`` began it.
        hops: Nodes passed since the beginning; one number where it is the same for all.
        time: Seconds since the epoch when the batch was sent.
    """

    ids: Sequence[int]
    traces: Sequence[int]
    parents: Sequence[int] | None
    hops: int | Sequence[int]
    time: float

    @classmethod
    def first(cls, ids: range, time: float) -> Lineage:
        """Messages that nothing was handled for: each is the beginning of a trace."""
        return cls(ids, ids, None, 0, time)

    def next(self, ids: range, time: float) -> Lineage:
        """One message sent for each one of this batch, in order."""
        hops = self.hops
        deeper = hops + 1 if type(hops) is int else [hop + 1 for hop in hops]  # type: ignore[union-attr] # a sequence
        return tuple.__new__(Lineage, (ids, self.traces, self.ids, deeper, time))

    def ahead(self, nodes: int, ids: range, size: int, time: float) -> Lineage:
        """Messages sent after ``nodes`` more than the next node, where every node sent one for each.

        Args:
            nodes: How many nodes lie between.
            ids: Those of what the next node sent; those of each node behind it follow.
            size: How many there are of each.
            time: When all of that was sent.
        """
        mine = range(ids.start + nodes * size, ids.stop + nodes * size)
        parents = range(mine.start - size, mine.start) if nodes else self.ids
        hops = self.hops
        deeper = hops + nodes + 1 if isinstance(hops, int) else [hop + nodes + 1 for hop in hops]
        return Lineage(mine, self.traces, parents, deeper, time)

    def pick(self, indexes: Sequence[int]) -> Lineage:
        """Only the messages at these indexes."""
        ids, traces, parents, hops = self.ids, self.traces, self.parents, self.hops
        return Lineage(
            [ids[i] for i in indexes],
            [traces[i] for i in indexes],
            None if parents is None else [parents[i] for i in indexes],
            hops if isinstance(hops, int) else [hops[i] for i in indexes],
            self.time,
        )

    def only(self, indexes: list[int]) -> Lineage:
        """The same as ``pick``, at no cost where the indexes follow each other, as they mostly do."""
        first = indexes[0]
        if indexes == list(range(first, first + len(indexes))):
            return self.cut(first, first + len(indexes))
        return self.pick(indexes)

    def cut(self, start: int, stop: int) -> Lineage:
        """The messages from ``start`` up to ``stop``."""
        if start == 0 and stop >= len(self.ids):
            return self
        parents, hops = self.parents, self.hops
        return Lineage(
            self.ids[start:stop],
            self.traces[start:stop],
            None if parents is None else parents[start:stop],
            hops if isinstance(hops, int) else hops[start:stop],
            self.time,
        )

    def hops_at(self, index: int) -> int:
        """How many nodes the message at ``index`` has passed."""
        return self.hops if isinstance(self.hops, int) else self.hops[index]

    def message(self, index: int, ids: Ids, to: Address, payload: Any) -> Message:
        """The message at ``index``, for somebody who looks."""
        return Message(
            to,
            payload,
            id=ids.text(self.ids[index]),
            time=self.time,
            trace=ids.text(self.traces[index]),
            parent=self._parent(index, ids),
            hops=self.hops_at(index),
        )

    def _parent(self, index: int, ids: Ids) -> str | None:
        parent = self.ids[index] if self.parents is None else self.parents[index]
        return None if parent == self.ids[index] else ids.text(parent)


def join(parts: Sequence[Lineage]) -> Lineage:
    """Several batches as one, in order."""
    if len(parts) == 1:
        return parts[0]
    parents: list[int] | None = None
    if any(part.parents is not None for part in parts):
        # In a mixed batch a message without a parent is noted as its own parent.
        parents = list(chain.from_iterable(part.ids if part.parents is None else part.parents for part in parts))
    hops: int | Sequence[int] = parts[0].hops
    if not isinstance(hops, int) or any(part.hops != hops for part in parts):
        hops = list(chain.from_iterable(_hops(part) for part in parts))
    return Lineage(
        list(chain.from_iterable(part.ids for part in parts)),
        list(chain.from_iterable(part.traces for part in parts)),
        parents,
        hops,
        parts[-1].time,
    )


def _hops(part: Lineage) -> Sequence[int]:
    return [part.hops] * len(part.ids) if isinstance(part.hops, int) else part.hops
