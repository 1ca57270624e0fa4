"""A watch tells the browser what passes at the ports that somebody reads: some of it, and how many there were."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyflow_runtime.errors import TinyFlowError

from tinyflow_jupyter._passed import Inspectable

from .rows import Rows
from .sights import Sights

__all__ = ["Watch"]

MOST_PORTS = 8  # that one person reads at a time
A_FRAME = 12  # rows of one port in one frame: nobody reads more, and the rest is counted
BYTES = 24 * 1024  # of the trees in one frame: twenty a second are half a mebibyte
A_ROW = 4 * 1024  # bytes of one of them; all of it is asked for when somebody opens it


class Watch:
    """What was not told yet of some ports. It reads what the ports keep, so a flow is not slowed by being read.

    Args:
        flow: What is watched.
        rows: Makes rows of its messages.
    """

    def __init__(self, flow: Inspectable, rows: Rows) -> None:
        self._flow, self._rows = flow, rows
        self._sights = Sights(MOST_PORTS)
        self._told: dict[str, tuple[str, int]] = {}  # by port: the id that was told last, and the count then

    @property
    def addresses(self) -> list[str]:
        """The ports that are watched."""
        return list(self._told)

    def watch(self, view: str, addresses: Iterable[object]) -> None:
        """Watch these ports for a view from now on, and no others for it."""
        self._sights.see(view, addresses)
        told = {}
        for address in self._sights.all():
            told[address] = self._told.get(address) or self._now(address)
        self._told = told

    def _now(self, address: str) -> tuple[str, int]:
        passed = self._flow._passed(address, 1)
        return (passed.messages[-1].id if passed.messages else ""), passed.count

    def frame(self) -> dict[str, Any]:
        """What passed since the last frame, by port: ``rows`` newest last, ``missed`` and the ``count`` of all."""
        frame = {}
        left = BYTES
        watched = self._told  # somebody may begin to watch others meanwhile
        for address, (last, before) in list(watched.items()):
            try:
                passed = self._flow._passed(address, A_FRAME)
            except TinyFlowError:  # it is gone, or its module cannot be asked right now
                continue
            if passed.count == before:
                continue
            fresh = [message for message in passed.messages if message.id != last]
            known = next((index for index, one in enumerate(passed.messages) if one.id == last), -1)
            if passed.count > before and known >= 0:
                fresh = list(passed.messages[known + 1 :])
            arrived = passed.count - before if passed.count > before else passed.count  # it began to count anew
            rows: list[Any] = []
            for message in reversed(fresh[-arrived:]):
                if left <= 0:
                    break
                row = self._rows.of(message, min(A_ROW, left))
                left -= 300 + min(A_ROW, row["size"] * 2)
                rows.insert(0, row)
            watched[address] = (passed.messages[-1].id if passed.messages else last), passed.count
            frame[address] = {
                "rows": rows,
                "missed": max(0, arrived - len(rows)),
                "count": passed.count,
                "rate": passed.rate,
            }
        return frame
