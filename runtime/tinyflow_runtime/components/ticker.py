"""Ticker: the beat that starts things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from tinyflow_runtime.component import Component, Handler, Port
from tinyflow_runtime.components.beats import beats


@dataclass(frozen=True, slots=True)
class TickerSettings:
    """How often, and how many times."""

    every: Annotated[float, Meta(ge=0.001, le=86_400, description="Seconds between two ticks.")] = 1.0
    times: Annotated[int, Meta(ge=1, description="Stop after so many ticks; empty: never.")] | None = None


class Ticker(Component):
    """Sends 0, 1, 2 … in a steady rhythm.

    The first tick comes at once. When the next node has no room the ticker waits, and ticks missed meanwhile are left
    out; the numbers stay without a gap.
    """

    tags = ("source", "time")
    settings: TickerSettings = TickerSettings()

    def ports(self) -> list[Port]:
        return [Port("out", "out", int), Port("settings", "in", TickerSettings, settings=True)]

    async def run(self, output: Handler) -> None:
        """Tick until stopped, or until there were enough."""
        number = 0
        async for _ in beats(lambda: self.settings.every):
            if self.settings.times is not None and number >= self.settings.times:
                return
            await output("out", number)
            number += 1
