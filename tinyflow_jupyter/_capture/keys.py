"""What looks like a key or a password does not travel in the text of a module."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tinyflow_runtime.errors import SourceError

__all__ = ["refuse_secrets"]

NOT_A_SECRET = "# not a secret"
_SHAPES = (
    ("an AWS access key", "AKIA…", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a GitHub token", "gh…_", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})")),
    ("a GitLab token", "glpat-…", re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}")),
    ("a Slack token", "xox…", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}")),
    ("a Google API key", "AIza…", re.compile(r"\bAIza[0-9A-Za-z_-]{35}")),
    ("an API key", "sk-…", re.compile(r"\b(?:sk|rk)-[A-Za-z0-9_-]{20,}|\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}")),
    ("a Hugging Face token", "hf_…", re.compile(r"\bhf_[A-Za-z0-9]{30,}")),
    ("a JSON web token", "eyJ…", re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}")),
    ("a private key", "-----BEGIN", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
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
