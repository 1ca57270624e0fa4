"""gRPC's library: servers, channels and how calls on them end. No other file of this package knows it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.rpc.grpc_options import SECURE_OPTIONS, SERVER_OPTIONS, told_when_loaded
from tinyflow_runtime.rpc.identity import Identity, identity_of
from tinyflow_runtime.rpc.listening import private, refuse_beyond_machine

with told_when_loaded():
    import grpc

Options = tuple[tuple[str, int | str], ...]

CallFailed = grpc.aio.AioRpcError
BROKEN = (grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError, grpc.aio.InternalError)  # of streams
END = grpc.aio.EOF


@contextlib.asynccontextmanager
async def serving(
    address: str,
    *services: Any,  # grpc has no types
    credentials: Credentials | None,
    grace: float,
    mutual: bool = True,
    options: Options = (),
) -> AsyncIterator[str]:
    """Serve until the block ends; yields the address, with the port that was found for port 0.

    Without credentials nothing listens beyond this machine, and a socket file is its owner's alone. With them, whoever
    calls has to prove who it is. Each handshake looks whether they have changed.

    Args:
        grace: Seconds for calls to end when the block does.
        mutual: Whether callers have to prove who they are by a certificate; else by what they say in each call.

    Raises:
        ValueError: The address is none, or others could reach it and nobody would have to prove who it is.
        OSError: It cannot be listened at.
    """
    secured = credentials is not None
    refuse_beyond_machine(address, proven=secured)
    server = grpc.aio.server(options=(*SERVER_OPTIONS, *(SECURE_OPTIONS if secured else ()), *options))
    server.add_generic_rpc_handlers(services)
    try:
        with private():
            port = _listen(server, address, credentials, mutual)
    except RuntimeError as error:
        await server.stop(grace=None)
        raise OSError(f"cannot listen at {address}: {error}") from error
    await server.start()
    try:
        yield address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
    finally:
        await server.stop(grace=grace)


def _listen(server: Any, address: str, credentials: Credentials | None, mutual: bool) -> int:
    if credentials is None:
        return int(server.add_insecure_port(address))
    known = credentials.refresh()

    def newest() -> Any:
        nonlocal known
        if credentials.refresh() == known:
            return None  # as before
        known = credentials.version
        return _configuration(credentials)

    secured = grpc.dynamic_ssl_server_credentials(
        _configuration(credentials), newest, require_client_authentication=mutual
    )
    return int(server.add_secure_port(address, secured))


def _configuration(credentials: Credentials) -> Any:
    certificate, key, trusted = credentials.pems
    return grpc.ssl_server_certificate_configuration([(key, certificate)], trusted)


def channel(
    address: str,
    options: Options,
    credentials: Credentials | None,
    wanted: Identity | None,
    trusted: bytes = b"",
) -> Any:
    """A channel to an address. With credentials, nobody but the wanted one is spoken to there.

    Args:
        trusted: Authorities, for those who have no certificate of their own and prove themselves otherwise.

    Raises:
        ValueError: Somebody is wanted and nothing tells who that is, or nobody is and he would have to prove it.
    """
    proven = credentials is not None or bool(trusted)
    if proven != (wanted is not None):
        raise ValueError("who is wanted has to prove it: by our credentials or by trusted authorities")
    if wanted is None:
        return grpc.aio.insecure_channel(address, options=options)
    certificate, key, authorities = credentials.pems if credentials is not None else (None, None, trusted)
    secured = grpc.ssl_channel_credentials(authorities, key, certificate)
    return grpc.aio.secure_channel(address, secured, options=(*options, ("grpc.ssl_target_name_override", wanted.host)))


def caller_of(context: Any) -> Identity | None:
    """Whom the certificate of a caller is for; None when that is nobody."""
    return identity_of(uri.decode(errors="replace") for uri in context.auth_context().get("peer_uri", ()))


def service(name: str, handlers: Mapping[str, Any]) -> Any:
    """Methods by name, as a server takes them."""
    return grpc.method_handlers_generic_handler(name, dict(handlers))


def handler(
    answer: Callable[[Any, Any], Any],
    *,
    asked: bool = False,
    answered: bool = False,
    read: Callable[[bytes], Any] | None = None,
    written: Callable[[Any], bytes] | None = None,
) -> Any:
    """What answers one method.

    Args:
        answer: Is given the request, or the requests, and the call.
        asked: Whether the requests are a stream.
        answered: Whether the answers are one.
        read: Makes a request of bytes.
        written: Makes bytes of an answer.
    """
    make = getattr(grpc, f"{_shape(asked, answered)}_rpc_method_handler")
    return make(answer, read, written)


def caller(
    channel: Any,
    path: str,
    *,
    asked: bool = False,
    answered: bool = False,
    written: Callable[[Any], bytes] | None = None,
    read: Callable[[bytes], Any] | None = None,
) -> Callable[..., Any]:
    """What calls one method on a channel."""
    made: Callable[..., Any] = getattr(channel, _shape(asked, answered))(
        path, request_serializer=written, response_deserializer=read
    )
    return made


class _Ending:
    """gRPC's inner call, which learns how it ended from the other end alone.

    A write that fails because that has ended the call would say "Internal error from Core" first, and the status that
    comes a moment later be thrown away: grpc.aio's ``_write`` and ``set_internal_error``.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def set_internal_error(self, _text: str) -> None: ...

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def told_why(call: Any) -> Any:
    """A stream both ways that fails with what the other end ended it for, whoever reads or writes first."""
    if (inner := getattr(call, "_cython_call", None)) is not None:  # its own; without it, an error says less
        call._cython_call = _Ending(inner)
    return call


async def failure(call: Any) -> Any:
    """What a call that is over failed with, a CallFailed; None when it ended well, or we ended it."""
    code = await call.code()
    if code is grpc.StatusCode.OK or call.cancelled():
        return None
    return CallFailed(code, await call.initial_metadata(), await call.trailing_metadata(), await call.details())


async def abort(context: Any, status: str, text: str, trailing: tuple[tuple[str, bytes], ...] = ()) -> None:
    """End a call with a status, by its name."""
    await context.abort(grpc.StatusCode[status], text, trailing_metadata=trailing)


def _shape(asked: bool, answered: bool) -> str:
    return f"{'stream' if asked else 'unary'}_{'stream' if answered else 'unary'}"
