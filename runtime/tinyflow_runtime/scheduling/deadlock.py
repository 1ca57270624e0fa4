"""Deadlocks: a loop is stuck when each of its nodes waits for room at the next one.

Nothing will ever move such a loop, so this is certain and no matter of time. The newest message in one of the full
channels becomes a dead letter, and the loop moves again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinyflow_runtime.errors import Deadlock

if TYPE_CHECKING:
    from tinyflow_runtime.channel import Channel
    from tinyflow_runtime.execution.waiting import Waiting


def free_stuck_loops(blocked: Iterable[Waiting]) -> None:
    """Free every loop in which all wait for each other."""
    runners = set(blocked)
    seen: set[Waiting] = set()
    for runner in list(runners):
        if runner not in seen:
            loop = _loop_from(runner, runners, seen)
            if loop:
                _free(loop)


def _loop_from(start: Waiting, blocked: set[Waiting], seen: set[Waiting]) -> list[Channel]:
    """The full channels of a loop that the walk from ``start`` along full channels runs into; empty when none does."""
    path: list[tuple[Waiting, Channel]] = []
    at: dict[Waiting, int] = {}
    runner: Waiting | None = start
    while runner is not None and runner in blocked:
        if runner in at:
            return [channel for _, channel in path[at[runner] :]]
        if runner in seen:
            return []
        seen.add(runner)
        at[runner] = len(path)
        full = _full_channel(runner, blocked)
        if full is None:
            return []
        path.append((runner, full))
        runner = full.target
    return []


def _full_channel(runner: Waiting, blocked: set[Waiting]) -> Channel | None:
    """A full channel that it waits for, rather one whose target waits too."""
    full = [c for outlet in runner.outlets.values() for c in outlet.channels if c.room <= 0]
    return next((channel for channel in full if channel.target in blocked), full[0] if full else None)


def _free(loop: list[Channel]) -> None:
    channel = next((c for c in loop if c.edge is not None and c.edge.loop), loop[-1])
    names = " → ".join([*(c.target.name for c in loop), loop[0].target.name])
    payload, lineage = channel.take_newest()
    error = Deadlock(
        "TF-133",
        f"The loop {names} is stuck: each waits for room at the next ({channel.capacity} of {channel.capacity} used).",
        "The newest message became a dead letter to free it.",
        "Send fewer messages round for each one that comes, or give the edge a larger capacity.",
    )
    channel.target.scheduler.report(channel.target.name, str(error))
    channel.target.bury(channel.port, [payload], lineage, error)
    channel.freed(anyway=True)
