"""Map: one payload in, another out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from tinyflow_runtime.component import Component, Handler, Port
from tinyflow_runtime.components.formula import formula, formula_type


@dataclass(frozen=True, slots=True)
class MapSettings:
    """What to make of a message."""

    to: Annotated[str, Meta(min_length=1, description="An expression over msg, such as {'celsius': msg.value}.")] = (
        "msg"
    )


class Map(Component):
    """Sends what its expression makes of each message; nothing where that is None."""

    tags = ("flow",)
    settings: MapSettings = MapSettings()

    def ports(self) -> list[Port]:
        return [
            Port("in", "in", Any),
            Port("out", "out", formula_type(self.settings.to, "to")),
            Port("settings", "in", MapSettings, settings=True),
        ]

    async def handle(self, output: Handler, port: str, payload: Any) -> None:
        if port == "settings":
            return
        made = formula(self.settings.to, "to")(payload)
        if made is not None:
            await output("out", made)
