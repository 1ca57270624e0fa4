"""Label and field selectors: read from their texts, and held against one object."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tinyflow_operator.pocket.refusal import bad_request

Labels = Mapping[str, str]
Wanted = Callable[[Labels], bool]

KEY = r"(?:[a-z0-9A-Z](?:[-a-z0-9A-Z.]*[a-z0-9A-Z])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
EQUALS = re.compile(rf"\s*({KEY})\s*(==|=|!=)\s*({VALUE})\s*\Z")
AMONG = re.compile(rf"\s*({KEY})\s+(in|notin)\s*\(([^()]*)\)\s*\Z")
THERE = re.compile(rf"\s*(!?)\s*({KEY})\s*\Z")
FIELD = re.compile(r"\s*([A-Za-z0-9_.\-/]+)\s*(==|=|!=)\s*([^,=!]*)\s*\Z")
BETWEEN = re.compile(r",(?![^()]*\))")  # commas, but for those in parentheses


def labels_wanted(selector: str) -> Wanted | None:
    """Whether labels fit a selector, as a function; None when all do.

    Raises:
        Refusal: It is no selector.
    """
    if not selector.strip():
        return None
    parts = [_part(piece, selector) for piece in BETWEEN.split(selector)]
    return lambda labels: all(part(labels) for part in parts)


def fields_wanted(selector: str, known: tuple[str, ...]) -> dict[str, tuple[str, bool]]:
    """``{"metadata.name": ("a", True)}``: the value a field must have, or must not.

    Raises:
        Refusal: It is no selector, or a field of this kind cannot be asked for.
    """
    asked = {}
    for piece in selector.split(",") if selector.strip() else ():
        match = FIELD.match(piece)
        if match is None:
            raise bad_request(f"Unable to find {selector!r}: invalid field selector")
        name, how, value = match.groups()
        if name not in known:
            raise bad_request(f"field label not supported: {name}")
        asked[name] = (value.strip(), how != "!=")
    return asked


def _part(piece: str, selector: str) -> Wanted:
    if match := EQUALS.match(piece):
        key, how, value = match.groups()
        if how == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := AMONG.match(piece):
        key, how, listed = match.groups()
        values = {value.strip() for value in listed.split(",")}
        if how == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := THERE.match(piece):
        absent, key = match.groups()
        return lambda labels: (key not in labels) == bool(absent)
    raise bad_request(f"unable to parse requirement: {piece!r} in {selector!r}")
