"""The context is what a handler may know besides its payload: where it runs, and for which message."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from tinyflow_runtime import place
from tinyflow_runtime.errors import TinyFlowError

__all__ = ["Context", "NoContext", "context", "current"]


class NoContext(TinyFlowError, RuntimeError):
    """``tf.context()`` was called outside a handler."""


@dataclass(slots=True)
class Context:
    """What a handler may know besides its payload.

    Attributes:
        node: The name of the node.
        port: The port the payload came in at; empty in a source's ``run``.
        message_id: The id of the message being handled; empty in a source's ``run``.
        trace: The id of the message that everything began with.
        attempt: 1, or more where a retry is declared.
        idempotency_key: The same for every attempt at the same message, and for no other message.
        log: Writes to the logger ``tinyflow.<node>``, with the node and the message id on every record.
        cancelled: Becomes true when the node stops or the handler ran out of time; a thread should look at it.
    """

    node: str
    port: str = ""
    message_id: str = ""
    trace: str = ""
    attempt: int = 1
    idempotency_key: str = ""
    cancelled: bool = False

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """Made when it is asked for: most handlers never log."""
        extra: dict[str, Any] = {"node": self.node, "port": self.port, "message_id": self.message_id}
        return logging.LoggerAdapter(logging.getLogger(f"tinyflow.{self.node}"), extra)


# The runner sets a factory, not a context: making one costs more than handling a small message.
current: ContextVar[Callable[[], Context]] = ContextVar("tinyflow_context")


def context() -> Context:
    """The context of the handler that is running, in its thread too.

    Raises:
        NoContext: TF-137, no handler is running here.
    """
    try:
        make = current.get()
    except LookupError:
        raise NoContext(
            "TF-137",
            "tf.context() was called outside a handler.",
            "Call it inside the function or method that handles a message.",
            where=place.caller(),
        ) from None
    return make()
