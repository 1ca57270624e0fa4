"""A connection to one address, made anew once our credentials have changed; calls under way end on the old one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.rpc import transport
from tinyflow_runtime.rpc.answers import ERROR
from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.rpc.envelope import error_of_call
from tinyflow_runtime.rpc.grpc_options import CLIENT_OPTIONS
from tinyflow_runtime.rpc.handshake import why_not
from tinyflow_runtime.rpc.identity import Identity


class _Dialled:
    """A channel, and how many calls are on it."""

    def __init__(self, channel: Any, version: int) -> None:  # grpc has no types
        self.channel, self.version, self.busy = channel, version, 0


class Connection:
    """Use it on one event loop, and close it there.

    Args:
        address: Where the other end listens.
        credentials: Prove who we are; without them nothing is encrypted.
        wanted: Who has to be there; needed with credentials.
        options: gRPC's.
        trusted: Authorities that the wanted one is judged by where we have no credentials.
    """

    def __init__(
        self,
        address: str,
        credentials: Credentials | None = None,
        wanted: Identity | None = None,
        options: transport.Options = CLIENT_OPTIONS,
        trusted: bytes = b"",
    ) -> None:
        self.address = address
        self._trusted = trusted
        self._credentials, self._wanted, self._options = credentials, wanted, options
        self._newest = self._made()

    async def close(self) -> None:
        await self._newest.channel.close()

    @contextlib.asynccontextmanager
    async def channel(self) -> AsyncIterator[Any]:
        """The channel for one call."""
        dialled = self._newest
        if self._credentials is not None and self._credentials.refresh() != dialled.version:
            old, dialled = dialled, self._made()
            self._newest = dialled
            if not old.busy:
                await old.channel.close()
        dialled.busy += 1
        try:
            yield dialled.channel
        finally:
            dialled.busy -= 1
            if dialled is not self._newest and not dialled.busy:
                await dialled.channel.close()

    async def why(self, error: Any, address: str, name: str, timeout: float | None = None) -> TinyFlowError:
        """What it means that a call of ours has failed. gRPC does not tell why TLS did, so that is looked into.

        Args:
            error: One of transport's CallFailed.
            address: What the error calls the other end.
            name: Of the method.
            timeout: Seconds that the call was given.
        """
        carried, details = dict(error.trailing_metadata() or ()).get(ERROR), error.details() or ""
        # Not where nobody listens, or nobody answers: that is all there is to say then.
        if "failed to connect" in details and not ("timed out" in details or "refused" in details):
            found = await why_not(self.address, self._credentials, self._wanted, self._trusted)
            if found is not None:
                return found
        return error_of_call(carried, error.code().name, details, address, name, timeout)

    def _made(self) -> _Dialled:
        version = 0 if self._credentials is None else self._credentials.refresh()
        made = transport.channel(self.address, self._options, self._credentials, self._wanted, self._trusted)
        return _Dialled(made, version)
