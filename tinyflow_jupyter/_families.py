"""Families of port types: seven colours are told apart at a glance, seventy types are not."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from typing import Any

LABELS = {
    "number": "number",
    "text": "text",
    "truth": "true or false",
    "list": "list",
    "record": "record",
    "any": "anything",
    "other": "other",
}


def family(tp: Any) -> str:  # Any: what a person wrote as an annotation
    """The family of a type: a key of `LABELS`. Of a union, the family all its members share."""
    if tp is Any or tp is object:
        return "any"
    origin = typing.get_origin(tp)
    if origin is typing.Annotated:
        return family(typing.get_args(tp)[0])
    if origin is typing.Literal:
        return _shared(type(value) for value in typing.get_args(tp))
    if origin in (typing.Union, types.UnionType):
        return _shared(member for member in typing.get_args(tp) if member is not type(None))
    kind = origin or tp
    if not isinstance(kind, type):
        return "any" if isinstance(kind, typing.TypeVar) else "other"
    if issubclass(kind, enum.Enum):
        return _shared(type(member.value) for member in kind)
    return _of_class(kind)


def _of_class(kind: type) -> str:
    if issubclass(kind, bool):
        return "truth"
    if issubclass(kind, int | float | complex):
        return "number"
    if issubclass(kind, str | bytes | bytearray):
        return "text"
    if dataclasses.is_dataclass(kind) or issubclass(kind, Mapping) or _has_fields(kind):
        return "record"
    if issubclass(kind, list | tuple | set | frozenset):
        return "list"
    # Arrays and tables are rows of something, without importing the libraries they are of.
    return "list" if hasattr(kind, "__len__") and hasattr(kind, "__getitem__") else "other"


def _has_fields(kind: type) -> bool:
    """A TypedDict, a NamedTuple, a msgspec Struct or a pydantic model."""
    return typing.is_typeddict(kind) or any(
        hasattr(kind, mark) for mark in ("_fields", "__struct_fields__", "model_fields")
    )


def _shared(members: typing.Iterable[Any]) -> str:
    families = {family(member) for member in members}
    return families.pop() if len(families) == 1 else "any"
