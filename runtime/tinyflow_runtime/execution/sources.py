"""A source is a runner's own beginning of messages: a generator, a coroutine, or a component's ``run``.

A plain generator is pulled by the scheduler, a batch at a time, as far as there is room. Everything else is a task.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from tinyflow_runtime.component import Failure
from tinyflow_runtime.definition.functions import FunctionComponent
from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.execution.context import Context, current
from tinyflow_runtime.execution.ending import Ended
from tinyflow_runtime.execution.failing import MANY, cause
from tinyflow_runtime.execution.inline import SLOW_BATCH
from tinyflow_runtime.execution.outlet import Handoff, Outlet
from tinyflow_runtime.execution.output import Output
from tinyflow_runtime.execution.results import sift
from tinyflow_runtime.execution.worker import Worker
from tinyflow_runtime.observation.lineage import Lineage

if TYPE_CHECKING:
    from tinyflow_runtime.runner import Runner

PULL = 64  # items pulled from a generator in one go
_END = object()
_item = operator.itemgetter(1)


class Source(Protocol):
    """What a runner needs of its source."""

    @property
    def quiet(self) -> bool:
        """Whether it has ended, or is suspended in a wait of its own."""

    def wake(self) -> None:
        """There is room again behind its outputs."""

    def restart(self) -> None:
        """Begin anew, with the settings of now."""

    def stop(self) -> None:
        """Send no more."""


def source_of(runner: Runner) -> Source | None:
    """The source of a runner, begun; None when its component only handles."""
    component = runner.component
    if isinstance(component, FunctionComponent):
        if not component.source:
            return None
        plain = component.style in ("value", "generator") and not (component.blocking or runner.threaded)
        return PulledSource(runner) if plain else RunningSource(runner)
    return RunningSource(runner) if hasattr(component, "run") else None


class PulledSource:
    """A plain function: its items are pulled on the scheduler's stack, as long as there is room."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.queued = False
        self.truncated = -1
        self.quiet = False
        self._limit = 1  # until it has shown that it does not block
        self._stopped = False
        self._ticks: Iterator[Any] = iter(())
        self.restart()

    def restart(self) -> None:
        """Begin anew, with the settings of now."""
        component: Any = self.runner.component  # a FunctionComponent: source_of looked
        call = component.call()
        self._items = _items(component, call)
        self.quiet = False
        self.wake()

    def wake(self) -> None:
        """There is room again: ask for a turn."""
        if not (self.queued or self._stopped or self.runner.blocked or self.quiet):
            self.queued = True
            self.runner.scheduler.enqueue(self)

    def stop(self) -> None:
        """Send no more."""
        self._stopped = True
        self.quiet = True
        close = getattr(self._items, "close", None)
        if close is not None:
            try:
                close()
            except (Exception, Ended) as error:  # what a generator does when it is closed is its own business
                broke(self.runner, error)

    def turn(self) -> Handoff | None:
        """Pull as many items as there is room for."""
        runner = self.runner
        self.queued = False
        if self._stopped or runner.blocked:
            return None
        room = min(runner.room(), self._limit)
        if room <= 0:
            runner.block()
            return None
        scheduler = runner.scheduler
        scheduler.running = self
        out: list[Any] = []
        wanted = [None] * room
        self._ticks = ticks = iter(wanted)
        ended = False
        try:
            # The ticks come first in zip: when the watchdog ends them, no item has been pulled and lost.
            out.extend(map(_item, zip(ticks, self._items, strict=False)))
            ended = len(out) < room and self.truncated < 0
        except BaseException as error:  # whatever the source raises ends it, and nothing else
            broke(self.runner, error)
            ended = True
        scheduler.running = None
        took = scheduler.tick()
        if took > SLOW_BATCH:
            self._limit = max(1, int(len(out) * SLOW_BATCH / took))
            if self.truncated >= 0:
                self.truncated = -1
                scheduler.watchdog.blocked(runner, took)
        elif self._limit < PULL:
            self._limit *= 2
        if ended:
            self.quiet = True
        self.wake()
        outlet = runner.out
        if outlet is None:
            return None
        if outlet.check.first_misfit(out) >= 0:
            out, _ = sift(outlet.check, out, None, self._unfit)
        try:
            return self._send(outlet, out)
        except PayloadError:  # only a snapshot looks so deep
            out, _ = sift(outlet.check, out, None, self._unfit, deep=True)
            return self._send(outlet, out)

    def one(self) -> Handoff | None:
        """Pull one item of a node that is held; there is room for it."""
        limit, blocked, self._limit, self.runner.blocked = self._limit, self.runner.blocked, 1, 0
        try:
            return self.turn()
        finally:
            self._limit, self.runner.blocked = limit, blocked

    def _send(self, outlet: Outlet, out: list[Any]) -> Handoff | None:
        scheduler = self.runner.scheduler
        return outlet.send(out, Lineage.first(scheduler.ids.draw(len(out)), scheduler.now())) if out else None

    def _unfit(self, _index: int, error: PayloadError) -> None:
        broke(self.runner, error)

    def moved(self) -> RunningSource:
        """Go on in a thread, where this one stopped."""
        self._stopped = True
        return RunningSource(self.runner, self._items)

    def truncate(self) -> None:
        """Let the pull end after the item that is being made. Called by the watchdog, from its own thread."""
        self.truncated = self.index()
        self._ticks.__setstate__(1 << 30)  # type: ignore[attr-defined] # a list's iterator

    def index(self) -> int:
        """How many items of this pull have been begun: it changes while the source does not block."""
        left: int = self._ticks.__length_hint__()  # type: ignore[attr-defined] # a list's iterator
        return -left

    def context(self) -> Context:
        """What a source may know: its node."""
        return Context(node=self.runner.name)


class RunningSource:
    """A coroutine, an asynchronous generator, a component's ``run``, or a function in a thread: a task of its own."""

    def __init__(self, runner: Runner, items: Iterator[Any] | None = None) -> None:
        self.runner = runner
        self.output = Output(runner)
        self._items = items  # those of a plain function that was moved to a thread
        self._worker: Worker | None = None
        self._stopped = False
        self._begin()

    def _begin(self) -> None:
        self.task = self.runner.scheduler.spawn(self._run(), name=self.runner.name)

    @property
    def quiet(self) -> bool:
        """Whether it has ended, or waits for something that is not room behind its outputs."""
        if self.task.done():
            return True
        if self._worker is not None and not self.output.waiting:
            return self._worker.rests()
        waiter = self.task._fut_waiter  # type: ignore[attr-defined] # what a task waits for has no public name
        return not self.output.waiting and waiter is not None and not waiter.done()

    def wake(self) -> None:
        """Its own wait for room goes on by itself."""

    def restart(self) -> None:
        """A function begins anew; a component's ``run`` reads its settings itself."""
        if isinstance(self.runner.component, FunctionComponent) and not self._stopped:
            self.task.cancel()
            self._items = None
            self._begin()

    def stop(self) -> None:
        """Send no more; what it waits for is cancelled."""
        self._stopped = True
        self.task.cancel()
        if self._worker is not None:
            self._worker.close()

    async def _run(self) -> None:
        current.set(self.context)
        try:
            await self._way()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # whatever a source raises ends it, and nothing else
            broke(self.runner, error)

    async def _way(self) -> None:
        component = self.runner.component
        if self._items is not None:
            await self._pull_in_thread(self._items)
        elif isinstance(component, FunctionComponent) and component.blocking:
            call = component.call()
            await self._pull_in_thread(_items(component, call))
        else:
            await component.run(self.output)  # type: ignore[attr-defined] # source_of looked

    async def _pull_in_thread(self, items: Iterator[Any]) -> None:
        self._worker = worker = Worker(self.runner.name)
        try:
            while (item := await worker.call(next, items, _END)) is not _END:
                await self.output("out", item)
        finally:
            worker.close()

    def context(self) -> Context:
        """What a source may know: its node, and whether it is to end."""
        return Context(node=self.runner.name, cancelled=self._stopped)


def broke(runner: Runner, error: BaseException) -> None:
    """A source raised: say so at the node, in the log and at the error port; there is no message to keep."""
    if isinstance(error, Ended):
        error = error.told(runner.name, "Mend the component, then start the flow anew.")
    runner.error = error
    reason = runner.reason(error)
    runner.scheduler.report(runner.name, reason, cause=cause(error))
    if "error" in runner.outlets and runner.outlets["error"].channels:
        failure = Failure(
            node=runner.name, port="", error=type(error).__name__, text=reason, payload=None, message_id=""
        )
        runner.outlets["error"].emit(failure, None, 0)
        return
    runner.failures, runner.worked = MANY, runner.handled - runner.failed  # it sends nothing more


def _items(component: FunctionComponent, call: Callable[[], Any]) -> Iterator[Any]:
    """What a plain function sends: the items it yields, or the one it returns."""
    return iter(call()) if component.style == "generator" else (call() for _ in range(1))
