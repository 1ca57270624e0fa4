"""A sealed channel holds payloads as they came over the wire; they are decoded when their node takes them.

Objects that wait in a channel cost the garbage collector more than their decoding; bytes cost nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.channel import Channel
from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.observation.lineage import Lineage
from tinyflow_runtime.observation.shown import as_it_came
from tinyflow_runtime.payloads.codec import decode, documents
from tinyflow_runtime.schema import check, convert

if TYPE_CHECKING:
    from tinyflow_runtime.component import Port
    from tinyflow_runtime.runner import Runner

AT_ONCE = 64 * 1024  # bytes that are decoded together: the objects of more cost half as much again to collect
_NOTHING = Lineage(range(0), range(0), None, 0, 0.0)


class Sealed(Channel):
    """A channel into which encoded payloads are put. What was taken and is put back is not encoded again.

    Attributes:
        closed: How many of its messages, the last ones, are still bytes.
    """

    __slots__ = ("closed", "type")

    sealed = True

    def __init__(self, target: Runner, port: Port, *, capacity: int) -> None:
        self.closed = 0
        super().__init__(target, port, edge=None, capacity=capacity)

    def retype(self, port: Port) -> None:
        """Take over another declaration of the port it ends at; what lies here is decoded as that says."""
        super().retype(port)
        self.type = port.type

    def put_sealed(self, payloads: list[bytes], lineage: Lineage) -> None:
        """Accept encoded payloads; there is room."""
        if self.overflow != "wait":
            opened, lineage = self._opened(payloads, lineage)
            if opened:
                self.put(opened, lineage)
            return
        self.closed += len(payloads)
        self.put(payloads, lineage)

    @property
    def opened(self) -> int:
        """How many of the oldest are decoded."""
        return len(self) - self.closed

    def unseal(self, limit: int) -> int:
        """Decode the oldest, as long as they are not too much at once; those that cannot be become dead letters."""
        if self.closed and self.opened < limit:
            self._unseal(limit, AT_ONCE)
        return self.opened

    def _unseal(self, limit: int, size: int) -> None:
        items, ready, count = self.items, self.opened, 0
        assert items is not None  # there are encoded ones among them
        for payload in islice(items, ready, min(limit, len(items))):
            if size <= 0:
                break
            size -= len(payload)
            count += 1
        if not count:
            return
        before = [items.popleft() for _ in range(ready)]
        payloads = [items.popleft() for _ in range(count)]
        self.closed -= count
        try:
            opened = opener(self.type)(payloads)
        except PayloadError:
            first = self._take_lineage(ready) if ready else None
            opened, lineage = self._opened(payloads, self._take_lineage(count))
            if opened:
                self.marks.appendleft([lineage, 0])
            if first is not None:
                self.marks.appendleft([first, 0])
        items.extendleft(reversed(opened))
        items.extendleft(reversed(before))

    def take(self, limit: int) -> tuple[list[Any], Lineage]:
        """Take the oldest messages that are decoded; there must be one."""
        return super().take(min(limit, self.opened))

    def take_all(self) -> tuple[list[Any], Lineage]:
        """Take everything, decoded; nothing, when nothing could be."""
        self._unseal_all()
        return super().take(len(self)) if len(self) else ([], _NOTHING)

    def take_newest(self) -> tuple[Any, Lineage]:
        """Take the message that was put last, decoded."""
        self._unseal_all()
        return super().take_newest()

    def _unseal_all(self) -> None:
        if self.closed:
            self._unseal(len(self), sys.maxsize)

    def _opened(self, payloads: list[bytes], lineage: Lineage) -> tuple[list[Any], Lineage]:
        """Decode one by one; those that cannot be become dead letters."""
        opened, indexes = [], []
        for index, payload in enumerate(payloads):
            try:
                opened.append(check(self.type).one(decode(payload, self.type)))
                indexes.append(index)
            except PayloadError as error:
                self.target.bury(self.port, [as_it_came(payload)], lineage.cut(index, index + 1), error)
        if len(indexes) < len(payloads):
            self.target.scheduler.report(self.target.name, f"{self.port} was sent what it does not take.")
            lineage = lineage.pick(indexes)
        return opened, lineage


def opener(tp: Any) -> Callable[[Sequence[bytes]], list[Any]]:
    """What decodes payloads of a type, all at once.

    Raises:
        PayloadError: From the function, when one of them is none of that type.
    """
    checked = check(tp)

    def open_all(payloads: Sequence[bytes]) -> list[Any]:
        found = documents(payloads)
        if checked.first_misfit(found) < 0:
            return found
        return [checked.one(convert(document, tp)) for document in found]

    return open_all
