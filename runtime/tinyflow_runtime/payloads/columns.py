"""Columns: a batch of records of one class is looked at and copied field by field, mostly in C."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections import deque
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

from tinyflow_runtime.errors import ComponentError
from tinyflow_runtime.payloads.reading import CACHED, shape_of
from tinyflow_runtime.payloads.records import is_pydantic, kind_of, setters
from tinyflow_runtime.payloads.scalars import packed
from tinyflow_runtime.payloads.sizes import LIMIT, always_small, is_large
from tinyflow_runtime.payloads.snapshots import Unsendable, flat, snapshot

__all__ = ["Together", "snapshots"]

_STR = frozenset({str})
_NATIVE = frozenset({int, float, str, bool, type(None)})

Together = Callable[[list[Any]], list[Any] | None]  # None: they are not all alike, so one by one must decide


def snapshots(values: list[Any]) -> list[Any]:
    """Copy what can change in a whole batch; a batch of flat dicts, which most are, costs a fifth of one by one.

    Raises:
        PayloadError: TF-120, a part of one of them can be sent to nobody. TF-121, one of them is too large.
    """
    if len({*map(type, values)}) == 1:
        tp = type(values[0])
        found = _batch_copiers.get(tp) or _batch_copier(tp)
        try:
            copies = found(values)
        except (Unsendable, RecursionError):  # which one, is found one by one
            copies = None
        # If all of them are not too large together, none is; of dicts their copier knows.
        if copies is not None and (tp is dict or _small_by_class(tp) or not is_large(values)):  # type: ignore[arg-type]  # it has a hash
            return copies
    return list(map(snapshot, values))


@functools.lru_cache(maxsize=CACHED)
def _small_by_class(tp: type) -> bool:
    """Whether no value of a class can be too large for a message: no need to weigh any."""
    try:
        return kind_of(tp) is not None and always_small(shape_of(tp))
    except ComponentError:  # an annotation that cannot be resolved, of a class that no port names
        return False


def _copy_dicts(values: list[Any]) -> list[Any] | None:
    names: set[Any] = set().union(*values)
    if not _STR.issuperset(map(type, names)):
        return None
    parts = list(chain.from_iterable(map(dict.values, values)))
    size = packed(parts) if _NATIVE.issuperset(map(type, parts)) else None
    if size is None and not flat(parts):
        return None
    # Every name in every one of them: mostly that is little, and then nobody needs to weigh them.
    light = size is not None and size + 8 * len(values) * sum(map(len, names)) <= LIMIT
    return list(map(dict.copy, values)) if light or not is_large(values) else None


_batch_copiers: dict[type, Together] = {dict: _copy_dicts}


def _batch_copier(tp: type) -> Together:
    """How a batch of values of a class is copied; decided once per class."""
    if len(_batch_copiers) >= CACHED:
        _batch_copiers.clear()
        _batch_copiers[dict] = _copy_dicts
    found = _batch_copiers[tp] = _copier(tp) or _one_by_one
    return found


def _one_by_one(values: list[Any]) -> list[Any] | None:
    return None


def _copier(tp: Any) -> Together | None:  # Any: what a record is made of is private to its library
    """How to copy a batch of records that can change and hold nothing that can; None for a class with its own ways."""
    kind = kind_of(tp)
    if kind == "struct":
        return _structs(tp)
    if kind != "dataclass" or is_pydantic(tp):
        return None
    names = [field.name for field in dataclasses.fields(tp)]
    if tp.__dataclass_params__.frozen:
        return _frozen(names)
    if setters(tp, names) is not None:
        return _slots(tp, names)
    return None if _has_slots(tp) else _objects(tp)


def _has_slots(tp: type) -> bool:
    return not tp.__dictoffset__ or any("__slots__" in base.__dict__ for base in tp.__mro__[:-1])


def _columns(names: list[str], values: list[Any]) -> list[list[Any]] | None:
    try:
        found = [list(map(operator.attrgetter(name), values)) for name in names]
    except AttributeError:  # a field that was deleted or never set
        return None
    return found if all(map(flat, found)) else None


def _slots(tp: type, names: list[str]) -> Together:
    fill = setters(tp, names) or []

    def together(values: list[Any]) -> list[Any] | None:
        columns = _columns(names, values)
        if columns is None:
            return None
        made: list[Any] = list(map(object.__new__, repeat(tp, len(values))))
        for put, column in zip(fill, columns, strict=True):
            deque(map(put, made, column), maxlen=0)  # runs it
        return made

    return together


def _objects(tp: type) -> Together:
    def together(values: list[Any]) -> list[Any] | None:
        parts: list[dict[str, Any]] = [value.__dict__ for value in values]
        if not flat(list(chain.from_iterable(map(dict.values, parts)))):
            return None
        made: list[Any] = list(map(object.__new__, repeat(tp, len(values))))
        for one, part in zip(made, parts, strict=True):
            one.__dict__.update(part)
        return made

    return together


def _frozen(names: list[str]) -> Together:
    def together(values: list[Any]) -> list[Any] | None:
        return values if _columns(names, values) is not None else None

    return together


def _structs(tp: Any) -> Together:
    names, frozen = list(tp.__struct_fields__), tp.__struct_config__.frozen
    copy_one = tp.__copy__

    def together(values: list[Any]) -> list[Any] | None:
        if _columns(names, values) is None:
            return None
        return values if frozen else list(map(copy_one, values))

    return together
