"""A worker is the thread of one node whose function blocks: it calls one thing after another, in the node's context."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tinyflow_runtime import place

_USED = "/proc/self/task/{}/schedstat"  # Linux; a thread's own clock must not be asked for once it has ended
_MOMENT = 0.05  # seconds; a thread that wants a processor has had one by then


class Worker:
    """One thread. It is a daemon: a function that never returns must not keep the program from ending."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"tinyflow node {name}", daemon=True)
        self._thread.start()
        self._used: list[str] = []  # nanoseconds of a processor, and since when it is so many
        self._since = 0.0

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call in the thread and wait for the result.

        Cancelling stops the waiting, not the function: nothing can interrupt a thread.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()

        def settle(result: Any, error: BaseException | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(result)
            elif isinstance(error, StopIteration):  # a future refuses it
                done.set_exception(RuntimeError("the function raised StopIteration"))
            else:
                done.set_exception(error)

        def work() -> None:
            result, error = None, None
            try:
                result = context.run(function, *arguments)
            except BaseException as raised:  # SystemExit and the like belong to the message too
                error = raised
            try:
                loop.call_soon_threadsafe(settle, result, error)
            except RuntimeError:  # the flow has ended meanwhile; nobody waits for the result
                return

        self._calls.put(work)
        return await done

    def standing(self) -> str:
        """Where the function that is being called stands, and the line itself."""
        return place.standing(sys._current_frames().get(self._thread.ident or 0))

    def rests(self) -> bool:
        """Whether what it calls has used no processor for a moment, so that it waits for something of its own.

        Ask again and again: it tells from one look to another.
        """
        try:
            with open(_USED.format(self._thread.native_id), encoding="ascii") as file:
                used = file.read().split()[:2]  # at work, and in wait of work
        except (OSError, IndexError):  # not on this system, or the thread has ended
            return True
        now = time.monotonic()
        if used != self._used:
            self._used, self._since = used, now
        return now - self._since >= _MOMENT

    def close(self) -> None:
        """Let the thread end once its function returns."""
        self._calls.put(None)

    def join(self, timeout: float) -> None:
        """Wait for the thread to end, at most ``timeout`` seconds."""
        self._thread.join(timeout)

    def _work(self) -> None:
        while (work := self._calls.get()) is not None:
            work()
