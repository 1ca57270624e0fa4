"""Quiet: nothing is queued or being handled in any module of a flow, nor on its way between two."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import WaitTimeout

_STUCK = 1.0  # seconds in which nothing moves: then nothing will
BETWEEN = 0.01  # seconds between the two looks that must be the same


async def idle(flow: str, look: Callable[[], Awaitable[Sequence[protocol.State]]], timeout: float | None) -> None:
    """Return when all modules are quiet at once.

    They answer one after the other, so one look proves nothing. What was idle in two looks, with nothing accepted or
    handled between them, was idle in all modules at the end of the first (Mattern 1987, the four counters).

    Args:
        flow: Its name, for the error.
        look: Asks every module what its nodes do.
        timeout: Seconds; None waits for ever.

    Raises:
        WaitTimeout: TF-138; without a timeout, when nothing moves any more because of nodes that are paused.
    """
    busy = ""
    before: object = None
    last: object = None
    same = 0.0
    try:
        async with asyncio.timeout(timeout):
            while True:
                states = await look()
                busy = at_work(states)
                now = [(one.name, one.accepted, one.handled, one.dead) for state in states for one in state.nodes]
                if not busy and now == before:
                    return
                before = None if busy else now
                same, last = (same + BETWEEN if now == last and _only_paused(states) else 0.0), now
                if timeout is None and same > _STUCK:
                    what = f"Flow {flow!r} was still at work and nothing moves: {busy}."
                    raise WaitTimeout("TF-138", what, "Let what is paused go on: flow.resume().")
                await asyncio.sleep(BETWEEN)
    except WaitTimeout:
        raise
    except TimeoutError:
        raise WaitTimeout(
            "TF-138",
            f"Flow {flow!r} was still at work after {timeout:g} s: {busy or 'messages between nodes'}.",
            "Wait longer, or look at what it does: flow.counts().",
        ) from None


def _only_paused(states: Sequence[protocol.State]) -> bool:
    """Whether who has something to do is paused, or waits for room behind somebody who is."""
    busy = {one.state for state in states for one in state.nodes if one.queued or one.running}
    return "paused" in busy and busy <= {"paused", "waiting"}


def at_work(states: Sequence[protocol.State]) -> str:
    """Who still has something to do; empty when nobody has."""
    busy = {
        one.name: one.name + (f" ({one.queued} queued{_paused(one)})" if one.queued else "")
        for state in states
        for one in state.nodes
        if one.queued or one.running
    }
    for state in states:
        for edge in state.edges:
            if edge.queued and edge.module:
                busy.setdefault(edge.to, f"{edge.queued} on their way to {edge.to}")
    told = list(busy.values())
    return ", ".join(told[:4]) + (f" and {len(told) - 4} more" if len(told) > 4 else "")


def _paused(one: protocol.Runner) -> str:
    return ", paused" if one.state == "paused" else ""
