"""The view of one port: its newest value, how often something passes, a line of its numbers, and its last messages."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.message import Message
from tinyflow_runtime.schema import type_name

from tinyflow_jupyter._families import family
from tinyflow_jupyter._passed import Inspectable
from tinyflow_jupyter._theme import STYLE

from .inspection import Inspection
from .live import Json, Live
from .parts import look as parts_of
from .rows import rows_of
from .widget import module_of, styles

if TYPE_CHECKING:
    from tinyflow_runtime.component import Port

POINTS = 200  # numbers of the line
ROWS = 6  # messages in the list
KEPT = 100  # messages that a port keeps
A_ROW = 1_024  # bytes of a payload in the list, and of the newest: the rest is there when somebody opens it
FAR = 0.25  # seconds between two looks at a port in another process


class PortView(Live):
    """What passes at one port, as it passes. It takes no place in the stream, so it may be forgotten in a tab.

    Args:
        flow: In the kernel or on a cluster.
        address: ``node:port``.
    """

    module = module_of("text", "asking", "feed", "tree", "value", "sparkline", "port_view")
    _css = STYLE + styles("small", "tree", "port_view")

    def __init__(self, flow: Inspectable, address: str, *, far: bool = False) -> None:
        self._flow, self._address = flow, address
        self._rows = rows_of(flow)
        self._line: deque[float | None] = deque(maxlen=POINTS)
        self._made: dict[str, Json] = {}  # rows by id: a message is read once, and again where more is secret
        self._learned = 0
        self._last, self._count = "", 0
        self._rate = self._looked = 0.0
        self._far = far
        self.tick = FAR if far else self.tick
        super().__init__(far=far)
        answers = Inspection(flow).answers()
        self.answer({word: answers[word] for word in ("part", "text")})

    def look(self) -> Json:
        """The port as it is now."""
        port = self._flow._port_at(self._address)
        passed = self._flow._passed(self._address, self._wanted())
        self._follow(passed.messages, passed.count)
        self._rate = passed.rate
        rows = self._listed(passed.messages[-ROWS:])
        return {
            **self._said(port),
            "count": passed.count,
            "rate": float(f"{passed.rate:.2g}"),  # two digits that count: what changes less is not worth a message
            "skipped": passed.skipped,
            "rows": rows[::-1],
            "numbers": list(self._line) if any(one is not None for one in self._line) else [],
        }

    def _wanted(self) -> int:
        """How many messages to ask for: as many as may have passed, and some more. Another process has to send them."""
        now = time.monotonic()
        since, self._looked = now - self._looked, now
        return min(KEPT, max(2 * ROWS, math.ceil(2 * self._rate * since))) if self._far and self._last else KEPT

    def _said(self, port: Port) -> Json:
        return {
            "address": self._address,
            "type": type_name(port.type),
            "direction": port.direction,
            "family": family(port.type),
        }

    def _follow(self, messages: Sequence[Message], count: int) -> None:
        """Lengthen the line by the numbers that are new."""
        if count < self._count:  # it was started again
            self._line.clear()
            self._last = ""
        known = next((index for index, one in enumerate(messages) if one.id == self._last), -1)
        fresh = messages[known + 1 :]
        if self._last and known < 0 and count - self._count > len(fresh):
            self._line.append(None)  # more have passed than were kept
        self._line.extend(number_of(one.payload) for one in fresh)
        self._count = count
        self._last = messages[-1].id if messages else ""

    def _listed(self, messages: Sequence[Message]) -> list[Json]:
        self._rows.learn()
        if self._learned != self._rows.learned:
            self._made, self._learned = {}, self._rows.learned
        made = {one.id: self._made.get(one.id) or self._row(one) for one in messages}
        self._made = made
        return list(made.values())

    def _row(self, message: Message) -> Json:
        row = self._rows.of(message, A_ROW)
        return {"id": row["id"], "time": row["time"], "tree": row["tree"], "whole": row["whole"]}


def number_of(payload: Any) -> float | None:  # Any: whatever a port carries
    """A number as a point of a line; None for what is none, or lies beyond all paper."""
    seen = parts_of(payload)
    if seen.kind not in ("int", "float"):
        return None
    try:
        number = float(f"{float(seen.text):.6g}")
    except ValueError:  # an integer of more digits than anybody writes
        return None
    return number if math.isfinite(number) else None
