"""Whether two components are the same code: then a running node keeps its state, else it is swapped."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

from tinyflow_runtime.component import Component

__all__ = ["same_code"]

_Seen = set[tuple[int, int]]  # what is being compared already, by identity
_OPTIONS = ("module", "blocking", "retry", "timeout", "tags")


def same_code(a: Component, b: Component) -> bool:
    """Whether running a cell again changed nothing: the code, the defaults, the ports and the options are the same.

    Where the code stands does not count, nor comments. What it uses of its notebook does not count either: that is
    looked up when it is used, so the newest is used anyway. What it uses of a file of its own does, for a file that
    is loaded again leaves the old things to the old code.
    """
    if a is b or _one_function(a, b):
        return True
    if any(getattr(a, option) != getattr(b, option) for option in _OPTIONS) or _ports(a) != _ports(b):
        return False
    first, second = getattr(a, "function", None), getattr(b, "function", None)
    if first is not None or second is not None:
        return _same(first, second, set())
    return type(a) is type(b) or _same_class(type(a), type(b), set())


def _one_function(a: Component, b: Component) -> bool:
    """Two instances of one function, which most nodes are: thousands are compared whenever a flow is applied."""
    one, other = vars(a), vars(b)
    return (
        "function" in one
        and one["function"] is other.get("function")
        and one["_ports"] is other["_ports"]
        and all(getattr(a, option) == getattr(b, option) for option in _OPTIONS)
    )


def _ports(component: Component) -> list[tuple[Any, ...]]:
    from tinyflow_runtime.schema import json_schema

    return [
        (json_schema(port.type), *(getattr(port, part) for part in port.__slots__ if part != "type"))
        for port in component.ports()
    ]


def _same_class(a: type, b: type, seen: _Seen) -> bool:
    if a is b:
        return True
    if a.__name__ != b.__name__ or len(a.__mro__) != len(b.__mro__):
        return False
    for one, other in zip(a.__mro__, b.__mro__, strict=True):
        if one is not other and not _same_members(one, other, seen):
            return False
    return True


_OF_PYTHON = frozenset({"__module__", "__dict__", "__weakref__", "__doc__", "__firstlineno__", "where"})


def _same_members(one: type, other: type, seen: _Seen) -> bool:
    first = {name: value for name, value in vars(one).items() if name not in _OF_PYTHON}
    second = {name: value for name, value in vars(other).items() if name not in _OF_PYTHON}
    return first.keys() == second.keys() and all(_same(first[name], second[name], seen) for name in first)


def _same(a: Any, b: Any, seen: _Seen) -> bool:
    if a is b or (id(a), id(b)) in seen:
        return True
    if type(a) is not type(b):
        return False
    match a:
        case types.FunctionType():
            seen.add((id(a), id(b)))  # they may use themselves
            cells = _cells(a), _cells(b)
            return (
                _same_function_code(a.__code__, b.__code__, seen)
                and _same(a.__defaults__, b.__defaults__, seen)
                and _same(a.__kwdefaults__, b.__kwdefaults__, seen)
                and _same(*cells, seen)
                and (a.__globals__ is b.__globals__ or _same(_used(a), _used(b), seen))
            )
        case classmethod() | staticmethod():
            return _same(a.__func__, b.__func__, seen)
        case property():
            return _same((a.fget, a.fset, a.fdel), (b.fget, b.fset, b.fdel), seen)
        case types.CodeType():
            return _same_function_code(a, b, seen)
        case type():
            seen.add((id(a), id(b)))
            return _same_class(a, b, seen)
        case tuple() | list():
            return len(a) == len(b) and all(_same(one, other, seen) for one, other in zip(a, b, strict=True))
        case dict():
            return a.keys() == b.keys() and all(_same(a[key], b[key], seen) for key in a)
    try:
        return bool(a == b)
    except Exception:  # an array, or a class whose == raises: then it is not known to be the same
        return False


def _used(function: types.FunctionType) -> dict[str, Any]:
    """What a function uses of the file it stands in, by name."""
    return {name: function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__}


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _cells(function: types.FunctionType) -> dict[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if name != "__class__":  # what super() needs; it differs whenever the class is made again
            try:
                found[name] = cell.cell_contents
            except ValueError:  # not filled
                continue
    return found


def _same_function_code(a: types.CodeType, b: types.CodeType, seen: _Seen) -> bool:
    return (
        a.co_code == b.co_code
        and (a.co_names, a.co_varnames, a.co_freevars, a.co_cellvars)
        == (b.co_names, b.co_varnames, b.co_freevars, b.co_cellvars)
        and (a.co_flags, a.co_argcount, a.co_kwonlyargcount) == (b.co_flags, b.co_argcount, b.co_kwonlyargcount)
        and getattr(a, "co_exceptiontable", b"") == getattr(b, "co_exceptiontable", b"")
        and len(a.co_consts) == len(b.co_consts)
        and all(_same(one, other, seen) for one, other in zip(a.co_consts, b.co_consts, strict=True))
    )
