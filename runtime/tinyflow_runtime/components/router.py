"""Router: as many ways out as there are routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from tinyflow_runtime.component import Component, Handler, Port
from tinyflow_runtime.components.formula import condition
from tinyflow_runtime.errors import SettingsError
from tinyflow_runtime.schema import snapshot

_TAKEN = ("in", "other", "settings", "error")


@dataclass(frozen=True, slots=True)
class Route:
    """One way out, and what goes there."""

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,62}$", description="The name of the output port.")]
    when: Annotated[str, Meta(min_length=1, description="An expression over msg, such as msg.kind == 'rain'.")]


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """The routes, in the order in which they are tried."""

    routes: Annotated[tuple[Route, ...], Meta(max_length=64, description="Tried from the first to the last.")] = ()
    send: Annotated[Literal["first", "all"], Meta(description="To the first route that fits, or to all of them.")] = (
        "first"
    )


class Router(Component):
    """Sends each message to the route that it fits, and to ``other`` when it fits none.

    Every route is an output port of its own: change the routes, and the ports change with them.
    """

    tags = ("flow",)
    settings: RouterSettings = RouterSettings()

    def ports(self) -> list[Port]:
        for route in self.settings.routes:
            if route.name in _TAKEN:
                raise SettingsError(
                    "TF-109", f"A route cannot be called {route.name!r}: the router has a port of that name.",
                    "Choose another name for the route.",
                )  # fmt: skip
            condition(route.when, f"when of route {route.name!r}")
        routes = [Port(route.name, "out", Any) for route in self.settings.routes]
        return [
            Port("in", "in", Any),
            *routes,
            Port("other", "out", Any),
            Port("settings", "in", RouterSettings, settings=True),
        ]

    async def handle(self, output: Handler, port: str, payload: Any) -> None:
        if port == "settings":
            return
        ways = [
            route.name
            for route in self.settings.routes
            if condition(route.when, f"when of route {route.name!r}")(payload)
        ]
        if not ways:
            await output("other", payload)
            return
        await output(ways[0], payload)
        if self.settings.send == "all":
            for way in ways[1:]:
                await output(way, snapshot(payload))
