"""The log in a notebook: an error of a flow, which stands still, is said below the cell that runs, or that ran last.

That is where a person is; what else a flow says or prints stands below the cell that started it, or below its graph.
"""

from __future__ import annotations

import contextvars
import logging
import sys
import weakref
from typing import Any

from ._passed import Inspectable
from ._view.rows import rows_of


class _Below(logging.Handler):
    """Writes errors in the context of a cell, by which the kernel knows what a text belongs to."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._shell: Any = None  # Any: IPython's
        self._cell = contextvars.Context()
        self._flows: weakref.WeakSet[Inspectable] = weakref.WeakSet()  # whose secrets are masked

    def watch(self, flow: Inspectable) -> None:
        """A flow was shown or started: from here on, know the cell that runs."""
        self._flows.add(flow)
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        if shell is None or self._shell is shell:
            return
        self._shell, self._cell = shell, contextvars.copy_context()
        shell.events.register("pre_run_cell", self._before_cell)
        logging.getLogger("tinyflow").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        others = [*logging.root.handlers, *logging.getLogger("tinyflow").handlers]
        if others == [self]:  # else a person has said where the log is to go
            here = self._cell if record.levelno >= logging.ERROR else contextvars.copy_context()
            here.copy().run(lambda: print(self.format(record), file=sys.stderr))

    def format(self, record: logging.LogRecord) -> str:
        """The text, without what is secret in any flow: what a component raises may hold its settings."""
        text = super().format(record)
        for flow in list(self._flows):
            text = rows_of(flow).masked(text)
        return text

    def _before_cell(self, _info: object) -> None:
        self._cell = contextvars.copy_context()


_below = _Below()
watch = _below.watch
