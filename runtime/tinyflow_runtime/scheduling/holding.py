"""Holding: the nodes of one scheduler that are paused or have breakpoints, and what may be asked of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinyflow_runtime.errors import NodeError
from tinyflow_runtime.execution.serving import Serving
from tinyflow_runtime.execution.sources import RunningSource
from tinyflow_runtime.scheduling.breakpoints import Held, breakpoint_at, seconds_of
from tinyflow_runtime.scheduling.hold import Hold

if TYPE_CHECKING:
    from tinyflow_runtime.message import Address
    from tinyflow_runtime.ports import Port
    from tinyflow_runtime.runner import Runner
    from tinyflow_runtime.scheduler import Scheduler


class Holding(dict[str, Hold]):
    """The holds by node; empty nearly always.

    Attributes:
        everything: Whether nodes that are still to come are paused too.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self.scheduler = scheduler
        self.everything = False
        self._lease: float | None = None

    def pause(self, node: str | None = None, lease: float | None = None) -> None:
        """Pause a node, or all of them and those that follow.

        Raises:
            NodeError: TF-129, the lease is no time.
        """
        if lease is not None:
            seconds_of(lease)
        if node is None:
            self.everything, self._lease = True, lease
        for name in self.scheduler.runners.nodes if node is None else [node]:
            self._of(name).pause(lease)

    def resume(self, node: str | None = None) -> None:
        """Let a node go on, or all of them."""
        if node is None:
            self.everything = False
        for name in list(self) if node is None else [node]:
            hold = self.get(name)
            if hold is not None:
                hold.resume()
                self._drop_idle(hold)

    async def step(self, node: str) -> None:
        """Let a paused node handle exactly one message; returns when it has.

        Raises:
            NodeError: TF-132, the node is not paused; TF-128, nothing waits there.
        """
        hold = self.get(node)
        if hold is None or not hold.paused:
            raise NodeError("TF-132", f"{node} is not paused, so it makes no step.", f'Pause it: flow.pause("{node}").')
        if not hold.waits():
            raise NodeError("TF-128", f"Nothing waits at {node}.", "Send it something, or step the node before it.")
        await hold.step()

    def breakpoint(self, address: Address, port: Port, when: str | None, lease: float) -> None:
        """Hold the node of a port at the first message for which a condition is true.

        Raises:
            ExpressionError: TF-114, the condition. NodeError: TF-129, the lease.
        """
        point = breakpoint_at(address, port, when, lease)
        runner = self.scheduler.runners[address.node]
        hold = self._of(address.node)
        hold.breakpoints[address.port] = point
        hold.keep_outlet(address.port)
        runner.drive.wake()

    def take_away(self, address: Address) -> None:
        """Take a breakpoint away; a node that it holds goes on."""
        hold = self.get(address.node)
        if hold is None or hold.breakpoints.pop(address.port, None) is None:
            return
        if hold.at is not None and hold.at[0] == address.port:
            hold.resume()
        self._drop_idle(hold)

    def held(self) -> dict[str, Held]:
        """The nodes that are paused, by name."""
        found = {name: hold.held() for name, hold in self.items()}
        return {name: held for name, held in found.items() if held is not None}

    def breakpoints(self) -> dict[str, str]:
        """The condition of each breakpoint, by address; empty text where there is none."""
        return {str(each.address): each.when for hold in self.values() for each in hold.breakpoints.values()}

    def waiting(self) -> list[str]:
        """The nodes at which something waits for a hold to end."""
        return [name for name, hold in self.items() if hold.waits()]

    def stuck(self) -> bool:
        """Whether nothing moves any more but what a hold would let go."""
        if not (self.waiting() and self.scheduler.at_rest()):
            return False
        return not any(_moves(runner) for runner in self.scheduler.runners.values())

    def attach(self, runner: Runner) -> None:
        """A node is made; it is held if it is to be."""
        hold = self.get(runner.name)
        if hold is not None:
            hold.attach(runner)

    def take_in(self, names: Iterable[str]) -> None:
        """Nodes were added: if everything is paused, so are they."""
        if self.everything:
            for name in names:
                self._of(name).pause(self._lease)

    def forget(self, name: str) -> None:
        """A node is no more."""
        hold = self.pop(name, None)
        if hold is not None:
            hold.let_go_for_good()

    def end(self) -> None:
        """The flow ends."""
        for hold in self.values():
            hold.let_go_for_good()

    def _of(self, name: str) -> Hold:
        hold = self.get(name)
        if hold is None:
            hold = self[name] = Hold(name, self.scheduler)
            made = self.scheduler.runners.get(name)
            if made is not None:
                hold.attach(made)
        return hold

    def _drop_idle(self, hold: Hold) -> None:
        if not (hold.paused or hold.breakpoints):
            del self[hold.name]
            hold.detach()


def _moves(runner: Runner) -> bool:
    """Whether a node will do something without anybody's help, and the pump knows nothing of it yet."""
    drive, source = runner.drive, runner.source
    if isinstance(drive, Serving):
        if runner.running and not drive.output.waiting:
            return True
        if runner.ready and runner.opened and not (runner.running or runner.blocked):
            return True
    return isinstance(source, RunningSource) and not source.quiet and not source.output.waiting
