"""Halting a flow on a cluster: what its modules hold, for a time that they keep themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tinyflow_runtime import place, protocol
from tinyflow_runtime.errors import NotRunning
from tinyflow_runtime.message import Address
from tinyflow_runtime.scheduling.breakpoints import LEASE, Held, seconds_of
from tinyflow_runtime.wire import Remote

from .connections import Connections
from .payload import Reader
from .progress import Progress
from .push import sources_wanted, wait_until_ready

STEP = 60.0  # seconds for one message to be handled in a step


class Halting:
    """The part of a flow on a cluster that brings what it does to a halt, and lets it go on."""

    name: str
    _connections: Connections

    def start(self) -> None:
        """It runs: pushing it started it.

        Raises:
            NotRunning: TF-166, always; it says what to do instead.
        """
        raise _not_here("start()", f"It runs on {self._connections.api.context} since it was pushed.", "push it again")

    def wait_ready(self, timeout: float | None = 60) -> None:
        """Return when all of its modules and nodes are Ready.

        Raises:
            ClusterError: TF-164, they are not within ``timeout`` seconds, or never will be; it says what it waits for.
        """
        api = self._connections.api
        progress = Progress(f"wait for {self.name}" if api.login.local else f"wait for {self.name} ({api.where})")
        try:
            wait_until_ready(api, self.name, sources_wanted(api, self.name), timeout, progress)
        finally:
            progress.leave()

    def stop(self, timeout: float = 5) -> None:
        """A cluster runs what it holds.

        Raises:
            NotRunning: TF-166, always; it says what to do instead.
        """
        raise _not_here("stop()", "A cluster runs what it holds.", f'take it away with cluster.delete("{self.name}")')

    def pause(self, node: str | None = None, lease: float = LEASE) -> None:
        """Handle nothing more at a node, or at all of them, after the message it is in; sources wait before they send.

        Args:
            node: Its name; None for all, and for those that are added later.
            lease: Seconds after which it goes on by itself, whatever becomes of this program.
        """
        self._hold(protocol.HoldRequest(action="pause", node=node or "", lease=seconds_of(lease)), node)

    def resume(self, node: str | None = None) -> None:
        """Let a paused node go on, or all of them. What is held at a breakpoint goes first, and is not held again."""
        self._hold(protocol.HoldRequest(action="resume", node=node or ""), node)

    def step(self, node: str, timeout: float = STEP) -> None:
        """Let a paused node handle exactly one message, or a paused source send one; returns when that is done.

        Raises:
            NodeError: TF-132, the node is not paused; TF-128, nothing waits there.
            WaitTimeout: TF-138, it was not handled within ``timeout`` seconds; it still may be.
        """
        self._hold(protocol.HoldRequest(action="step", node=node), node, timeout=timeout)

    def breakpoint(self, address: str, when: str | None = None, lease: float = LEASE) -> None:
        """Hold a node at the first message at a port for which a condition is true.

        Args:
            address: ``node:port``; a breakpoint there is replaced.
            when: An expression over ``msg``, as of an edge; None for every message.
            lease: Seconds after which a held node goes on by itself, whatever becomes of this program.

        Raises:
            ExpressionError: TF-114, the condition. NodeError: TF-129, the lease. PortError: TF-101.
        """
        to = Address.parse(address)
        asked = protocol.HoldRequest(action="breakpoint", port=str(to), when=when or "", lease=seconds_of(lease))
        self._hold(asked, to.node)

    def clear(self, address: str) -> None:
        """Take a breakpoint away; a node that it holds goes on. Where there is none, nothing changes."""
        to = Address.parse(address)
        self._hold(protocol.HoldRequest(action="clear", port=str(to)), to.node)

    @property
    def held(self) -> Mapping[str, Held]:
        """The nodes that are paused, by name, and what they are held at; as it is shown, so secrets are masked."""
        found = {}
        for holds in self._hold(protocol.HoldRequest(), None):
            for told in holds.nodes:
                read = self._reader(Address(told.node, told.port))
                message = read(told.message) if told.HasField("message") else None
                found[told.node] = Held(told.node, told.port, message, told.queued, told.lease)
        return found

    @property
    def breakpoints(self) -> Mapping[str, str]:
        """The condition of each breakpoint, by address; an empty text where every message is held."""
        asked = self._hold(protocol.HoldRequest(), None)
        return {point.port: point.when for holds in asked for point in holds.breakpoints}

    def modules(self, node: str | None = None) -> list[str]:
        """The modules its nodes are in; of one node, its own."""
        raise NotImplementedError

    def _reader(self, address: Address) -> Reader:
        raise NotImplementedError

    def _hold(self, request: protocol.HoldRequest, node: str | None, *, timeout: float = 10) -> list[protocol.Holds]:
        """Ask the module of a node, or all of them."""
        request.flow = self.name
        modules = self.modules(node)

        async def ask(remote: Remote) -> protocol.Holds:
            return await remote.hold(request, timeout=timeout)

        async def everywhere() -> list[protocol.Holds]:
            return await asyncio.gather(*(self._connections.reach(module, ask, flow=self.name) for module in modules))

        return self._connections.loop.call(everywhere(), what=f"{request.action or 'held'}()")


def _not_here(what: str, why: str, instead: str) -> NotRunning:
    return NotRunning(
        "TF-166", f"{what} is for a flow in the kernel. {why}", f"Instead, {instead}.", where=place.caller()
    )
