"""A census finds which messages are alive in a flow: of which anything is queued, in hand or on its way out.

A message that came from another module is settled when nothing with its trace is alive here any more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from tinyflow_runtime.execution.generating import Generating
from tinyflow_runtime.execution.serving import Serving

if TYPE_CHECKING:
    from tinyflow_runtime.channel import Channel
    from tinyflow_runtime.execution.outlet import Outlet
    from tinyflow_runtime.runner import Runner
    from tinyflow_runtime.scheduler import Scheduler

PAUSE = 0.005  # seconds between two, at least: what was settled since counts as lost if the process dies
SHARE = 20  # one that took a millisecond is not taken again within twenty


class Judged(Protocol):
    """Who wants to know what is alive."""

    @property
    def waiting(self) -> bool:
        """Whether it has messages that are not settled."""

    def judge(self, alive: set[int]) -> None:
        """Every message that was accepted by now, and whose trace is not among these, is settled."""


class Census:
    """Taken when somebody asks, for everybody, and not so often that it would be felt."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.judged: list[Judged] = []
        self._not_before = 0.0

    def take(self) -> None:
        """Find out what is alive, unless that was done just now."""
        started = time.perf_counter()
        if started < self._not_before or not any(each.waiting for each in self.judged):
            return
        alive = alive_in(self.scheduler)
        for each in self.judged:
            each.judge(alive)
        ended = time.perf_counter()
        self._not_before = ended + max(PAUSE, SHARE * (ended - started))


def alive_in(scheduler: Scheduler) -> set[int]:
    """The traces of all messages that are alive in a flow."""
    alive: set[int] = set()
    for runner in scheduler.runners.values():
        for traces in _of_runner(runner):
            alive.update(traces)
    for exit_ in scheduler.exits.every():
        for traces in (*_of_channel(exit_.channel), *exit_.on_their_way()):
            alive.update(traces)
    return alive


def _of_runner(runner: Runner) -> Iterator[Sequence[int]]:
    if runner.ready or runner.running:
        for channel in runner.channels:
            yield from _of_channel(channel)
    if runner.running:
        yield from _in_hand(runner)
    for outlet in runner.outlets.values():
        if outlet.pending:
            yield from _of_outlet(outlet)


def _of_channel(channel: Channel) -> Iterator[Sequence[int]]:
    for lineage, start in channel.marks:
        yield lineage.traces[start:] if start else lineage.traces


def _in_hand(runner: Runner) -> Iterator[Sequence[int]]:
    drive = runner.drive
    if isinstance(drive, Serving):
        lineage, index = drive.output.lineage, drive.output.index
        if lineage is not None:
            yield lineage.traces[index : index + 1]
    elif isinstance(drive, Generating):
        yield drive.lineage.traces[drive.index() : drive.index() + 1]


def _of_outlet(outlet: Outlet) -> Iterator[Sequence[int]]:
    if outlet.parents is not None:
        traces = outlet.parents.traces
        yield [traces[index] for index in outlet.origins]
