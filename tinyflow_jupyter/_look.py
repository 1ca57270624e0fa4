"""How a flow looks in a notebook, wherever it runs: one picture, and one line where there are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._card import Counts
from ._svg import draw, summary

if TYPE_CHECKING:
    from tinyflow_runtime.flow import Flow


class Looks:
    """Shows a flow in the cell that it is the last line of."""

    def _definition(self) -> Flow:
        """Its nodes and edges."""
        raise NotImplementedError

    def _state(self) -> str:
        """A word, such as "running"."""
        raise NotImplementedError

    def _counted(self) -> Mapping[str, Counts] | None:
        """What became of the messages, by node; None for a flow that never ran: it has nothing to tell."""
        raise NotImplementedError

    def _values(self) -> Mapping[str, Mapping[str, str]]:
        """What its status ports showed last, as text, by node and port. Looking takes no place in a stream."""
        raise NotImplementedError

    def __repr__(self) -> str:
        flow = self._definition()
        return f"Flow {flow.name}: {summary(flow, self._state())}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:  # Any: IPython's own include and exclude
        # As HTML the drawing lives in the page and follows its theme; as an image it goes wherever there is no page.
        drawing = draw(self._definition(), state=self._state(), counts=self._counted(), values=self._values())
        return {
            "text/plain": repr(self),
            "image/svg+xml": drawing,
            "text/html": f'<div style="overflow-x:auto">{drawing}</div>',
        }
