"""JSON from a cluster, however deep it is: one object that no parser reads must not hide all the others."""

from __future__ import annotations

import re
from typing import Any

import msgspec

TOO_DEEP = "tinyflow: nested too deep"  # stands where the depths were
DEEPEST = 100  # brackets in each other; nobody means more, and parsers end at about a thousand

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]')


def decode(text: bytes) -> Any:  # whatever a server answers
    """The value of some JSON. Where it is nested too deep for a parser, ``TOO_DEEP`` stands instead of the depths."""
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        return msgspec.json.decode(_shallow(text))


def is_too_deep(value: Any) -> bool:  # any part of a document
    """Whether some of it was too deep to be read."""
    if isinstance(value, dict):
        return any(is_too_deep(part) for part in value.values())
    if isinstance(value, list):
        return any(is_too_deep(part) for part in value)
    return bool(value == TOO_DEEP)


def _shallow(text: bytes) -> bytes:
    kept, begin, depth = [], 0, 0
    for token in _TOKEN.finditer(text):
        if token[0] in (b"{", b"["):
            depth += 1
            if depth == DEEPEST + 1:
                kept.append(text[begin : token.start()])
        elif token[0] in (b"}", b"]"):
            depth -= 1
            if depth == DEEPEST:
                kept.append(msgspec.json.encode(TOO_DEEP))
                begin = token.end()
    return b"".join((*kept, text[begin:]))
