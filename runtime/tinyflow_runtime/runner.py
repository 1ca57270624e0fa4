"""A runner is a node at work: it takes from its channels in turn and handles one message at a time.

How it is driven depends on its component. Plain functions are driven inline, a batch in one go, and cost no task
(``inline.py``); what waits, retries or blocks is served by a task of its own (``serving.py``). A runner changes from
one to the other between two messages; its channels, counters and what lies in them stay.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.channel import Channel
from tinyflow_runtime.component import Component, Port, ports_of
from tinyflow_runtime.definition.functions import FunctionComponent
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.execution.asleep import Asleep
from tinyflow_runtime.execution.ending import Ended
from tinyflow_runtime.execution.failing import cause
from tinyflow_runtime.execution.generating import Generating
from tinyflow_runtime.execution.inline import Inline
from tinyflow_runtime.execution.outlet import Outlet
from tinyflow_runtime.execution.output import Output
from tinyflow_runtime.execution.serving import Serving
from tinyflow_runtime.execution.sources import PulledSource, Source, source_of
from tinyflow_runtime.execution.waiting import Waiting
from tinyflow_runtime.message import Address
from tinyflow_runtime.probe import PortProbe
from tinyflow_runtime.schema import immutable

if TYPE_CHECKING:
    from tinyflow_runtime.execution.stretch import Stretch
    from tinyflow_runtime.flow import Edge
    from tinyflow_runtime.scheduler import Scheduler

CAPACITY = 64  # messages in the channel of those who send from outside; the same as an edge has by default
HOOK = 30.0  # seconds for a component's stop or delete; it must not keep the flow from ending


class Runner(Waiting):
    """A node at work; the loop's thread alone touches it.

    Attributes:
        handled: Messages handled; those whose failure an error port took are among them.
        failed: Messages whose handler raised and whose failure went to the error port.
        dead: Messages that became dead letters.
        shed: Messages that an overflow policy gave up.
        refused: Dead letters among ``dead`` that no channel had accepted.
        running: Messages in the handler's hands right now.
        ready: The channels in which something lies, in the order of their turns.
        stretch: Drives it together with others, as long as all is as simple as that.
        opened: False until its settings and its ``start`` are handled.
        error: What this component raised last. A success does not clear it, which would cost each message; a new text,
            or a new start, does.
    """

    __slots__ = (
        "channels",
        "opened",
        "out",
        "ports",
        "ready",
        "retired_accepted",
        "retired_filtered",
        "running",
        "settings_port",
        "shed",
        "stretch",
        "threaded",
    )

    def __init__(
        self, name: str, component: Component, scheduler: Scheduler, *, ports: Mapping[str, Port], asleep: bool = False
    ) -> None:
        self.name = name
        self.scheduler = scheduler
        self.stretch: Stretch | None = None
        self.channels: list[Channel] = []
        self.outlets: dict[str, Outlet] = {}
        self.ready: deque[Channel] | list[Channel] = []
        self.handled = self.failed = self.dead = self.shed = self.refused = self.running = self.blocked = 0
        self.failures = self.worked = 0
        self.opened = False
        self.threaded = False  # moved to a thread by the watchdog
        self.error: BaseException | None = None
        self.hold = None
        self.source: Source | None = None
        self.component = component
        self.redeclare(ports)
        self.retired_accepted = self.retired_filtered = 0
        self.waiters: list[asyncio.Future[None]] = []
        self.drive: Inline | Serving | Asleep = Asleep(self) if asleep else self.driven()

    def adopt(self, component: Component) -> None:
        """Run this component from the next message on."""
        self.component = component
        self.threaded = False
        self.error, self.failures = None, 0
        self.redeclare()
        self.redrive()

    def redeclare(self, ports: Mapping[str, Port] | None = None) -> None:
        """Ask the component for its ports, which may follow its settings, unless they are known."""
        self.part()
        self.ports = ports_of(self.component) if ports is None else ports
        self.settings_port = next((port.name for port in self.ports.values() if port.settings), None)
        for name, port in self.ports.items():
            if port.direction == "out" and name in self.outlets:
                self.outlets[name].retype(port)
        for name in [name for name in self.outlets if name not in self.ports]:
            del self.outlets[name]
        for channel in self.channels:
            if channel.port in self.ports:
                channel.retype(self.ports[channel.port])
        # Only functions send to "out" without a word, and only they may leave it unmade.
        self.out = self.outlet("out") if "out" in self.ports and self.ports["out"].direction == "out" else None

    def redrive(self) -> None:
        """Choose how the component is driven, and take over its settings."""
        self.part()
        way = self._way()
        if type(self.drive) is way:
            self.drive.rebind()
            return
        self.drive.close()
        self.drive = self.driven()
        self.drive.wake()

    def driven(self) -> Inline | Serving:
        """A drive of the kind that its component needs."""
        return self._way()(self)

    def goes_along(self) -> bool:
        """Whether it may be part of a stretch: driven inline, and sending one message for each, to one place."""
        drive, out = self.drive, self.out
        if type(drive) is not Inline or drive.uneven or self.stretch or self.hold or not self.opened:
            return False
        if out is not None and out.check.look() is None:
            return False
        return not any(outlet.channels for outlet in self.outlets.values() if outlet is not out)

    def leads_to(self) -> Runner | None:
        """The only runner that it sends to, when nothing happens to messages on their way to it."""
        lane = self.out.lane if self.out is not None else None
        if lane is None or not isinstance(lane.target, Runner):  # an edge to another module ends at no runner
            return None
        return lane.target if lane.port != lane.target.settings_port else None

    def part(self) -> None:
        """Something about it changes: it goes on alone, and stretches are looked for anew."""
        self.scheduler.wirings += 1
        if self.stretch is not None:
            self.stretch.dissolve()

    def move_to_thread(self) -> None:
        """From its next message on, a plain function gets a thread of its own."""
        self.threaded = True
        if isinstance(self.source, PulledSource):
            self.source = self.source.moved()
            self._hold_source()
        self.redrive()

    def _way(self) -> type[Inline] | type[Serving]:
        component = self.component
        if not (isinstance(component, FunctionComponent) and component.inline(threaded=self.threaded)):
            return Serving
        return Generating if component.style == "generator" and not component.source else Inline

    def settle(self, settings: Any) -> None:
        """Take over settings from the next message on; ports may follow them, and a source begins anew."""
        self.component.settings = settings
        self.scheduler.probe.settled.append((self.name, settings))
        self.redeclare()
        self.drive.rebind()
        if self.source is not None:
            self.source.restart()

    async def open(self, settings: Any) -> None:
        """Handle the settings, then ``start``; messages are handled from then on.

        Raises:
            Exception: What the component raised; the node stays closed.
        """
        drive, component = self.drive, self.component
        component.settings = settings
        output = drive.output if isinstance(drive, Serving) else Output(self)
        if not isinstance(component, FunctionComponent):
            if self.settings_port is not None:
                await component.handle(output, self.settings_port, settings)
            if hasattr(component, "start"):
                await component.start(output)
        self.open_at_once()

    def open_at_once(self) -> None:
        """Handle messages from now on."""
        self.opened = True
        self.drive.wake()

    def begin(self) -> None:
        """Start its source, if it has one."""
        if self.opened and self.source is None:
            self.source = source_of(self)
            self._hold_source()

    def _hold_source(self) -> None:
        if self.hold is not None:
            self.hold.keep_outputs()

    # What comes in

    def outlet(self, port: str) -> Outlet:
        """The output port of that name at work; it must be declared."""
        outlet = self.outlets.get(port)
        if outlet is None:
            outlet = self.outlets[port] = Outlet(self, self.ports[port])
        return outlet

    def channel(self, port: str, *, edge: Edge | None, capacity: int = CAPACITY) -> Channel:
        """Make a channel that ends at an input port."""
        declared = self.ports[port]
        channel = Channel(self, declared, edge=edge, capacity=capacity)
        self.channels.append(channel)
        return channel

    def retire(self, channel: Channel) -> None:
        """Forget a channel in which nothing lies any more; what it counted stays."""
        self.channels.remove(channel)
        self.retired_accepted += channel.accepted
        self.retired_filtered += channel.filtered

    def inlet(self, channel: Channel) -> PortProbe:
        """What is known of the port that a channel ends at; made when the first message comes."""
        probe = self.scheduler.probe.port(Address(self.name, channel.port))
        declared = self.ports.get(channel.port)
        probe.copies = declared is None or not immutable(declared.type)
        channel.probe = probe
        return probe

    def wake(self, channel: Channel) -> None:
        """Something lies in a channel that was empty."""
        if self.stretch is not None and self.stretch.head is not self:
            self.stretch.clear = False
        channel.queued = True
        if not self.ready:
            self.ready = deque() if isinstance(self.ready, list) else self.ready
        self.ready.append(channel)
        self.drive.wake()

    def take_turn(self, limit: int) -> Channel | None:
        """The channel whose turn it is, for so many messages at most; put it back with ``end_turn``."""
        while self.ready:
            assert isinstance(self.ready, deque)  # something lies in a channel, so it was made
            channel = self.ready.popleft()
            if not channel.sealed or channel.unseal(limit):
                return channel
            self.end_turn(channel)  # what was to be taken could not be decoded
        return None

    def end_turn(self, channel: Channel) -> None:
        """A turn is over: the others come first now, and who waited for room goes on."""
        if len(channel):
            self.ready.append(channel)
        else:
            channel.queued = False
        channel.freed()

    async def end(self, error: TinyFlowError) -> None:
        """Stop: the source, the message in hand, what lies in the channels, and then the component itself."""
        self.part()
        self.opened = False
        if self.source is not None:
            self.source.stop()
        await self.drive.end()
        for channel in self.channels:
            if len(channel):
                payloads, lineage = channel.take_all()
                self.bury(channel.port, payloads, lineage, error)
            channel.freed(anyway=True)
        self.ready = []
        await self.call_hook("stop")

    async def call_hook(self, hook: str) -> None:
        """Call ``stop`` or ``delete`` of a component that has it; what it raises is said, and nothing else."""
        method = getattr(self.component, hook, None)
        if method is None or isinstance(self.component, FunctionComponent):
            return
        try:
            async with asyncio.timeout(HOOK):
                await method()
        except Ended as error:
            self.scheduler.report(self.name, str(error.told(f"{hook}() of {self.name}", "Mend the component.")))
        except Exception as error:
            self.scheduler.report(self.name, self.reason(error), cause=cause(error))
