"""Where a live widget can be seen: in a notebook's kernel, and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._view.widget import Asked


def live(make: Callable[[], Asked]) -> dict[str, Any]:
    """A live widget for the cell that runs, as IPython wants it; nothing where nobody could see one."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()  # no kernel runs without it
    if getattr(shell, "kernel", None) is None:
        return {}
    return make().bundle()
