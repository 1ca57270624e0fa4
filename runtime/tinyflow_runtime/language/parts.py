"""A part of an expression, checked; and the refusal of one."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyflow_runtime import language
from tinyflow_runtime.errors import did_you_mean
from tinyflow_runtime.language import records
from tinyflow_runtime.schema import type_name

# Types are values here, hence Any for each of them; see records.py.


class Refusal(Exception):
    """A part of an expression that cannot be: what is wrong, where it stands, and the way out."""

    def __init__(self, node: ast.AST, what: str, *way_out: str) -> None:
        super().__init__(what)
        self.node = node
        self.what = what
        self.way_out = way_out


@dataclass(frozen=True, slots=True)
class Part:
    """A checked part of an expression.

    Attributes:
        code: What runs; differs from what was written where the type decides, as for ``msg.x`` of a dict.
        type: What it gives.
        entries: The values of a dict display by key, for it may become a dataclass.
        element: What a list comprehension collects, for the same reason.
        elements: The values of a list display, again for the same reason.
    """

    code: ast.expr
    type: Any
    entries: Mapping[str, Part] | None = None
    element: Part | None = None
    elements: Sequence[Part] = ()


def call(function: str, *arguments: ast.expr) -> ast.Call:
    """The code of a call."""
    return ast.Call(ast.Name(function, ast.Load()), list(arguments), [])


def known(tp: Any) -> str:
    """What a type has that can be written instead, as a sentence."""
    for member in records.members(tp):
        if names := _public(member):
            return f"Fields of {type_name(member)}: {', '.join(names)}."
    return ""


def _public(member: Any) -> list[str]:
    record = records.of(member)
    return [name for name in record.fields if not name.startswith("_")] if record else []


def no_field(node: ast.AST, tp: Any, name: str) -> Refusal:
    """The refusal of a field that a type does not have."""
    shown = type_name(records.widen(tp))
    names = [field for member in records.members(tp) for field in _public(member)]
    if names:
        return Refusal(node, f"{shown} has no field {name!r}.", did_you_mean(name, names), known(tp))
    methods = [found for member in records.members(tp) for found in language.METHODS.get(records.kind(member), ())]
    if name in methods:
        return Refusal(node, f"{name!r} of {shown} is a method.", f"Call it: .{name}().")
    return Refusal(node, f"{shown} has no field {name!r}; it has none at all.", "Use msg itself.")
