"""Lines: the connections of the gateway to module servers, one to each that was asked lately."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from tinyflow_runtime.rpc.connection import Connection
from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.rpc.identity import module_identity

IDLE = 60.0  # seconds after which the connection to a module that nobody asked is closed


class Line:
    """The connection to one module server, and how many use it."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection, self.name = connection, name
        self.users = 0
        self.since = time.monotonic()  # nobody uses it


class Lines:
    """One connection to each module server that was asked lately.

    Args:
        credentials: Prove that we are the gateway; then each module has to prove who it is.
    """

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials
        self._lines: dict[tuple[str, str, str], Line] = {}

    @contextlib.contextmanager
    def to(self, namespace: str, module: str, address: str) -> Iterator[Line]:
        """The connection to a module, made anew when its address is another one."""
        key = (namespace, module, address)
        line = self._lines.get(key)
        if line is None:
            wanted = module_identity(namespace, module) if self._credentials else None
            line = self._lines[key] = Line(Connection(address, self._credentials, wanted), f"{namespace}/{module}")
        line.users += 1
        try:
            yield line
        finally:
            line.users -= 1
            line.since = time.monotonic()

    async def tidy(self) -> None:
        """Close what nobody has used for a while."""
        for key, line in list(self._lines.items()):
            if not line.users and time.monotonic() - line.since > IDLE:
                del self._lines[key]
                await line.connection.close()

    async def close(self) -> None:
        for line in self._lines.values():
            await line.connection.close()
