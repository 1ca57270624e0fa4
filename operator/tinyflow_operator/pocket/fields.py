"""Sets of fields, in the very form in which managedFields keeps them: ``{"f:spec": {"f:size": {}}}``.

A field is in the set when nothing follows it, or a ``"."`` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

Fields = dict[str, Any]  # of Fields; mypy knows no recursive alias of dict that msgspec's documents fit


def union(one: Fields, other: Fields) -> Fields:
    """Whatever is in either."""
    if not other or one == other:
        return one
    if not one:
        return other
    return _join(one, other)


def _join(one: Fields, other: Fields) -> Fields:
    both = dict(one)
    for name, node in other.items():
        mine = both.get(name)
        if mine is None or mine == node:
            both[name] = node
        elif not mine or not node:  # one of them ends here, so this field itself is in the set
            both[name] = {**(mine or node), ".": {}}
        else:
            both[name] = _join(mine, node)
    return both


def difference(one: Fields, other: Fields) -> Fields:
    """Whatever is in the first and not in the second."""
    if not one or not other:
        return one
    left: Fields = {}
    for name, node in one.items():
        theirs = other.get(name)
        if theirs is None:
            left[name] = node
        elif name != ".":
            rest = _less(node, theirs)
            if rest is not None:
                left[name] = rest
    return left


def _less(one: Fields, other: Fields) -> Fields | None:
    inside = (not one or "." in one) and not (not other or "." in other)
    below = difference({name: node for name, node in one.items() if name != "."}, other)
    if inside:
        return {**below, ".": {}} if below else {}
    return below or None


def intersection(one: Fields, other: Fields) -> Fields:
    """Whatever is in both."""
    if not one or not other:
        return {}
    both: Fields = {}
    for name, node in one.items():
        theirs = other.get(name)
        if theirs is None or name == ".":
            continue
        inside = (not node or "." in node) and (not theirs or "." in theirs)
        below = intersection(node, theirs)
        if inside:
            both[name] = {**below, ".": {}} if below else {}
        elif below:
            both[name] = below
    return both


def paths(fields: Fields, before: str = "") -> Iterator[str]:
    """Every field as people read it: ``.spec.parts[id="one"].label``."""
    for name, node in fields.items():
        if name == ".":
            continue
        path = before + _readable(name)
        if not node or "." in node:
            yield path
        yield from paths(node, path)


def _readable(name: str) -> str:
    kind, said = name.split(":", 1)
    if kind == "f":
        return f".{said}"
    if kind == "v":
        return f"[={said}]"
    keys = msgspec.json.decode(said)
    return "[" + ",".join(f"{key}={msgspec.json.encode(value).decode()}" for key, value in keys.items()) + "]"
