"""The watchdog sees handlers that block the loop, names node and line, and moves plain functions to a thread.

It is a thread that pings the loop. When no answer comes, it looks at the loop's stack: whoever stands there blocks.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from typing import TYPE_CHECKING

from tinyflow_runtime.errors import HandlerTimeout
from tinyflow_runtime.execution.ending import end, standing

if TYPE_CHECKING:
    from tinyflow_runtime.execution.inline import Inline
    from tinyflow_runtime.execution.sources import PulledSource
    from tinyflow_runtime.execution.stretch import Stretch
    from tinyflow_runtime.runner import Runner
    from tinyflow_runtime.scheduler import Scheduler

NOTICED = 0.1  # seconds: a person notices when everything stands still for longer
MOVED_AT_ONCE = 1.0  # seconds: one such wait is enough to move a function to a thread; of shorter ones, two
STILL = 5.0  # seconds after which one that still blocks is told of, for it may never end
_LOOK = 0.05  # seconds between looks
_MEND = "Mend its function and run its cell again, or stop the flow."


class Watchdog:
    """Watches one loop from a thread of its own."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._ended = threading.Event()
        self._answered = True
        self._asked = 0.0
        self._seen: tuple[object, object] | None = None
        self._where = ""
        self._told = False
        self._still = False  # whether who blocks now was told of while he did
        self._over = False  # whether who blocks now was ended
        self._slow: dict[str, int] = {}
        self._known: set[tuple[str, str]] = set()  # coroutines that block, and where
        work = contextvars.copy_context().run  # what it says belongs where the flow was started
        self._thread = threading.Thread(target=work, args=(self._watch,), name="tinyflow watchdog", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop watching; returns when the thread has ended."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK):
            if self._answered:
                self._answered, self._asked, self._seen, self._told = False, time.perf_counter(), None, False
                self._still = self._over = False
                try:
                    self._loop.call_soon_threadsafe(self._answer)
                except RuntimeError:  # the loop has closed
                    return
            elif time.perf_counter() - self._asked >= NOTICED - _LOOK:
                self._look()

    def _answer(self) -> None:
        self._answered = True
        if self._told and not self._over:
            self._told = False
            self._async_blocked(time.perf_counter() - self._asked)

    def _look(self) -> None:
        running: Inline | PulledSource | Stretch | None = self._scheduler.running
        took = time.perf_counter() - self._asked
        if took >= STILL and not self._still and (node := self._who()) in self._scheduler.runners.nodes:
            self._still = True
            self._where = self._standing()
            way_out = f"It still does. {_MEND} If it is to take so long, say @component(blocking=True)."
            self._tell(node, took, way_out, level=logging.ERROR)
        if running is None:
            if not (self._told or self._scheduler.sending):
                self._where, self._name = self._standing(), self._task_name()
                self._told = bool(self._where) and self._name in self._scheduler.runners
            return
        seen = (running, running.index())
        if seen == self._seen and running.truncated < 0:
            self._where = self._standing()
            running.truncate()
        self._seen = seen

    def _standing(self) -> str:
        """Where a person's code stands on the loop's stack, and the line itself."""
        return standing(self._loop_thread)

    def _who(self) -> str:
        """The node whose code the loop is in; empty when it is in nobody's."""
        running = self._scheduler.running
        try:
            return running.context().node if running is not None else self._task_name()
        except IndexError:  # it went on while somebody else looked
            return ""

    def standstill(self) -> float:
        """For how many seconds the loop has done nothing but what it does now; any thread may ask."""
        return 0.0 if self._answered or self._ended.is_set() else time.perf_counter() - self._asked

    def blocking(self) -> str:
        """The node whose code the loop is in; empty when that is no node's."""
        return node if (node := self._who()) in self._scheduler.runners.nodes else ""

    def end_handler(self) -> bool:
        """End what blocks the loop; what it was to handle becomes a dead letter. Any other thread may call it.

        Returns:
            Whether it could be; it has not ended yet.
        """
        self._over = end(self._loop_thread) or self._over
        return self._over

    def trouble(self, what: str) -> HandlerTimeout | None:
        """Why a call gets no answer; None where that is not for a handler, as while a component is started."""
        node = self.blocking()
        if not node:
            return None
        at = f" at {where}" if (where := self._standing()) else ""
        said = f"{node} has blocked this flow for {self.standstill():.1f} s{at}, so {what} gets no answer."
        return HandlerTimeout("TF-131", said, _MEND)

    def left_behind(self) -> str:
        """What to say of a loop that does not end, since somebody blocks it."""
        at = f" at {where}" if (where := self._standing()) else ""
        way_out = "Its thread is left behind, and ends when that does. Say @component(blocking=True)."
        return f"TF-131 {self._who() or 'Something'} still blocks this module{at}, so it did not stop. {way_out}"

    def _task_name(self) -> str:
        task = asyncio.current_task(self._loop)
        return task.get_name() if task is not None else ""

    def blocked(self, runner: Runner, took: float) -> None:
        """A plain function blocked the loop for ``took`` seconds; its batch was ended after that message."""
        self._seen = None
        if took < NOTICED or self._over:  # who was ended has been told of, and is not to be waited for again
            return
        slow = self._slow[runner.name] = self._slow.get(runner.name, 0) + 1
        move = took > MOVED_AT_ONCE or slow >= 2
        way_out = (
            "It now runs in a thread of its own; say @component(blocking=True)."
            if move
            else "Say @component(blocking=True): it then gets a thread of its own."
        )
        self._tell(runner.name, took, way_out)
        if move:
            runner.move_to_thread()

    def _async_blocked(self, took: float) -> None:
        if (self._name, self._where) in self._known:  # it will block with every message, and was told once
            return
        self._known.add((self._name, self._where))
        self._tell(self._name, took, "Await instead, or make it a plain def with @component(blocking=True).")

    def _tell(self, node: str, took: float, way_out: str, *, level: int = logging.WARNING) -> None:
        count = len(self._scheduler.runners.nodes)
        every = f"all {count} nodes of this module" if count > 1 else "this module, in which it is alone,"
        at = f" at {self._where}" if self._where else ""
        text = f"TF-131 {node} blocked {every} for {took:.1f} s{at}. {way_out}"
        self._scheduler.report(node, text, always=True, level=level)
