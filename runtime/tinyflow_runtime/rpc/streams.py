"""Streams are what a driver needs of a connection: frames one way, answers the other, each in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, TypeVar

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ModuleUnavailable

In = TypeVar("In", covariant=True)
Out = TypeVar("Out", contravariant=True)


class Stream(Protocol[In, Out]):
    """One end of a connection.

    Raises:
        DeliveryError: From both, when it has broken.
    """

    async def read(self) -> In | None:
        """The next message; None when the other end has ended it."""

    async def write(self, message: Out) -> None:
        """Returns when there is room for more."""


Outbound = Stream[protocol.Receipts, protocol.Dispatch]
Inbound = Stream[protocol.Dispatch, protocol.Receipts]
Dial = Callable[[str, str], AbstractAsyncContextManager[Outbound]]  # an address, and the module that is wanted there


@asynccontextmanager
async def unreachable(address: str, _module: str) -> AsyncIterator[Outbound]:
    """Reaches nobody: for a host that is alone."""
    raise ModuleUnavailable("TF-163", f"Nothing reaches {address} from here.", "Start the module with a way to others.")
    yield  # makes it a generator


async def either(*works: Coroutine[object, None, None]) -> None:
    """Work until one of these ends, and end the others; raises what that one raised."""
    me = asyncio.current_task()
    assert me is not None  # this is a coroutine
    before = me.cancelling()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as raised:
        # A task group forgets that it was cancelled itself when one of its tasks answers its own end with an error,
        # as a call of gRPC may.
        if me.cancelling() > before:
            raise asyncio.CancelledError from None
        raise raised.exceptions[0] from None
