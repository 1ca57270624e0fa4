"""The views that a cell shows: when it runs again, those of its last run are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .flow_view import FlowView

if TYPE_CHECKING:
    from tinyflow_jupyter._observed import Visible

_shown: dict[str, tuple[int, list[FlowView]]] = {}  # by cell: the number of its run, and the views that run showed


def shown_in_this_cell(flow: Visible) -> dict[str, str | dict[str, object]]:
    """A new view of a flow, as a part of what the cell that runs displays."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    assert shell is not None  # whoever displays something has one
    cell, number = _cell(shell), shell.execution_count
    view = FlowView(flow)
    last, views = _shown.get(cell, (number, []))
    if last != number:
        for old in views:
            old.close()
        views = []
    _shown[cell] = number, [*views, view]
    return view.bundle()


def _cell(shell: Any) -> str:  # Any: IPython's shell
    """Of the front ends that say which cell it is; else all cells are one."""
    try:
        return str(shell.get_parent()["metadata"].get("cellId", ""))
    except (AttributeError, KeyError):
        return ""
