"""Held back: what was sent at a breakpoint of an output and has not gone on, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyflow_runtime.execution.outlet import Outlet
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.observation.lineage import Lineage
from tinyflow_runtime.schema import snapshot

if TYPE_CHECKING:
    from tinyflow_runtime.probe import Kept

# What was sent in one go: where, and as for ``Outlet.pass_on``. Any, as payloads are.
Sent = tuple[Outlet, list[Any], Lineage, "Kept"]


class HeldBack(list[Sent]):
    """What one node has sent and nobody has been given."""

    def take_first(self) -> Sent:
        """Take the first message; there must be one."""
        first, rest = cut(self.pop(0), 1)
        if rest[1]:
            self.insert(0, rest)
        return first

    def take_all(self) -> list[Sent]:
        """Take everything."""
        taken = list(self)
        self.clear()
        return taken

    def message(self) -> Message:
        """The first message, for somebody who looks; there must be one."""
        return message_of(self[0], 0)


def message_of(sent: Sent, index: int) -> Message:
    """One of the messages that were sent, for somebody who looks."""
    outlet, payloads, lineage, _ = sent
    to = Address(outlet.runner.name, outlet.port.name)
    return lineage.message(index, outlet.runner.scheduler.ids, to, snapshot(payloads[index]))


def cut(sent: Sent, index: int) -> tuple[Sent, Sent]:
    """Two parts of what was sent: the first so many messages, and the rest."""
    outlet, payloads, lineage, (seen, known, start) = sent
    split, size = max(0, index - start), len(payloads)
    before = seen[:split], known.cut(0, index), min(start, index)
    after = seen[split:], known.cut(index, size), max(0, start - index)
    return (
        (outlet, payloads[:index], lineage.cut(0, index), before),
        (outlet, payloads[index:], lineage.cut(index, size), after),
    )
