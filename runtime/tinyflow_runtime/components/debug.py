"""Debug: look at what passes."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from tinyflow_runtime.component import Component, Handler, Port
from tinyflow_runtime.components.formula import formula
from tinyflow_runtime.execution.context import context

_LONGEST = 400  # characters of a message that are shown: a line or three, not a screenful


@dataclass(frozen=True, slots=True)
class DebugSettings:
    """What to show, and where."""

    show: Annotated[str, Meta(min_length=1, description="What to show of a message: an expression over msg.")] = "msg"
    to: Annotated[
        Literal["print", "log"], Meta(description="Under the cell or on the console, or into the program's log.")
    ] = "print"
    a_second: Annotated[
        int, Meta(ge=1, le=1_000, description="Lines a second at most; how many were left out is shown.")
    ] = 10


class Debug(Component):
    """Shows each message on a line of its own, and passes it on unchanged.

    A fast flow does not drown the screen: beyond so many lines a second, messages are counted and not shown. They are
    passed on all the same.
    """

    tags = ("look",)
    settings: DebugSettings = DebugSettings()

    def __init__(self) -> None:
        self._second = -1  # of the loop's clock
        self._lines = 0
        self._left_out = 0
        self._node = ""

    def ports(self) -> list[Port]:
        formula(self.settings.show, "show")
        return [Port("in", "in", Any), Port("out", "out", Any), Port("settings", "in", DebugSettings, settings=True)]

    async def handle(self, output: Handler, port: str, payload: Any) -> None:
        if port == "settings":
            return
        self._node = context().node
        second = int(asyncio.get_running_loop().time())
        if second != self._second:
            if self._left_out:
                self._show(f"… and {self._left_out:,} more")
            self._second, self._lines, self._left_out = second, 0, 0
        if self._lines < self.settings.a_second:
            self._lines += 1
            self._show(_text(formula(self.settings.show, "show")(payload)))
        else:
            self._left_out += 1
        await output("out", payload)

    async def stop(self) -> None:
        """Tell how many messages of the last second were not shown."""
        if self._left_out:
            self._show(f"… and {self._left_out:,} more")
            self._left_out = 0

    def _show(self, text: str) -> None:
        if self.settings.to == "log":
            logging.getLogger(f"tinyflow.{self._node}").info("%s", text)
        else:
            print(f"{self._node}: {text}", flush=True)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
