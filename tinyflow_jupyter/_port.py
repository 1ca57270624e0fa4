"""A live port as a notebook shows it: one look at what passes, and its history as a table."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.embedded.liveport import LivePort, Observed
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.schema import type_name

from ._live import live
from ._text import fit, safe
from ._view.rows import rows_of

if TYPE_CHECKING:
    from tinyflow_runtime.component import Port

    from ._observed import Visible
    from ._view.port_view import PortView

ROWS = 5  # of the small table; all that was kept is in frame()
ROOM = 460.0  # the widest a payload in it may be


class NotebookPort(LivePort):
    """A place in the stream of one port that shows what passes in the cell it is the last line of.

    Args:
        flow: Whose port it is.
    """

    def __init__(
        self,
        address: Address,
        port: Port,
        probe: Observed,
        *,
        guard: Callable[[str], None],
        flow: Visible,
        trouble: Callable[[str], TinyFlowError | None] = lambda _: None,
    ) -> None:
        super().__init__(address, port, probe, guard=guard, trouble=trouble)
        self._flow = flow

    def frame(self, count: int = 100) -> Any:  # Any: a pandas DataFrame; pandas need not be installed
        """The history as a pandas DataFrame by time, oldest first; fields of dicts and dataclasses are columns.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        try:
            import pandas  # type: ignore[import-untyped]  # brings no types of its own
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "frame() makes a pandas DataFrame, and pandas is not installed. Install it: %pip install pandas",
                name=error.name,
            ) from None
        messages = self.history(count)
        times = pandas.to_datetime([message.time for message in messages], unit="s", utc=True)
        rows = [_fields(message.payload) for message in messages]
        return pandas.DataFrame(rows, index=pandas.Index(times, name="time"), columns=None if rows else ["payload"])

    def _written(self, message: Message) -> str:
        return rows_of(self._flow).line(message)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:  # Any: IPython's own include and exclude, and its bundle
        return {"text/plain": repr(self), "text/html": self._html(), **live(self._view)}

    def _view(self) -> PortView:
        from ._view.port_view import PortView  # widgets take a while to import, and a script has none

        return PortView(self._flow, str(self.address), far=self._flow._far)

    def _html(self) -> str:
        rows = "".join(self._row(message) for message in self.history(ROWS)[::-1])
        skipped = f", {self.skipped:,} not kept" if self.skipped else ""
        story = f"{type_name(self.port.type)} {'input' if self.port.direction == 'in' else 'output'}"
        counted = f"{self.count:,} message{'' if self.count == 1 else 's'}, {self.rate:,.3g} a second{skipped}"
        return (
            f'<div><b>{safe(str(self.address))}</b> <span style="opacity:.65">{safe(story)} · {counted}</span>'
            f'<table style="font-family:monospace;margin:.3em 0 0">{rows}</table></div>'
        )

    def _row(self, message: Message) -> str:
        moment = time.strftime("%H:%M:%S", time.localtime(message.time)) + f"{message.time % 1:.3f}"[1:]
        text = safe(fit(self._written(message), 12, ROOM, mono=True))
        return f'<tr><td style="opacity:.65">{moment}</td><td style="text-align:left">{text}</td></tr>'


def _fields(payload: Any) -> dict[str, Any]:
    if isinstance(payload, Mapping):
        return {str(name): value for name, value in payload.items()}
    if dataclasses.is_dataclass(payload) and not isinstance(payload, type):
        return {field.name: getattr(payload, field.name) for field in dataclasses.fields(payload)}
    names = getattr(type(payload), "__struct_fields__", None) or getattr(type(payload), "model_fields", None)
    names = names or getattr(payload, "_fields", None)
    return {name: getattr(payload, name) for name in names} if names else {"payload": payload}
