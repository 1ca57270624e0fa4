"""gRPC: a module server, and the client that speaks to one. No other file knows the library."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import grpc
import msgspec

from tinyflow_runtime import errors, protocol
from tinyflow_runtime.errors import DefinitionError, DeliveryError, ModuleUnavailable, TinyFlowError

SERVICE = "tinyflow.v1alpha1.Module"
ERROR = "tinyflow-error-bin"  # the trailing metadata that carries an error of ours whole

LARGEST = 16 * 1024 * 1024  # bytes of one gRPC message: a batch holds several payloads of up to 1 MiB
PING = 5_000  # ms between pings; a peer that hangs is noticed after about twice that
# Keepalive's own timeout alone does not notice a stopped process; the ping's does.
CLIENT_OPTIONS = (
    ("grpc.keepalive_time_ms", PING),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.http2.ping_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", LARGEST),
)
SERVER_OPTIONS = (
    # Below the client's interval, or the server cuts the connection and the call in flight with it.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", PING // 2),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.so_reuseport", 0),  # two servers on one port would share its calls
)
LOOPBACK = ("unix:", "127.0.0.1:", "[::1]:", "localhost:")


class Served(Protocol):
    """What a module server answers; the methods of module.proto."""

    async def describe(self, request: protocol.DescribeRequest) -> protocol.Description: ...
    async def apply(self, plan: protocol.Plan) -> protocol.Applied: ...
    async def send(self, batch: protocol.Batch) -> protocol.Accepted: ...
    def watch(self, request: protocol.WatchRequest) -> AsyncIterator[protocol.Seen]: ...


@contextlib.asynccontextmanager
async def serve(module: Served, address: str) -> AsyncIterator[str]:
    """Serve a module until the block ends; yields the address, with the port that was found for port 0.

    Nothing listens beyond this machine: there is no authentication yet.

    Raises:
        ValueError: The address is not a loopback one.
        OSError: It cannot be listened at.
    """
    if not address.startswith(LOOPBACK):
        raise ValueError(f"{address!r} is reachable from other machines; use 127.0.0.1:0 or unix:/path")
    server = grpc.aio.server(options=SERVER_OPTIONS)
    server.add_generic_rpc_handlers((_handlers(module), _health()))
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        await server.stop(grace=None)
        raise OSError(f"cannot listen at {address}: {error}") from error
    await server.start()
    try:
        yield address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
    finally:
        await server.stop(grace=1)


class Remote:
    """A module server, seen from elsewhere. Use it on one event loop, and close it there.

    Raises:
        ModuleUnavailable: From every method, when the server cannot be reached.
        TinyFlowError: What the server raised, as it was.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._channel = grpc.aio.insecure_channel(address, options=CLIENT_OPTIONS)
        self._calls = {method: self._call(method) for method in _METHODS}

    async def close(self) -> None:
        await self._channel.close()

    async def describe(self, *, timeout: float = 10) -> protocol.Description:
        described: protocol.Description = await self._ask("Describe", protocol.DescribeRequest(), timeout)
        return described

    async def apply(self, plan: protocol.Plan, *, timeout: float = 60) -> protocol.Applied:
        applied: protocol.Applied = await self._ask("Apply", plan, timeout)
        return applied

    async def send(self, batch: protocol.Batch, *, timeout: float | None = None) -> protocol.Accepted:
        """Returns when all messages were accepted; waits for room without end unless a timeout is given."""
        accepted: protocol.Accepted = await self._ask("Send", batch, timeout)
        return accepted

    async def watch(self, flow: str, port: str) -> AsyncIterator[protocol.Seen]:
        """A port's last message, if any, then each further one; close the iterator to end the watch."""
        call = self._calls["Watch"](protocol.WatchRequest(flow=flow, port=port))
        try:
            async for seen in call:
                yield seen
        except grpc.aio.AioRpcError as error:
            raise self._error(error) from None
        finally:
            call.cancel()

    async def serving(self, *, timeout: float = 2) -> bool:
        """Whether the server answers gRPC's standard health check."""
        check = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            return bool(await check(b"", timeout=timeout) == _SERVING)
        except grpc.aio.AioRpcError:
            return False

    async def _ask(self, method: str, request: Any, timeout: float | None) -> Any:  # messages of protobuf
        try:
            return await self._calls[method](request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            raise self._error(error) from None

    def _call(self, method: str) -> Callable[..., Any]:  # grpc has no types
        _, answer, streams = _METHODS[method]
        make = self._channel.unary_stream if streams else self._channel.unary_unary
        call: Callable[..., Any] = make(
            f"/{SERVICE}/{method}",
            request_serializer=_METHODS[method][0].SerializeToString,
            response_deserializer=answer.FromString,
        )
        return call

    def _error(self, error: Any) -> TinyFlowError:  # an AioRpcError
        carried = dict(error.trailing_metadata() or ()).get(ERROR)
        if carried:
            return _unpack(carried)
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return errors.Busy("TF-134", f"The module at {self.address} found no room in time.", "Send again later.")
        what = f"The module at {self.address} cannot be reached: {error.details() or error.code().name}."
        return ModuleUnavailable("TF-163", what, "Look whether its process runs.")


# name -> request, answer, whether the answer is a stream
_METHODS: dict[str, tuple[Any, Any, bool]] = {  # protobuf's classes
    "Describe": (protocol.DescribeRequest, protocol.Description, False),
    "Apply": (protocol.Plan, protocol.Applied, False),
    "Send": (protocol.Batch, protocol.Accepted, False),
    "Watch": (protocol.WatchRequest, protocol.Seen, True),
}
_SERVING = b"\x08\x01"  # HealthCheckResponse{status: SERVING}


def _handlers(module: Served) -> Any:  # grpc has no types
    handlers = {
        "Describe": _unary("Describe", module.describe),
        "Apply": _unary("Apply", module.apply),
        "Send": _unary("Send", module.send),
    }
    request, answer, _ = _METHODS["Watch"]

    async def watch(request: protocol.WatchRequest, context: Any) -> AsyncIterator[protocol.Seen]:
        try:
            async for seen in module.watch(request):
                yield seen
        except TinyFlowError as error:
            await _abort(context, error)

    handlers["Watch"] = grpc.unary_stream_rpc_method_handler(watch, request.FromString, answer.SerializeToString)
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _unary(name: str, answers: Callable[[Any], Awaitable[Any]]) -> Any:
    async def handle(request: Any, context: Any) -> Any:
        try:
            return await answers(request)
        except TinyFlowError as error:
            await _abort(context, error)

    request, answer, _ = _METHODS[name]
    return grpc.unary_unary_rpc_method_handler(handle, request.FromString, answer.SerializeToString)


def _health() -> Any:
    """The standard health service, as kubelets ask it; one constant is all of it that they use."""

    async def check(_request: bytes, _context: Any) -> bytes:
        return _SERVING

    handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    return grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers)


async def _abort(context: Any, error: TinyFlowError) -> None:
    code = grpc.StatusCode.UNAVAILABLE
    if isinstance(error, DefinitionError):
        code = grpc.StatusCode.NOT_FOUND if error.code == "TF-107" else grpc.StatusCode.INVALID_ARGUMENT
    elif isinstance(error, errors.Busy):
        code = grpc.StatusCode.RESOURCE_EXHAUSTED
    elif not isinstance(error, DeliveryError):
        code = grpc.StatusCode.FAILED_PRECONDITION
    # The text is for clients that are not ours; metadata has 8 KiB in all, and the error itself comes along whole.
    await context.abort(code, f"{error.code} {error.what}"[:1000], trailing_metadata=((ERROR, _pack(error)),))


def _pack(error: TinyFlowError) -> bytes:
    kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in errors.__all__)
    parts = [
        kind,
        error.code,
        error.what[:2000],
        [sentence[:1000] for sentence in error.way_out[:3]],
        error.where[:500],
    ]
    return msgspec.msgpack.encode(parts)


def _unpack(carried: bytes) -> TinyFlowError:
    kind, code, what, way_out, where = msgspec.msgpack.decode(carried)
    made: TinyFlowError = getattr(errors, kind)(code, what, *way_out, where=where)
    return made
