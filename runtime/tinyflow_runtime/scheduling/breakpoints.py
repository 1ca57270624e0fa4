"""A breakpoint is a port with a condition: its node is held at the first message for which that is true."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinyflow_runtime import place
from tinyflow_runtime.errors import NodeError
from tinyflow_runtime.language.expression import check_condition, compile_edge, compile_expression

if TYPE_CHECKING:
    from tinyflow_runtime.message import Address, Message
    from tinyflow_runtime.ports import Port

LEASE = 300.0  # seconds a breakpoint holds its node: as long as a person looks at one message, and no night


@dataclass(frozen=True, slots=True)
class Held:
    """A node that is paused, as a person sees it.

    Attributes:
        node: Its name.
        port: The port of the breakpoint that holds it; empty when a person paused it.
        message: What it is held at; None when a person paused it.
        queued: Messages that lie before it.
        lease: Seconds until it goes on by itself; None when it does not.
    """

    node: str
    port: str
    message: Message | None
    queued: int
    lease: float | None


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """A port at which a node is to be held.

    Attributes:
        when: The condition as it was written; empty for every message.
        lease: Seconds after which a node that is held goes on by itself.
        keep: The condition as a function over payloads, giving the positions for which it is true.
    """

    address: Address
    when: str
    lease: float
    keep: Callable[[list[Any]], list[int]] | None  # Any, as payloads are

    def first(self, payloads: list[Any], tell: Callable[[Exception], None]) -> int:
        """The position of the first payload it holds at, or -1; ``tell`` is given what the condition raises."""
        for index, payload in enumerate(payloads):
            try:
                if self.keep is None or self.keep([payload]):
                    return index
            except Exception as error:  # an expression may raise anything, and holds nothing then
                tell(error)
        return -1


def breakpoint_at(address: Address, port: Port, when: str | None, lease: float) -> Breakpoint:
    """Check a condition against the type of a port.

    Raises:
        ExpressionError: TF-114. NodeError: TF-129, the lease is no time.
    """
    seconds_of(lease)
    if not when:
        return Breakpoint(address, "", lease, None)
    where = f"Breakpoint at {address}"
    condition = compile_expression(when, port.type, where=where)
    check_condition(condition, where)
    program = compile_edge(condition, None)
    return Breakpoint(address, when, lease, None if program is None else program.keep)


def seconds_of(lease: float) -> float:
    """A lease that is a time.

    Raises:
        NodeError: TF-129, it is none.
    """
    if isinstance(lease, bool) or not isinstance(lease, (int, float)) or not (0 < lease < math.inf):
        what = f"lease is {lease!r}; it is a number of seconds, more than 0."
        raise NodeError("TF-129", what, f"Leave it out for {LEASE:g}.", where=place.caller())
    return lease
