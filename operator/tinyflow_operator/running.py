"""What runs: the module processes as they were last seen, and what they said of their nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tinyflow_runtime import protocol
from tinyflow_runtime.wire import Remote

from tinyflow_operator.cache import Key

NodeKey = tuple[str, str]  # flow and node


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a module said of a node.

    Attributes:
        generation: Of the TinyNode that it was told.
        trouble: Why it does not run, or not as it was told; empty when it does.
        running: Whether it runs; with trouble, as it was before.
    """

    generation: int
    trouble: str
    running: bool
    ports: tuple[protocol.Port, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What a module answered of a node when it was told its plan.

    Attributes:
        ports: Shared by all nodes that have the same: there are thousands.
    """

    trouble: str
    running: bool
    ports: tuple[protocol.Port, ...] = ()


def answers(applied: protocol.Applied) -> dict[NodeKey, Told]:
    """What a module answered, without the message it came in."""
    known: dict[bytes, tuple[protocol.Port, ...]] = {}
    told = {}
    for state in applied.nodes:
        same = protocol.NodeState(ports=state.ports)
        ports = known.setdefault(same.SerializeToString(deterministic=True), tuple(same.ports))
        told[state.flow, state.name] = Told(state.trouble, state.running, ports)
    return told


@dataclass(slots=True)
class Process:
    """One module server.

    Attributes:
        description: What it holds; None before it answered.
        plan: The hash of the plan it has; empty when nobody knows.
        away: Since when it does not answer, by a clock that only goes forward; None while it does.
        missed: Its nodes were told that it is away.
        failing: By node that handles no message any more, why.
    """

    remote: Remote
    description: protocol.Description | None = None
    plan: str = ""
    away: float | None = None
    missed: bool = False
    states: dict[NodeKey, Told] = field(default_factory=dict)
    verdicts: dict[NodeKey, Verdict] = field(default_factory=dict)
    failing: dict[NodeKey, str] = field(default_factory=dict)

    def fails(self) -> list[NodeKey]:
        """Take over what it said of nodes that fail; returns those of which there is something new to say.

        What each message raises may differ in its values: as long as it is of one kind, what was said first stays.
        """
        before = self.failing
        told = {(one.flow, one.name): one.text for one in self.description.failing} if self.description else {}
        self.failing = {node: _first(before.get(node, ""), text) for node, text in told.items()}
        return [node for node in before.keys() | told.keys() if before.get(node) != self.failing.get(node)]

    @property
    def address(self) -> str:
        return self.remote.address

    @property
    def revision(self) -> str:
        return self.description.revision if self.description else ""

    @property
    def instance(self) -> str:
        return self.description.instance if self.description else ""


def _first(before: str, now: str) -> str:
    """What was said before, where it is the same but for a value: ``TF-139 a raised KeyError: …``."""
    return before if before.partition(": ")[0] == now.partition(": ")[0] else now


class Processes:
    """The module servers that are known, one for each module."""

    def __init__(self, connect: Callable[[str, Key], Remote]) -> None:
        self._connect = connect
        self._all: dict[Key, Process] = {}

    def get(self, module: Key) -> Process | None:
        return self._all.get(module)

    async def at(self, module: Key, address: str) -> Process:
        """The module's process at an address; of one elsewhere stays what its nodes were told."""
        process = self._all.get(module)
        if process is None or process.address != address:
            made = Process(self._connect(address, module))
            if process is not None:
                made.verdicts, made.missed, made.failing = process.verdicts, process.missed, process.failing
            await self.forget(module)
            process = self._all[module] = made
        return process

    async def forget(self, module: Key) -> None:
        if process := self._all.pop(module, None):
            await process.remote.close()

    async def close(self) -> None:
        for module in list(self._all):
            await self.forget(module)
