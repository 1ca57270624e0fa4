"""A checker walks over an expression: it refuses what the language lacks, infers types, and writes the code to run."""

from __future__ import annotations

import ast
import itertools
import typing
from collections.abc import Iterable
from typing import Any, Literal

from tinyflow_runtime import language
from tinyflow_runtime.errors import did_you_mean
from tinyflow_runtime.language import records
from tinyflow_runtime.language.access import field, item, sliced
from tinyflow_runtime.language.calls import check_call
from tinyflow_runtime.language.loops import Loop, check_loop
from tinyflow_runtime.language.operators import builtin, holds, together
from tinyflow_runtime.language.parts import Part, Refusal, call, known
from tinyflow_runtime.schema import type_name

# Types are values here, hence Any for each of them; see records.py.


class Checker:
    """Checks one expression; ``names`` are the variables in scope by type."""

    def __init__(self, source: Any) -> None:
        self.names: dict[str, Any] = {"msg": source}
        self.grows = False  # arithmetic may leave the 64 bits that the payload's integers keep to
        self._depth = 0
        self.loops = 0

    def check(self, node: ast.expr) -> Part:
        """Check a part and everything in it.

        Raises:
            Refusal: It is not in the language, or the types do not go together.
        """
        visit = getattr(self, f"_{type(node).__name__}", None)
        if visit is None:
            words = _WORDS.get(type(node), type(node).__name__)
            raise Refusal(node, f"An expression has no {words}.", "Do it in a component of its own.")
        self._depth += 1
        if self._depth > language.MAX_DEPTH:
            raise Refusal(node, "The expression is nested too deeply.", "Do it in a component of its own.")
        part: Part = visit(node)
        self._depth -= 1
        return part

    # Values

    def _Constant(self, node: ast.Constant) -> Part:
        if node.value is not None and type(node.value) not in (bool, int, float, str, bytes):
            raise Refusal(node, f"An expression has no {ast.unparse(node)}.", "Write a number or a text.")
        if type(node.value) is int and node.value >= 1 << 64:
            raise Refusal(node, "The number does not fit in 64 bits.", "Write a smaller one, or a float.")
        plainly = node.value is None or isinstance(node.value, float)
        return Part(node, type(node.value) if plainly else records.generic(Literal, node.value))

    def _Name(self, node: ast.Name) -> Part:
        if node.id in self.names:
            return Part(node, self.names[node.id])
        if node.id in language.FUNCTIONS:
            raise Refusal(node, f"{node.id} is a function.", f"Call it: {node.id}(msg).")
        record = next((record for tp in records.members(self.names["msg"]) if (record := records.of(tp))), None)
        if record and node.id in record.fields:
            raise Refusal(node, f"There is no name {node.id!r} here.", f"The payload is msg: write msg.{node.id}.")
        near = did_you_mean(node.id, [*self.names, *language.FUNCTIONS])
        raise Refusal(
            node,
            f"There is no name {node.id!r} here.",
            near,
            "An expression knows msg and the functions " + ", ".join(language.FUNCTIONS) + ".",
        )

    def _JoinedStr(self, node: ast.JoinedStr) -> Part:
        values: list[ast.expr] = []
        for value in node.values:
            if not isinstance(value, ast.FormattedValue):
                values.append(value)
                continue
            spec = value.format_spec
            text = ast.unparse(spec) if spec else ""
            if isinstance(spec, ast.JoinedStr) and any(isinstance(v, ast.FormattedValue) for v in spec.values):
                raise Refusal(node, "A format must be written out.", "Write {msg:.2f}, without {} in it.")
            if language.wide(text):
                raise Refusal(node, "A format is at most 999 wide.", "Write a smaller number.")
            values.append(ast.FormattedValue(self.check(value.value).code, value.conversion, spec))
        return Part(ast.JoinedStr(values), str)

    def _Tuple(self, node: ast.Tuple) -> Part:
        parts = [self.check(element) for element in node.elts]
        tp = records.generic(tuple, *(records.widen(part.type) for part in parts))
        return Part(ast.Tuple([part.code for part in parts], ast.Load()), tp)

    def _List(self, node: ast.List) -> Part:
        parts = [self.check(element) for element in node.elts]
        tp = records.generic(list, _all(parts)) if parts else list
        return Part(ast.List([part.code for part in parts], ast.Load()), tp, elements=parts)

    def _Set(self, node: ast.Set) -> Part:
        parts = [self.check(element) for element in node.elts]
        return Part(ast.Set([part.code for part in parts]), records.generic(set, _all(parts)))

    def _Dict(self, node: ast.Dict) -> Part:
        keys: list[ast.expr | None] = []
        parts: list[Part] = []
        types: list[Any] = []
        entries: dict[str, Part] | None = {}
        for key, value in zip(node.keys, node.values, strict=True):
            part = self.check(value)
            parts.append(part)
            if key is None:
                types.append((str, self._unpacked(value, part)))
                keys.append(None)
                entries = None
                continue
            checked = self.check(key)
            keys.append(checked.code)
            types.append((records.widen(checked.type), records.widen(part.type)))
            if entries is not None and isinstance(key, ast.Constant) and isinstance(key.value, str):
                entries[key.value] = part
            else:
                entries = None
        code = ast.Dict(keys, [part.code for part in parts])
        if not types:
            return Part(code, dict, entries={})
        key_type, value_type = (records.union(tp) for tp in zip(*types, strict=True))
        return Part(code, records.generic(dict, key_type, value_type), entries)

    def _unpacked(self, node: ast.expr, part: Part) -> Any:
        found: list[Any] = []
        for member in records.members(part.type):
            kind, record = records.kind(member), records.of(member)
            if kind is not Any and not issubclass(kind, dict) and not (record and record.keyed):
                fields = [name for name, field in (record.fields if record else {}).items() if field.given]
                hint = ", ".join(f'"{name}": {ast.unparse(node)}.{name}' for name in fields[:3])
                raise Refusal(node, f"** takes a dict, not {type_name(member)}.", f"Write {{{hint}}}." if hint else "")
            if record:
                found += [field.type for field in record.fields.values()]
            else:
                found.append((*typing.get_args(member), Any, Any)[1])
        return records.union(found)

    # Parts of a payload

    def _Attribute(self, node: ast.Attribute) -> Part:
        value = self.check(node.value)
        return field(node, value, node.attr, dotted=True)

    def _Subscript(self, node: ast.Subscript) -> Part:
        value = self.check(node.value)
        if isinstance(node.slice, ast.Slice):
            bounds = [self.check(bound).code if bound else None for bound in _bounds(node.slice)]
            tp = records.union(sliced(node, member) for member in records.members(value.type))
            return Part(ast.Subscript(value.code, ast.Slice(*bounds), ast.Load()), tp)
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            return field(node, value, node.slice.value, dotted=False)
        index = self.check(node.slice)
        found = [tp for member in records.members(value.type) if (tp := item(node, member, node.slice)) is not None]
        if not found:
            raise Refusal(node, f"{type_name(value.type)} has no items.", known(value.type))
        return Part(ast.Subscript(value.code, index.code, ast.Load()), records.union(found))

    # Operators

    def _BinOp(self, node: ast.BinOp) -> Part:
        left, right = self.check(node.left), self.check(node.right)
        tp = together(node, node.op, left.type, right.type)
        self.grows |= not isinstance(node.op, (ast.Div, ast.Mod, ast.FloorDiv, ast.BitAnd, ast.RShift))
        numbers = all(
            records.kind(m) in (int, float, bool) for m in records.members(records.union((left.type, right.type)))
        )
        guard = {ast.Pow: "_power", ast.Mult: "_times", ast.Mod: "_remainder"}.get(type(node.op))
        if guard and not (numbers and guard != "_power"):
            if guard == "_remainder" and any(records.kind(m) in (str, bytes) for m in records.members(left.type)):
                raise Refusal(node, "% formats no text in an expression.", 'Write an f-string: f"{msg:.1f} C".')
            return Part(call(guard, left.code, right.code), tp)
        return Part(ast.BinOp(left.code, node.op, right.code), tp)

    def _UnaryOp(self, node: ast.UnaryOp) -> Part:
        operand = self.check(node.operand)
        if isinstance(node.op, ast.Not):
            return Part(ast.UnaryOp(node.op, operand.code), bool)
        if isinstance(node.operand, ast.Constant) and isinstance(node.op, ast.USub) and type(node.operand.value) is int:
            return Part(ast.UnaryOp(node.op, operand.code), records.generic(Literal, -node.operand.value))
        self.grows = True
        return Part(ast.UnaryOp(node.op, operand.code), together(node, node.op, operand.type))

    def _BoolOp(self, node: ast.BoolOp) -> Part:
        parts = [self.check(value) for value in node.values]
        return Part(ast.BoolOp(node.op, [part.code for part in parts]), records.union(part.type for part in parts))

    def _IfExp(self, node: ast.IfExp) -> Part:
        test, body, orelse = self.check(node.test), self.check(node.body), self.check(node.orelse)
        return Part(ast.IfExp(test.code, body.code, orelse.code), records.union((body.type, orelse.type)))

    def _Compare(self, node: ast.Compare) -> Part:
        parts = [self.check(part) for part in (node.left, *node.comparators)]
        types: list[Any] = []
        for (left, right), op in zip(itertools.pairwise(parts), node.ops, strict=True):
            if isinstance(op, (ast.Is, ast.IsNot)):
                if records.kind(right.type) is not type(None):
                    raise Refusal(node, "'is' compares with None only.", "Write == instead.")
                types.append(bool)
            elif isinstance(op, (ast.In, ast.NotIn)):
                if not any(holds(member) for member in records.members(right.type)):
                    raise Refusal(node, f"{type_name(right.type)} holds nothing to look in.", known(right.type))
                types.append(bool)
            elif isinstance(op, (ast.Eq, ast.NotEq)):
                plain = all(builtin(member) for part in (left, right) for member in records.members(part.type))
                types.append(bool if plain else Any)
            else:
                types.append(together(node, op, left.type, right.type))
        code = ast.Compare(parts[0].code, node.ops, [part.code for part in parts[1:]])
        return Part(code, records.union(types))

    # Calls and comprehensions

    def _Call(self, node: ast.Call) -> Part:
        return check_call(self, node)

    def _loop(self, node: Loop) -> Part:
        return check_loop(self, node)

    _ListComp = _SetComp = _DictComp = _loop


_WORDS: dict[type[ast.AST], str] = {
    ast.Lambda: "lambda",
    ast.NamedExpr: "assignment",
    ast.GeneratorExp: "generator outside a function such as sum(...)",
    ast.Starred: "star",
    ast.Await: "await",
    ast.Yield: "yield",
}


def _bounds(node: ast.Slice) -> Iterable[ast.expr | None]:
    return node.lower, node.upper, node.step


def _all(parts: Iterable[Part]) -> Any:
    return records.union(records.widen(part.type) for part in parts)
