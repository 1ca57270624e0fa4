"""One process that is kept running: started, read until it says where it listens, and started again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tinyflow_operator.launcher.template import Program

LISTENING = b"listening at "  # what a module prints when it serves
GRACE = 10.0  # seconds between being asked to end and being killed
FIRST_DELAY, LONGEST_DELAY = 0.1, 30.0  # seconds before a process that ended is started again
SERVED = 2.0  # seconds of listening after which it ends by accident: it had loaded, and what waited for it was handled
RAN = 60.0  # the same for one that never says that it listens: loading may take long, and fail at its end
TAIL = 4096  # bytes of its log that are told when it ended


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended.

    Attributes:
        code: Its exit status; the negative number of the signal that ended it.
        said: The last lines it wrote.
    """

    code: int
    said: str


class NotPrepared(Exception):
    """A program cannot be started: what has to be done before failed.

    Attributes:
        ended: How what failed ended.
    """

    def __init__(self, ended: Ended) -> None:
        self.ended = ended
        super().__init__(ended.said)


class KeptProcess:
    """Keeps one program running. ``run`` is to be awaited, and cancelled to end it.

    Args:
        prepare: Called before each start; answers what to start, or raises ``NotPrepared``.
        log: The file that gets what it writes.
        changed: Called whenever one of the attributes changes.

    Attributes:
        address: Where it listens; empty while it does not.
        starts: How often it was started.
        ended: How it ended last; None before that.
        pid: Of the process that runs; 0 for none.
        since: When that one was started, in seconds since the epoch.
    """

    def __init__(self, prepare: Callable[[], Awaitable[Program]], log: Path, changed: Callable[[], None]) -> None:
        self.address = ""
        self.starts = 0
        self.ended: Ended | None = None
        self.pid = 0
        self.since = 0.0
        self._prepare, self._log, self._changed = prepare, log, changed
        self._listened = math.inf  # when it said so, on the clock that only goes forward

    async def run(self) -> None:
        """Start it, and again whenever it ends: at once when it ran well, later and later when it does not."""
        delay = 0.0
        while True:
            began, self._listened = time.monotonic(), math.inf
            self.ended = await self._once()
            self._changed()
            ended = time.monotonic()
            ran = ended - self._listened >= SERVED or ended - began >= RAN
            await asyncio.sleep(0 if ran else delay)
            delay = 0.0 if ran else min(max(FIRST_DELAY, delay * 2), LONGEST_DELAY)

    async def _once(self) -> Ended:
        try:
            program = await self._prepare()
        except NotPrepared as error:
            return error.ended
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            begun = log.tell()
            try:
                process = await asyncio.create_subprocess_exec(
                    *program.arguments,
                    stdin=asyncio.subprocess.PIPE,  # the leash: it ends when we do, however we end
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environment},
                    start_new_session=True,  # an interrupt at a terminal is for whoever reads there
                )
            except OSError as error:
                return Ended(127, str(error))
            self.starts, self.pid, self.since = self.starts + 1, process.pid, time.time()
            try:
                async with asyncio.TaskGroup() as tasks:
                    reading = tasks.create_task(self._read(process, log.write))
                    code = await process.wait()
                    # What it started may hold its output open.
                    await asyncio.wait([reading], timeout=1)
                    reading.cancel()
            finally:
                self.address, self.pid = "", 0
                await end(process)
        return Ended(code, _tail(self._log, begun))

    async def _read(self, process: asyncio.subprocess.Process, write: Callable[[bytes], object]) -> None:
        assert process.stdout is not None
        unread = b""
        while chunk := await process.stdout.read(65536):
            if self.address:
                write(chunk)
                continue
            *lines, unread = (unread + chunk).split(b"\n")
            for line in lines:
                if line.startswith(LISTENING) and not self.address:
                    self.address = line.removeprefix(LISTENING).decode().strip()
                    self._listened = time.monotonic()
                    self._changed()
                else:
                    write(line + b"\n")
            if self.address:
                write(unread)


async def end(process: asyncio.subprocess.Process) -> None:
    """Ask a process to end, kill it when it does not within ``GRACE``, and let go of its pipes."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(GRACE):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _tail(log: Path, begun: int) -> str:
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(begun, size - TAIL))
        return file.read().decode(errors="replace").strip()
