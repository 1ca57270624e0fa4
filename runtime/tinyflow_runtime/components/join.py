"""Join: several ways in, one way out."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from tinyflow_runtime.component import Component, Handler, Port
from tinyflow_runtime.components.formula import formula
from tinyflow_runtime.errors import SettingsError
from tinyflow_runtime.schema import snapshot

_TAKEN = ("out", "unmatched", "settings", "error")

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,62}$")]


@dataclass(frozen=True, slots=True)
class JoinSettings:
    """What to put together, and how."""

    inputs: Annotated[
        tuple[Name, ...], Meta(min_length=2, max_length=16, description="The names of the input ports.")
    ] = ("left", "right")
    how: Annotated[
        Literal["zip", "latest", "key"],
        Meta(description="zip: the first with the first; latest: whatever is newest; key: those with the same key."),
    ] = "zip"
    key: Annotated[str, Meta(min_length=1, description="For how='key': an expression over msg, such as msg.id.")] = (
        "msg"
    )
    keep: Annotated[
        int, Meta(ge=1, le=100_000, description="Messages that may wait for their partners; then the oldest leaves.")
    ] = 1_000


class Join(Component):
    """Puts messages of several inputs together: ``{"left": …, "right": …}``.

    * ``zip``: the first of each input, the second of each input, and so on.
    * ``latest``: after every message the newest of each input, once each has had one.
    * ``key``: messages with the same key, in any order.

    What waits too long for a partner leaves through ``unmatched``, as ``{"left": …}``: nothing is lost.
    """

    tags = ("flow",)
    settings: JoinSettings = JoinSettings()

    def __init__(self) -> None:
        self._newest: dict[str, Any] = {}  # Any: payloads
        self._waiting: dict[Hashable, dict[str, deque[tuple[int, Any]]]] = {}
        self._order: dict[int, tuple[Hashable, str]] = {}  # who waits, the oldest first
        self._number = 0

    def ports(self) -> list[Port]:
        names = self.settings.inputs
        for name in names:
            if name in _TAKEN or names.count(name) > 1:
                raise SettingsError(
                    "TF-109", f"An input of a join cannot be called {name!r}: there is a port of that name.",
                    "Choose another name for the input.",
                )  # fmt: skip
        formula(self.settings.key, "key")
        return [
            *(Port(name, "in", Any) for name in names),
            Port("out", "out", dict[str, Any]),
            Port("unmatched", "out", dict[str, Any]),
            Port("settings", "in", JoinSettings, settings=True),
        ]

    async def handle(self, output: Handler, port: str, payload: Any) -> None:
        if port == "settings":
            return
        if self.settings.how == "latest":
            await self._latest(output, port, payload)
            return
        key = formula(self.settings.key, "key")(payload) if self.settings.how == "key" else None
        if not isinstance(key, Hashable):
            raise TypeError(f"The key of a message must be a text, a number or a tuple, not {key!r}.")
        await self._match(output, key, port, payload)

    async def _latest(self, output: Handler, port: str, payload: Any) -> None:
        self._newest[port] = payload
        if all(name in self._newest for name in self.settings.inputs):
            # Copies, for what was newest will be sent again, and what is sent belongs to whoever receives it.
            await output("out", {name: snapshot(self._newest[name]) for name in self.settings.inputs})

    async def _match(self, output: Handler, key: Hashable, port: str, payload: Any) -> None:
        waiting = self._waiting.setdefault(key, defaultdict(deque))
        self._number += 1
        waiting[port].append((self._number, payload))
        self._order[self._number] = (key, port)
        if all(waiting[name] for name in self.settings.inputs):
            await output("out", {name: self._take(key, name) for name in self.settings.inputs})
        while len(self._order) > self.settings.keep:
            oldest_key, oldest = next(iter(self._order.values()))
            await output("unmatched", {oldest: self._take(oldest_key, oldest)})

    def _take(self, key: Hashable, name: str) -> Any:
        waiting = self._waiting[key]
        number, payload = waiting[name].popleft()
        del self._order[number]
        if not any(waiting.values()):
            del self._waiting[key]
        return payload
