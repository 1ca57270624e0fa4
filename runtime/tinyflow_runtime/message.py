"""A message: one payload on its way to one port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

MAX_HOPS = 256  # a loop that needs more is a runaway


class Address(NamedTuple):
    """``node:port``, the place a message goes to or comes from."""

    node: str
    port: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Split at the first colon; a missing port is an empty string."""
        node, _, port = text.partition(":")
        return tuple.__new__(cls, (node, port))  # twice for every edge: half the time of calling the class

    def __str__(self) -> str:
        return f"{self.node}:{self.port}"


@dataclass(frozen=True, slots=True)
class Message:
    """One payload on its way to one port, or as it was seen there.

    Attributes:
        to: The port it goes to; for a message seen at an output port, that port.
        payload: What a component sent. As seen at a port: a snapshot.
        id: Unique; grows with time within one process.
        time: Seconds since the epoch when it was sent.
        trace: The id of the message that everything began with: a source's or a ``send``'s.
        parent: The id of the message that was being handled when this one was sent; None for the first.
        hops: How many nodes lie between the first message and this one.
    """

    to: Address
    payload: Any
    id: str = ""
    time: float = 0.0
    trace: str = ""
    parent: str | None = None
    hops: int = 0


Send = Callable[[Message], Awaitable[None]]
