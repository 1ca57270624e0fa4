"""Calls: of the functions and methods that the language lists, and of nothing else."""

from __future__ import annotations

import ast
import typing
from typing import TYPE_CHECKING, Any

from tinyflow_runtime import language
from tinyflow_runtime.errors import did_you_mean
from tinyflow_runtime.language import operators, records
from tinyflow_runtime.language.loops import check_loop
from tinyflow_runtime.language.parts import Part, Refusal, call, known
from tinyflow_runtime.schema import type_name

if TYPE_CHECKING:
    from tinyflow_runtime.language.checker import Checker

_ARGUMENTS = {"max": 9, "min": 9, "round": 2, "sum": 2, "int": 2}  # at most; one for the others


def check_call(checker: Checker, node: ast.Call) -> Part:
    """Check a call; what it gives follows from the types of its arguments."""
    arguments = [check_loop(checker, a) if isinstance(a, ast.GeneratorExp) else checker.check(a) for a in node.args]
    if isinstance(node.func, ast.Attribute):
        return _method(checker, node, node.func, arguments)
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in language.FUNCTIONS or name in checker.names:
        near = did_you_mean(name, language.FUNCTIONS)
        raise Refusal(
            node.func,
            f"{ast.unparse(node.func)}() cannot be called here.",
            near or f"Functions: {', '.join(language.FUNCTIONS)}.",
        )
    keywords = [_keyword(checker, name, keyword) for keyword in node.keywords]
    if not 1 <= len(arguments) <= _ARGUMENTS.get(name, 1):
        raise Refusal(node, f"{name} does not take {len(arguments)} arguments.", f"Write {name}(msg).")
    checker.grows |= name in ("sum", "int", "round")
    code = ast.Call(node.func, [argument.code for argument in arguments], keywords)
    return Part(code, _given(checker, node, name, arguments))


def _keyword(checker: Checker, name: str, keyword: ast.keyword) -> ast.keyword:
    allowed = language.KEYWORDS.get(name, frozenset())
    if keyword.arg not in allowed:
        hint = f"It takes {', '.join(sorted(allowed))}." if allowed else "Leave it out."
        raise Refusal(keyword.value, f"{name} has no {keyword.arg!r} in an expression.", hint)
    return ast.keyword(keyword.arg, checker.check(keyword.value).code)


def _given(checker: Checker, node: ast.Call, name: str, arguments: list[Part]) -> Any:
    first = arguments[0].type
    if name in ("str", "bool"):
        return language.FUNCTIONS[name]
    if name in ("all", "any", "sorted", "sum") or (name in ("max", "min") and len(arguments) == 1):
        items = [records.item(member) for member in records.members(first) if operators.iterates(member)]
        if not items:
            raise Refusal(node, f"{name} takes a list, not {type_name(records.widen(first))}.", known(first))
        given = records.widen(records.union(items))
        if name == "sum" and given is not Any and not _any_works(sum, first, node):
            raise Refusal(node, f"sum adds numbers, not {type_name(given)}.", _advice(given))
        return {
            "all": bool,
            "any": bool,
            "sorted": records.generic(list, given),
            "sum": records.union((given, int)),
        }.get(name, given)
    if name in ("max", "min"):
        return records.widen(records.union(argument.type for argument in arguments))
    given = [tp for member in records.members(first) if (tp := _applied(name, member, len(arguments))) is not None]
    if not given:
        raise Refusal(node, f"{name} does not work on {type_name(records.widen(first))}.", known(first))
    return records.union(given)


def _any_works(function: Any, tp: Any, node: ast.Call) -> bool:
    """Whether adding the items of some alternative is something that Python does."""
    for member in records.members(tp):
        for item in records.members(records.item(member)):
            sample = records.sample(item)
            if sample is NotImplemented:
                if item is Any or hasattr(records.kind(item), "__add__"):
                    return True
                continue
            try:
                function([sample], *([sample] if len(node.args) > 1 else []))
            except TypeError:
                continue
            return True
    return False


def _advice(tp: Any) -> str:
    fields = known(tp)
    return f"Pick one: sum(r.{next(iter(_names(tp)))} for r in ...). {fields}" if fields else "Convert them first."


def _names(tp: Any) -> list[str]:
    return [name for member in records.members(tp) if (record := records.of(member)) for name in record.fields]


def _applied(name: str, member: Any, count: int) -> Any:
    """What abs, float, int, len or round gives for one member; None where Python refuses it."""
    sample, kind = records.sample(member), records.kind(member)
    if name in ("float", "int", "len") and (kind is Any or sample is NotImplemented):
        return {"float": float, "int": int, "len": int}[name] if kind is Any or _can(kind, name) else None
    if sample is NotImplemented:
        return Any if kind is Any or _can(kind, name) else None
    if name == "round" and count > 1:
        return kind if kind in (int, float) else Any
    try:
        return type(language.FUNCTIONS[name](sample))
    except TypeError:
        return None
    except ValueError:  # float("a"): another text may do
        return language.FUNCTIONS[name]


def _can(kind: Any, name: str) -> bool:
    return any(hasattr(kind, method) for method in (f"__{name}__", "__index__") if name != "len" or method == "__len__")


def _method(checker: Checker, node: ast.Call, func: ast.Attribute, arguments: list[Part]) -> Part:
    value, name = checker.check(func.value), func.attr
    if node.keywords:
        raise Refusal(node, f"{name} has no keywords in an expression.", "Leave them out.")
    found: list[Any] = []
    sure = True
    available: list[str] = []
    for member in records.members(value.type):
        kind = records.kind(member)
        methods = next((language.METHODS[base] for base in kind.__mro__ if base in language.METHODS), {}) if (
            kind is not Any
        ) else {}  # fmt: skip
        available += methods
        if name in methods:
            found.append(_gives(methods[name], member, arguments))
        elif kind is Any:
            found.append(Any)
            sure = False
    if not found:
        shown = type_name(records.widen(value.type))
        near = did_you_mean(name, available)
        raise Refusal(node, f"{shown} has no method {name!r} in an expression.", near or known(value.type))
    if not any(name in methods for methods in language.METHODS.values()):
        raise Refusal(node, f"There is no method {name!r} in an expression.", "Do it in a component of its own.")
    codes = [argument.code for argument in arguments]
    if not sure:
        return Part(call("_method", value.code, ast.Constant(name), *codes), records.union(found))
    code = ast.Call(ast.Attribute(value.code, name, ast.Load()), codes, [])
    views = name in ("keys", "values", "items")
    return Part(call("_list", code) if views else code, records.union(found))


def _gives(rule: Any, member: Any, arguments: list[Part]) -> Any:
    if not isinstance(rule, str):
        return rule
    key, value = (*typing.get_args(member), Any, Any)[:2]
    if (record := records.of(member)) is not None:  # a TypedDict
        key, value = str, records.union(field.type for field in record.fields.values())
    if rule == "keys":
        return records.generic(list, key)
    if rule == "values":
        return records.generic(list, value)
    if rule == "items":
        return records.generic(list, records.generic(tuple, key, value))
    written = arguments[0].code.value if arguments and isinstance(arguments[0].code, ast.Constant) else None
    if record is not None and isinstance(written, str) and written in record.fields:
        value = record.fields[written].type
    return records.union((value, arguments[1].type if len(arguments) > 1 else None))
