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
import pathlib
import sys
import uuid
from collections.abc import Callable, Collection, Iterator
from typing import Any

import msgspec

from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.records import is_pydantic, kind_of
from tinyflow_runtime.shapes import (
    CACHED,
    INT_MAX,
    INT_MIN,
    Choice,
    ListOf,
    OneOf,
    Record,
    Scalar,
    Shape,
    TupleOf,
    shape_of,
)

__all__ = ["immutable", "refuse_unsendable", "sendable_class", "snapshot"]

# Immutable and sendable, and never out of range; int is apart because it may be.
_ATOMS = frozenset(
    {float, str, bytes, bool, type(None), decimal.Decimal, uuid.UUID}
    | {datetime.datetime, datetime.date, datetime.time, datetime.timedelta}
    | {pathlib.Path, pathlib.PurePath, pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath}
)
_COUNTED = _ATOMS | {int}
_STR = frozenset({str})


class _Unsendable(Exception):  # never leaves this file
    pass


def snapshot(value: Any) -> Any:
    """Copy what can change.

    Raises:
        PayloadError: TF-120, a part can be sent to nobody; the path leads to it.
    """
    try:
        return _copy(value)
    except (_Unsendable, RecursionError):
        refuse_unsendable(value)
        raise


def _copy(value: Any) -> Any:
    tp = type(value)
    if tp in _ATOMS:
        return value
    if tp is dict:
        return _copy_dict(value)
    if tp is int:
        return _copy_int(value)
    if tp is list:
        return value.copy() if _flat(value) else [_copy(part) for part in value]
    return (_copiers.get(tp) or _copier(tp))(value)


def _flat(values: Collection[Any]) -> bool:
    """Whether there are only atoms; the common cases are decided without a loop of ours."""
    if _ATOMS.issuperset(map(type, values)):
        return True
    if not _COUNTED.issuperset(map(type, values)):
        return False
    for value in values:
        if type(value) is int and not INT_MIN <= value <= INT_MAX:
            raise _Unsendable
    return True


def _copy_dict(value: dict[Any, Any]) -> dict[Any, Any]:
    if _STR.issuperset(map(type, value)) and _flat(value.values()):
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
    if issubclass(tp, enum.Enum) or issubclass(tp, tuple(_ATOMS - {type(None), bool})) or _is_numpy_number(tp):
        return _same
    if issubclass(tp, int):
        return _copy_int
    if issubclass(tp, tuple):
        return _copy_tuple if tp is tuple else _copy_named_tuple
    if issubclass(tp, frozenset):
        return lambda value: value if _flat(value) else tp(map(_copy, value))
    if issubclass(tp, set):
        return lambda value: tp(map(_copy, value))
    if issubclass(tp, bytearray):
        return copy.copy
    if issubclass(tp, (dict, list)):
        return _copy_dict_like if issubclass(tp, dict) else _copy_list_like
    if _is_array(tp):
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
    raise _Unsendable


def _copy_int(value: Any) -> Any:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise _Unsendable


def _copy_tuple(value: Any) -> Any:
    if _flat(value):
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
    numpy = sys.modules.get("numpy")  # optional: nobody has such a value who has not imported it
    return numpy is not None and issubclass(tp, (numpy.number, numpy.bool_))


def _is_array(tp: type) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(tp, numpy.ndarray)


def _copy_array(value: Any) -> Any:
    if value.dtype.hasobject:
        raise _Unsendable
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
    return lambda value: _copy_slots(value, names, frozen)


def _copy_object(value: Any) -> Any:
    made = object.__new__(type(value))
    parts = value.__dict__
    made.__dict__.update(parts if _flat(parts.values()) else _copy_dict(parts))
    return made


def _copy_frozen(value: Any) -> Any:
    parts = value.__dict__
    if _flat(parts.values()):
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
    made = copy.copy(value)
    for name, part in copies.items():
        object.__setattr__(made, name, part)
    return made


def _copy_struct(value: Any) -> Any:
    made = copy.copy(value)
    for name in value.__struct_fields__:
        if type(part := getattr(value, name)) not in _ATOMS:
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


def refuse_unsendable(value: Any) -> None:
    """Look into every part of a value.

    Raises:
        PayloadError: TF-120, a part can be sent to nobody.
    """
    try:
        if _all_sendable(value):
            return
    except RecursionError:
        pass
    found = _find_unsendable(value, "message", frozenset())
    if found is not None:
        path, part, what = found
        path = "it" if path == "message" else path
        raise PayloadError("TF-120", f"A message cannot be sent: {path} {what}.", *_way_out(part))


def _all_sendable(value: Any) -> bool:
    """The quick look: no path, no reason."""
    tp = type(value)
    if tp in _ATOMS:
        return True
    if isinstance(value, int):
        return INT_MIN <= value <= INT_MAX
    if tp is dict:
        if not _ATOMS.issuperset(map(type, value)) and not all(map(_all_sendable, value)):
            return False
        value = value.values()
    elif tp is not list and tp is not tuple:
        if not sendable_class(tp) or (_is_array(tp) and value.dtype.hasobject):
            return False
        if isinstance(value, enum.Enum):
            return True
        record = hasattr(value, "__dict__") and dataclasses.is_dataclass(value)
        value = vars(value).values() if record else [part for _, part in _parts(value)]
    return _ATOMS.issuperset(map(type, value)) or all(map(_all_sendable, value))


def _way_out(part: Any) -> tuple[str, ...]:
    if part is None:
        return ("Send data that ends somewhere.",)
    if isinstance(part, int):
        return ("Send it as a float or as text, or take it modulo 2**64.",)
    if isinstance(part, BaseException):
        return ("Send its text: str(error).",)
    module = type(part).__module__.split(".")[0]
    if module == "pandas":
        return ('Send its data: frame.to_dict("records"), or series.tolist().',)
    if not hasattr(part, "fileno") and (hasattr(part, "__next__") or isinstance(part, range)):
        return ("Send list(…) of it, or yield its items one by one.",)
    if callable(part) or module in _LIVE_MODULES or hasattr(part, "fileno"):
        return (_SENDABLE, "Send data, not live objects.")
    return (_SENDABLE, f"Make {type(part).__name__} a @dataclass, or send its data as a dict.")


_SENDABLE = "Messages may hold bool, int, float, str, bytes, dates, lists, dicts, dataclasses and numpy arrays."
_LIVE_MODULES = frozenset({"_thread", "threading", "_io", "socket", "asyncio", "_asyncio", "builtins", "weakref"})


def _find_unsendable(value: Any, path: str, above: frozenset[int]) -> tuple[str, Any, str] | None:
    tp = type(value)
    if tp in _ATOMS:
        return None
    if tp is int or (isinstance(value, int) and not isinstance(value, enum.Enum)):
        fits = INT_MIN <= value <= INT_MAX
        return None if fits else (path, value, f"is a number of {value.bit_length()} bits, and an int may have 64")
    if not sendable_class(tp):
        return path, value, f"is {_full_name(tp)}"
    if _is_array(tp) and value.dtype.hasobject:
        return path, value, "is an array of Python objects"
    if id(value) in above:
        return path, None, "contains itself"
    inside = above | {id(value)}
    for step, part in _parts(value):
        if type(part) in _ATOMS:
            continue
        if (found := _find_unsendable(part, path + step, inside)) is not None:
            return found
    return None


def _full_name(tp: type) -> str:
    module = {"builtins": "", "_thread": "threading.", "__main__": "", "_io": "io."}.get(tp.__module__)
    name = {"builtin_function_or_method": "function", "lock": "Lock"}.get(tp.__qualname__, tp.__qualname__)
    full = (f"{tp.__module__}." if module is None else module) + name
    return f"an {full}" if full[0] in "aeiouAEIOU" else f"a {full}"


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield f" (a key, {str(key)[:20]!r})", key
            yield (f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"), part
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        for name, part in zip(value._fields, value, strict=True):
            yield f".{name}", part
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, part in enumerate(value):
            yield f"[{index}]", part
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield f".{name}", getattr(value, name)
    elif dataclasses.is_dataclass(value) and not hasattr(value, "__dict__"):
        for field in dataclasses.fields(value):
            if hasattr(value, field.name):
                yield f".{field.name}", getattr(value, field.name)
    elif kind_of(type(value)) is not None:
        for name, part in vars(value).items():
            yield f".{name}", part


def immutable(tp: Any) -> bool:
    """Whether values of a type can never change, so that a snapshot is the value itself: decided from the type alone.

    Numbers, texts, dates, enums, and tuples, frozensets and frozen dataclasses or Structs of these.
    """
    return _immutable(shape_of(tp), frozenset())


def _immutable(shape: Shape, above: frozenset[type]) -> bool:
    match shape:
        case Scalar():
            return shape.type is not bytearray
        case Choice():
            return True
        case TupleOf():
            return all(_immutable(item, above) for item in shape.items)
        case ListOf():
            return shape.accepts in ((tuple,), (frozenset,)) and _immutable(shape.item, above)
        case OneOf():
            return all(_immutable(option, above) for option in shape.options)
        case Record():
            inside = above | {shape.type}
            return _is_frozen(shape) and all(
                (isinstance(field.shape, Record) and field.shape.type in above) or _immutable(field.shape, inside)
                for field in shape.fields
            )
    return False


def _is_frozen(record: Record) -> bool:
    tp: Any = record.type  # what tells that a class is frozen is private to its library
    match record.kind:
        case "namedtuple":
            return True
        case "dataclass":
            return bool(tp.__dataclass_params__.frozen)
        case "struct":
            return bool(tp.__struct_config__.frozen)
        case "pydantic":
            return bool(tp.model_config.get("frozen"))
    return False
