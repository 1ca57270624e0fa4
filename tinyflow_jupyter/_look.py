"""How a flow looks in a notebook, wherever it runs: one picture, and one line where there are none."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from tinyflow_runtime.errors import TinyFlowError

from ._card import Counts
from ._live import live
from ._observed import Look, Observed, Visible
from ._svg import draw, summary

if TYPE_CHECKING:
    from tinyflow_runtime.flow import Flow

    from ._view.dashboard import Dashboard
    from ._view.flow_view import FlowView

TWICE = 150_000  # letters of a drawing; a longer one is kept in the notebook once, and not two times more


class Looks:
    """Shows a flow in the cell that it is the last line of."""

    _far = False  # whether other processes are asked by whoever looks

    def _definition(self) -> Flow:
        """Its nodes and edges."""
        raise NotImplementedError

    def _state(self) -> str:
        """A word, such as "running"."""
        raise NotImplementedError

    def _remark(self) -> str:
        """What else there is to say of its state, or nothing."""
        return ""

    def _counted(self) -> Mapping[str, Counts] | None:
        """What became of the messages, by node; None for a flow that never ran: it has nothing to tell.

        Dead letters that were sent again or discarded do not count any more.
        """
        raise NotImplementedError

    def _values(self) -> Mapping[str, Mapping[str, str]]:
        """What its status ports showed last, as text, by node and port. Looking takes no place in a stream."""
        raise NotImplementedError

    def _revision(self) -> object:
        """Something that differs after the nodes or edges have changed."""
        raise NotImplementedError

    def _looks(self, ports: Iterable[str]) -> Mapping[str, Look]:
        """Some ports now, by ``node:port``; those that cannot be asked are left out. No place in a stream is taken."""
        raise NotImplementedError

    def _observed(self) -> Observed:
        """All nodes and channels now; waits for nobody longer than a moment."""
        raise NotImplementedError

    def view(self, *, height: int = 420) -> FlowView:
        """The live, editable graph, which the flow as the last line of a cell shows too.

        Args:
            height: In CSS pixels.
        """
        from ._view.flow_view import FlowView  # widgets take a while to import, and a script has none

        return FlowView(cast(Visible, self), height=height)  # every flow that shows itself can be inspected too

    def dashboard(self) -> Dashboard:
        """The latest values of all status ports, live, and the settings of all nodes as forms, in one widget."""
        from ._view.dashboard import Dashboard

        return Dashboard(cast(Visible, self))

    def __repr__(self) -> str:
        try:
            flow = self._definition()
            return f"Flow {flow.name}: {summary(flow, self._state(), self._remark())}"
        except TinyFlowError as error:  # it was deleted, or cannot be asked right now: that is what there is to show
            return error.what

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:  # Any: IPython's own include and exclude, and its bundle
        return {**self._pictures(), **live(self.view)}

    def _pictures(self) -> dict[str, str]:
        """What stands in a saved notebook, where there is no kernel."""
        # As HTML the drawing lives in the page and follows its theme; as an image it goes wherever there is no page.
        drawing = draw(
            self._definition(),
            state=self._state(),
            remark=self._remark(),
            counts=self._counted(),
            values=self._values(),
        )
        pictures = {"text/plain": repr(self), "image/svg+xml": drawing}
        if len(drawing) <= TWICE:
            pictures["text/html"] = _in_a_page(drawing, repr(self))
        return pictures


def _in_a_page(drawing: str, words: str) -> str:
    """A drawing that lives in a page, and that can be seen where the page's notebook is not trusted too.

    There JupyterLab lets no SVG in, only its texts, and of the attribute ``hidden`` it knows nothing.
    """
    image = base64.b64encode(drawing.encode()).decode()
    seen = f'<img hidden alt="{html.escape(words)}" src="data:image/svg+xml;base64,{image}">'
    return f'<div style="overflow-x:auto;font-size:0">{seen}{drawing}</div>'
