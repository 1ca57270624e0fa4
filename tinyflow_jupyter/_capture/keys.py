"""What looks like a key or a password does not travel in the text of a module."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tinyflow_runtime.errors import SourceError
from tinyflow_runtime.observation.secretshapes import SHAPES

__all__ = ["refuse_secrets"]

NOT_A_SECRET = "# not a secret"
_SHAPES = (
    *((shape.name, shape.shown, shape.pattern) for shape in SHAPES),
    ("a bearer token", "Bearer …", re.compile(r"(?i)\b(?:bearer|basic)\s+(?=[\w.~+/=-]*\d)[\w.~+/=-]{20,}")),
    ("a password in an address", "://…:…@", re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"'{}]+:[^\s/:@\"'{}]+@")),
)
_NAMED = re.compile(
    r"(?i)\b(\w*(?:password|passwd|passphrase|secret|api_?key|access_?key|auth_?token|access_?token|_token|^token))"
    r"[\"']?\s*(?::\s*str\s*)?[=:]\s*[rb]?([\"'])([^\"']{8,})\2"
)
_PLACEHOLDER = re.compile(r"(?i)change|example|your|dummy|xxx|\.\.\.|<|\*\*\*|\{|password|secret|token|test|\s")


def refuse_secrets(lines: Iterator[tuple[str, str]]) -> None:
    """Refuse a text that holds what looks like a secret.

    Args:
        lines: Each line, and where it stands.

    Raises:
        SourceError: TF-180, which line, and what it looks like; never what it is.
    """
    for line, where in lines:
        found = _found(line)
        if found and NOT_A_SECRET not in line:
            raise SourceError(
                "TF-180",
                f"{where.capitalize()} looks like {found}; it was not taken.",
                "Read it from the environment inside the component: os.environ[…].",
                f"If it is none, end the line with  {NOT_A_SECRET}",
            )


def _found(line: str) -> str:
    for name, shown, shape in _SHAPES:
        if shape.search(line):
            return f"{name} ({shown})"
    named = _NAMED.search(line)
    if named is not None and not _PLACEHOLDER.search(named[3]) and re.search(r"\d", named[3]):
        return f"a secret ({named[1]} = …)"
    return ""
