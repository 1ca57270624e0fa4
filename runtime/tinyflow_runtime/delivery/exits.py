"""Exits are all the ways out of one flow's part in this module: one for each edge to a node of another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from tinyflow_runtime.delivery.leaving import Exit, Leaving
from tinyflow_runtime.errors import TinyFlowError

if TYPE_CHECKING:
    from tinyflow_runtime.definition.edges import Edge
    from tinyflow_runtime.message import Address
    from tinyflow_runtime.scheduler import Scheduler


class Exits:
    """The exits of one scheduler.

    Attributes:
        open: By the node that sends.
        closing: Of edges that are no more, from which something may still leave.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.open: dict[str, list[Exit]] = {}
        self.closing: list[Exit] = []

    def bring(self, edges: Iterable[Leaving]) -> None:
        """Have exactly these; the nodes are connected to them when the scheduler connects its nodes, or wakes them."""
        before = {(exit_.key, exit_.module, *_ends(exit_.edge)): exit_ for exit_ in self}
        self.open = {}
        for leaving in edges:
            source = leaving.edge.source.node
            exit_ = before.pop((leaving.key, leaving.module, *_ends(leaving.edge)), None)
            if exit_ is None:
                exit_ = Exit(self.scheduler, leaving)
            else:
                exit_.change(leaving.edge)
            self.open.setdefault(source, []).append(exit_)
        for exit_ in before.values():
            self._detach(exit_)
            self.closing.append(exit_)

    def to(self, target: Address) -> Exit | None:
        """One of those that lead to a port of another module."""
        return next((exit_ for exit_ in self if exit_.edge.target == target), None)

    def of(self, node: str) -> list[Exit]:
        """Those of the edges that leave one node."""
        return self.open.get(node, [])

    def __iter__(self) -> Iterator[Exit]:
        return chain.from_iterable(self.open.values())

    def every(self) -> list[Exit]:
        """Also those from which the last messages are still leaving."""
        self.closing = [exit_ for exit_ in self.closing if exit_.counts().queued]
        return [*self, *self.closing]

    def quiet(self) -> bool:
        """Whether nothing waits to be accepted by another module."""
        return not any(exit_.taken or len(exit_) for exit_ in self.every())

    def end(self, error: Callable[[str], TinyFlowError]) -> None:
        """Make dead letters of what lies in them."""
        for exit_ in self.every():
            exit_.end(error(exit_.name))

    def _detach(self, exit_: Exit) -> None:
        source = exit_.edge.source
        runner = self.scheduler.runners.get(source.node)
        if runner is not None and source.port in runner.outlets:
            outlet = runner.outlets[source.port]
            outlet.lead_to(tuple(each for each in outlet.channels if each is not exit_.channel))
        exit_.close()


def _ends(edge: Edge) -> tuple[Address, Address]:
    return edge.source, edge.target
