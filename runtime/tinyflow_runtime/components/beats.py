"""Beats: a steady rhythm on the loop's own clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

_NAP = 1.0  # s; a new rhythm is noticed after so long, however slow the old one was


async def beats(every: Callable[[], float]) -> AsyncIterator[None]:
    """Beat at once, and then every so many seconds.

    The rhythm does not drift. Who is late for a beat gets the next one on time: missed beats are left out, not made up
    for.

    Args:
        every: Asked before each beat, so that a change of settings needs no restart.
    """
    loop = asyncio.get_running_loop()
    last = loop.time()
    yield
    while True:
        await asyncio.sleep(0)  # whoever never waits must let others on the loop
        while (left := last + every() - loop.time()) > 0:  # noqa: ASYNC110  # time has no event
            await asyncio.sleep(min(left, _NAP))
        late = loop.time() - last
        last += late - late % every()
        yield
