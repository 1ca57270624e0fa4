"""When two JSON values are the same."""

from __future__ import annotations

from typing import Any

import msgspec

encode = msgspec.json.Encoder().encode


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal; for Python True is 1, for JSON it is not."""
    if one is other:
        return True
    # Equal bytes are the cheap proof; only the order of keys can make equal values differ in them.
    return bool(one == other) and (encode(one) == encode(other) or _alike(one, other))


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(_alike(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return all(map(_alike, one, other))
    return isinstance(one, bool) == isinstance(other, bool)
