"""An entrance is where an edge from another module ends: the door into a node's own channel for one writer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from tinyflow_runtime.delivery.census import Census
from tinyflow_runtime.delivery.frames import CAPACITY, Cargo, EdgeKey
from tinyflow_runtime.delivery.receiver import Right
from tinyflow_runtime.delivery.sealed import Sealed
from tinyflow_runtime.errors import PortError, TinyFlowError, did_you_mean, unknown
from tinyflow_runtime.message import Address
from tinyflow_runtime.observation.lineage import Lineage
from tinyflow_runtime.observation.shown import Shown
from tinyflow_runtime.runner import Runner

if TYPE_CHECKING:
    from tinyflow_runtime.scheduler import Scheduler


class Entrance:
    """One writer's way into one input port."""

    def __init__(self, runner: Runner, address: Address, census: Census, *, capacity: int) -> None:
        self.runner = runner
        self.address = address
        self.scheduler: Scheduler = runner.scheduler
        self.channel = Sealed(runner, runner.ports[address.port], capacity=capacity)
        runner.channels.append(self.channel)
        self._census = census
        census.judged.append(self)
        self._closed = False
        self._put = 0
        self._unsettled: deque[Sequence[int]] = deque()  # traces of what is not settled, oldest first
        self._left = 0  # how many these are

    @property
    def capacity(self) -> int:
        return self.channel.capacity

    @property
    def room(self) -> int:
        return self.channel.room

    @property
    def refusal(self) -> TinyFlowError | None:
        """Its node or port may be gone, or its flow at its end."""
        node, port = self.address
        if self.scheduler.stopping:
            return self.scheduler.ending(node)
        if self.scheduler.runners.get(node) is not self.runner:
            return unknown("node", node, self.scheduler.runners.nodes)
        if port not in self.runner.ports:
            return no_port(self.address, self.runner.ports)
        return None

    @property
    def settled(self) -> int:
        """How many messages were handled here, with everything that was sent because of them, by the last census."""
        return self._put - self._left

    @property
    def waiting(self) -> bool:
        """Whether something is not settled."""
        return self._left > 0

    def put(self, cargo: Cargo) -> None:
        """Accept messages; they are decoded when their node takes them."""
        scheduler, channel, payloads = self.scheduler, self.channel, cargo.payloads
        scheduler.tick()
        lineage = cargo.lineage
        if lineage is None:  # whoever wrote this keeps no ids
            lineage = Lineage.first(scheduler.ids.draw(len(payloads)), scheduler.now())
        self._put += len(payloads)
        self._left += len(payloads)
        self._unsettled.append(lineage.traces)
        probe = channel.probe or self.runner.inlet(channel)
        probe.note(Shown(payloads, channel.type), lineage)
        channel.put_sealed(payloads, lineage)

    def when_freed(self, call: Callable[[], None]) -> None:
        """Call back, once, when half of the channel is free."""
        self.channel.blocked = Notice(call)  # type: ignore[assignment] # it waits like a runner, and is told like one

    def judge(self, alive: set[int]) -> None:
        """Forget what is settled."""
        left: deque[Sequence[int]] = deque()
        count = 0
        for traces in self._unsettled:
            if not alive.isdisjoint(traces):
                kept = [trace for trace in traces if trace in alive]
                left.append(kept)
                count += len(kept)
        self._unsettled, self._left = left, count
        if self._closed and not count:
            self._leave()

    def close(self) -> None:
        """Nothing more comes; what lies here is still handled."""
        self._closed = True
        self.channel.blocked = None
        if not self._left:
            self._leave()

    def _leave(self) -> None:
        if self in self._census.judged:
            self._census.judged.remove(self)
        if self.channel in self.runner.channels and not len(self.channel):
            self.runner.retire(self.channel)


class Notice:
    """Waits for room as a runner does, to tell somebody of it."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def unblock(self) -> None:
        """There is room."""
        self._call()


class Flowing(Protocol):
    """A running flow."""

    scheduler: Scheduler


class Entrances:
    """Where edges from other modules end, in all flows of a process."""

    def __init__(self) -> None:
        self.flows: Mapping[str, Flowing] = {}
        self._censuses: dict[Scheduler, Census] = {}

    def bring(self, flows: Mapping[str, Flowing]) -> None:
        """Take over which flows run."""
        self.flows = dict(flows)
        running = {flow.scheduler for flow in flows.values()}
        self._censuses = {key: census for key, census in self._censuses.items() if key in running}

    def take_census(self) -> None:
        """Find out what has been settled, unless that was done just now."""
        for census in self._censuses.values():
            census.take()

    def look(self, edge: EdgeKey, right: Right) -> None:
        """Whether there is such a port.

        Raises:
            NodeError: TF-107, no such flow or node. PortError: TF-101 or TF-102, no such input.
        """
        if edge.flow not in self.flows:
            raise unknown("flow", edge.flow, self.flows)
        scheduler, address = self.flows[edge.flow].scheduler, Address.parse(right.to)
        if scheduler.stopping:
            raise scheduler.ending(address.node)
        if address.node not in scheduler.runners.nodes:
            raise unknown("node", address.node, scheduler.runners.nodes)
        runner = scheduler.runners[address.node]
        if address.port not in runner.ports:
            raise no_port(address, runner.ports)
        if runner.ports[address.port].direction != "in":
            raise PortError("TF-102", f"{address} is an output; an edge ends at an input.", "Name an input.")

    def door(self, edge: EdgeKey, right: Right) -> Entrance:
        """A channel of its own for one writer."""
        scheduler, address = self.flows[edge.flow].scheduler, Address.parse(right.to)
        census = self._censuses.setdefault(scheduler, Census(scheduler))
        return Entrance(scheduler.runners[address.node], address, census, capacity=right.capacity or CAPACITY)


def no_port(address: Address, ports: Mapping[str, object]) -> PortError:
    """The error for a port that a node does not have."""
    what = f"{address.node!r} has no port {address.port!r}."
    near = did_you_mean(address.port, ports)
    return PortError("TF-101", what, near, f"Ports of {address.node}: {', '.join(ports)}.")
