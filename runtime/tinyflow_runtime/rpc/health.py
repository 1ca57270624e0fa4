"""Health, as gRPC's standard service has it: what a kubelet, a load balancer or grpcurl asks. Its messages, by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

SERVICE = "grpc.health.v1.Health"
# HealthCheckResponse{status}: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
SERVING, NOT_SERVING, SERVICE_UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"


class Health:
    """Whether a server serves; everybody who watches is told when that changes."""

    def __init__(self, *services: str) -> None:
        self._services = {"", *services}
        self._serving = True
        self._changed = asyncio.Event()

    def turn(self, *, serving: bool) -> None:
        """Say so from now on."""
        if serving != self._serving:
            self._serving = serving
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    def status(self, request: bytes) -> bytes:
        """The answer to one HealthCheckRequest."""
        if service_of(request) not in self._services:
            return SERVICE_UNKNOWN
        return SERVING if self._serving else NOT_SERVING

    async def watch(self, request: bytes) -> AsyncIterator[bytes]:
        """The answer now, and again whenever it is another."""
        while True:
            changed = self._changed
            yield self.status(request)
            await changed.wait()


def ask_for(service: str) -> bytes:
    """A HealthCheckRequest; the empty name asks for the server as a whole."""
    name = service.encode()
    if len(name) > 127:
        raise ValueError(f"{service!r} is too long for the name of a service")
    return bytes([0x0A, len(name)]) + name if name else b""


def service_of(request: bytes) -> str:
    """The only field of a HealthCheckRequest; bytes that are none ask for a name that nobody has."""
    if not request:
        return ""
    if len(request) < 2 or request[0] != 0x0A or request[1] != len(request) - 2:
        return request.decode(errors="replace")
    return request[2:].decode(errors="replace")
