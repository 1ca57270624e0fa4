"""A worker is the thread of one node whose function blocks: it calls one thing after another, in the node's context."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from tinyflow_runtime.execution.ending import Ended, end_unless_it_returns, standing

_USED = "/proc/self/task/{}/schedstat"  # Linux; a thread's own clock must not be asked for once it has ended
_MOMENT = 0.05  # seconds; a thread that wants a processor has had one by then


class Worker:
    """One thread. It is a daemon: a function that never returns must not keep the program from ending.

    Attributes:
        at_work: Whether a function is being called.
        begun: When that was begun, on the clock that never goes back.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"tinyflow node {name}", daemon=True)
        self._thread.start()
        self.at_work = False
        self.begun = 0.0
        self._done: asyncio.Future[Any] | None = None  # of the call
        self._closed = False
        self._used: list[str] = []  # nanoseconds of a processor, and since when it is so many
        self._since = 0.0

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call in the thread and wait for the result.

        Cancelling stops the waiting; the function goes on until the worker is closed.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        self._done, self.begun, self.at_work = done, time.monotonic(), True
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
            self.at_work = False
            try:
                loop.call_soon_threadsafe(settle, result, error)
            except RuntimeError:  # the flow has ended meanwhile; nobody waits for the result
                return

        self._calls.put(work)
        return await done

    def standing(self) -> str:
        """Where the function that is being called stands, and the line itself."""
        return standing(self._thread.ident or 0)

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

    def give_up(self, since: float) -> bool:
        """Wait no longer for the call that was begun at a time: ``Ended`` is raised where it is waited for.

        Returns:
            Whether it is still that call; the worker is closed then.
        """
        if self._done is None or self._done.done() or self.begun != since:
            return False
        self._done.set_exception(Ended(self.standing()))
        self.close()
        return True

    def close(self) -> None:
        """Let the thread end once its function returns; one that does not return soon is ended."""
        self._calls.put(None)
        if self.at_work and not self._closed:
            end_unless_it_returns(self._thread)
        self._closed = True

    def join(self, timeout: float) -> None:
        """Wait for the thread to end, at most ``timeout`` seconds."""
        self._thread.join(timeout)

    def _work(self) -> None:
        while (work := self._calls.get()) is not None:
            work()
