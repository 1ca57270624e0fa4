"""A flow that runs inside this process, on a thread and a loop of its own."""

from __future__ import annotations

import asyncio
import atexit
import functools
import math
import threading
from collections.abc import Callable
from typing import Any, Self

from tinyflow_runtime import place
from tinyflow_runtime.component import Component
from tinyflow_runtime.embedded.draft import Draft
from tinyflow_runtime.embedded.liveport import LivePort, seconds
from tinyflow_runtime.embedded.lookup import address_of, input_of
from tinyflow_runtime.embedded.pausable import PausableFlow
from tinyflow_runtime.embedded.run import RUNNING, Run
from tinyflow_runtime.embedded.unapplied import same
from tinyflow_runtime.errors import Busy, NotRunning, PayloadError, TinyFlowError
from tinyflow_runtime.message import Address
from tinyflow_runtime.observation.counts import Counts
from tinyflow_runtime.observation.deadletters import DeadLetters
from tinyflow_runtime.probe import Probe
from tinyflow_runtime.scheduler import Scheduler
from tinyflow_runtime.scheduling import wiring
from tinyflow_runtime.schema import check, snapshot

_starting = threading.RLock()
_joining = threading.Lock()  # by who finds that a run of its name is its own; apart, for a start may take long
_LAST_MOMENT = 0.5  # seconds for flows that still run when the program ends


class EmbeddedFlow(PausableFlow):
    """A set of nodes connected with each other, and what they do when they run in this process.

    Building it changes nothing that runs; ``start`` does, as a whole. Two objects of one name stand for one run.

    Args:
        name: A DNS label.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._probe = Probe()
        self._dead_letters = DeadLetters(self.send_again)

    def start(self) -> None:
        """Run, or bring a running flow of this name to what this one says. Returns when every node has started.

        What did not change runs on undisturbed; from stopped, counters begin at zero.

        Raises:
            HandlerError: A component raised while it was started. A flow that did not run before does not run now.
            HandlerTimeout: TF-131, a node blocks the flow, and it is no node that this would change, whose handler is
                ended.
        """
        with _starting:
            run = RUNNING.get(self.name)
            if run is not None:
                self._join(run)
                run.flow = self
                run.guard("start()")
                run.call(self._apply, what="start()", ends=self._changes(run))
                return
            self._probe.begin()
            run = Run(self.name, probe=self._probe, dead_letters=self._dead_letters)
            run.flow = self
            run.start()
            atexit.unregister(_stop_all)  # importing registers nothing, and twice would be once too often
            atexit.register(_stop_all)
            self._run = RUNNING[self.name] = run
            try:
                run.call(self._apply, what="start()")
            except BaseException:
                self._end(run, 0)
                raise

    def _join(self, run: Run) -> None:
        """Have a run of this name as one's own; who holds a place at a port keeps it."""
        with _joining:
            if run is self._run:
                return
            for address, probe in list(self._probe.ports.items()):
                run.probe.port(address).join(probe)
            self._probe, self._dead_letters, self._run = run.probe, run.dead_letters, run

    def _alive(self) -> Run | None:
        run = RUNNING.get(self.name)
        if run is not None and run is not self._run and not run.ended:
            self._join(run)
        return super()._alive()

    def take_over(self) -> None:
        """Bring a flow that runs to what this one says now; one that is stopped, or runs as another says, stays so.

        Raises:
            HandlerError: A component raised while it was started.
        """
        with _starting:
            run = self._alive()
            if run is not None and run.flow is self:
                said = Draft(self)  # it may be changed while it is taken over
                work = functools.partial(wiring.apply, flow=said, keep=True)
                run.call(work, what="changing the flow", ends=self._changes(run))

    def _changes(self, run: Run) -> Callable[[str], bool]:
        """Tells of a node that is at work whether it is gone here, or other than there."""

        def changes(node: str) -> bool:
            applied, mine = run.scheduler.runners.nodes.get(node), self.nodes.get(node)
            return applied is not None and (mine is None or not same(applied, mine))

        return changes

    async def _apply(self, scheduler: Scheduler) -> None:
        await wiring.apply(scheduler, self)

    def stop(self, timeout: float = 5) -> None:
        """End the sources, let what was accepted be handled for ``timeout`` seconds, and make the rest dead letters.

        A handler that does not return is ended. Stopping a flow that does not run changes nothing.
        """
        run, given = self._alive(), seconds(timeout, "stop")
        if run is not None:
            self._end(run, math.inf if given is None else given)

    def _end(self, run: Run, timeout: float) -> None:
        run.stop(timeout)
        with _starting:
            if RUNNING.get(self.name) is run:
                del RUNNING[self.name]

    @property
    def running(self) -> bool:
        """Whether it runs, started through this object or another of its name."""
        return self._alive() is not None

    def send(self, address: str, payload: Any, timeout: float | None = None) -> None:
        """Send to an input port; returns when accepted.

        Args:
            address: ``node:port``.
            payload: What the port's type says, or the same as a plain document: a dict for a dataclass.
            timeout: Seconds to wait for room; None waits for ever.

        Raises:
            Busy: There was no room in time; nothing was sent.
            NotRunning: The flow is stopped.
            PortError: There is no such port, or it is an output.
            NodeError: There is no such node.
            PayloadError: The payload does not fit the port, or cannot be sent at all.
        """
        timeout, to = seconds(timeout, "send"), address_of(address)
        port = input_of(self, to, self._ports(to.node))
        run = self._needed("send()")
        try:
            sent = snapshot(check(port.type).one(payload))
        except PayloadError as error:
            raise PayloadError(
                error.code, error.what, *error.way_out, where=f"Sent to {to}, {place.caller()}"
            ) from None
        self._send(run, to, sent, timeout)

    def send_again(self, to: Address, payload: Any, timeout: float | None) -> None:
        """Send a dead letter's payload to the port it was for."""
        self._send(self._needed("replay()"), to, payload, timeout)

    def _send(self, run: Run, to: Address, payload: Any, timeout: float | None) -> None:
        async def send(scheduler: Scheduler) -> None:
            try:
                async with asyncio.timeout(timeout):
                    await scheduler.send(to, payload)
            except TimeoutError:
                raise Busy(
                    "TF-134",
                    f"{to} had no room within {timeout:g} s; nothing was sent.",
                    f"Wait longer, or look at what {to.node} does: flow.counts()[{to.node!r}].",
                ) from None

        run.call(send, what="send()", timeout=math.inf if timeout is None else timeout, late=Busy)

    def __getitem__(self, address: str) -> LivePort:
        """A live port, ``flow["node:port"]``; it takes a place in the stream before it returns."""
        to, port = self._port(address)
        return LivePort(to, port, self._probe.port(to), guard=self._guard, trouble=self._trouble)

    @property
    def dead_letters(self) -> DeadLetters:
        """What could not be handled, oldest first; it stays when the flow is stopped."""
        self._alive()
        return self._dead_letters

    def counts(self) -> dict[str, Counts]:
        """What became of every message, by node; taken between two batches, so it balances."""
        run = self._alive() or self._run
        if run is None or run.ended:
            return run.counts if run else {name: Counts() for name in self.nodes}

        async def counts(scheduler: Scheduler) -> dict[str, Counts]:
            return scheduler.counts()

        return run.call(counts, what="counts()")

    def to_yaml(self) -> str:
        """The custom resources a cluster would get, as text."""
        from tinyflow_runtime.manifest import to_yaml  # only who writes or reads documents needs their parser

        return to_yaml(self)

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """The flow that ``to_yaml`` wrote.

        Raises:
            ManifestError: TF-117, the text describes no flow; TF-118, a component cannot be found.
        """
        from tinyflow_runtime.manifest import from_yaml

        return from_yaml(text, cls)

    def _guard(self, what: str) -> None:
        run = self._alive()
        if run is not None:
            run.guard(what)

    def _trouble(self, what: str) -> TinyFlowError | None:
        run = self._alive()
        if run is not None:
            return run.trouble(what)
        said = f"Flow {self.name!r} does not run, so {what} waits in vain."
        return NotRunning("TF-135", said, "Start it: flow.start().", where=place.caller())


def swap(prototype: Component) -> list[str]:
    """Let every running flow use this component where it used one of the same module and name.

    The change happens between two messages; nothing is lost or doubled. A handler of it that blocks its flow is ended.

    Returns:
        ``flow:node`` for every node that changed.

    Raises:
        ComponentError: TF-110, its ports do not fit an edge. HandlerError: TF-139, its ``start`` raised; TF-131, a node
            blocks a flow, and could not be ended. Either way the old component keeps running, in every flow.
    """
    changed: list[str] = []
    swapped: list[Callable[[], None]] = []
    with _starting:
        try:
            for run in list(RUNNING.values()):
                names, back = run.swap(prototype)
                swapped.append(back)
                changed += [f"{run.name}:{name}" for name in names]
        except TinyFlowError:
            for back in reversed(swapped):
                back()
            raise
    return changed


def _stop_all() -> None:
    """A program that ends must not wait for flows that nobody stopped, nor cut them off in the middle."""
    for run in list(RUNNING.values()):
        run.stop(_LAST_MOMENT)
