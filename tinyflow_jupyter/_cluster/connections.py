"""Connections to the module processes of one cluster: found by name, and found again when a process was replaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from copy import copy
from typing import TypeVar

from tinyflow_runtime.errors import ClusterError, ModuleUnavailable, NodeError
from tinyflow_runtime.wire import Remote

from .api import Api
from .bridge import Way
from .gateway import Gateway
from .loop import Loop
from .missing import refuse_deleted
from .refusals import Refused

T = TypeVar("T")

PATIENCE = 10.0  # seconds in which a module process that died has a successor
_SOONEST, _LATEST = 0.02, 0.25  # seconds between two looks for it


class Connection:
    """One connection to a module process, and how many use it right now.

    Closing it cancels what others do over it, so the last one who uses it closes it.
    """

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.closed = asyncio.Event()
        self._users = 0
        self._over = False

    async def use(self, work: Callable[[Remote], Awaitable[T]]) -> T:
        self._users += 1
        try:
            return await work(self.remote)
        finally:
            self._users -= 1
            await self._close_unused()

    async def drop(self) -> None:
        """Nobody begins to use it any more."""
        self._over = True
        await self._close_unused()

    async def _close_unused(self) -> None:
        if self._over and not self._users:
            await self.remote.close()
            self.closed.set()


def forwarded(api: Api, service: str) -> Way:
    """The way to a gateway through the API server."""
    from .forward import way_to  # nobody needs it where modules are reached directly

    return way_to(api, service)


class Connections:
    """One connection to each module, on a loop of their own; or one to the gateway that all are reached through.

    Args:
        api: Where modules say their address.
        way: Makes the way to the gateway of a name.
    """

    def __init__(self, api: Api, *, way: Callable[[Api, str], Way] | None = None) -> None:
        self.api = api
        self.loop = Loop(f"tinyflow {api.context}")
        self._way = way or forwarded
        self._open: dict[str, Connection] = {}
        self._through = ""
        self._gateway: Gateway | None = None
        self._leaving: set[asyncio.Task[None]] = set()  # gateways of before that somebody uses

    def through(self, gateway: str) -> None:
        """Reach modules through the gateway of that name from now on, ``namespace/name``; directly when it is empty."""
        if gateway != self._through:
            self._through = gateway
            self.loop.call(self._turn(), what="Reaching modules another way")

    async def _turn(self) -> None:
        """Whoever uses a connection of before goes on until it breaks; then he finds the new way."""
        connections, gateway = list(self._open.values()), self._gateway
        self._open.clear()
        self._gateway = None
        for connection in connections:
            await connection.drop()
        if gateway is not None:
            leaving = asyncio.create_task(_leave(gateway, connections), name="a gateway of before")
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    def ask(
        self,
        module: str,
        work: Callable[[Remote], Awaitable[T]],
        *,
        what: str,
        flow: str = "",
        patience: float = PATIENCE,
    ) -> T:
        """Ask a module something and wait for the answer; see ``reach``."""
        return self.loop.call(self.reach(module, work, flow=flow, patience=patience), what=what)

    async def reach(
        self, module: str, work: Callable[[Remote], Awaitable[T]], *, flow: str = "", patience: float = PATIENCE
    ) -> T:
        """Do something with a module, on the loop; again with its successor when its process is replaced meanwhile.

        Args:
            flow: For which that is: nobody waits for a module that ended with its flow.

        Raises:
            NodeError: TF-107, the flow was deleted.
            ModuleUnavailable: TF-163, it could not be reached for ``patience`` seconds.
            ClusterError: TF-153, TF-161, TF-162, TF-185 to TF-187, the gateway cannot be trusted, could not be reached,
                or does not let it pass.
        """
        deadline, delay, renewed = time.monotonic() + patience, _SOONEST, False
        while True:
            connection: Connection | None = None
            try:
                connection = await self._to(module)
                return await connection.use(work)
            except ModuleUnavailable as error:
                if error.code == "TF-153" and self._gateway is not None and not renewed:
                    await self._turn()  # the gateway proves itself by another authority than it did: ask which
                    renewed = True
                    continue
                if error.code != "TF-163":
                    raise
                if flow:
                    await asyncio.to_thread(refuse_deleted, self.api, flow)
                trouble = self._gateway.trouble if self._gateway is not None else None
                if isinstance(trouble, Refused):  # asking again changes nothing
                    raise copy(trouble) from None
                if time.monotonic() > deadline:
                    raise copy(trouble or error) from None
                # Its address is looked up again.
                if connection is not None and self._open.get(module) is connection:
                    del self._open[module]
                    await connection.drop()
            except ClusterError as error:
                if error.code != "TF-185" or renewed or self._gateway is None:
                    raise
                self._gateway.renew()  # the token has expired, or its account was made anew
                renewed = True
                continue
            except NodeError as error:
                if flow and error.code == "TF-107":  # as the module says, which serves other flows
                    await asyncio.to_thread(refuse_deleted, self.api, flow)
                raise
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LATEST)

    async def _to(self, module: str) -> Connection:
        if module not in self._open:
            if self._through:
                if self._gateway is None:
                    self._gateway = Gateway(self.api, self._through, self._way(self.api, self._through))
                gateway = self._gateway
                remote = await gateway.remote(module)
                if gateway is not self._gateway:  # another way was taken meanwhile
                    return await self._to(module)
            else:
                remote = Remote(await asyncio.to_thread(self._address, module))
            if module not in self._open:  # somebody else asked at the same time
                self._open[module] = Connection(remote)
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

    async def _drop(self) -> None:
        # First those who use a connection: they would open another when theirs ends.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._turn()
        await asyncio.gather(*self._leaving)

    def close(self) -> None:
        """End all connections and the loop."""
        if self._open or self._gateway is not None or self._leaving:
            self.loop.call(self._drop(), what="close()")
        self.loop.close()


async def _leave(gateway: Gateway, connections: Iterable[Connection]) -> None:
    """Close a gateway once nobody uses it any more; cancelled, at once."""
    try:
        for connection in connections:
            await connection.closed.wait()
    finally:
        await gateway.close()
