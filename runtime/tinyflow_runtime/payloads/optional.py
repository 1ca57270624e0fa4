"""A library that need not be installed: we never import it, for nobody has a value of it who has not done so."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["loaded"]


def loaded(name: str) -> Any:  # Any: a module, or None
    """A library that somebody has imported; None before that, and while another thread is just importing it.

    Until then half of it is missing, and nobody can have a value of it.
    """
    module = sys.modules.get(name)
    return None if module is None or getattr(module.__spec__, "_initializing", False) else module
