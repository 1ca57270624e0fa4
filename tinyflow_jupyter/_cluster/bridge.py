"""A bridge: a socket file of this user's alone, from which every connection is carried on to where a way leads."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.rpc.streams import either

from tinyflow_jupyter._folders import own_folder

PIECE = 256 * 1024  # bytes that are read at once
PAUSE = 0.5  # seconds after a failure in which nobody tries again: many may wait for one way


class Far(Protocol):
    """The far end of a connection: bytes both ways."""

    async def read(self) -> bytes:
        """What has come; empty when nothing more will.

        Raises:
            TinyFlowError: It broke, and why.
        """

    async def write(self, data: bytes) -> None:
        """Returns when there is room for more."""

    async def close(self) -> None: ...


Way = Callable[[], Awaitable[Far]]  # makes a connection; raises a TinyFlowError when it cannot


class Bridge:
    """Carries bytes between this computer and where a way leads. Use it on one event loop.

    Attributes:
        trouble: Why the newest connection was not made, or broke; None while it stands.
    """

    def __init__(self, way: Way) -> None:
        self.trouble: TinyFlowError | None = None
        self._way = way
        self._failed = -PAUSE  # when it was tried in vain last
        self._folder: Path | None = None
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[object]] = set()

    async def open(self) -> str:
        """Begin; returns the address that gRPC dials."""
        if hasattr(asyncio, "start_unix_server"):
            self._remove()  # of a try before, which failed
            self._folder = own_folder("gateway-")
            path = self._folder / "socket"
            self._server = await asyncio.start_unix_server(self._carry, path)
            return f"unix:{path}"
        # Windows. Others on this computer could dial it, and would get no further without a token.
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """End all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)
        self._remove()

    def _remove(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        far: Far | None = None
        try:
            if time.monotonic() - self._failed < PAUSE:
                return  # with the same trouble
            early: list[bytes] = []
            made: list[Far] = []
            await either(self._make(made), _wait_for_end(reader, early))
            if not made:
                return  # gRPC gave up
            far = made[0]
            for data in early:
                await far.write(data)
            await either(_up(reader, far), _down(far, writer))
        except TinyFlowError as error:
            self.trouble = error
        except (OSError, asyncio.CancelledError):  # gRPC let go of it, or we end: whoever had it knows
            pass
        finally:
            self._carrying.discard(task)
            writer.close()
            if far is not None:
                with contextlib.suppress(OSError, asyncio.CancelledError):  # asyncio's streams log a task that is
                    await far.close()

    async def _make(self, made: list[Far]) -> None:
        try:
            made.append(await self._way())
        except TinyFlowError:
            self._failed = time.monotonic()
            raise
        self.trouble = None


async def _wait_for_end(reader: asyncio.StreamReader, early: list[bytes]) -> None:
    """Returns when nothing more comes; what has come lies in ``early``."""
    while data := await reader.read(PIECE):
        early.append(data)


async def _up(reader: asyncio.StreamReader, far: Far) -> None:
    while data := await reader.read(PIECE):
        await far.write(data)


async def _down(far: Far, writer: asyncio.StreamWriter) -> None:
    while data := await far.read():
        writer.write(data)
        await writer.drain()
