"""gRPC: a module server, and the client that speaks to one. No other file knows the library."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc

from tinyflow_runtime import protocol
from tinyflow_runtime.delivery.streams import Inbound, Outbound
from tinyflow_runtime.envelope import error_of_call, seal, status_of
from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError
from tinyflow_runtime.grpc_options import CLIENT_OPTIONS, DIAL_OPTIONS, SERVER_OPTIONS
from tinyflow_runtime.health import SERVICE as HEALTH
from tinyflow_runtime.health import SERVICE_UNKNOWN, SERVING, Health, ask_for
from tinyflow_runtime.listening import private, refuse_beyond_machine
from tinyflow_runtime.methods import METHODS, SERVICE, Method, Served

ERROR = "tinyflow-error-bin"  # the trailing metadata that carries an error of ours whole


@contextlib.asynccontextmanager
async def serve(module: Served, address: str, *, health: Health | None = None) -> AsyncIterator[str]:
    """Serve a module until the block ends; yields the address, with the port that was found for port 0.

    Nothing listens beyond this machine: there is no authentication yet. A socket file is its owner's alone.

    Raises:
        ValueError: The address is not a loopback one.
        OSError: It cannot be listened at.
    """
    refuse_beyond_machine(address)
    server = grpc.aio.server(options=SERVER_OPTIONS)
    server.add_generic_rpc_handlers((_handlers(module), _health(health or Health(SERVICE))))
    try:
        with private():
            port = server.add_insecure_port(address)
    except RuntimeError as error:
        await server.stop(grace=None)
        raise OSError(f"cannot listen at {address}: {error}") from error
    await server.start()
    try:
        yield address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
    finally:
        await server.stop(grace=1)


Words = Callable[[str], Awaitable[Sequence[tuple[str, str]]]]


async def _nothing(_method: str) -> Sequence[tuple[str, str]]:
    return ()


class Remote:
    """A module server, seen from elsewhere. Use it on one event loop, and close it there.

    Its methods are those of module.proto, which tells what they do.

    Args:
        address: Where it listens; what errors call it, where it is reached over another connection.
        over: Speak over the connection of this one, which stays open when this one is closed.
        words: Makes the metadata of a call of a method, for whoever stands between.

    Raises:
        ModuleUnavailable: From every method, when the server cannot be reached (TF-163) or does not know it (TF-151).
        TinyFlowError: What the server raised, as it was.
    """

    def __init__(self, address: str, *, over: Remote | None = None, words: Words = _nothing) -> None:
        self.address = address
        self._own, self._words = over is None, words
        self._channel: Any = over._channel if over else grpc.aio.insecure_channel(address, options=CLIENT_OPTIONS)
        self._calls = {name: _call(self._channel, name, method) for name, method in METHODS.items()}

    async def close(self) -> None:
        if self._own:
            await self._channel.close()

    async def describe(self, *, timeout: float = 10) -> protocol.Description:
        described: protocol.Description = await self._ask("Describe", protocol.DescribeRequest(), timeout)
        return described

    async def apply(self, plan: protocol.Plan, *, timeout: float = 60) -> protocol.Applied:
        applied: protocol.Applied = await self._ask("Apply", plan, timeout)
        return applied

    async def load(self, archive: protocol.Archive, *, timeout: float = 60) -> protocol.Description:
        loaded: protocol.Description = await self._ask("Load", archive, timeout)
        return loaded

    async def send(self, batch: protocol.Batch, *, timeout: float | None = None) -> protocol.Accepted:
        """Returns when all messages were accepted; waits for room without end unless a timeout is given."""
        accepted: protocol.Accepted = await self._ask("Send", batch, timeout)
        return accepted

    async def look(self, request: protocol.LookRequest, *, timeout: float = 10) -> protocol.Look:
        look: protocol.Look = await self._ask("Look", request, timeout)
        return look

    async def watch(self, request: protocol.WatchRequest) -> AsyncGenerator[protocol.Seen, None]:
        """First a Seen without a message: the place is taken. Close the iterator to end the watch."""
        call = self._calls["Watch"](request, metadata=await self._words("Watch"))
        try:
            async for seen in call:
                yield seen
        except grpc.aio.AioRpcError as error:
            raise error_of(error, self.address, "Watch") from None
        finally:
            call.cancel()

    async def state(self, flow: str = "", *, timeout: float = 10) -> protocol.State:
        """Of one flow, or of all."""
        state: protocol.State = await self._ask("State", protocol.StateRequest(flow=flow), timeout)
        return state

    async def dead_letters(self, flow: str, limit: int = 100, *, timeout: float = 10) -> protocol.Letters:
        """The newest, newest first."""
        request = protocol.DeadLettersRequest(flow=flow, limit=limit)
        letters: protocol.Letters = await self._ask("DeadLetters", request, timeout)
        return letters

    async def replay(self, flow: str, ids: Sequence[str] | None = None, *, timeout: float | None = None) -> int:
        """All letters, unless ids are given; returns how many were accepted."""
        request = protocol.LetterIds(flow=flow, ids=ids or (), all=ids is None)
        return int((await self._ask("Replay", request, timeout)).count)

    async def discard(self, flow: str, ids: Sequence[str] | None = None, *, timeout: float = 10) -> int:
        """All letters, unless ids are given; returns how many there were."""
        request = protocol.LetterIds(flow=flow, ids=ids or (), all=ids is None)
        return int((await self._ask("Discard", request, timeout)).count)

    async def hold(self, request: protocol.HoldRequest, *, timeout: float | None = 10) -> protocol.Holds:
        """A step returns when its message is handled."""
        holds: protocol.Holds = await self._ask("Hold", request, timeout)
        return holds

    async def drain(self, timeout: float = 5) -> int:
        """Returns how many messages became dead letters."""
        return int((await self._ask("Drain", protocol.DrainRequest(timeout=timeout), timeout + 10)).left)

    async def health(self, service: str = "", *, timeout: float = 2) -> bool:
        """Whether the server, or one service of it, says in gRPC's standard way that it serves."""
        check = self._channel.unary_unary(f"/{HEALTH}/Check")
        try:
            return bool(await check(ask_for(service), timeout=timeout) == SERVING)
        except grpc.aio.AioRpcError:
            return False

    async def serving(self, *, timeout: float = 2) -> bool:
        return await self.health(timeout=timeout)

    async def call(self, path: str, request: bytes, *, timeout: float = 10) -> tuple[str, bytes, bytes]:
        """Any call of any service, as bytes: the status by name, the answer, and the error that came along."""
        try:
            return "OK", await self._channel.unary_unary(path)(request, timeout=timeout), b""
        except grpc.aio.AioRpcError as error:
            return error.code().name, b"", bytes(dict(error.trailing_metadata() or ()).get(ERROR, b""))

    async def _ask(self, name: str, request: Any, timeout: float | None) -> Any:  # messages of protobuf
        try:
            return await self._calls[name](request, timeout=timeout, metadata=await self._words(name))
        except grpc.aio.AioRpcError as error:
            raise error_of(error, self.address, name, timeout) from None


def _call(channel: Any, name: str, method: Method) -> Callable[..., Any]:  # grpc has no types
    shape = f"{'stream' if method.asked else 'unary'}_{'stream' if method.answered else 'unary'}"
    call: Callable[..., Any] = getattr(channel, shape)(
        f"/{SERVICE}/{name}",
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.answer.FromString,
    )
    return call


def error_of(error: Any, address: str, name: str, timeout: float | None = None) -> TinyFlowError:  # an AioRpcError
    """What a call that failed means."""
    carried = dict(error.trailing_metadata() or ()).get(ERROR)
    return error_of_call(carried, error.code().name, error.details() or "", address, name, timeout)


def _handlers(module: Served) -> Any:  # grpc has no types
    handlers = {}
    for name, method in METHODS.items():
        answers = getattr(module, method.name, None)
        if answers is not None:
            shape = f"{'stream' if method.asked else 'unary'}_{'stream' if method.answered else 'unary'}"
            make = getattr(grpc, f"{shape}_rpc_method_handler")
            if method.asked:
                answer = _answer_stream(answers)
            else:
                answer = _answer_many(answers) if method.answered else _answer_one(answers)
            handlers[name] = make(answer, method.request.FromString, method.answer.SerializeToString)
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _answer_one(answers: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    async def answer(request: Any, context: Any) -> Any:
        try:
            return await answers(request)
        except TinyFlowError as error:
            await _abort(context, error)

    return answer


def _answer_many(answers: Callable[[Any], AsyncIterator[Any]]) -> Callable[[Any, Any], Any]:
    async def answer(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for one in answers(request):
                yield one
        except TinyFlowError as error:
            await _abort(context, error)

    return answer


def _answer_stream(answers: Callable[[Inbound], Awaitable[None]]) -> Callable[[Any, Any], Any]:
    async def answer(_requests: Any, context: Any) -> None:
        try:
            await answers(_Stream(context))
        except TinyFlowError as error:
            await _abort(context, error)

    return answer


class _Stream:
    """A call that is a stream both ways: a client's call, or a server's context."""

    def __init__(self, call: Any, address: str = "") -> None:
        self._call, self._address = call, address

    async def read(self) -> Any:  # a message of protobuf
        try:
            message = await self._call.read()
            return None if message is grpc.aio.EOF else message
        except _BROKEN as error:
            raise self._error(error) from None

    async def write(self, message: Any) -> None:
        try:
            await self._call.write(message)
        except _BROKEN as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> TinyFlowError:
        ended = ModuleUnavailable("TF-163", "The stream has ended.", "It is made again.")  # who reads is told why
        return error_of(error, self._address, "Deliver") if isinstance(error, grpc.aio.AioRpcError) else ended


_BROKEN = (grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError, grpc.aio.InternalError)


@contextlib.asynccontextmanager
async def dial(address: str) -> AsyncIterator[Outbound]:
    """A Deliver stream to a module, until the block ends.

    Raises:
        ModuleUnavailable: From its methods, when it has broken. TinyFlowError: What the module raised.
    """
    channel = grpc.aio.insecure_channel(address, options=DIAL_OPTIONS)
    call = _call(channel, "Deliver", METHODS["Deliver"])()
    try:
        yield _Stream(call, address)
    finally:
        await channel.close()


def _health(health: Health) -> Any:
    """The standard health service, as kubelets ask it."""

    async def check(request: bytes, context: Any) -> bytes:
        status = health.status(request)
        if status == SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return status

    async def watch(request: bytes, _context: Any) -> AsyncIterator[bytes]:
        async for status in health.watch(request):
            yield status

    handlers = {
        "Check": grpc.unary_unary_rpc_method_handler(check),
        "Watch": grpc.unary_stream_rpc_method_handler(watch),
    }
    return grpc.method_handlers_generic_handler(HEALTH, handlers)


async def _abort(context: Any, error: TinyFlowError) -> None:
    # The text is for clients that are not ours; metadata has 8 KiB in all, and the error itself comes along whole.
    text = f"{error.code} {error.what}"[:1000]
    await context.abort(grpc.StatusCode[status_of(error)], text, trailing_metadata=((ERROR, seal(error)),))
