"""Runners are the nodes of one scheduler: those at work, and those that sleep until something reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyflow_runtime.channel import Channel
from tinyflow_runtime.component import Component
from tinyflow_runtime.definition.edgeset import EdgeSet
from tinyflow_runtime.definition.functions import FunctionComponent
from tinyflow_runtime.execution.asleep import may_sleep
from tinyflow_runtime.observation.counts import Counts, count
from tinyflow_runtime.runner import Runner
from tinyflow_runtime.schema import snapshot

if TYPE_CHECKING:
    from tinyflow_runtime.execution.inline import Inline
    from tinyflow_runtime.execution.serving import Serving
    from tinyflow_runtime.flow import Edge, Node
    from tinyflow_runtime.scheduler import Scheduler

_NOTHING = Counts()


class Runners(dict[str, Runner]):
    """The runners that were made, by name. ``runners[name]`` makes that of a node that sleeps.

    So a flow of ten thousand functions starts in the time it takes to note their names.

    Attributes:
        nodes: Every node of the flow as it was applied last; its definition may have changed since.
        edges: Likewise. Those that leave a node asleep are at work in no channel yet.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self.scheduler = scheduler
        self.nodes: dict[str, Node] = {}
        self.edges = EdgeSet()

    def __missing__(self, name: str) -> Runner:
        node = self.nodes[name]
        asleep = may_sleep(node)
        runner = self[name] = Runner(name, made(node), self.scheduler, ports=node.ports, asleep=asleep)
        runner.opened = asleep and not self.scheduler.stopping  # functions have nothing to start
        if self.scheduler.holding:
            self.scheduler.holding.attach(runner)
        return runner

    def rouse(self, runner: Runner) -> Inline | Serving:
        """Something has reached a node that slept: connect it, and let it work."""
        self.connect(runner)
        runner.drive = drive = runner.driven()
        return drive

    def connect(self, runner: Runner) -> None:
        """Let the outputs of a runner lead to channels, one for each edge."""
        leaving: dict[str, list[Channel]] = {}
        for edge in self.edges.outgoing(runner.name):
            leaving.setdefault(edge.source.port, []).append(self._channel(edge))
        for exit_ in self.scheduler.exits.of(runner.name):
            leaving.setdefault(exit_.edge.source.port, []).append(exit_.channel)
        for port, channels in leaving.items():
            runner.outlet(port).lead_to(tuple(channels))

    def counts(self) -> dict[str, Counts]:
        """What became of every message, by node."""
        return {name: count(self[name]) if name in self else _NOTHING for name in self.nodes}

    def _channel(self, edge: Edge) -> Channel:
        channels, ends = self.scheduler.channels, (edge.source, edge.target)
        found = channels.get(ends)
        if found is None:
            target = self[edge.target.node]
            found = channels[ends] = target.channel(edge.target.port, edge=edge, capacity=edge.capacity)
        else:
            found.edge = edge
            found.resize(edge.capacity)
            found.freed()
        return found


def made(node: Node) -> Component:
    """The component that a node's runner runs. Functions keep nothing, so without settings one serves all."""
    settings = node.configured.settings
    if settings is None and isinstance(node.configured, FunctionComponent):
        return node.configured
    component = node.configured.instance()
    component.settings = snapshot(settings)
    return component
