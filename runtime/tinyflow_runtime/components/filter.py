"""Filter: what fits goes one way, the rest another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from tinyflow_runtime.component import Component, Handler, Port
from tinyflow_runtime.components.formula import condition


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """What to let through."""

    when: Annotated[str, Meta(min_length=1, description="An expression over msg, such as msg.percent > 80.")] = "True"


class Filter(Component):
    """Sends what fits its condition to ``out``, and everything else to ``rest``."""

    tags = ("flow",)
    settings: FilterSettings = FilterSettings()

    def ports(self) -> list[Port]:
        condition(self.settings.when, "when")  # refused now, not at the first message
        return [
            Port("in", "in", Any),
            Port("out", "out", Any),
            Port("rest", "out", Any),
            Port("settings", "in", FilterSettings, settings=True),
        ]

    async def handle(self, output: Handler, port: str, payload: Any) -> None:
        if port == "settings":
            return
        fits = condition(self.settings.when, "when")(payload)
        await output("out" if fits else "rest", payload)
