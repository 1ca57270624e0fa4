"""A run is a flow at work inside this process: a thread, its loop and a scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import math
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import Any, TypeVar

from tinyflow_runtime import place
from tinyflow_runtime.component import Component
from tinyflow_runtime.errors import (
    DeliveryError,
    HandlerError,
    HandlerTimeout,
    TinyFlowError,
    WaitTimeout,
    show_interrupted,
)
from tinyflow_runtime.execution import watchdog
from tinyflow_runtime.execution.ending import Ended
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.observation.counts import Counts
from tinyflow_runtime.observation.deadletters import DeadLetters
from tinyflow_runtime.probe import Probe
from tinyflow_runtime.scheduler import Scheduler
from tinyflow_runtime.scheduling import wiring

T = TypeVar("T")

log = logging.getLogger("tinyflow")

_JOIN = 5.0  # seconds for the loop to end after everything on it has, and for one that is blocked to be waited for
_LOOK = 0.1  # seconds between looks whether anybody blocks the loop, while a call waits
_PATIENCE = 1.0  # seconds that a handler has to return once it is ended
_AGAIN = 0.25  # seconds that the next one has


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
        self,
        work: Callable[[Scheduler], Coroutine[Any, Any, T]],
        *,
        what: str,
        timeout: float | None = None,
        late: type[TinyFlowError] = WaitTimeout,
        ends: Callable[[str], bool] = lambda _: False,
    ) -> T:
        """Do something on the loop and wait for the result; interrupting the wait cancels it.

        Args:
            work: What keeps the timeout, too, as long as nobody blocks the loop.
            what: The call, as a person wrote it.
            timeout: Seconds to wait; None until somebody blocks the loop for long.
            late: What is raised then.
            ends: Whether a handler of a node is ended when it blocks the loop, for the node is to run other code.

        Raises:
            OwnThread: TF-136, this is the loop's own thread.
            HandlerTimeout: TF-131, somebody blocks the loop, perhaps for ever.
        """
        self.guard(what)
        asked, answered = self._ask(work)
        dog, patience, tried = self.scheduler.watchdog, watchdog.STILL, math.inf
        trouble: TinyFlowError | None
        end = math.inf if timeout is None else time.monotonic() + timeout
        try:
            while not _done(answered, _LOOK):
                now, still = time.monotonic(), dog.standstill()
                over = still > watchdog.STILL if timeout is None else now > end and still > _LOOK
                if timeout is None and still > patience and ends(dog.blocking()):
                    dog.end_handler()
                    patience, tried = _AGAIN, min(tried, now)
                    over = min(still, now - tried) > _PATIENCE
                trouble = dog.trouble(what) if over else None
                if timeout is not None and over:
                    trouble = trouble or HandlerTimeout("TF-138", f"{what} took longer than {timeout:g} s.", "Wait.")
                    trouble = late(trouble.code, trouble.what, *trouble.way_out)
                if trouble is not None and answered.cancel():
                    raise trouble
            return answered.result()
        except BaseException as raised:
            answered.cancel()
            asked.cancel()
            if isinstance(raised, KeyboardInterrupt):
                show_interrupted(raised, what)
            raise

    def _ask(self, work: Callable[[Scheduler], Coroutine[Any, Any, T]]) -> tuple[Future[None], Future[T]]:
        """Have something done on the loop: what can be cancelled, and where the result will be."""
        answered: Future[T] = Future()

        async def answer() -> None:
            # Answered from within: what the loop does next may block it, and that must not hold up who asked.
            with contextlib.suppress(InvalidStateError):  # who asked was interrupted, and has gone
                if answered.cancelled():
                    return
                try:
                    answered.set_result(await work(self.scheduler))
                except Ended as error:
                    answered.set_exception(error.told("A component", "Mend it, then try again."))
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
                self.call(exchange, what=f"running the new {prototype.name}", ends=names.__contains__)
            except HandlerTimeout:  # somebody blocks the loop: it must not be waited for once more
                self.flow.restore(nodes, edges)
                self._ask(exchange)
                raise
            except HandlerError:
                back()
                raise
        return names, back

    def trouble(self, what: str) -> HandlerTimeout | None:
        """Why a call gets no answer, if somebody blocks the loop, perhaps for ever."""
        dog = self.scheduler.watchdog
        return dog.trouble(what) if dog.standstill() > watchdog.STILL else None

    def blocker(self) -> str:
        """The node that blocks the loop, perhaps for ever; empty when none does."""
        dog = self.scheduler.watchdog
        return dog.blocking() if dog.standstill() > watchdog.STILL else ""

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

        A handler that blocks it for longer is ended. Where that cannot be, as in code of C that waits, the thread is
        left behind, and said so, and ends when it can.
        """
        over = time.monotonic() + timeout

        async def end(scheduler: Scheduler) -> None:
            await scheduler.stop(max(0.0, over - time.monotonic()))  # who blocked the loop has had his share of it
            self.counts = scheduler.counts()
            self._over.set()

        self.guard("stop()")
        _, ended = self._ask(end)
        dog, patience = self.scheduler.watchdog, _PATIENCE
        while not _done(ended, _LOOK) and (now := time.monotonic()) < over + _JOIN:
            if dog.standstill() > (watchdog.STILL if now < over else patience):
                dog.end_handler()
                patience = _AGAIN
        if ended.done():
            ended.result()
            self._thread.join(_JOIN)
        else:
            log.warning("%s", dog.left_behind(), extra={"flow": self.name})
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


def _done(future: Future[Any], timeout: float) -> bool:
    """Wait, whatever it ends with; quicker than ``concurrent.futures.wait``."""
    try:
        future.exception(timeout)
    except TimeoutError:
        return future.done()
    except CancelledError:
        return True
    return True


RUNNING: dict[str, Run] = {}  # by the flow's name: start() takes over the run of a flow of that name


def used() -> set[tuple[str, str]]:
    """Module and name of every component that a running flow uses."""
    return {
        (node.component.module, node.component.name)
        for run in list(RUNNING.values())
        for node in list(run.flow.nodes.values())
    }
