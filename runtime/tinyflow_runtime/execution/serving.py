"""Serving: a task of its own drives a runner whose component waits, retries, has a timeout or blocks."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.definition.functions import FunctionComponent
from tinyflow_runtime.execution.calling import Burst, Calling
from tinyflow_runtime.execution.context import Context, current
from tinyflow_runtime.execution.ending import Ended
from tinyflow_runtime.execution.output import Output
from tinyflow_runtime.observation.lineage import Lineage

if TYPE_CHECKING:
    from tinyflow_runtime.channel import Channel
    from tinyflow_runtime.execution.outlet import Outlet
    from tinyflow_runtime.runner import Runner

TURN = 64  # messages from one channel before it is the next one's turn
_NOWHERE = Lineage(range(0), range(0), None, 0, 0.0)


class Serving:
    """Drives a runner with a task. One message at a time, each channel in its turn."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.output = Output(runner)
        self.calling = Calling(runner, self.output)
        self._port = ""
        self._limit = 1  # messages in one burst; follows whether they wait
        self._lineage = _NOWHERE
        self._payloads: list[Any] = []
        self._done: list[Any] = []
        self._wakeup: asyncio.Future[None] | None = None
        self._retired = False
        self.task = runner.scheduler.spawn(self._serve(), name=runner.name)
        runner.scheduler.busy += 1

    def rebind(self) -> None:
        """Take over the component and its settings, from the next message on."""
        self.calling.rebind()

    def wake(self) -> None:
        """There may be something to do."""
        if self.runner.opened and self.runner.ready:
            self._go_on()

    def give_up(self) -> None:
        """The node runs other code now: a message whose function does not return from its thread is not waited for."""
        self.calling.give_up()

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
                if not (runner.opened and runner.ready and (runner.hold is None or runner.hold.admits())):
                    runner.scheduler.busy -= 1
                    self._wakeup = asyncio.get_running_loop().create_future()
                    try:
                        await self._wakeup
                    except BaseException:
                        runner.scheduler.busy += 1
                        raise
                    continue
                channel = runner.take_turn(TURN)
                if channel is None:
                    continue
                try:
                    if self.calling.burst is not None and channel.port != runner.settings_port:
                        await self._turn_in_bursts(channel, self.calling.burst)
                    else:
                        await self._turn(channel)
                finally:
                    runner.running = 0
                    runner.end_turn(channel)
                    if runner.hold is not None:
                        runner.hold.used()
        finally:
            runner.scheduler.busy -= 1
            self.calling.close()
            if self._retired and not runner.scheduler.stopping:
                runner.opened = True
                runner.drive.wake()

    async def _turn(self, channel: Channel) -> None:
        runner, calling = self.runner, self.calling
        for _ in range(min(TURN, channel.opened)):
            payloads, lineage = channel.take(1)
            self._take(channel, payloads, lineage)
            runner.running = 1
            calling.attempt = 1
            try:
                if channel.port == runner.settings_port:
                    await self._settle(payloads[0])
                else:
                    await calling.one(payloads[0], channel.port)
            except BaseException as error:  # SystemExit belongs to the message, not to the loop
                self._failed(payloads[0], 0, error)
                if isinstance(error, Ended):
                    runner.running = 0
                    await self._let_others()
                    break
            else:
                runner.handled += 1
            runner.running = 0
            if not (channel.opened and runner.opened) or runner.hold is not None:
                break

    def _take(self, channel: Channel, payloads: list[Any], lineage: Lineage) -> None:
        if channel.blocked is not None or channel.waiters:
            channel.freed()
        self._port, self._payloads, self._lineage, self._done = channel.port, payloads, lineage, []
        self.output.lineage, self.output.index = lineage, 0
        if self.calling.contexts:
            self.calling.contexts = []

    async def _turn_in_bursts(self, channel: Channel, burst: Burst) -> None:
        """Handle as many as can be without waiting; one that waits is alone from then on.

        A coroutine is called in no time; what costs is the rest, so the rest is done for a batch, as long as nobody can
        tell. Once a message waits, everybody can: what came before it is sent and counted, and what comes after it
        lies in the channel again.
        """
        runner = self.runner
        outlet = runner.out if self.calling.returns else None
        hold = runner.hold
        room = self._limit if hold is None else 1
        if outlet is not None and outlet.channels:
            if outlet.room <= 0 and outlet.measure() <= 0:
                await self.output.room(outlet)
                if not (len(channel) and runner.opened) or runner.hold is not hold:
                    return
            room = min(room, outlet.room)
        elif outlet is None and room > 1:
            room = max(1, min(room, runner.room()))  # as many as can send one each
        self._take(channel, *channel.take(room))
        left: Any = iter(self._payloads)  # Any: it can be ended, which no protocol says
        failures = 0
        while True:
            coroutine = burst(left, self._done, self._port)
            try:
                waits = coroutine.send(None)
            except StopIteration:
                self._limit = min(TURN, 2 * self._limit)
                self._settled(len(self._done), failures, outlet)
                return
            except BaseException as error:  # SystemExit belongs to the message, not to the loop
                failures += 1
                index = len(self._done)
                runner.fail(self._port, self._payloads[index], self._lineage, index, error)
                self._done.append(None)
                if isinstance(error, Ended):
                    self._give_back(channel, index + 1)
                    self._settled(index + 1, failures, outlet)
                    await self._let_others()
                    return
                continue
            left.__setstate__(sys.maxsize)
            await self._alone(channel, coroutine, waits, failures)
            return

    async def _alone(self, channel: Channel, coroutine: Coroutine[Any, Any, None], waits: Any, failures: int) -> None:
        """Handle to its end the message that waits."""
        runner, calling, payloads = self.runner, self.calling, self._payloads
        index = self.output.index = len(self._done)
        self._limit = max(1, index)
        self._give_back(channel, index + 1)
        self._settled(index, failures, runner.out if calling.returns else None)
        runner.running = 1
        try:
            await _relayed(coroutine, waits)
            if calling.returns:
                await calling.send(self._done[index], payloads[index])
        except BaseException as error:  # SystemExit belongs to the message, not to the loop
            self._failed(payloads[index], index, error)
            if isinstance(error, Ended):
                runner.running = 0
                await self._let_others()
        else:
            runner.handled += 1

    def _give_back(self, channel: Channel, begun: int) -> None:
        """Put back in front what comes after the first messages of a burst."""
        if begun < len(self._payloads):
            channel.put_back(self._payloads[begun:], self._lineage.cut(begun, len(self._payloads)))

    async def _let_others(self) -> None:
        """A handler that blocked the loop was ended, for somebody who waits on it to be served before the next one."""
        await asyncio.sleep(0.01)

    def _settled(self, count: int, failures: int, outlet: Outlet | None) -> None:
        """The first messages of a burst are handled: count them, and send what they gave."""
        self.runner.handled += count - failures
        if outlet is not None and count:
            outlet.results(self._done[:count], self._lineage, self._payloads[:count])

    def _failed(self, payload: Any, index: int, error: BaseException) -> None:
        """Keep what could not be handled; the node lives on, unless it is being ended.

        Raises:
            CancelledError: It is being ended.
        """
        runner, lineage = self.runner, self._lineage
        if isinstance(error, asyncio.CancelledError) and self.task.cancelling():
            self.calling.cancelled()
            runner.bury(self._port, [payload], lineage.cut(index, index + 1), runner.scheduler.ending(runner.name))
            runner.running = 0
            raise error
        runner.fail(self._port, payload, lineage, index, error)

    async def _settle(self, settings: Any) -> None:
        self.runner.settle(settings)
        component = self.runner.component
        if not isinstance(component, FunctionComponent):  # a function has its settings bound
            assert self.runner.settings_port is not None
            await component.handle(self.output, self.runner.settings_port, settings)

    def context(self) -> Context:
        """What the component may know of the message it is handling."""
        index = min(len(self._done), len(self._payloads) - 1)
        made = self.runner.scheduler.context(
            self.runner, self._port, self._lineage, index, attempt=self.calling.attempt
        )
        self.calling.contexts.append(made)
        return made


@types.coroutine
def _relayed(coroutine: Coroutine[Any, Any, None], waits: Any) -> Generator[Any, Any, None]:
    """Await a coroutine that waits for something already."""
    try:
        while True:
            try:
                sent = yield waits
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:
                waits = coroutine.throw(error)
            else:
                waits = coroutine.send(sent)
    except StopIteration:
        return
