"""Answers: the methods of a module server, and of gRPC's health service, as a server of gRPC calls them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError
from tinyflow_runtime.rpc import transport
from tinyflow_runtime.rpc.envelope import seal, status_of
from tinyflow_runtime.rpc.health import SERVICE as HEALTH
from tinyflow_runtime.rpc.health import SERVICE_UNKNOWN, Health
from tinyflow_runtime.rpc.identity import REFUSED, Identity, permit, permit_as
from tinyflow_runtime.rpc.methods import METHODS, SERVICE, Served
from tinyflow_runtime.rpc.streams import Inbound

ERROR = "tinyflow-error-bin"  # the trailing metadata that carries an error of ours whole

log = logging.getLogger("tinyflow")


def module_service(module: Served, us: Identity | None) -> Any:  # grpc has no types
    """The methods of a module.

    Args:
        us: Whom callers take it for; None where nobody has to prove who it is, and everybody may do everything.
    """
    handlers = {}
    for name, method in METHODS.items():
        answers = getattr(module, method.name, None)
        if answers is not None:
            make = _answer_stream if method.asked else _answer_many if method.answered else _answer_one
            handlers[name] = transport.handler(
                make(answers, _admission(name, us)),
                asked=method.asked,
                answered=method.answered,
                read=method.request.FromString,
                written=method.answer.SerializeToString,
            )
    return transport.service(SERVICE, handlers)


Admit = Callable[[Any], Identity | None]


def _admission(method: str, us: Identity | None) -> Admit:
    """What tells who calls a method, and raises when it may not; None where nobody has to prove who it is."""

    def admit(context: Any) -> Identity | None:
        return None if us is None else permit(method, transport.caller_of(context), us)

    return admit


def _answer_one(answers: Callable[[Any], Any], admit: Admit) -> Callable[[Any, Any], Any]:
    async def answer(request: Any, context: Any) -> Any:
        try:
            admit(context)
            return await answers(request)
        except TinyFlowError as error:
            await _abort(context, error)

    return answer


def _answer_many(answers: Callable[[Any], AsyncIterator[Any]], admit: Admit) -> Callable[[Any, Any], Any]:
    async def answer(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            admit(context)
            async for one in answers(request):
                yield one
        except TinyFlowError as error:
            await _abort(context, error)

    return answer


def _answer_stream(answers: Callable[[Inbound], Awaitable[None]], admit: Admit) -> Callable[[Any, Any], Any]:
    async def answer(_requests: Any, context: Any) -> None:
        try:
            await answers(_Stream(context, admit(context)))
        except TinyFlowError as error:
            await _abort(context, error)

    return answer


class _Stream:
    """A call that is a stream both ways, at its server."""

    def __init__(self, context: Any, caller: Identity | None) -> None:
        self._context, self._caller = context, caller

    async def read(self) -> Any:  # a message of protobuf
        try:
            message = await self._context.read()
        except transport.BROKEN:
            raise _ended() from None
        if message is transport.END:
            return None
        if self._caller is not None and message.HasField("hello"):
            permit_as(message.hello.module, self._caller)
        return message

    async def write(self, message: Any) -> None:
        try:
            await self._context.write(message)
        except transport.BROKEN:
            raise _ended() from None


def _ended() -> ModuleUnavailable:
    return ModuleUnavailable("TF-163", "The stream has ended.", "It is made again.")


def health_service(health: Health) -> Any:
    """The standard health service, as kubelets ask it."""

    async def check(request: bytes, context: Any) -> bytes:
        status = health.status(request)
        if status == SERVICE_UNKNOWN:
            await transport.abort(context, "NOT_FOUND", "no such service")
        return status

    async def watch(request: bytes, _context: Any) -> AsyncIterator[bytes]:
        async for status in health.watch(request):
            yield status

    return transport.service(
        HEALTH, {"Check": transport.handler(check), "Watch": transport.handler(watch, answered=True)}
    )


async def _abort(context: Any, error: TinyFlowError) -> None:
    if error.code in REFUSED:
        log.warning("Refused a call from %s: %s", context.peer(), str(error))
    # The text is for clients that are not ours; metadata has 8 KiB in all, and the error itself comes along whole.
    text = f"{error.code} {error.what}"[:1000]
    await transport.abort(context, status_of(error), text, ((ERROR, seal(error)),))
