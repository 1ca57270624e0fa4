"""The gateway as a notebook uses it: one connection through the API server, over which every module is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tinyflow_runtime.errors import ClusterError, TinyFlowError
from tinyflow_runtime.resources.names import GATEWAY as CERTIFICATE
from tinyflow_runtime.rpc.gateway import account_for, words_for
from tinyflow_runtime.rpc.identity import GATEWAY
from tinyflow_runtime.wire import Remote

from .api import Api
from .bridge import Bridge, Way
from .tokens import Tokens


class Gateway:
    """The way to the modules of a cluster. Use it on one event loop.

    Args:
        service: What the gateway is called, ``namespace/name``.
        way: Leads to a process of it.
        plain: It works without TLS, on this computer, for tests; else it has to prove that it is the gateway.
    """

    def __init__(self, api: Api, service: str, way: Way, *, plain: bool = False) -> None:
        self._api, self._service, self._plain = api, service, plain
        self._tokens = Tokens(api)
        self._bridge = Bridge(way)
        self._opening = asyncio.Lock()
        self._trunk: Remote | None = None

    async def remote(self, module: str, *, shown: bool = True) -> Remote:
        """A module, as it is reached through here; closing it leaves the connection open for others.

        Args:
            shown: Whether a token is; without one the gateway says who it is, and nothing more.

        Raises:
            ClusterError: TF-153, nothing says whom the gateway is certified by; TF-161, one may not read it; TF-162.
        """
        async with self._opening:
            if self._trunk is None:
                # Whoever is at the other end sees tokens, so it has to prove that it is the gateway.
                trusted = b"" if self._plain else await asyncio.to_thread(self._trusted)
                wanted = None if self._plain else GATEWAY
                self._trunk = Remote(await self._bridge.open(), wanted=wanted, trusted=trusted)

        async def words(method: str) -> Sequence[tuple[str, str]]:
            token = await asyncio.to_thread(self._tokens.of, account_for(method)) if shown else ""
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

    def _trusted(self) -> bytes:
        """The authority of the gateway's certificate, as its operator tells."""
        namespace = self._service.partition("/")[0]
        told = self._api.get("ConfigMap", CERTIFICATE, namespace=namespace)
        trusted = str(((told or {}).get("data") or {}).get("ca.crt") or "").strip()
        if not trusted:
            what = f"Nothing says whom the gateway {self._service} is certified by, so no token is shown to it."
            action = f"The operator with --tls writes ca.crt there: kubectl -n {namespace} get configmap {CERTIFICATE}"
            raise ClusterError("TF-153", what, action)
        return trusted.encode()
