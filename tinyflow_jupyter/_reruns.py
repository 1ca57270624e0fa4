"""A rerun is a component's cell that is run again: flows that run in the kernel take the new code at its end."""

from __future__ import annotations

import sys
from typing import Any

from tinyflow_runtime.component import Component
from tinyflow_runtime.embedded.flow import swap
from tinyflow_runtime.embedded.run import used
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.module import find
from tinyflow_runtime.source.revisions import same_code


class _Reruns:
    """Looks after each cell, while a flow runs, whether a component that it uses was defined again."""

    def __init__(self) -> None:
        self._shell: Any = None  # Any: IPython's
        self._known: dict[tuple[str, str], Component | None] = {}
        self._refused: dict[tuple[str, str], Component] = {}

    def watch(self) -> None:
        """A flow was started: from here on, what is defined is what it uses."""
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        if shell is None:
            return
        if self._shell is not shell:
            shell.events.register("post_run_cell", self._after_cell)
            self._shell, self._known = shell, {}
        for name in used():
            self._known.setdefault(name, find(*name))

    def _after_cell(self, result: Any) -> None:  # Any: IPython's
        names = used()
        if not names:
            self._shell.events.unregister("post_run_cell", self._after_cell)
            self._shell, self._known = None, {}
            return
        if not getattr(result, "success", True):
            return
        for name in names:
            newest, known = find(*name), self._known.get(name)
            if newest is None or known is None or newest is known or same_code(newest, known):
                self._known[name] = newest
            elif newest is not self._refused.get(name):
                if _swap(newest):
                    self._known[name] = newest
                else:
                    self._refused[name] = newest


def _swap(component: Component) -> bool:
    """Whether it was taken over; one that was not is tried again when its cell runs again."""
    try:
        changed = swap(component)
    except TinyFlowError as error:
        print(error, file=sys.stderr)
        return False
    if changed:
        print(f"The new {component.name} runs in {', '.join(changed[:4])}{', …' if len(changed) > 4 else ''}.")
    return True


_reruns = _Reruns()
watch = _reruns.watch
