"""Payloads on their way between a notebook and a module process: bytes there, what the port's type says here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.payloads.codec import decode

Reader = Callable[[protocol.Message], Message]


def reader(tp: Any = Any) -> Reader:  # Any: a type is an object of many classes
    """Makes messages of what a module sends; a payload that is no longer of the type arrives as a plain document."""

    def read(sent: protocol.Message) -> Message:
        return Message(
            Address.parse(sent.to),
            payload_of(sent.payload, tp),
            id=sent.id,
            time=sent.time,
            trace=sent.trace,
            parent=sent.parent or None,
            hops=sent.hops,
        )

    return read


def payload_of(packed: bytes, tp: Any = Any) -> Any:
    """A payload of the type; as a plain document where it does not fit, for one only wants to look at it."""
    try:
        return decode(packed, tp)
    except PayloadError:
        try:
            return decode(packed)
        except PayloadError:
            return packed
