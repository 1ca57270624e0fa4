"""A loop on a thread of its own, on which a cluster's gRPC calls are made, and from which a cell waits for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from tinyflow_runtime import place
from tinyflow_runtime.embedded.run import OwnThread

from .refusals import closed

T = TypeVar("T")

_JOIN = 5.0  # seconds for the loop to end what is on it


class Loop:
    """A thread with an event loop, begun when it is first used.

    Args:
        name: What the thread is called.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._begun: Future[asyncio.AbstractEventLoop] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def call(self, work: Coroutine[Any, Any, T], *, what: str) -> T:
        """Do something on the loop and wait for it; interrupting the wait cancels it.

        Raises:
            OwnThread: TF-136, this is the loop's own thread.
            ClusterError: TF-160, it was closed.
        """
        try:
            self.guard(what)
            future = asyncio.run_coroutine_threadsafe(work, self._running())
        except BaseException:
            work.close()
            raise
        try:
            return future.result()
        except CancelledError:
            raise closed() from None
        except BaseException:
            future.cancel()
            raise

    def start(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        """Let something run on the loop; cancelling the future ends it, and so does ``close``."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self._running())
        except BaseException:
            work.close()
            raise

    def guard(self, what: str) -> None:
        """Refuse to wait on the loop's own thread: it would wait for itself."""
        if threading.current_thread() is self._thread:
            raise OwnThread(
                "TF-136",
                f"{what} waits, and was called on the cluster's own thread, which would then wait for itself.",
                "Call it from another one.",
                where=place.caller(),
            )

    def close(self) -> None:
        """Cancel what is on the loop, and end its thread."""
        with self._lock:
            self._closed = True
            begun, thread = self._begun, self._thread
        if begun is None or thread is None:
            return
        loop = begun.result()
        if not loop.is_closed():
            loop.call_soon_threadsafe(loop.stop)
        thread.join(_JOIN)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise closed()
            if self._begun is None:
                self._begun = Future()
                self._thread = threading.Thread(target=self._work, args=(self._begun,), name=self._name, daemon=True)
                self._thread.start()
            return self._begun.result()

    def _work(self, begun: Future[asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner() as runner:  # cancels and awaits what is left when the loop was stopped
            loop = runner.get_loop()
            loop.call_soon(begun.set_result, loop)
            loop.run_forever()
