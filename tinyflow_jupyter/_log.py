"""The log in a notebook: an error of a flow, which stands still, is said below the cell that runs, or that ran last.

That is where a person is; what else a flow says or prints stands below the cell that started it, or below its graph.
"""

from __future__ import annotations

import contextvars
import logging
import sys
from typing import Any


class _Below(logging.Handler):
    """Writes errors in the context of a cell, by which the kernel knows what a text belongs to."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._shell: Any = None  # Any: IPython's
        self._cell = contextvars.Context()

    def watch(self) -> None:
        """A flow was shown or started: from here on, know the cell that runs."""
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

    def _before_cell(self, _info: object) -> None:
        self._cell = contextvars.copy_context()


_below = _Below()
watch = _below.watch
