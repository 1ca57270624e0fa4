"""Whether two loads of a component are the same with all that they use: then its nodes run on undisturbed.

``same_code`` compares what stands in a component; here follows what it reaches in its own module: functions, classes
and constants. A list, a dict or any other thing that can change is never the same: the new text has a new one.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

from tinyflow_runtime.component import Component
from tinyflow_runtime.functions import FunctionComponent
from tinyflow_runtime.revisions import same_code

__all__ = ["unchanged"]

# Any stands for whatever a person's text defines.

_ATOMS = (int, float, complex, str, bytes, bool, type(None), frozenset, range)
_MADE = frozenset(  # by Python, or by dataclasses from the annotations, which are compared
    {
        "__module__",
        "__dict__",
        "__weakref__",
        "__doc__",
        "__firstlineno__",
        "__dataclass_fields__",
        "__dataclass_params__",
        "__abstractmethods__",
        "_abc_impl",
        "where",
    }
)


def unchanged(old: Component, new: Component) -> bool:
    """Whether a node of the old one would do the same if it ran the new one."""
    if old is new:
        return True
    if not same_code(old, new):
        return False
    if isinstance(old, FunctionComponent) and isinstance(new, FunctionComponent):
        return _same(old.function, new.function, set())
    return _same(type(old), type(new), set())


def _same(a: Any, b: Any, seen: set[tuple[int, int]]) -> bool:
    if a is b or (id(a), id(b)) in seen:
        return True
    if type(a) is not type(b):
        return False
    seen.add((id(a), id(b)))
    match a:
        case types.FunctionType():
            return _same_function(a, b, seen)
        case classmethod() | staticmethod():
            return _same(a.__func__, b.__func__, seen)
        case property():
            return _same((a.fget, a.fset, a.fdel), (b.fget, b.fset, b.fdel), seen)
        case type():
            return _same_class(a, b, seen)
        case tuple():
            return len(a) == len(b) and all(_same(one, other, seen) for one, other in zip(a, b, strict=True))
        case _ if isinstance(a, _ATOMS):
            return bool(a == b)
    return False


def _same_function(a: types.FunctionType, b: types.FunctionType, seen: set[tuple[int, int]]) -> bool:
    if a.__module__ == b.__module__:  # of a library that both import, and still two: nobody knows
        return False
    if not _same_code(a.__code__, b.__code__) or not _same(a.__defaults__, b.__defaults__, seen):
        return False
    pairs = [
        (a.__kwdefaults__ or {}, b.__kwdefaults__ or {}),
        (_cells(a), _cells(b)),
        (_reached(a), _reached(b)),
    ]
    return all(
        one.keys() == other.keys() and all(_same(one[name], other[name], seen) for name in one) for one, other in pairs
    )


def _same_code(a: types.CodeType, b: types.CodeType) -> bool:
    parts = "co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags", "co_argcount"
    return (
        all(getattr(a, part) == getattr(b, part) for part in parts)
        and a.co_kwonlyargcount == b.co_kwonlyargcount
        and getattr(a, "co_exceptiontable", b"") == getattr(b, "co_exceptiontable", b"")
        and len(a.co_consts) == len(b.co_consts)
        and all(
            _same_code(one, other)
            if isinstance(one, types.CodeType) and isinstance(other, types.CodeType)
            else type(one) is type(other) and one == other
            for one, other in zip(a.co_consts, b.co_consts, strict=True)
        )
    )


def _cells(function: types.FunctionType) -> dict[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not filled
            continue
    return found


def _reached(function: types.FunctionType) -> dict[str, Any]:
    """What a function uses of its module, by name."""
    names = set(_names(function.__code__))
    return {name: value for name, value in function.__globals__.items() if name in names}


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _names(each)


def _same_class(a: type, b: type, seen: set[tuple[int, int]]) -> bool:
    if a.__name__ != b.__name__ or len(a.__bases__) != len(b.__bases__):
        return False
    one = {name: value for name, value in vars(a).items() if name not in _MADE}
    other = {name: value for name, value in vars(b).items() if name not in _MADE}
    if one.keys() != other.keys():
        return False
    bases = all(_same(base, again, seen) for base, again in zip(a.__bases__, b.__bases__, strict=True))
    return bases and all(
        _same_annotations(one[name], other[name], seen)
        if name == "__annotations__"
        else _same(one[name], other[name], seen)
        for name in one
    )


def _same_annotations(a: dict[str, Any], b: dict[str, Any], seen: set[tuple[int, int]]) -> bool:
    return a.keys() == b.keys() and all(a[name] == b[name] or _same(a[name], b[name], seen) for name in a)
