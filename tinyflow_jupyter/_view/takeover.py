"""A takeover brings a flow that runs to what an edit made of it, and keeps nobody waiting longer than a moment."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError

from tinyflow_runtime.embedded.flow import EmbeddedFlow


class Takeover:
    """A thread of its own, while there is something to take over: a component may take its time to start or to end.

    Args:
        flow: The flow; nothing happens while it does not run.
        late: Told what a component raised after nobody waited for it any more.
    """

    def __init__(self, flow: EmbeddedFlow, late: Callable[[Exception], None]) -> None:
        self._flow = flow
        self._late = late
        self._state = threading.Condition()
        self._asked = 0
        self._answered = 0
        self._waited_for = 0  # the number of whoever waits
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def ask(self, patience: float) -> bool:
        """Have the flow taken over what it says now; whether that was so within ``patience`` seconds.

        What was asked for and has not begun is part of it: the newest wins.

        Raises:
            Exception: What a component raised meanwhile.
        """
        with self._state:
            self._asked += 1
            number = self._waited_for = self._asked
            self._error = None
            if self._thread is None:
                work, name = contextvars.copy_context().run, f"tinyflow edit {self._flow.name}"  # as in `Run`
                self._thread = threading.Thread(target=work, args=(self._work,), name=name, daemon=True)
                self._thread.start()
            done = self._state.wait_for(lambda: self._answered >= number, patience)
            self._waited_for = 0
            if self._error is not None:
                raise self._error
            return done

    def join(self, timeout: float) -> None:
        """Wait for what was asked."""
        with self._state:
            self._state.wait_for(lambda: self._answered == self._asked, timeout)

    def _work(self) -> None:
        while True:
            with self._state:
                number = self._asked
            error = self._take()
            with self._state:
                self._answered = number
                waited_for = self._waited_for and self._waited_for <= number
                if error is not None and waited_for:
                    self._error = error
                over = self._asked == number
                if over:
                    self._thread = None
                self._state.notify_all()
            if error is not None and not waited_for:
                self._late(error)
            if over:
                return

    def _take(self) -> Exception | None:
        try:
            self._flow.take_over()
        except CancelledError:  # the flow was stopped meanwhile
            return None
        except Exception as error:  # a component's start may raise anything
            return error
        return None
