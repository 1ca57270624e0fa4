"""Rules in CEL that definitions bring along: as much of the language as such rules use; what is left is counted.

CEL is written almost as Python is, so Python's parser reads it; but every node is evaluated here, none by Python.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tinyflow_operator.pocket.equal import same

STRING = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""")
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: same,
    ast.NotEq: lambda one, other: not same(one, other),
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, other: one in other,
}
TEXT: dict[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": operator.contains,
    "matches": lambda text, pattern: re.search(pattern, text) is not None,
}
EACH: dict[str, Callable[[list[Any], list[bool]], Any]] = {
    "all": lambda _, fit: all(fit),
    "exists": lambda _, fit: any(fit),
    "exists_one": lambda _, fit: sum(fit) == 1,
    "filter": lambda items, fit: [item for item, fits in zip(items, fit, strict=True) if fits],
}

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        message: What is said when it is broken.
        turns: Whether it is about a change, so that it needs an old value.
        holds: Whether it holds for some values of `self` and `oldSelf`; None for a rule that is not understood.
    """

    text: str
    message: str
    turns: bool
    holds: Callable[[Values], bool] | None


def rule_of(said: Mapping[str, Any]) -> Rule:
    """A rule of a schema's ``x-kubernetes-validations``."""
    text = said["rule"]
    message = said.get("message") or f"failed rule: {text}"
    return Rule(text, message, "oldSelf" in text, None if said.get("messageExpression") else _compiled(text))


def _compiled(text: str) -> Callable[[Values], bool] | None:
    pieces = STRING.split(text)
    for number in range(0, len(pieces), 2):  # every other one is a string, and stays
        # Python's `not` binds looser than CEL's `!`; its `~` binds as tightly.
        piece = re.sub(r"!(?!=)", "~", pieces[number])
        pieces[number] = piece.replace("&&", " and ").replace("||", " or ")
    try:
        tree = ast.parse("".join(pieces).strip(), mode="eval").body
        _understand(tree)
    except (SyntaxError, NotImplementedError):
        return None

    def holds(values: Values) -> bool:
        try:
            return _evaluate(tree, values) is True
        except (KeyError, IndexError, TypeError, AttributeError, re.error):
            return False  # as in Kubernetes: a rule that cannot be evaluated does not hold

    return holds


def _understand(tree: ast.expr) -> None:
    """Raise NotImplementedError if there is something in it that `_evaluate` does not know."""
    for node in ast.walk(tree):
        known = isinstance(
            node,
            ast.Name | ast.Attribute | ast.Constant | ast.List | ast.Subscript | ast.BoolOp | ast.UnaryOp | ast.Compare
            | ast.Call | ast.expr_context | ast.boolop | ast.unaryop | ast.cmpop,
        )  # fmt: skip
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            known = not node.keywords and name in ("has", "size", *TEXT, *EACH)
        elif isinstance(node, ast.UnaryOp):
            known = isinstance(node.op, ast.Invert | ast.USub)
        elif isinstance(node, ast.Compare):
            known = len(node.ops) == 1 and type(node.ops[0]) in COMPARE
        if not known:
            raise NotImplementedError(ast.dump(node))


def _evaluate(node: ast.expr, values: Values) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name):
            return {"true": True, "false": False, "null": None}[name] if name not in values else values[name]
        case ast.Attribute(value, name):
            return _evaluate(value, values)[name]
        case ast.Subscript(value, place):
            return _evaluate(value, values)[_evaluate(place, values)]
        case ast.List(items):
            return [_evaluate(item, values) for item in items]
        case ast.BoolOp(ast.And(), parts):
            return all(_evaluate(part, values) for part in parts)
        case ast.BoolOp(ast.Or(), parts):
            return any(_evaluate(part, values) for part in parts)
        case ast.UnaryOp(ast.Invert(), value):
            return not _evaluate(value, values)
        case ast.UnaryOp(_, value):
            return -_evaluate(value, values)
        case ast.Compare(one, [how], [other]):
            return COMPARE[type(how)](_evaluate(one, values), _evaluate(other, values))
        case ast.Call(ast.Name("has"), [ast.Attribute(value, name)]):
            return name in _evaluate(value, values)
        case ast.Call(ast.Name("size"), [value]) | ast.Call(ast.Attribute(value, "size"), []):
            return len(_evaluate(value, values))
        case ast.Call(ast.Attribute(value, how), [ast.Name(name), fits]) if how in EACH:
            items = list(_evaluate(value, values))
            return EACH[how](items, [bool(_evaluate(fits, {**values, name: item})) for item in items])
        case ast.Call(ast.Attribute(value, how), [other]) if how in TEXT:
            return TEXT[how](_evaluate(value, values), _evaluate(other, values))
    raise TypeError(ast.dump(node))
