"""A small live widget: it says how things are, and then what has changed, as fast as the browser draws it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from tinyflow_runtime.errors import TinyFlowError

from .pace import Pace
from .pump import FAR, NEAR
from .widget import Asked

Json = dict[str, Any]  # what JSON can hold


class Live(Asked):
    """A widget that looks at something again and again. What its browser gets is how it is now: newest wins.

    Args:
        far: Whether looking asks other processes.

    Attributes:
        tick: Seconds between two looks, at least.
    """

    tick = 0.05  # at most twenty frames a second: nobody reads faster

    def __init__(self, *, far: bool = False) -> None:
        self._pump = FAR if far else NEAR
        self._pace = Pace()
        self._lock = threading.RLock()
        self._told: Json = {}
        self._whole = self._over = False
        super().__init__()

    def look(self) -> Json:
        """How it is now; a field whose value differs from the last one is told.

        Raises:
            TinyFlowError: It cannot be seen right now, which is told too.
        """
        raise NotImplementedError

    def shown(self) -> Json:
        """How it is, for a browser that begins."""
        with self._lock:
            return self._seen()

    def heard(self, message: Mapping[str, Any]) -> None:
        """A browser is there, or has drawn a frame."""
        if message.get("t") not in ("hello", "ack"):
            return
        missed = self._pace.acknowledged(message.get("n"))
        if message["t"] == "hello":
            self._whole = True  # it may have missed a frame between its snapshot and now
        if self._over:
            return
        self._pump.add(self)
        if missed:
            self._pump.hurry(self)

    def turn(self) -> None:
        """Tell what has changed, if the browser has drawn the last frame."""
        if self._over or not self._pace.may():
            return
        with self._lock:
            before, self._told = {} if self._whole else self._told, self._seen()
            self._whole = False
            changed = {name: value for name, value in self._told.items() if name not in before or before[name] != value}
        if changed and not self._over:
            self.send({"t": "frame", "n": self._pace.sent(), "put": changed})

    def close(self) -> None:
        """Close it in all browsers; what it looks at goes on."""
        self._over = True
        self._pump.remove(self)
        super().close()

    def _seen(self) -> Json:
        try:
            return {**self.look(), "trouble": ""}
        except TinyFlowError as error:
            return {**self._told, "trouble": error.what}
