"""A run is a flow at work inside this process: a thread, its loop and a scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, InvalidStateError
from typing import Any, TypeVar

from tinyflow_runtime import place, wiring
from tinyflow_runtime.component import Component
from tinyflow_runtime.counts import Counts
from tinyflow_runtime.deadletters import DeadLetters
from tinyflow_runtime.errors import DeliveryError, HandlerError
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.probe import Probe
from tinyflow_runtime.scheduler import Scheduler

T = TypeVar("T")

log = logging.getLogger("tinyflow")

_JOIN = 5.0  # seconds for the loop to end after everything on it has, and for one that is blocked to be waited for


class OwnThread(DeliveryError, RuntimeError):
    """A blocking call came from the very thread that would have to answer it."""


class Run:
    """A thread with a loop on which one scheduler works, from ``start`` to ``stop``.

    A busy cell does not stop it, and it does not stop a cell.
    """

    def __init__(self, name: str, *, probe: Probe, dead_letters: DeadLetters) -> None:
        self.name = name
        self.flow: Flow  # the definition that it was brought to last
        self.probe = probe
        self.dead_letters = dead_letters
        self.counts: dict[str, Counts] = {}  # of the end, once it has ended
        self.ended = False
        self._begun: Future[None] = Future()
        # In the context of who starts it: in a notebook, that says below which cell appears what is printed.
        work = contextvars.copy_context().run
        self._thread = threading.Thread(target=work, args=(self._work,), name=f"tinyflow {name}", daemon=True)

    def start(self) -> None:
        """Start the thread; returns when its scheduler is ready."""
        self._thread.start()
        self._begun.result()

    def call(
        self, work: Callable[[Scheduler], Coroutine[Any, Any, T]], *, what: str, timeout: float | None = None
    ) -> T:
        """Do something on the loop and wait for the result; interrupting the wait cancels it.

        Raises:
            OwnThread: TF-136, this is the loop's own thread.
            TimeoutError: It was not done within ``timeout`` seconds, and will not be.
        """
        self.guard(what)
        asked, answered = self._ask(work)
        try:
            return answered.result(timeout)
        except BaseException:
            asked.cancel()
            raise

    def _ask(self, work: Callable[[Scheduler], Coroutine[Any, Any, T]]) -> tuple[Future[None], Future[T]]:
        """Have something done on the loop: what can be cancelled, and where the result will be."""
        answered: Future[T] = Future()

        async def answer() -> None:
            # Answered from within: what the loop does next may block it, and that must not hold up who asked.
            with contextlib.suppress(InvalidStateError):  # who asked was interrupted, and has gone
                try:
                    answered.set_result(await work(self.scheduler))
                except Exception as error:
                    answered.set_exception(error)

        asked = asyncio.run_coroutine_threadsafe(answer(), self._loop)
        asked.add_done_callback(lambda _: answered.cancel())  # nothing, unless the loop ended first
        return asked, answered

    def swap(self, prototype: Component) -> tuple[list[str], Callable[[], None]]:
        """Let the nodes of a component run its newer code.

        Returns:
            Their names, and what makes them run the old code again.

        Raises:
            ComponentError: TF-110, it does not fit. HandlerError: TF-139, it did not start. Nothing has changed.
        """
        nodes, edges = list(self.flow.nodes.values()), list(self.flow.edges.values())
        names = self.flow.swap(prototype)

        async def exchange(scheduler: Scheduler) -> None:
            await wiring.exchange(scheduler, self.flow, names)

        def back() -> None:
            if names:
                self.flow.restore(nodes, edges)
                self.call(exchange, what="swap()")

        if names:
            try:
                self.call(exchange, what="swap()")
            except HandlerError:
                back()
                raise
        return names, back

    def guard(self, what: str) -> None:
        """Refuse to wait on the loop's own thread: it would wait for itself."""
        if threading.current_thread() is self._thread:
            raise OwnThread(
                "TF-136",
                f"{what} waits, and it was called on the flow's own thread, which would then wait for itself.",
                "Inside a handler, send with output(…).",
                where=place.caller(),
            )

    def stop(self, timeout: float) -> None:
        """Drain for ``timeout`` seconds and end; returns when the thread has ended.

        A thread that is blocked by a component cannot be ended: it is left behind, and said so, and ends when it can.
        """

        async def end(scheduler: Scheduler) -> None:
            await scheduler.stop(timeout)
            self.counts = scheduler.counts()
            self._over.set()

        self.guard("stop()")
        _, ended = self._ask(end)
        try:
            ended.result(timeout + _JOIN)
            self._thread.join(_JOIN)
        except TimeoutError:
            log.warning("%s", self.scheduler.watchdog.left_behind(), extra={"flow": self.name})
        self.ended = True
        self.probe.end()

    def _work(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        try:
            async with Scheduler(probe=self.probe, dead_letters=self.dead_letters, flow=self.name) as self.scheduler:
                self._begun.set_result(None)
                await self._over.wait()
        finally:
            self.ended = True
            if not self._begun.done():
                self._begun.set_exception(RuntimeError("the flow's thread did not start"))


RUNNING: dict[str, Run] = {}  # by the flow's name: start() takes over the run of a flow of that name


def used() -> set[tuple[str, str]]:
    """Module and name of every component that a running flow uses."""
    return {
        (node.component.module, node.component.name)
        for run in list(RUNNING.values())
        for node in list(run.flow.nodes.values())
    }
