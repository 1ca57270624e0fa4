"""Calling: how a component that waits, retries or blocks is given its messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from tinyflow_runtime import place
from tinyflow_runtime.component import Component
from tinyflow_runtime.definition.functions import FunctionComponent
from tinyflow_runtime.errors import HandlerTimeout
from tinyflow_runtime.execution.context import Context
from tinyflow_runtime.execution.ending import Ended
from tinyflow_runtime.execution.watchdog import STILL
from tinyflow_runtime.execution.worker import Worker

if TYPE_CHECKING:
    from tinyflow_runtime.execution.output import Output
    from tinyflow_runtime.runner import Runner

# Gives the messages that are left to a component, one after the other, and notes what it returned for each.
Burst = Callable[[Iterator[Any], list[Any], str], Coroutine[Any, Any, None]]  # Any: payloads
One = Callable[[Any, str], Awaitable[None]]  # the same for one message, and sends what it returned

_END = object()


class Calling:
    """Calls the component of one runner, which is driven by a task.

    Attributes:
        burst: For what needs no more than to be awaited; None for what is called one by one.
        returns: Whether what a burst notes is to be sent.
        one: Handles one message, with all its attempts.
        attempt: The number of the attempt at the message in hand, from 1.
        contexts: What was told of the messages in hand, to those that asked.
    """

    def __init__(self, runner: Runner, output: Output) -> None:
        self.runner = runner
        self.output = output
        self.attempt = 1
        self.contexts: list[Context] = []
        self._worker: Worker | None = None
        self.rebind()

    def rebind(self) -> None:
        """Take over the component and its settings, from the next message on."""
        self.component: Component = self.runner.component
        self.burst: Burst | None = None
        self.returns = False
        self.one: One = self._component
        if isinstance(self.component, FunctionComponent):
            self._bind(self.component)
        else:
            self.burst = self._components
        if self.component.retry is not None or self.component.timeout is not None:
            way = self.one
            self.one = lambda payload, port: self._retried(way, payload, port)
            self.burst = None

    def _bind(self, component: FunctionComponent) -> None:
        self._call = component.call()
        self.returns = component.style == "async"
        threaded = component.blocking or self.runner.threaded
        match component.style:
            case "async":
                self.one, self.burst = self._async, self._asyncs
            case "async generator":
                self.one, self.burst = self._async_generator, self._async_generators
            case "handler":
                self.one, self.burst = self._handler, self._handlers
            case "generator":
                self.one = self._generator_in_thread if threaded else self._generator
            case "value":
                self.one = self._in_thread if threaded else self._value

    def close(self) -> None:
        """Call no more."""
        if self._worker is not None:  # its function may never return; who calls again gets another thread
            self._worker.close()
            self._worker = None

    def give_up(self) -> None:
        """A function in a thread has some seconds from its beginning to return; then it is not waited for."""
        worker = self._worker
        if worker is None or not worker.at_work:
            return
        begun = worker.begun

        def late() -> None:
            if self._worker is worker and worker.give_up(begun):
                self._worker = None

        asyncio.get_running_loop().call_later(max(0.0, begun + STILL - time.monotonic()), late)

    def cancelled(self) -> None:
        """Tell those that asked that nobody waits for what they do."""
        for context in self.contexts:
            context.cancelled = True

    # Several messages

    async def _asyncs(self, payloads: Iterator[Any], done: list[Any], port: str) -> None:
        call, add = self._call, done.append
        for payload in payloads:
            add(await call(payload))

    async def _async_generators(self, payloads: Iterator[Any], done: list[Any], port: str) -> None:
        output = self.output
        for payload in payloads:
            output.index = len(done)
            async for item in self._call(payload):
                await output("out", item)
            done.append(None)

    async def _handlers(self, payloads: Iterator[Any], done: list[Any], port: str) -> None:
        call, output, add = self._call, self.output, done.append
        for payload in payloads:
            output.index = len(done)
            add(await call(payload, output))

    async def _components(self, payloads: Iterator[Any], done: list[Any], port: str) -> None:
        handle, output, add = self.component.handle, self.output, done.append
        for payload in payloads:
            output.index = len(done)
            add(await handle(output, port, payload))  # type: ignore[func-returns-value]  # None, but noted

    # One message

    async def _component(self, payload: Any, port: str) -> None:
        await self.component.handle(self.output, port, payload)

    async def _async(self, payload: Any, _port: str) -> None:
        await self.send(await self._call(payload), payload)

    async def _async_generator(self, payload: Any, _port: str) -> None:
        async for item in self._call(payload):
            await self.output("out", item)

    async def _handler(self, payload: Any, _port: str) -> None:
        await self._call(payload, self.output)

    async def _value(self, payload: Any, _port: str) -> None:
        """A plain function that is here only for its retries."""
        await self.send(self._call(payload), payload)

    async def _generator(self, payload: Any, _port: str) -> None:
        for item in self._call(payload):
            await self.output("out", item)

    async def _in_thread(self, payload: Any, _port: str) -> None:
        await self.send(await self._thread().call(self._call, payload), payload)

    async def _generator_in_thread(self, payload: Any, _port: str) -> None:
        thread = self._thread()
        items = iter(await thread.call(self._call, payload))
        while (item := await thread.call(next, items, _END)) is not _END:
            await self.output("out", item)

    def _thread(self) -> Worker:
        self._worker = self._worker or Worker(self.runner.name)
        return self._worker

    async def send(self, result: Any, message: Any) -> None:
        """Send what was returned for the message in hand, once there is room; None is not sent."""
        outlet = self.runner.out
        if result is None or outlet is None:
            return
        if outlet.room <= 0 and outlet.measure() <= 0:
            await self.output.room(outlet)
        assert self.output.lineage is not None  # set with the message
        outlet.result(result, self.output.lineage, self.output.index, message)

    async def _retried(self, way: One, payload: Any, port: str) -> None:
        retry, timeout = self.component.retry, self.component.timeout
        delay = 0.0 if retry is None else retry.delay
        task = asyncio.current_task()
        assert task is not None  # the one that serves the runner
        while True:
            try:
                async with asyncio.timeout(timeout) as limit:
                    await way(payload, port)
                return
            except BaseException as error:
                if isinstance(error, Ended) or (isinstance(error, asyncio.CancelledError) and task.cancelling()):
                    raise
                late = self._timed_out(timeout, error) if isinstance(error, TimeoutError) and limit.expired() else None
                if retry is None or self.attempt >= retry.attempts:
                    if late is not None:
                        raise late from None
                    raise
            self.attempt += 1
            await asyncio.sleep(delay)
            delay = min(delay * retry.factor, retry.max_delay)

    def _timed_out(self, timeout: float | None, error: TimeoutError) -> HandlerTimeout:
        cancelled = error.__cause__ or error.__context__  # it was thrown to where the handler waited
        standing = place.waiting(cancelled.__traceback__) if cancelled is not None else ""
        if self._worker is not None:
            standing = self._worker.standing()
        self.cancelled()
        self.close()
        attempts = self.component.retry.attempts if self.component.retry is not None else 1
        return HandlerTimeout(
            "TF-130",
            f"{self.runner.name} did not finish in {timeout:g} s (attempt {self.attempt} of {attempts}).",
            "Give what it waits for a timeout of its own, or declare a longer one: @component(timeout=…).",
            where=f"It was at {standing}" if standing else "",
        )
