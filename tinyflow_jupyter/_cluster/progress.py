"""Progress of something that takes a while: a bar in a notebook, one line in a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

from tinyflow_jupyter._text import safe

WIDTH = 24  # letters of the bar in a terminal
SOONEST = 0.1  # seconds between two pictures of it


class Progress:
    """Tells how far something is. Nothing is shown of what is done at once.

    Args:
        title: What is being done, such as ``"push numbers"``.
        out: Where it is told; standard output unless given.
    """

    def __init__(self, title: str, out: TextIO | None = None) -> None:
        self._title = title
        self._out = out or sys.stdout
        self._began = time.monotonic()
        self._shown = 0.0
        self._said = ""
        self._display = _display() if out is None else None
        self._line = self._display is None and self._out.isatty()

    def say(self, what: str, done: int = 0, total: int = 0) -> None:
        """What is being done now, and how much of it is done."""
        now = time.monotonic()
        if self._display is None and not self._line:
            if what != self._said and now - self._began > 1.0:  # a log wants few lines
                self._write(f"{self._title}: {what}\n")
                self._said = what
            return
        if now - self._shown < SOONEST and done != total:
            return
        self._shown = now
        counted = f" {done:,} of {total:,}" if total > 1 else ""
        if self._display is not None:
            bar = f'<progress value="{done}" max="{total}"></progress> ' if total > 1 else "<progress></progress> "
            self._display.update(_Html(f"{bar}{safe(self._title)}: {safe(what)}{counted}"))
            return
        full = round(WIDTH * done / total) if total else 0
        self._write(f"\r{self._title} [{'#' * full}{'.' * (WIDTH - full)}] {what}{counted}\x1b[K")

    def end(self, result: str) -> None:
        """What came of it: the last line, which stays."""
        took = f"{result} in {time.monotonic() - self._began:.1f} s."
        if self._display is not None:
            self._display.update(_Html(f"{safe(self._title)}: {safe(took)}"))
        elif self._line:
            self._write(f"\r{self._title}: {took}\x1b[K\n")
        else:
            self._write(f"{self._title}: {took}\n")

    def leave(self) -> None:
        """It did not come to its end: an error says why."""
        if self._display is not None:
            self._display.update(_Html(""))
        elif self._line:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


class _Html:
    def __init__(self, html: str) -> None:
        self._html = html

    def _repr_html_(self) -> str:
        return f'<div style="font-size:90%">{self._html}</div>' if self._html else ""

    def __repr__(self) -> str:
        return ""


def _display() -> Any:  # Any: IPython's handle of a display that can be updated; None outside a notebook
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None or not getattr(shell, "kernel", None):
        return None
    from IPython.display import display

    return display(_Html(""), display_id=True)  # type: ignore[no-untyped-call]  # IPython has few types
