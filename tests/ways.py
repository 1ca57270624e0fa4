"""The way to a gateway on this machine: a plain connection, in place of a port-forward."""

from __future__ import annotations

import asyncio
import contextlib


class Far:
    """The far end."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def at(cls, address):
        """Raises OSError where nobody listens."""
        host, _, port = address.rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def read(self):
        return await self.reader.read(65536)

    async def write(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def close(self):
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()
