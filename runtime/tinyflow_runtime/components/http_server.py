"""HTTP server: a request goes into the flow, and what comes back is the answer to the same client."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from tinyflow_runtime.component import Component, Handler, Port
from tinyflow_runtime.errors import DeliveryError, PayloadError, SettingsError

if TYPE_CHECKING:
    from aiohttp import web

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class HttpServerSettings:
    """Where to listen, and how long to wait."""

    port: Annotated[int, Meta(ge=0, le=65_535, description="0: any free port; the port `address` tells which.")] = 0
    host: Annotated[str, Meta(min_length=1, description="127.0.0.1: this computer only; 0.0.0.0: everybody.")] = (
        "127.0.0.1"
    )
    timeout: Annotated[float, Meta(gt=0, le=3_600, description="Seconds to the answer; then the client gets 504.")] = (
        30.0
    )
    waiting: Annotated[int, Meta(ge=1, le=100_000, description="Requests at a time; more of them get 503.")] = 1_000
    largest: Annotated[int, Meta(ge=0, le=900_000, description="Bytes of a request's body; more gets 413.")] = 900_000
    headers: Annotated[
        tuple[str, ...],
        Meta(description="Headers to hand on. Messages can be looked at: name those with passwords only if you must."),
    ] = ("accept", "content-type", "user-agent")


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked.

    Attributes:
        id: Goes into the `Response`, so that the answer finds its client.
        query: The last value of each name after the ``?``.
        body: JSON as values, a form as a dict, text as str, anything else as bytes; None when there is none.
    """

    id: str
    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None  # whatever JSON can hold


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to one `Request`.

    Attributes:
        id: The request's.
        body: str is sent as text, bytes as they are, anything else as JSON.
        type: The media type, such as ``"text/html"``; empty: by the kind of body.
    """

    id: str
    body: Any = None  # whatever JSON can hold
    status: Annotated[int, Meta(ge=200, le=599)] = 200
    type: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class HttpServer(Component):
    """Sends what clients ask to ``request``, and answers them with what comes to ``response``.

    The ``id`` of the request says which client an answer is for. A client whose answer does not come in time gets 504;
    an answer that comes later, or twice, is an error at this node. When too many clients wait, further ones get 503.
    ``address`` tells where the server listens. Only this computer is served unless ``host`` says otherwise. New
    settings hold at once: the server moves to another port, and who waits is still answered.
    """

    tags = ("source", "network")
    settings: HttpServerSettings = HttpServerSettings()
    _runner: web.AppRunner | None = None

    def __init__(self) -> None:
        self._clients: dict[str, asyncio.Future[web.Response]] = {}
        self._listening: tuple[str, int] | None = None  # host and port as the settings have them
        self._moved = asyncio.Event()
        self._output: Handler | None = None  # the source's own: each request begins a trace

    def ports(self) -> list[Port]:
        return [
            Port("request", "out", Request),
            Port("response", "in", Response),
            Port("address", "out", str, status=True),
            Port("settings", "in", HttpServerSettings, settings=True),
        ]

    async def start(self, output: Handler) -> None:
        """Listen; the flow does not start when the port is taken."""
        # Here, so that a flow without a server does not load it; in a thread, for it takes a good while.
        web = await asyncio.to_thread(import_module, "aiohttp.web")
        app = web.Application(client_max_size=900_000)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await self._listen()
        except BaseException:
            await self.stop()
            raise

    async def run(self, output: Handler) -> None:
        """Hand requests on until stopped, and tell the address whenever it changes."""
        self._output = output
        try:
            while True:
                self._moved.clear()
                await output("address", self._address())
                await self._moved.wait()
        finally:
            self._output = None

    async def handle(self, output: Handler, port: str, payload: Any) -> None:
        if port == "settings":
            if self._runner is not None and self._listening != (self.settings.host, self.settings.port):
                await self._listen()
            return
        client = self._clients.get(payload.id)
        if client is None or client.done():
            raise LookupError(f"Nobody waits for an answer to {payload.id!r}: it is answered, or the client has gone.")
        try:
            client.set_result(_answer(payload))
        except Exception:
            client.set_result(_plain(500, "The flow's answer cannot be sent."))
            raise  # who sent it learns what is wrong with it; the client need not know

    async def stop(self) -> None:
        """Send 503 to who still waits, and close the port."""
        for client in self._clients.values():
            client.cancel()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _listen(self) -> None:
        from aiohttp import web

        assert self._runner is not None
        old, (host, port) = list(self._runner.sites), (self.settings.host, self.settings.port)
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            raise SettingsError(
                "TF-109", f"The HTTP server cannot listen at {host}:{port}: {error.strerror or error}.",
                "Choose another port, or port=0 for any free one.",
            ) from error  # fmt: skip
        self._listening = host, port
        for site in old:
            await site.stop()
        self._moved.set()

    def _address(self) -> str:
        assert self._runner is not None
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        settings, output = self.settings, self._output
        # A page from elsewhere can make its own name point to this computer; it cannot change what it is called.
        if settings.host in _LOOPBACK and request.url.host not in _LOOPBACK:
            return _plain(403, f"This server answers on this computer only, not as {request.host}.")
        if len(self._clients) >= settings.waiting:
            return _plain(503, "Too many requests are waiting. Try again in a moment.", {"Retry-After": "1"})
        if output is None:
            return _plain(503, "The flow is starting or stopping. Try again in a moment.", {"Retry-After": "1"})
        try:
            async with asyncio.timeout(settings.timeout):
                asked = await _request(request, settings)
        except TimeoutError:
            return _plain(408, f"The request did not come to its end within {settings.timeout:g} s.")
        except (ValueError, LookupError) as error:
            return _plain(400, f"The body is not what its content type says: {error}")
        if asked is None:
            return _plain(413, f"The body is larger than {settings.largest} bytes.")
        client: asyncio.Future[web.Response] = asyncio.get_running_loop().create_future()
        self._clients[asked.id] = client
        try:
            async with asyncio.timeout(settings.timeout):
                await output("request", asked)
                return await client
        except TimeoutError:
            return _plain(504, f"The flow did not answer within {settings.timeout:g} s.")
        except PayloadError as error:
            return _plain(400, f"The flow cannot take this request: {error.what}")
        except DeliveryError:
            return _plain(503, "The flow has stopped.")
        except asyncio.CancelledError:
            if client.cancelled() and self._runner is None:  # the node stops; otherwise it is the client that left
                return _plain(503, "The flow has stopped.")
            raise
        finally:
            del self._clients[asked.id]


async def _request(request: web.Request, settings: HttpServerSettings) -> Request | None:
    if (request.content_length or 0) > settings.largest:
        return None
    raw = await request.read()
    if len(raw) > settings.largest:
        return None
    return Request(
        id=uuid.uuid4().hex,
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers={name: request.headers[name] for name in settings.headers if name in request.headers},
        body=await _body(request, raw),
    )


async def _body(request: web.Request, raw: bytes) -> Any:
    kind = request.content_type
    if not raw:
        return None
    if kind == "application/json" or kind.endswith("+json"):
        return msgspec.json.decode(raw)
    if kind == "application/x-www-form-urlencoded":
        return dict(await request.post())
    if kind.startswith("text/"):
        return raw.decode(request.charset or "utf-8")
    return raw


def _answer(response: Response) -> web.Response:
    for text in (response.type, *response.headers, *response.headers.values()):
        if not text.isprintable():  # a line break would begin another header, written by whoever sent it to us
            raise ValueError(f"A header of an answer cannot hold {text!r}.")
    body = response.body
    if isinstance(body, str):
        return _reply(response.status, body.encode(), response.type or "text/plain", response.headers)
    if isinstance(body, bytes):
        return _reply(response.status, body, response.type or "application/octet-stream", response.headers)
    raw = b"" if body is None else msgspec.json.encode(body, enc_hook=str)
    return _reply(response.status, raw, response.type or "application/json", response.headers)


def _plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return _reply(status, f"{text}\n".encode(), "text/plain", headers or {})


def _reply(status: int, body: bytes, kind: str, headers: Mapping[str, str]) -> web.Response:
    from aiohttp import web

    charset = "; charset=utf-8" if kind.startswith("text/") and "charset" not in kind else ""
    # nosniff: what a flow calls text must never run as a page
    return web.Response(
        status=status,
        body=body,
        headers={"Content-Type": kind + charset, "X-Content-Type-Options": "nosniff", **headers},
    )
