"""A proxy in front of a Kubernetes API: sees what is asked, and passes on what it does not answer by itself."""

from __future__ import annotations

import contextlib

from aiohttp import web


class Proxy:
    """Passes everything on; a test makes one of its own that looks first.

    Args:
        kube: Reaches the API, and logs in there.
    """

    def __init__(self, kube):
        self.kube = kube

    async def answer(self, request):
        return await self.pass_on(request)

    async def pass_on(self, request):
        head = {"Content-Type": request.content_type, **self.kube._access.login}
        url, body, way = self.kube._access.host + request.path_qs, await request.read(), self.kube._access.way
        async with self.kube._session.request(
            request.method, url, data=body, headers=head, timeout=None, **way
        ) as answer:
            passed = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
            await passed.prepare(request)
            async for piece in answer.content.iter_any():
                await passed.write(piece)
            return passed

    @contextlib.asynccontextmanager
    async def serve(self):
        """Yields its URL."""
        runner = web.ServerRunner(web.Server(self.answer, handler_cancellation=True), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
