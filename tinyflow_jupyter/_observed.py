"""What can be seen of a flow at one moment, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.observation.counts import Counts

from ._controllable import Controllable

if TYPE_CHECKING:
    from tinyflow_runtime.flow import Flow


@dataclass(frozen=True, slots=True)
class Look:
    """One port.

    Attributes:
        last: The newest message; None before the first.
        count: Messages since the flow was started.
        rate: Messages a second.
    """

    last: Message | None
    count: int
    rate: float


@dataclass(frozen=True, slots=True)
class Observed:
    """All nodes and channels.

    Attributes:
        counts: By node; None for a flow that never ran, and for one that cannot be asked right now.
        channels: By the two ends of an edge: how many messages wait, how many may, and how many were accepted, ever.
        states: Of nodes that are not what their counts say: ``paused``, ``stale``; ``failed``, as a cluster says.
        blocked: The nodes that wait for room behind an output.
        sent: By source: how many messages it has sent, whatever its edges let through.
        letters: By node: the dead letters that are kept; those sent again or discarded are not there any more.
        breakpoints: The condition of each, by address; None where that is not known.
    """

    counts: Mapping[str, Counts] | None = None
    channels: Mapping[tuple[Address, Address], tuple[int, int, int]] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    blocked: Collection[str] = ()
    sent: Mapping[str, int] = field(default_factory=dict)
    letters: Mapping[str, int] = field(default_factory=dict)
    breakpoints: Mapping[str, str] | None = None


def sent(flow: Flow, count: Callable[[Address], int]) -> dict[str, int]:
    """What the sources of a flow have sent. A source takes no messages, so what it has done is what it has sent.

    Args:
        count: How many messages have passed at a port.
    """
    found = {}
    for name, node in list(flow.nodes.items()):
        ports = node.ports.values()
        if not any(port.direction == "in" and not port.settings for port in ports):
            outputs = [port for port in ports if port.direction == "out" and not port.status and port.name != "error"]
            found[name] = sum(count(Address(name, port.name)) for port in outputs)
    return found


class Visible(Controllable, Protocol):
    """A flow that can be shown live: what `Looks` asks of those that show themselves, and what can be inspected."""

    _far: bool

    def _state(self) -> str: ...
    def _revision(self) -> object: ...
    def _looks(self, ports: Iterable[str]) -> Mapping[str, Look]: ...
    def _observed(self) -> Observed: ...
    def _pictures(self) -> Mapping[str, str]: ...
