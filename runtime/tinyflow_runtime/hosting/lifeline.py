"""How a program of ours ends: by a signal, or because the program that started it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Coroutine
from typing import Any

LAST_MOMENT = 15.0  # seconds a program has to end by itself; one whose loop is blocked never would


async def until_ended(work: Coroutine[Any, Any, None], *, leash: bool) -> None:
    """Run until the work is done, SIGTERM or SIGINT comes, or the leash ends; then the work is cancelled and awaited.

    Args:
        work: What the program does; its result is None, only Any fits what asyncio's own signature leaves open.
        leash: Whether the end of standard input ends it. Whoever starts the program holds the other end of that pipe,
            and the kernel closes it however the holder dies, on every system.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    if leash:
        # A daemon thread: reading a pipe cannot be cancelled, and add_reader does not take every kind of input.
        threading.Thread(target=_wait_for_end, args=(loop, task), name="leash", daemon=True).start()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _wait_for_end(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop is closed already
        loop.call_soon_threadsafe(task.cancel)
    time.sleep(LAST_MOMENT)
    os._exit(1)
