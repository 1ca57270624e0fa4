"""The views that a cell has made: when it runs again, those of its last run are closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

_made: dict[str, tuple[object, list[Closing]]] = {}  # by cell: which run of it, and the views that this run has made


class Closing(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """It is needed no more."""


def made_in_this_cell(view: Closing) -> None:
    """A view belongs to the cell that runs now; nothing happens where there are no cells."""
    if (now := _now()) is None:
        return
    cell, run = now
    last, views = _made.get(cell, (run, []))
    if last != run:
        for old in views:
            old.close()
        views = []
    _made[cell] = run, [*views, view]


def this_run() -> str:
    """The run of the cell that runs now, as messages of the kernel name it; empty where there are no cells."""
    now = _now()
    return "" if now is None else str(now[1])


def _now() -> tuple[str, object] | None:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return None if getattr(shell, "kernel", None) is None else _running(shell)


def _running(shell: Any) -> tuple[str, object]:  # Any: IPython's shell
    """The cell and its run: of the front ends that say which cell it is; else all cells are one."""
    try:
        parent: Mapping[str, Any] = shell.get_parent()
        return str(parent["metadata"].get("cellId", "")), parent["header"]["msg_id"]
    except (AttributeError, KeyError, TypeError):
        return "", shell.execution_count
