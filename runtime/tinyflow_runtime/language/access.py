"""Access: fields, items and slices of a payload."""

from __future__ import annotations

import ast
import typing
from typing import Any

from tinyflow_runtime.language import records
from tinyflow_runtime.language.parts import Part, Refusal, call, known, no_field
from tinyflow_runtime.schema import type_name

# Types are values here, hence Any for each of them; see records.py.


def field(node: ast.expr, value: Part, name: str, *, dotted: bool) -> Part:
    """A field of a payload, read with a dot or with its name in brackets, as its type has it."""
    if dotted and name.startswith("_"):
        raise Refusal(node, f"{name!r} is private.", "An expression reads public fields only.")
    found: list[Any] = []
    keyed: set[bool | None] = set()
    for member in records.members(value.type):
        kind, record = records.kind(member), records.of(member)
        if kind is Any:
            found.append(Any)
            keyed.add(None if dotted else True)
        elif record and name in record.fields and (dotted or record.keyed):
            found.append(record.fields[name].type)
            keyed.add(record.keyed)
        elif record and name in record.fields:
            way_out = f"Write {ast.unparse(value.code)}.{name}."
            raise Refusal(node, f"{type_name(member)} is read with a dot.", way_out)
        elif not record and issubclass(kind, dict):
            found.append((*typing.get_args(member), Any, Any)[1])
            keyed.add(True)
        elif record and not record.closed:
            found.append(Any)
            keyed.add(None if dotted else True)
    if not found:
        raise no_field(node, value.type, name)
    tp = records.union(found)
    if keyed == {True}:
        return Part(ast.Subscript(value.code, ast.Constant(name), ast.Load()), tp)
    if keyed == {False}:
        return Part(ast.Attribute(value.code, name, ast.Load()), tp)
    return Part(call("_field", value.code, ast.Constant(name)), tp)


def item(node: ast.AST, member: Any, index: ast.expr) -> Any:
    """The type of what an index gives; None where there are no items."""
    kind, arguments = records.kind(member), typing.get_args(member)
    if kind is Any:
        return Any
    if issubclass(kind, dict):
        return (*arguments, Any, Any)[1]
    number = index.value if isinstance(index, ast.Constant) else None
    if kind is tuple and arguments and arguments[-1] is not Ellipsis and type(number) is int:
        if number >= len(arguments):
            raise Refusal(node, f"{type_name(member)} has no item {number}.", "Items are counted from 0.")
        return arguments[number]
    if issubclass(kind, (str, bytes, list, tuple)):
        return records.item(member)
    return Any if hasattr(kind, "__getitem__") else None


def sliced(node: ast.AST, member: Any) -> Any:
    """The type of a slice."""
    kind = records.kind(member)
    if kind is tuple:
        return records.generic(tuple, records.item(member), ...)
    if kind is Any or issubclass(kind, (str, bytes, list)):
        return records.widen(member)
    if hasattr(kind, "__getitem__") and not issubclass(kind, dict):
        return Any
    raise Refusal(node, f"{type_name(member)} has no slices.", known(member))
