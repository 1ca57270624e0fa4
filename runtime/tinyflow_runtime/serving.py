"""Serving: a task of its own drives a runner whose component waits, retries, has a timeout or blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.component import Component
from tinyflow_runtime.context import Context, current
from tinyflow_runtime.errors import HandlerTimeout
from tinyflow_runtime.functions import FunctionComponent
from tinyflow_runtime.output import Output
from tinyflow_runtime.worker import Worker

if TYPE_CHECKING:
    from tinyflow_runtime.channel import Channel
    from tinyflow_runtime.runner import Runner

TURN = 64  # messages from one channel before it is the next one's turn
_END = object()


class Serving:
    """Drives a runner with a task. One message at a time, each channel in its turn."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.output = Output(runner)
        self._contexts: list[Context] = []
        self._port = ""
        self._attempt = 1
        self._wakeup: asyncio.Future[None] | None = None
        self._worker: Worker | None = None
        self._retired = False
        self.rebind()
        self.task = runner.scheduler.spawn(self._serve(), name=runner.name)
        runner.scheduler.busy += 1

    def rebind(self) -> None:
        """Take over the component and its settings, from the next message on."""
        self.component: Component = self.runner.component
        self._handle = self._way()
        self._plain = self._handle == self._async

    def wake(self) -> None:
        """There may be something to do."""
        if self.runner.opened and self.runner.ready:
            self._go_on()

    def close(self) -> None:
        """Drive no more once the message in hand is handled."""
        self._retired = True
        self.runner.opened = False
        self._go_on()

    def _go_on(self) -> None:
        wakeup, self._wakeup = self._wakeup, None
        if wakeup is not None:
            self.runner.scheduler.busy += 1
            wakeup.set_result(None)

    async def finished(self) -> None:
        """Return once the message in hand is handled; the runner is closed, so no other follows."""
        while self.runner.running:  # noqa: ASYNC110 # see below
            await asyncio.sleep(0.001)  # an event would cost every message, and this is a rare change

    async def end(self) -> None:
        """Drive no more, now: the message in hand becomes a dead letter."""
        self.task.cancel()
        await asyncio.wait([self.task])

    def idle(self) -> bool:
        """A task handles nothing on somebody else's stack."""
        return False

    async def _serve(self) -> None:
        runner = self.runner
        current.set(self.context)
        try:
            while not self._retired:
                if not (runner.opened and runner.ready):
                    runner.scheduler.busy -= 1
                    self._wakeup = asyncio.get_running_loop().create_future()
                    try:
                        await self._wakeup
                    except BaseException:
                        runner.scheduler.busy += 1
                        raise
                    continue
                channel = runner.take_turn()
                try:
                    if self._plain and channel.port != runner.settings_port:
                        await self._turn_of_values(channel)
                    else:
                        await self._turn(channel)
                finally:
                    runner.running = 0
                    runner.end_turn(channel)
        finally:
            runner.scheduler.busy -= 1
            if self._worker is not None:
                self._worker.close()
            if self._retired and not runner.scheduler.stopping:
                runner.opened = True
                runner.drive.wake()

    async def _turn(self, channel: Channel) -> None:
        runner, output = self.runner, self.output
        items, marks = channel.items, channel.marks
        assert items is not None  # something lies there
        self._port = channel.port
        handle = self._settle if channel.port == runner.settings_port else self._handle
        for _ in range(min(TURN, len(items))):
            payload = items.popleft()
            mark = marks[0]
            output.lineage, output.index = mark
            if output.index + 1 == len(mark[0].ids):
                marks.popleft()
            else:
                mark[1] += 1
            runner.running = 1
            if channel.blocked is not None or channel.waiters:
                channel.freed()
            self._attempt = 1
            try:
                await handle(payload)
            except BaseException as error:  # SystemExit belongs to the message, not to the loop
                self._failed(payload, error)
            else:
                runner.handled += 1
            runner.running = 0
            if self._contexts:
                self._contexts = []
            if not (items and runner.opened):
                break

    async def _turn_of_values(self, channel: Channel) -> None:
        """The same for what is most common and can be fastest: a coroutine function that returns its result."""
        runner, output, call, outlet = self.runner, self.output, self._call, self.runner.out
        items, marks = channel.items, channel.marks
        assert items is not None  # something lies there
        self._port = channel.port
        self._attempt = 1
        runner.running = 1  # from here to the end there is always one in hand when anybody else looks
        for _ in range(min(TURN, len(items))):
            payload = items.popleft()
            mark = marks[0]
            lineage, index = mark
            if index + 1 == len(lineage.ids):
                marks.popleft()
            else:
                mark[1] = index + 1
            if channel.blocked is not None or channel.waiters:
                channel.freed()
            output.lineage, output.index = lineage, index
            try:
                result = await call(payload)
                if result is not None and outlet is not None:
                    if outlet.room <= 0 and outlet.measure() <= 0:
                        await output.room(outlet)
                    if outlet.parents is lineage and outlet.inputs:
                        outlet.pending.append(result)
                        outlet.origins.append(index)
                        outlet.inputs.append(payload)
                        outlet.room -= 1
                    else:
                        outlet.result(result, lineage, index, payload)
            except BaseException as error:  # SystemExit belongs to the message, not to the loop
                self._failed(payload, error)
            else:
                runner.handled += 1
            if self._contexts:
                self._contexts = []
            if not (items and runner.opened):
                break

    def _failed(self, payload: Any, error: BaseException) -> None:
        """Keep what could not be handled; the node lives on, unless it is being ended.

        Raises:
            CancelledError: It is being ended.
        """
        runner, lineage, index = self.runner, self.output.lineage, self.output.index
        assert lineage is not None  # set with the message
        if isinstance(error, asyncio.CancelledError) and self.task.cancelling():
            for context in self._contexts:
                context.cancelled = True
            message = [payload], lineage.cut(index, index + 1)
            runner.bury(self._port, *message, runner.scheduler.ending(runner.name))
            runner.running = 0
            raise error
        runner.fail(self._port, payload, lineage, index, error)

    async def _settle(self, settings: Any) -> None:
        self.runner.settle(settings)
        if not isinstance(self.component, FunctionComponent):  # a function has its settings bound
            assert self.runner.settings_port is not None
            await self.component.handle(self.output, self.runner.settings_port, settings)

    def _way(self) -> Callable[[Any], Awaitable[None]]:
        component = self.component
        if not isinstance(component, FunctionComponent):
            way: Callable[[Any], Awaitable[None]] = self._component
        else:
            self._call = component.call()
            threaded = component.blocking or self.runner.threaded
            way = {
                "value": self._in_thread,
                "generator": self._generator_in_thread,
                "async": self._async,
                "async generator": self._async_generator,
                "handler": self._handler,
            }[component.style]
            if not threaded and component.style in ("value", "generator"):
                way = self._inline
        if component.retry is None and component.timeout is None:
            return way
        return lambda payload: self._retried(way, payload)

    async def _component(self, payload: Any) -> None:
        await self.component.handle(self.output, self._port, payload)

    async def _async(self, payload: Any) -> None:
        result = await self._call(payload)
        await self._result(result, payload)

    async def _result(self, result: Any, message: Any) -> None:
        outlet = self.runner.out
        if result is None or outlet is None:
            return
        if outlet.room <= 0 and outlet.measure() <= 0:
            await self.output.room(outlet)
        assert self.output.lineage is not None  # set with the message
        outlet.result(result, self.output.lineage, self.output.index, message)

    async def _async_generator(self, payload: Any) -> None:
        async for item in self._call(payload):
            await self.output("out", item)

    async def _handler(self, payload: Any) -> None:
        await self._call(payload, self.output)

    async def _inline(self, payload: Any) -> None:
        """A plain function that is here only for its retries."""
        result = self._call(payload)
        if isinstance(result, Iterator) and self.component.style == "generator":  # type: ignore[attr-defined] # a function
            for item in result:
                await self.output("out", item)
        else:
            await self._result(result, payload)

    async def _in_thread(self, payload: Any) -> None:
        await self._result(await self._thread().call(self._call, payload), payload)

    async def _generator_in_thread(self, payload: Any) -> None:
        thread = self._thread()
        items = iter(await thread.call(self._call, payload))
        while (item := await thread.call(next, items, _END)) is not _END:
            await self.output("out", item)

    def _thread(self) -> Worker:
        self._worker = self._worker or Worker(self.runner.name)
        return self._worker

    async def _retried(self, way: Callable[[Any], Awaitable[None]], payload: Any) -> None:
        retry, timeout = self.component.retry, self.component.timeout
        delay = 0.0 if retry is None else retry.delay
        while True:
            try:
                async with asyncio.timeout(timeout) as limit:
                    await way(payload)
                return
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError) and self.task.cancelling():
                    raise
                late = self._timed_out(timeout) if isinstance(error, TimeoutError) and limit.expired() else None
                if retry is None or self._attempt >= retry.attempts:
                    if late is not None:
                        raise late from None
                    raise
            self._attempt += 1
            await asyncio.sleep(delay)
            delay = min(delay * retry.factor, retry.max_delay)

    def _timed_out(self, timeout: float | None) -> HandlerTimeout:
        for context in self._contexts:
            context.cancelled = True
        if self._worker is not None:  # its function may never return; the next message gets a thread of its own
            self._worker.close()
            self._worker = None
        return HandlerTimeout(
            "TF-130",
            f"{self.runner.name} did not finish in {timeout:g} s (attempt {self._attempt}).",
            "Give what it waits for a timeout of its own, or declare a longer one: @component(timeout=…).",
        )

    def context(self) -> Context:
        """What the component may know of the message it is handling."""
        assert self.output.lineage is not None
        made = self.runner.scheduler.context(
            self.runner, self._port, self.output.lineage, self.output.index, attempt=self._attempt
        )
        self._contexts.append(made)
        return made
