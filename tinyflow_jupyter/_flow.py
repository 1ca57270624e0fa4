"""The flow of a notebook: what runs in the kernel, and how it shows itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.embedded.unapplied import unapplied
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.flow import Flow as Definition
from tinyflow_runtime.message import Address
from tinyflow_runtime.observation.counts import Counts
from tinyflow_runtime.observation.deadletters import DeadLetters
from tinyflow_runtime.scheduler import Scheduler

from . import _called, _log, _reruns
from ._inspected import Inspected
from ._look import Looks
from ._observed import Look, Observed, sent
from ._port import NotebookPort
from ._view.rows import rows_of

if TYPE_CHECKING:
    from ._view.flow_view import FlowView

MOMENT = 0.5  # seconds that a look waits for a flow whose loop is held up by a component
TOLD = 4  # nodes that are named where a flow says what start() would change


class Flow(Looks, Inspected):
    """A set of nodes connected with each other; the last line of a cell shows it."""

    def start(self) -> None:
        """Run, or bring a running flow of this name to what this one says; see ``EmbeddedFlow.start``.

        While it runs, running the cell of one of its components again gives it the new code.
        """
        _log.watch(self)
        super().start()
        _reruns.watch()

    def view(self, *, height: int = 420) -> FlowView:
        """The live, editable graph, which the flow as the last line of a cell shows too.

        Args:
            height: In CSS pixels.
        """
        _log.watch(self)  # it can be started there, where no cell runs
        return super().view(height=height)

    def __getitem__(self, address: str) -> NotebookPort:
        """A live port, ``flow["node:port"]``; it takes a place in the stream before it returns."""
        to, port = self._port(address)
        return NotebookPort(to, port, self._probe.port(to), guard=self._guard, trouble=self._trouble, flow=self)

    @property
    def dead_letters(self) -> DeadLetters:
        """What could not be handled, oldest first; it stays when the flow is stopped. Shown, secrets are masked."""
        letters = super().dead_letters
        letters.masked = rows_of(self).masked
        return letters

    def to_code(self) -> str:
        """The Python that builds exactly this flow, for a cell.

        Running it, where the notebook's components are defined, makes a flow of the same ``to_yaml()``. The flow is
        called there as it is in the notebook; ``flow`` where it has no name, or several.

        Raises:
            ManifestError: TF-117, a setting is an object that nothing plain can stand for.
        """
        return _called.code_of(self)

    def _definition(self) -> Definition:
        return self

    def _state(self) -> str:
        run = self._alive()
        if run is None:
            return "stopped"
        return f"blocked by {node}" if (node := run.blocker()) else "running"

    def _remark(self) -> str:
        names = self._unapplied()
        more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
        return f"changed ({', '.join(names[:TOLD])}{more}): start() applies it" if names else ""

    def _unapplied(self) -> list[str]:
        run = self._alive()
        if run is None:
            return []
        applied = run.scheduler.runners
        return unapplied(applied.nodes, applied.edges.by_ends, self)

    def _counted(self) -> Mapping[str, Counts] | None:
        counts = self.counts()
        if self._run is None:
            return None
        letters = self.dead_letters.by_node()
        return {name: replace(one, dead=letters[name]) for name, one in counts.items()}

    def _values(self) -> dict[str, dict[str, str]]:
        values: dict[str, dict[str, str]] = {}
        for name, node in self.nodes.items():
            for port in node.ports.values():
                last = self._last(f"{name}:{port.name}") if port.status else None
                if last is not None:
                    values.setdefault(name, {})[port.name] = rows_of(self).line(last)
        return values

    def _last(self, address: str) -> Any:  # Any: a Message of whatever the port carries, or None
        to, _ = self._port(address)
        return self._probe.port(to).last

    def _revision(self) -> object:
        return self.revision

    def _looks(self, ports: Iterable[str]) -> dict[str, Look]:
        looks = {}
        for address in ports:
            try:
                to, _ = self._port(address)
            except TinyFlowError:  # it went while somebody was looking
                continue
            probe = self._probe.port(to)
            looks[address] = Look(probe.last, probe.count, probe.rate)
        return looks

    def _observed(self) -> Observed:
        run = self._alive() or self._run
        if run is None:
            return Observed()
        found = Observed(run.counts, breakpoints={})
        try:
            found = found if run.ended else run.call(_observed, what="Looking", timeout=MOMENT)
        except TimeoutError:
            return Observed()
        states = {**found.states, **dict.fromkeys(self._unapplied(), "stale")}
        return replace(found, states=states, sent=sent(self, self._count), letters=self.dead_letters.by_node())

    def _count(self, address: Address) -> int:
        probe = self._probe.ports.get(address)
        return probe.count if probe is not None else 0


async def _observed(scheduler: Scheduler) -> Observed:
    counts = scheduler.counts()
    channels = {
        ends: (len(channel), channel.capacity, channel.accepted) for ends, channel in scheduler.channels.items()
    }
    holding = scheduler.holding
    paused = dict.fromkeys(holding.held(), "paused")
    blocked = [runner.name for runner in scheduler.blocked_runners]
    return Observed(counts, channels, paused, blocked, breakpoints=holding.breakpoints())
