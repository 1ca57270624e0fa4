"""Columns: a batch of records of one class is read, judged and made field by field, mostly in C."""

from __future__ import annotations

import dataclasses
import operator
import types
from collections import deque
from collections.abc import Callable, Collection
from itertools import chain, repeat
from typing import Any

from tinyflow_runtime.records import is_pydantic, kind_of

__all__ = ["Flat", "Together", "copier", "setters"]

Together = Callable[[list[Any]], list[Any] | None]  # None: they are not all alike, so one by one must decide
Flat = Callable[[Collection[Any]], bool]  # whether nothing in a column can change


def copier(tp: Any, flat: Flat) -> Together | None:  # Any: what a record is made of is private to its library
    """How to copy a batch of records that can change and hold nothing that can; None for a class with its own ways."""
    kind = kind_of(tp)
    if kind == "struct":
        return _structs(tp, flat)
    if kind != "dataclass" or is_pydantic(tp):
        return None
    names = [field.name for field in dataclasses.fields(tp)]
    if tp.__dataclass_params__.frozen:
        return _frozen(names, flat)
    if setters(tp, names) is not None:
        return _slots(tp, names, flat)
    return None if _has_slots(tp) else _objects(tp, flat)


def setters(tp: type, names: list[str]) -> list[Callable[[Any, Any], None]] | None:
    """What fills the slots of a class; None when its instances hold anything besides these slots."""
    found = [getattr(tp, name, None) for name in names]
    if tp.__dictoffset__ or not names or not all(isinstance(one, types.MemberDescriptorType) for one in found):
        return None
    return [one.__set__ for one in found]  # type: ignore[union-attr]  # as looked at


def _has_slots(tp: type) -> bool:
    return not tp.__dictoffset__ or any("__slots__" in base.__dict__ for base in tp.__mro__[:-1])


def _columns(names: list[str], values: list[Any], flat: Flat) -> list[list[Any]] | None:
    try:
        found = [list(map(operator.attrgetter(name), values)) for name in names]
    except AttributeError:  # a field that was deleted or never set
        return None
    return found if all(map(flat, found)) else None


def _slots(tp: type, names: list[str], flat: Flat) -> Together:
    fill = setters(tp, names) or []

    def together(values: list[Any]) -> list[Any] | None:
        columns = _columns(names, values, flat)
        if columns is None:
            return None
        made: list[Any] = list(map(object.__new__, repeat(tp, len(values))))
        for put, column in zip(fill, columns, strict=True):
            deque(map(put, made, column), maxlen=0)  # runs it
        return made

    return together


def _objects(tp: type, flat: Flat) -> Together:
    def together(values: list[Any]) -> list[Any] | None:
        parts: list[dict[str, Any]] = [value.__dict__ for value in values]
        if not flat(list(chain.from_iterable(map(dict.values, parts)))):
            return None
        made: list[Any] = list(map(object.__new__, repeat(tp, len(values))))
        for one, part in zip(made, parts, strict=True):
            one.__dict__.update(part)
        return made

    return together


def _frozen(names: list[str], flat: Flat) -> Together:
    def together(values: list[Any]) -> list[Any] | None:
        return values if _columns(names, values, flat) is not None else None

    return together


def _structs(tp: Any, flat: Flat) -> Together:
    names, frozen = list(tp.__struct_fields__), tp.__struct_config__.frozen
    copy_one = tp.__copy__

    def together(values: list[Any]) -> list[Any] | None:
        if _columns(names, values, flat) is None:
            return None
        return values if frozen else list(map(copy_one, values))

    return together
