"""What can be sent: data, and nothing that lives; an error leads to the part that cannot."""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Iterator
from typing import Any

import msgspec

from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.payloads.reading import CACHED
from tinyflow_runtime.payloads.records import kind_of
from tinyflow_runtime.payloads.scalars import in_range
from tinyflow_runtime.payloads.shapes import INT_MAX, INT_MIN
from tinyflow_runtime.payloads.sizes import is_large
from tinyflow_runtime.payloads.snapshots import ATOMS, is_array, sendable_class

__all__ = ["is_flat", "parts", "refuse_unsendable"]

_NATIVE = frozenset({int, float, str, bytes, bool, type(None)})
_STR = frozenset({str})


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
    try:
        found = _find_unsendable(value, "message", frozenset())
    except RecursionError:
        way_out = "Send lists and dicts that hold each other a few dozen levels deep, or a text."
        raise PayloadError("TF-120", "A message cannot be sent: it is nested too deeply.", way_out) from None
    if found is not None:
        path, part, what = found
        path = "it" if path == "message" else path
        raise PayloadError("TF-120", f"A message cannot be sent: {path} {what}.", *_way_out(part))


def is_flat(value: dict[Any, Any]) -> bool:
    """Whether a document holds texts, numbers and the like by name, and not too much of it: then it can be sent."""
    if not (_NATIVE.issuperset(map(type, value.values())) and _STR.issuperset(map(type, value))):
        return False
    return in_range(value) and not is_large(value)


def _all_sendable(value: Any) -> bool:
    """The quick look: no path, no reason."""
    tp = type(value)
    if tp in ATOMS:
        return True
    if isinstance(value, int):
        return INT_MIN <= value <= INT_MAX
    if tp is dict:
        if is_flat(value):
            return True
        if not _STR.issuperset(map(type, value)) and not all(map(_all_sendable, value)):
            return False
        value = value.values()
    elif tp is list or tp is tuple:
        if _NATIVE.issuperset(map(type, value)):
            return in_range(value)
    else:
        if not sendable_class(tp) or (is_array(tp) and value.dtype.hasobject):
            return False
        if isinstance(value, enum.Enum):
            return True
        names = _slots(tp)  # type: ignore[arg-type]  # a class has a hash
        if names is not None:
            value = [getattr(value, name) for name in names if hasattr(value, name)]
        elif hasattr(value, "__dict__") and dataclasses.is_dataclass(value):
            value = vars(value).values()
        else:
            value = [part for _, part in parts(value)]
    return ATOMS.issuperset(map(type, value)) or all(map(_all_sendable, value))


@functools.lru_cache(maxsize=CACHED)
def _slots(tp: Any) -> tuple[str, ...] | None:  # Any: what a record is made of is private to its library
    """The fields of a record whose values hold nothing else."""
    if issubclass(tp, msgspec.Struct):
        return tuple(tp.__struct_fields__)
    if not tp.__dictoffset__ and dataclasses.is_dataclass(tp):
        return tuple(field.name for field in dataclasses.fields(tp))
    return None


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
    if tp in ATOMS:
        return None
    if tp is int or (isinstance(value, int) and not isinstance(value, enum.Enum)):
        fits = INT_MIN <= value <= INT_MAX
        return None if fits else (path, value, f"is a number of {value.bit_length()} bits, and an int may have 64")
    if not sendable_class(tp):
        return path, value, f"is {_full_name(tp)}"
    if is_array(tp) and value.dtype.hasobject:
        return path, value, "is an array of Python objects"
    if id(value) in above:
        return path, None, "contains itself"
    inside = above | {id(value)}
    for step, part in parts(value):
        if type(part) in ATOMS:
            continue
        if (found := _find_unsendable(part, path + step, inside)) is not None:
            return found
    return None


def _full_name(tp: type) -> str:
    module = {"builtins": "", "_thread": "threading.", "__main__": "", "_io": "io."}.get(tp.__module__)
    name = {"builtin_function_or_method": "function", "lock": "Lock"}.get(tp.__qualname__, tp.__qualname__)
    full = (f"{tp.__module__}." if module is None else module) + name
    return f"an {full}" if full[0] in "aeiouAEIOU" else f"a {full}"


def parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value holds, and the step to each."""
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
