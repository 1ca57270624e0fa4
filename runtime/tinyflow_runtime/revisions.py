"""Whether two components are the same code: then a running node keeps its state, else it is swapped."""

from __future__ import annotations

import types
from typing import Any

from tinyflow_runtime.component import Component

__all__ = ["same_code"]

_OPTIONS = ("module", "blocking", "retry", "timeout", "tags")


def same_code(a: Component, b: Component) -> bool:
    """Whether running a cell again changed nothing: the code, the defaults, the ports and the options are the same.

    Where the code stands does not count, nor comments. Functions that it calls do not count either: they are looked up
    when they are called, so their newest version is used anyway.
    """
    if a is b or _one_function(a, b):
        return True
    if any(getattr(a, option) != getattr(b, option) for option in _OPTIONS) or _ports(a) != _ports(b):
        return False
    first, second = getattr(a, "function", None), getattr(b, "function", None)
    if first is not None or second is not None:
        return _same(first, second)
    return type(a) is type(b) or _same_class(type(a), type(b))


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


def _same_class(a: type, b: type) -> bool:
    if a is b:
        return True
    if a.__name__ != b.__name__ or len(a.__mro__) != len(b.__mro__):
        return False
    for one, other in zip(a.__mro__, b.__mro__, strict=True):
        if one is not other and not _same_members(one, other):
            return False
    return True


_OF_PYTHON = frozenset({"__module__", "__dict__", "__weakref__", "__doc__", "__firstlineno__", "where"})


def _same_members(one: type, other: type) -> bool:
    first = {name: value for name, value in vars(one).items() if name not in _OF_PYTHON}
    second = {name: value for name, value in vars(other).items() if name not in _OF_PYTHON}
    return first.keys() == second.keys() and all(_same(first[name], second[name]) for name in first)


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    match a:
        case types.FunctionType():
            cells = _cells(a), _cells(b)
            return (
                _same_function_code(a.__code__, b.__code__)
                and _same(a.__defaults__, b.__defaults__)
                and _same(a.__kwdefaults__, b.__kwdefaults__)
                and cells[0].keys() == cells[1].keys()
                and all(_same(cells[0][name], cells[1][name]) for name in cells[0])
            )
        case classmethod() | staticmethod():
            return _same(a.__func__, b.__func__)
        case property():
            return _same((a.fget, a.fset, a.fdel), (b.fget, b.fset, b.fdel))
        case types.CodeType():
            return _same_function_code(a, b)
        case type():
            return _same_class(a, b)
        case tuple() | list():
            return len(a) == len(b) and all(map(_same, a, b))
        case dict():
            return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    try:
        return bool(a == b)
    except Exception:  # an array, or a class whose == raises: then it is not known to be the same
        return False


def _cells(function: types.FunctionType) -> dict[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if name != "__class__":  # what super() needs; it differs whenever the class is made again
            try:
                found[name] = cell.cell_contents
            except ValueError:  # not filled
                continue
    return found


def _same_function_code(a: types.CodeType, b: types.CodeType) -> bool:
    return (
        a.co_code == b.co_code
        and (a.co_names, a.co_varnames, a.co_freevars, a.co_cellvars)
        == (b.co_names, b.co_varnames, b.co_freevars, b.co_cellvars)
        and (a.co_flags, a.co_argcount, a.co_kwonlyargcount) == (b.co_flags, b.co_argcount, b.co_kwonlyargcount)
        and getattr(a, "co_exceptiontable", b"") == getattr(b, "co_exceptiontable", b"")
        and len(a.co_consts) == len(b.co_consts)
        and all(map(_same, a.co_consts, b.co_consts))
    )
