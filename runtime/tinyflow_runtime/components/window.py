"""Window: single messages in, lists of them out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from tinyflow_runtime.component import Component, Handler, Port
from tinyflow_runtime.errors import SettingsError
from tinyflow_runtime.schema import snapshot

MOST = 100_000  # messages in a window that only time would close; a fast source must not fill the memory
_NAP = 1.0  # s; a change of `seconds` is noticed after so long


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """When a window is complete: by count, by time, or by whichever comes first."""

    size: Annotated[int, Meta(ge=1, le=MOST, description="Messages in a full window; empty: time alone.")] | None = None
    seconds: Annotated[float, Meta(gt=0, description="Seconds after its first message; empty: count alone.")] | None = (
        None
    )
    slide: (
        Annotated[int, Meta(ge=1, description="Start a window after so many messages; empty: no overlap.")] | None
    ) = None


class Window(Component):
    """Gathers messages and sends them as lists.

    A window is sent when it holds ``size`` messages or when its first message is ``seconds`` old, whichever comes
    first. With ``slide`` windows overlap: ``size=10, slide=1`` sends the last ten after every message. Any message to
    ``flush`` sends at once what has been gathered and not been sent; a window that is not complete when the flow stops
    is not sent.
    """

    tags = ("flow", "time")
    settings: WindowSettings

    def __init__(self) -> None:
        self._gathered: list[Any] = []  # Any: payloads
        self._fresh = 0  # how many of them have been in no window yet
        self._opened = asyncio.Event()
        self._since = 0.0  # loop time of the first message in the open window
        self._sending = asyncio.Lock()  # windows leave in the order in which they were completed

    def ports(self) -> list[Port]:
        if self.settings is not None:  # None: nobody has said yet when a window is complete
            _check(self.settings)
        return [
            Port("in", "in", Any),
            Port("flush", "in", Any),
            Port("out", "out", list),
            Port("settings", "in", WindowSettings, settings=True),
        ]

    async def handle(self, output: Handler, port: str, payload: Any) -> None:
        if port == "settings":
            return
        if port == "flush":
            await self._send(output)
            return
        self._gathered.append(payload)
        self._fresh += 1
        if self._fresh == 1:
            self._since = asyncio.get_running_loop().time()
            self._opened.set()
        if len(self._gathered) >= (self.settings.size or MOST):
            await self._send(output, slide=self.settings.slide)

    async def run(self, output: Handler) -> None:
        """Send the window whose time has come; rests while there is none."""
        loop = asyncio.get_running_loop()
        while True:
            await self._opened.wait()
            self._opened.clear()
            while self._fresh and self.settings.seconds is not None:
                left = self._since + self.settings.seconds - loop.time()
                if left > 0:
                    await asyncio.sleep(min(left, _NAP))
                else:
                    await self._send(output)

    async def _send(self, output: Handler, *, slide: int | None = None) -> None:
        if not self._fresh:
            return
        window = self._gathered
        # What overlaps is in two windows: the second gets copies, for the first belongs to whoever received it.
        self._gathered = [] if slide is None else [snapshot(payload) for payload in window[slide:]]
        self._fresh = 0
        async with self._sending:
            await output("out", window)


def _check(settings: WindowSettings) -> None:
    if settings.size is None and settings.seconds is None:
        raise SettingsError("TF-109", "A window needs size=, seconds= or both.", "Say for example size=10.")
    if settings.slide is not None and (settings.size is None or settings.seconds is not None):
        raise SettingsError("TF-109", "slide= needs size= and no seconds=.", "Say for example size=10, slide=1.")
    if settings.slide is not None and settings.size is not None and settings.slide > settings.size:
        raise SettingsError(
            "TF-109", f"slide={settings.slide} is more than size={settings.size}: messages between two windows would "
            "be lost.", "Make slide as big as size, or smaller.",
        )  # fmt: skip
