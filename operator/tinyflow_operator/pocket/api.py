"""The store over HTTP, as a Kubernetes API server answers: our operator, kubectl and any other client are at home."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket import discovery, refusal
from tinyflow_operator.pocket.asked import Asked, Route, route_of
from tinyflow_operator.pocket.changing import change
from tinyflow_operator.pocket.equal import encode
from tinyflow_operator.pocket.podlog import last_lines, log_of
from tinyflow_operator.pocket.reading import answer_list, answer_one, follow
from tinyflow_operator.pocket.refusal import Refusal
from tinyflow_operator.pocket.store import Store

MOST_BYTES = 3 * 1024 * 1024  # of a request
HEALTH = ("healthz", "readyz", "livez")


@contextlib.asynccontextmanager
async def serve(
    store: Store, *, host: str = "127.0.0.1", port: int = 0, token: str = "", logs: Path | None = None
) -> AsyncIterator[str]:
    """Serve a store until the ``async with`` ends; what it gives is the URL.

    kubectl sends no token over plain HTTP. For it, ``URL/TOKEN`` is the same server with the login in its path.

    Args:
        port: 0 takes a free one.
        token: What clients have to bring as a bearer token; nothing when empty.
        logs: The folder in which the launcher keeps what pods write.
    """
    api = Api(store, token, logs)
    server = web.Server(api.answer, access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await api.end()
        await runner.cleanup()


class Api:
    """Answers requests."""

    def __init__(self, store: Store, token: str = "", logs: Path | None = None) -> None:
        self._store, self._token, self._logs = store, token, logs
        self._ending = asyncio.Event()

    async def end(self) -> None:
        """End every watch."""
        self._ending.set()
        for listener in list(self._store.objects.listeners):
            listener()
        await asyncio.sleep(0)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            pieces, before = self._let_in(request)
            if request.method == "GET" and (found := log_of(self._store, self._logs, pieces)) is not None:
                return web.Response(text=last_lines(found, request.query.get("tailLines", "")))
            if pieces and pieces[0] in ("api", "apis") and (route := route_of(self._store, pieces)) is not None:
                return await self._objects(request, route)
            return self._about(request, pieces, before)
        except Refusal as refused:
            headers = {"Retry-After": "1"} if refused.code == 504 else None
            return _json(refused.document, refused.code, headers)
        except RecursionError:
            return _json(refusal.bad_request("the object is nested too deeply").document, 400)

    async def _objects(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        asked = Asked(request, route.resource)
        if request.method == "GET":
            if route.name:
                return answer_one(self._store, route, asked)
            if asked.watch:
                return await follow(self._store, route, asked, request, self._ending)
            return answer_list(self._store, route, asked)
        body = await _read(request)
        return change(self._store, route, asked, request.method, request.content_type, body)

    def _let_in(self, request: web.BaseRequest) -> tuple[list[str], str]:
        """The pieces of the path, and what stood before them."""
        pieces = [piece for piece in request.path.split("/") if piece]
        if not self._token:
            return pieces, ""
        if pieces and hmac.compare_digest(pieces[0].encode(), self._token.encode()):
            return pieces[1:], f"/{pieces[0]}"
        said = request.headers.get("Authorization", "")
        if pieces[:1] and pieces[0] in HEALTH:  # whoever waits for the server to be up has no login yet
            return pieces, ""
        if not hmac.compare_digest(said.encode(), f"Bearer {self._token}".encode()):
            raise Refusal(401, "Unauthorized", "Unauthorized")
        return pieces, ""

    def _about(self, request: web.BaseRequest, pieces: list[str], before: str) -> web.Response:
        """What is no object: versions, health, discovery, and reviews of rights."""
        resources = list(self._store.resources)
        found: Document | None = None
        match pieces:
            case [health] if health in HEALTH:
                return web.Response(text="ok")
            case ["version"]:
                found = discovery.VERSION
            case ["api"]:
                found = discovery.core_versions(request.host)
            case ["apis"]:
                found = discovery.group_list(resources)
            case ["api", version]:
                found = discovery.resource_list(resources, "", version)
            case ["apis", group]:
                found = next((one for one in discovery.groups(resources) if one["name"] == group), None)
            case ["apis", discovery.AUTHORIZATION, "v1", "selfsubjectaccessreviews"] if request.method == "POST":
                return _json(_review(), 201)
            case ["apis", group, version]:
                found = discovery.resource_list(resources, group, version)
            case ["openapi", "v3"]:
                found = discovery.openapi_paths(resources, before)
            case ["openapi", "v3", *root]:
                found = discovery.openapi(resources, "/".join(root))
        if found is None:
            raise refusal.unknown_path()
        if request.method != "GET":
            raise Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        return _json(found)


async def _read(request: web.BaseRequest) -> bytes:
    said = f"the request is too large: at most {MOST_BYTES} bytes"
    too_large = Refusal(413, "RequestEntityTooLarge", said)
    if (request.content_length or 0) > MOST_BYTES:
        raise too_large
    read = bytearray()
    async for piece in request.content.iter_any():
        read += piece
        if len(read) > MOST_BYTES:
            raise too_large
    return bytes(read)


def _review() -> Document:
    """Whoever has the token may do all."""
    head = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}}
    return {**head, "spec": {}, "status": {"allowed": True, "reason": "there is one user, who may do all"}}


def _json(document: Document, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=encode(document), status=status, content_type="application/json", headers=headers)
