"""What an operator gives for the types on its two sides, or that it does not work on them."""

from __future__ import annotations

import ast
import itertools
import typing
from typing import Any, Literal

from tinyflow_runtime import language
from tinyflow_runtime.language import records
from tinyflow_runtime.language.parts import Refusal, known
from tinyflow_runtime.schema import type_name


def together(node: ast.AST, op: ast.AST, *types: Any) -> Any:
    """The type an operator gives; the members of unions that fail are left to the payload, unless all do."""
    if type(op) not in language.OPERATORS:
        raise Refusal(node, "This operator is not in the language.", "Do it in a component of its own.")
    sign, function, name = language.OPERATORS[type(op)]
    found = [
        tp
        for members in itertools.product(*(list(records.members(tp)) for tp in types))
        if (tp := _result(function, name, members)) is not None
    ]
    if not found:
        names = " and ".join(type_name(records.widen(tp)) for tp in types)
        raise Refusal(node, f"{sign} does not work on {names}.", *dict.fromkeys(known(tp) for tp in types))
    return records.union(found)


def builtin(member: Any) -> bool:
    """Whether Python itself says how its values compare."""
    return records.sample(member) is not NotImplemented


def iterates(member: Any) -> bool:
    """Whether a loop can go over it."""
    kind = records.kind(member)
    return kind is Any or hasattr(kind, "__iter__") or hasattr(kind, "__getitem__")


def holds(member: Any) -> bool:
    """Whether ``in`` can look into it."""
    kind = records.kind(member)
    return kind is Any or hasattr(kind, "__contains__") or iterates(member)


def _result(function: Any, name: str, members: tuple[Any, ...]) -> Any:
    """The type that an operator gives on these members; None when Python would refuse it."""
    if any(member is Any for member in members):
        return Any
    samples = [records.sample(member) for member in members]
    if NotImplemented not in samples:
        try:
            found = type(function(*samples))
        except TypeError:
            return None
        if name == "pow" and found is int and not _counts(members[1]):
            return int | float  # 2 ** -1
        if found in (list, dict, set, tuple):
            return _together(found, [member for member in members if records.kind(member) is found])
        return found
    # A class of somebody else's: does it, or the other one, say that it can?
    kinds = [records.kind(member) for member in members]
    reverse = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}.get(name, f"r{name}")
    for kind, method in zip(kinds, (f"__{name}__", f"__{reverse}__"), strict=False):
        if kind is Any or getattr(kind, method, None) is not getattr(object, method, None):
            if kind is Any or records.sample(kind) is NotImplemented:
                return Any
    return None


def _together(found: Any, members: list[Any]) -> Any:
    """The type of two lists in one, of a list made longer, of two dicts in one."""
    if len({repr(member) for member in members}) == 1 and found is not tuple:
        return members[0]
    if found is not dict:
        items = records.union(records.item(member) for member in members)
        return records.generic(found, items, ...) if found is tuple else records.generic(found, items)
    pairs = [(*typing.get_args(member), Any, Any)[:2] for member in members]
    return records.generic(dict, *(records.union(part) for part in zip(*pairs, strict=True)))


def _counts(member: Any) -> bool:
    """Whether an exponent is written out and not negative."""
    return typing.get_origin(member) is Literal and typing.get_args(member)[0] >= 0
