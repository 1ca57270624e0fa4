"""Connections to the module processes of one cluster: found by name, and found again when a process was replaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tinyflow_runtime.errors import ModuleUnavailable
from tinyflow_runtime.wire import Remote

from .api import Api
from .loop import Loop

T = TypeVar("T")

PATIENCE = 10.0  # seconds in which a module process that died has a successor
_SOONEST, _LATEST = 0.02, 0.25  # seconds between two looks for it


class Connection:
    """One connection to a module process, and how many use it right now.

    Closing it cancels what others do over it, so the last one who uses it closes it.
    """

    def __init__(self, address: str) -> None:
        self.remote = Remote(address)
        self._users = 0
        self._over = False

    async def use(self, work: Callable[[Remote], Awaitable[T]]) -> T:
        self._users += 1
        try:
            return await work(self.remote)
        finally:
            self._users -= 1
            if self._over and not self._users:
                await self.remote.close()

    async def drop(self) -> None:
        """Nobody begins to use it any more."""
        self._over = True
        if not self._users:
            await self.remote.close()


class Connections:
    """One connection to each module, on a loop of their own.

    Args:
        api: Where modules say their address.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self.loop = Loop(f"tinyflow {api.context}")
        self._open: dict[str, Connection] = {}

    def ask(self, module: str, work: Callable[[Remote], Awaitable[T]], *, what: str, patience: float = PATIENCE) -> T:
        """Ask a module something and wait for the answer; see ``reach``."""
        return self.loop.call(self.reach(module, work, patience=patience), what=what)

    async def reach(self, module: str, work: Callable[[Remote], Awaitable[T]], *, patience: float = PATIENCE) -> T:
        """Do something with a module, on the loop; again with its successor when its process is replaced meanwhile.

        Raises:
            ModuleUnavailable: TF-163, it could not be reached for ``patience`` seconds.
        """
        deadline, delay = time.monotonic() + patience, _SOONEST
        while True:
            connection: Connection | None = None
            try:
                connection = await self._to(module)
                return await connection.use(work)
            except ModuleUnavailable as error:
                if error.code != "TF-163" or time.monotonic() > deadline:
                    raise
                # Its address is looked up again.
                if connection is not None and self._open.get(module) is connection:
                    del self._open[module]
                    await connection.drop()
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LATEST)

    async def _to(self, module: str) -> Connection:
        if module not in self._open:
            address = await asyncio.to_thread(self._address, module)
            if module not in self._open:  # somebody else asked at the same time
                self._open[module] = Connection(address)
        return self._open[module]

    def _address(self, module: str) -> str:
        document = self.api.get("TinyModule", module)
        if document is None:
            what = f"There is no module {module!r} on {self.api.context}."
            raise ModuleUnavailable("TF-163", what, "Push the flow that uses it: cluster.push(flow).")
        address = (document.get("status") or {}).get("address", "")
        if not address:
            what = f"Module {module!r} does not run yet, so it has no address."
            raise ModuleUnavailable("TF-163", what, "Wait for it: cluster.wait_ready(name).")
        return str(address)

    def close(self) -> None:
        """End all connections and the loop."""

        async def close() -> None:
            # First those who use a connection: they would open another when theirs ends.
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for each in others:
                each.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            for connection in self._open.values():
                await connection.drop()
            self._open.clear()

        if self._open:
            self.loop.call(close(), what="close()")
        self.loop.close()
