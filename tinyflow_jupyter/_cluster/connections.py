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


class Connections:
    """One connection to each module, on a loop of their own.

    Args:
        api: Where modules say their address.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self.loop = Loop(f"tinyflow {api.context}")
        self._remotes: dict[str, Remote] = {}

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
            remote: Remote | None = None
            try:
                remote = await self._remote(module)
                return await work(remote)
            except ModuleUnavailable as error:
                if error.code != "TF-163" or time.monotonic() > deadline:
                    raise
                if remote is not None:
                    await self.forget(module, remote)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LATEST)

    async def _remote(self, module: str) -> Remote:
        if module not in self._remotes:
            address = await asyncio.to_thread(self._address, module)
            if module not in self._remotes:  # somebody else asked at the same time
                self._remotes[module] = Remote(address)
        return self._remotes[module]

    async def forget(self, module: str, remote: Remote) -> None:
        """Look the address up again the next time."""
        if self._remotes.get(module) is remote:
            del self._remotes[module]
            await remote.close()

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
            for remote in self._remotes.values():
                await remote.close()
            self._remotes.clear()

        if self._remotes:
            self.loop.call(close(), what="close()")
        self.loop.close()
