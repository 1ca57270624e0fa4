"""The wire: a module server, and the client that speaks to one, over gRPC."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError
from tinyflow_runtime.rpc import transport
from tinyflow_runtime.rpc.answers import ERROR, health_service, module_service
from tinyflow_runtime.rpc.calls import Calls
from tinyflow_runtime.rpc.connection import Connection
from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.rpc.grpc_options import DIAL_OPTIONS
from tinyflow_runtime.rpc.health import SERVICE as HEALTH
from tinyflow_runtime.rpc.health import SERVING, Health, ask_for
from tinyflow_runtime.rpc.identity import Identity, module_identity
from tinyflow_runtime.rpc.methods import METHODS, SERVICE, Served
from tinyflow_runtime.rpc.streams import Outbound


@contextlib.asynccontextmanager
async def serve(
    module: Served, address: str, *, health: Health | None = None, credentials: Credentials | None = None
) -> AsyncIterator[str]:
    """Serve a module until the block ends; yields the address, with the port that was found for port 0.

    Without credentials nothing listens beyond this machine, and a socket file is its owner's alone. With them, whoever
    calls has to prove who it is, and may do what ``permit`` says.

    Raises:
        ValueError: The address is none, or others could reach it and nobody would have to prove who it is.
        OSError: It cannot be listened at.
    """
    us = None if credentials is None else credentials.identity
    services = module_service(module, us), health_service(health or Health(SERVICE))
    async with transport.serving(address, *services, credentials=credentials, grace=1) as bound:
        yield bound


Words = Callable[[str], Awaitable[Sequence[tuple[str, str]]]]


async def _nothing(_method: str) -> Sequence[tuple[str, str]]:
    return ()


class Remote(Calls):
    """A module server, seen from elsewhere. Use it on one event loop, and close it there.

    Its methods are those of module.proto, which tells what they do.

    Args:
        address: Where it listens; what errors call it, where it is reached over another connection.
        credentials: Prove who we are; without them nothing is encrypted.
        wanted: Who has to be there; needed with credentials.
        trusted: Authorities that the wanted one is judged by, for who has no credentials.
        over: Speak over the connection of this one, which stays open when this one is closed.
        words: Makes the metadata of a call of a method, for whoever stands between.

    Raises:
        ModuleUnavailable: From every method, when the server cannot be reached (TF-163), one side does not accept the
            other's certificate (TF-153), we may not call it (TF-154), or it does not know the method (TF-151).
        TinyFlowError: What the server raised, as it was.
    """

    def __init__(
        self,
        address: str,
        *,
        credentials: Credentials | None = None,
        wanted: Identity | None = None,
        trusted: bytes = b"",
        over: Remote | None = None,
        words: Words = _nothing,
    ) -> None:
        self.address = address
        self._own, self._words = over is None, words
        self._connection: Connection = (
            over._connection if over else Connection(address, credentials, wanted, trusted=trusted)
        )

    async def close(self) -> None:
        if self._own:
            await self._connection.close()

    async def watch(self, request: protocol.WatchRequest) -> AsyncGenerator[protocol.Seen, None]:
        """First a Seen without a message: the place is taken. Close the iterator to end the watch."""
        async with self._connection.channel() as channel:
            call = _call(channel, "Watch")(request, metadata=await self._words("Watch"))
            try:
                async for seen in call:
                    yield seen
            except transport.CallFailed as error:
                raise await self._connection.why(error, self.address, "Watch") from None
            finally:
                call.cancel()

    async def health(self, service: str = "", *, timeout: float = 2) -> bool:
        """Whether the server, or one service of it, says in gRPC's standard way that it serves."""
        async with self._connection.channel() as channel:
            check = transport.caller(channel, f"/{HEALTH}/Check")
            try:
                return bool(await check(ask_for(service), timeout=timeout) == SERVING)
            except transport.CallFailed:
                return False

    async def serving(self, *, timeout: float = 2) -> bool:
        return await self.health(timeout=timeout)

    async def call(self, path: str, request: bytes, *, timeout: float = 10) -> tuple[str, bytes, bytes]:
        """Any call of any service, as bytes: the status by name, the answer, and the error that came along."""
        async with self._connection.channel() as channel:
            try:
                return "OK", await transport.caller(channel, path)(request, timeout=timeout), b""
            except transport.CallFailed as error:
                return error.code().name, b"", bytes(dict(error.trailing_metadata() or ()).get(ERROR, b""))

    async def _ask(self, name: str, request: Any, timeout: float | None) -> Any:  # messages of protobuf
        async with self._connection.channel() as channel:
            try:
                return await _call(channel, name)(request, timeout=timeout, metadata=await self._words(name))
            except transport.CallFailed as error:
                raise await self._connection.why(error, self.address, name, timeout) from None


def _call(channel: Any, name: str) -> Callable[..., Any]:  # grpc has no types
    method = METHODS[name]
    return transport.caller(
        channel,
        f"/{SERVICE}/{name}",
        asked=method.asked,
        answered=method.answered,
        written=method.request.SerializeToString,
        read=method.answer.FromString,
    )


class _Stream:
    """A call that is a stream both ways."""

    def __init__(self, call: Any, connection: Connection) -> None:
        self._call, self._connection = call, connection

    async def read(self) -> Any:  # a message of protobuf
        try:
            message = await self._call.read()
        except transport.BROKEN as error:
            raise await self._error(error) from None
        return None if message is transport.END else message

    async def write(self, message: Any) -> None:
        try:
            await self._call.write(message)
        except transport.BROKEN as error:
            raise await self._error(error) from None
        if self._call.done():  # nobody has read it
            raise await self._error(None)

    async def _error(self, error: Exception | None) -> TinyFlowError:
        if not isinstance(error, transport.CallFailed):
            error = await transport.failure(self._call) if self._call.done() else None
        if error is not None:
            return await self._connection.why(error, self._connection.address, "Deliver")
        return ModuleUnavailable("TF-163", "The stream has ended.", "It is made again.")


@contextlib.asynccontextmanager
async def dial(address: str, module: str = "", *, credentials: Credentials | None = None) -> AsyncIterator[Outbound]:
    """A Deliver stream to a module, until the block ends.

    Args:
        module: Its name.
        credentials: Prove who we are; then the module of that name has to be there, of our own namespace.

    Raises:
        ModuleUnavailable: From its methods, when it has broken. TinyFlowError: What the module raised.
    """
    wanted = None if credentials is None else module_identity(credentials.identity.namespace, module)
    connection = Connection(address, credentials, wanted, DIAL_OPTIONS)
    try:
        async with connection.channel() as channel:
            yield _Stream(transport.told_why(_call(channel, "Deliver")()), connection)
    finally:
        await connection.close()
