"""A snapshot is a payload as it was: what can change is copied, what cannot stays the same object.

The same walk decides what can be sent at all: data, and nothing that lives (a lock, a generator, a function, an open
file). The answer is the same here as between processes, so a flow does not stop working on its way to a cluster.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
import decimal
import enum
import operator
import pathlib
import uuid
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from tinyflow_runtime.payloads.optional import loaded
from tinyflow_runtime.payloads.reading import CACHED
from tinyflow_runtime.payloads.records import is_pydantic, kind_of, setters
from tinyflow_runtime.payloads.scalars import in_range
from tinyflow_runtime.payloads.shapes import INT_MAX, INT_MIN
from tinyflow_runtime.payloads.sizes import LIMIT, refuse_large

__all__ = ["ATOMS", "Unsendable", "flat", "is_array", "sendable_class", "snapshot"]

# Immutable and sendable, and never out of range; int is apart because it may be.
ATOMS = frozenset(
    {float, str, bytes, bool, type(None), decimal.Decimal, uuid.UUID}
    | {datetime.datetime, datetime.date, datetime.time, datetime.timedelta}
    | {pathlib.Path, pathlib.PurePath, pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath}
)
_COUNTED = ATOMS | {int}
_NATIVE = frozenset({int, float, str, bytes, bool, type(None)})
_STR = frozenset({str})
_LIGHT = LIMIT // 16  # bytes of a part: as many as there may be are no large message
_SMALL = 8  # parts: from here on it is quicker to let C go through all of them


class Unsendable(Exception):
    """A part of a value can be sent to nobody; which one, is found by ``refuse_unsendable``."""


def snapshot(value: Any) -> Any:
    """Copy what can change.

    Raises:
        PayloadError: TF-120, a part can be sent to nobody; the path leads to it. TF-121, it is too large.
    """
    if type(value) is dict and len(value) < _SMALL and (light := _copy_light_dict(value)) is not None:
        return light
    try:
        made = _copy(value)
    except (Unsendable, RecursionError):
        from tinyflow_runtime.payloads.sendable import refuse_unsendable  # it stands on the classes known here

        refuse_unsendable(value)
        raise
    refuse_large(value)
    return made


def _copy(value: Any) -> Any:
    tp = type(value)
    if tp in ATOMS:
        return value
    if tp is dict:
        return (_copy_light_dict(value) if len(value) < _SMALL else None) or _copy_dict(value)
    if tp is int:
        return _copy_int(value)
    if tp is list:
        return value.copy() if flat(value) else [_copy(part) for part in value]
    return (_copiers.get(tp) or _copier(tp))(value)


def flat(values: Collection[Any]) -> bool:
    """Whether there are only atoms; the common cases are decided without a loop of ours."""
    if ATOMS.issuperset(map(type, values)):
        return True
    if not _COUNTED.issuperset(map(type, values)):
        return False
    if in_range([value for value in values if type(value) is int]):
        return True
    raise Unsendable


def _copy_light_dict(value: dict[Any, Any]) -> dict[Any, Any] | None:
    """What most messages are, at a third of the cost: with so few parts a loop of ours is the quickest.

    Returns:
        None where somebody has to look closer: a part is no atom, or may make the message too large.
    """
    for key, part in value.items():
        tp = type(part)
        if tp is int:
            if not INT_MIN <= part <= INT_MAX:
                return None
        elif tp not in ATOMS or ((tp is str or tp is bytes) and len(part) > _LIGHT):
            return None
        if type(key) is not str:
            return None
    return value.copy()


def _copy_dict(value: dict[Any, Any]) -> dict[Any, Any]:
    if _STR.issuperset(map(type, value)):
        if _NATIVE.issuperset(map(type, value.values())):
            if in_range(value):
                return value.copy()
            raise Unsendable
        if flat(value.values()):
            return value.copy()
    return {_copy(key): _copy(part) for key, part in value.items()}


_Copier = Callable[[Any], Any]
_copiers: dict[type, _Copier] = {}


def _copier(tp: type) -> _Copier:
    """How values of a class are copied; decided once per class."""
    if len(_copiers) >= CACHED:
        _copiers.clear()
    found = _copiers[tp] = _find_copier(tp)
    return found


def _find_copier(tp: type) -> _Copier:
    if issubclass(tp, enum.Enum) or issubclass(tp, tuple(ATOMS - {type(None), bool})) or _is_numpy_number(tp):
        return _same
    if issubclass(tp, int):
        return _copy_int
    if issubclass(tp, tuple):
        return _copy_tuple if tp is tuple else _copy_named_tuple
    if issubclass(tp, frozenset):
        return lambda value: value if flat(value) else tp(map(_copy, value))
    if issubclass(tp, set):
        return lambda value: tp(map(_copy, value))
    if issubclass(tp, bytearray):
        return copy.copy
    if issubclass(tp, (dict, list)):
        return _copy_dict_like if issubclass(tp, dict) else _copy_list_like
    if is_array(tp):
        return _copy_array
    if kind_of(tp) is not None:
        return _record_copier(tp)
    return _refuse


def sendable_class(tp: type) -> bool:
    """Whether values of a class can be sent, as far as the class alone tells."""
    return tp in _COUNTED or tp is dict or tp is list or (_copiers.get(tp) or _copier(tp)) is not _refuse


def _same(value: Any) -> Any:
    return value


def _refuse(value: Any) -> Any:
    raise Unsendable


def _copy_int(value: Any) -> Any:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise Unsendable


def _copy_tuple(value: Any) -> Any:
    if flat(value):
        return value
    parts = tuple(map(_copy, value))
    return value if all(new is old for new, old in zip(parts, value, strict=True)) else parts


def _copy_named_tuple(value: Any) -> Any:
    parts = _copy_tuple(tuple(value))
    same = all(new is old for new, old in zip(parts, value, strict=True))
    return value if same else tuple.__new__(type(value), parts)


def _copy_dict_like(value: Any) -> Any:
    made = copy.copy(value)  # keeps what the subclass has besides: the factory of a defaultdict
    for key, part in value.items():
        dict.__setitem__(made, key, _copy(part))
    return made


def _copy_list_like(value: Any) -> Any:
    made = copy.copy(value)
    made[:] = map(_copy, value)
    return made


def _is_numpy_number(tp: type) -> bool:
    numpy = loaded("numpy")  # optional: nobody has such a value who has not imported it
    return numpy is not None and issubclass(tp, (numpy.number, numpy.bool_))


def is_array(tp: type) -> bool:
    """Whether a class is numpy's array; numpy is optional."""
    numpy = loaded("numpy")
    return numpy is not None and issubclass(tp, numpy.ndarray)


def _copy_array(value: Any) -> Any:
    if value.dtype.hasobject:
        raise Unsendable
    return value.copy()


def _record_copier(tp: Any) -> _Copier:  # Any: what a record is made of is private to its library
    if is_pydantic(tp):
        return _copy_pydantic
    if issubclass(tp, msgspec.Struct):
        return _copy_frozen_struct if tp.__struct_config__.frozen else _copy_struct
    names = tuple(field.name for field in dataclasses.fields(tp))
    frozen = tp.__dataclass_params__.frozen
    if hasattr(tp, "__dict__") and not any("__slots__" in base.__dict__ for base in tp.__mro__[:-1]):
        return _copy_frozen if frozen else _copy_object
    fill = None if frozen else setters(tp, list(names))
    return _slots_copier(tp, names, fill) if fill else lambda value: _copy_slots(value, names, frozen)


def _slots_copier(tp: type, names: tuple[str, ...], fill: list[Callable[[Any, Any], None]]) -> _Copier:
    get = operator.attrgetter(names[0], *names)  # the first twice, so that it always gives a tuple

    def copied(value: Any) -> Any:
        try:
            parts = get(value)[1:]
        except AttributeError:  # a field that was deleted or never set
            return _copy_slots(value, names, frozen=False)
        made: Any = object.__new__(tp)
        for put, part in zip(fill, parts if ATOMS.issuperset(map(type, parts)) else map(_copy, parts), strict=True):
            put(made, part)
        return made

    return copied


def _copy_object(value: Any) -> Any:
    made = object.__new__(type(value))
    parts = value.__dict__
    made.__dict__.update(parts if flat(parts.values()) else _copy_dict(parts))
    return made


def _copy_frozen(value: Any) -> Any:
    parts = value.__dict__
    if flat(parts.values()):
        return value
    copies = _copy_dict(parts)
    if all(copies[name] is parts[name] for name in parts):
        return value
    made = object.__new__(type(value))
    made.__dict__.update(copies)
    return made


def _copy_slots(value: Any, names: tuple[str, ...], frozen: bool) -> Any:
    parts = {name: getattr(value, name) for name in names if hasattr(value, name)}
    copies = {name: _copy(part) for name, part in parts.items()}
    if frozen and all(copies[name] is parts[name] for name in parts):
        return value
    made = object.__new__(type(value))
    for name, part in (*getattr(value, "__dict__", {}).items(), *copies.items()):
        object.__setattr__(made, name, part)
    return made


def _copy_struct(value: Any) -> Any:
    made = copy.copy(value)
    for name in value.__struct_fields__:
        if type(part := getattr(value, name)) not in ATOMS:
            setattr(made, name, _copy(part))
    return made


def _copy_frozen_struct(value: Any) -> Any:
    parts = {name: getattr(value, name) for name in value.__struct_fields__}
    copies = {name: _copy(part) for name, part in parts.items()}
    if all(copies[name] is parts[name] for name in parts):
        return value
    return msgspec.structs.replace(value, **copies)


def _copy_pydantic(value: Any) -> Any:
    made = value.model_copy()
    made.__dict__.update({name: _copy(part) for name, part in value.__dict__.items()})
    return made
