"""A docstring's sections: what it says about each parameter or attribute becomes the description in a form."""

from __future__ import annotations

import inspect
import re
from typing import Any

__all__ = ["documented", "summary"]

_SECTION = re.compile(r"^(Args|Arguments|Parameters|Attributes|Settings|Fields):\s*$")
_ENTRY = re.compile(r"^(\w+)(?:\s*\([^)]*\))?\s*:\s*(.*)$")


def summary(thing: Any) -> str:
    """The first paragraph of the own docstring of a function or class, on one line."""
    doc = inspect.cleandoc(thing.__doc__ or "")
    if isinstance(thing, type) and (thing.__dict__.get("__doc__") is None or doc.startswith(f"{thing.__name__}(")):
        return ""  # inherited, or the signature that a dataclass writes there itself
    return " ".join(doc.split("\n\n")[0].split())


def documented(thing: Any) -> dict[str, str]:
    """Name to text, from the sections ``Args:``, ``Attributes:`` or ``Settings:`` of a docstring in Google's style."""
    found: dict[str, str] = {}
    name, margin, inside = "", 0, False
    for line in inspect.cleandoc(thing.__doc__ or "").splitlines():
        if _SECTION.match(line):
            inside, margin, name = True, 0, ""
            continue
        if not inside or not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if indent == 0:
            inside = False
            continue
        margin = margin or indent
        entry = _ENTRY.match(line.strip()) if indent == margin else None
        if entry:
            name = entry[1]
            found[name] = entry[2]
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found
