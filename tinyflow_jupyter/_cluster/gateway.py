"""The gateway as a notebook uses it: one connection through the API server, over which every module is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.gateway import account_for, words_for
from tinyflow_runtime.wire import Remote

from .api import Api
from .bridge import Bridge, Way
from .tokens import Tokens


class Gateway:
    """The way to the modules of a cluster. Use it on one event loop.

    Args:
        way: Leads to a gateway process.
    """

    def __init__(self, api: Api, way: Way) -> None:
        self._api = api
        self._tokens = Tokens(api)
        self._bridge = Bridge(way)
        self._opening = asyncio.Lock()
        self._trunk: Remote | None = None

    async def remote(self, module: str) -> Remote:
        """A module, as it is reached through here; closing it leaves the connection open for others."""
        async with self._opening:
            if self._trunk is None:
                self._trunk = Remote(await self._bridge.open())

        async def words(method: str) -> Sequence[tuple[str, str]]:
            token = await asyncio.to_thread(self._tokens.of, account_for(method))
            return words_for(token, self._api.namespace, module)

        return Remote(f"{self._api.namespace}/{module}", over=self._trunk, words=words)

    @property
    def trouble(self) -> TinyFlowError | None:
        """Why there is no connection; None while there is one, or nobody has asked for one."""
        return self._bridge.trouble

    def renew(self) -> None:
        """Ask for new tokens: the ones there are were not taken."""
        self._tokens.forget()

    async def close(self) -> None:
        if self._trunk is not None:
            await self._trunk.close()
            self._trunk = None
        await self._bridge.close()
