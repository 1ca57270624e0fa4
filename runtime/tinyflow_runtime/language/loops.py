"""Comprehensions: loops over the parts of a payload."""

from __future__ import annotations

import ast
import typing
from typing import TYPE_CHECKING, Any

from tinyflow_runtime import language
from tinyflow_runtime.language import operators, records
from tinyflow_runtime.language.parts import Part, Refusal, known
from tinyflow_runtime.schema import type_name

if TYPE_CHECKING:
    from tinyflow_runtime.language.checker import Checker

Loop = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def check_loop(checker: Checker, node: Loop) -> Part:
    """Check a comprehension; its variables are gone afterwards."""
    outer = dict(checker.names)
    checker.loops += len(node.generators)
    if checker.loops > language.MAX_FOR:
        raise Refusal(node, f"More than {language.MAX_FOR} loops in one another.", "Do it in a component of its own.")
    loops = [_loop(checker, loop) for loop in node.generators]
    written = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
    elements = [checker.check(element) for element in written]
    checker.loops -= len(node.generators)
    checker.names = outer
    types = tuple(records.widen(element.type) for element in elements)
    codes = [element.code for element in elements]
    if isinstance(node, ast.DictComp):
        return Part(ast.DictComp(codes[0], codes[1], loops), records.generic(dict, *types))
    if isinstance(node, ast.SetComp):
        return Part(ast.SetComp(codes[0], loops), records.generic(set, *types))
    kind = ast.GeneratorExp if isinstance(node, ast.GeneratorExp) else ast.ListComp
    return Part(kind(codes[0], loops), records.generic(list, *types), element=elements[0])


def _loop(checker: Checker, loop: ast.comprehension) -> ast.comprehension:
    if loop.is_async:
        raise Refusal(loop.target, "An expression has no async for.", "Do it in a component of its own.")
    over = checker.check(loop.iter)
    items = [records.item(member) for member in records.members(over.type) if operators.iterates(member)]
    if not items:
        raise Refusal(loop.iter, f"{type_name(over.type)} is not a list.", known(over.type))
    _bind(checker, loop.target, records.union(items))
    return ast.comprehension(loop.target, over.code, [checker.check(test).code for test in loop.ifs], 0)


def _bind(checker: Checker, target: ast.expr, tp: Any) -> None:
    if isinstance(target, ast.Name):
        if target.id.startswith("_") or target.id == "msg" or target.id in language.FUNCTIONS:
            raise Refusal(target, f"{target.id!r} is taken or private.", "Take another name for the loop's variable.")
        checker.names[target.id] = tp
        return
    if not isinstance(target, ast.Tuple):
        raise Refusal(target, "A loop's variable must be a name.", "Write for x in ... or for k, v in ...")
    arguments = typing.get_args(tp) if records.kind(tp) is tuple else ()
    aligned = len(arguments) == len(target.elts) and Ellipsis not in arguments
    for position, name in enumerate(target.elts):
        _bind(checker, name, arguments[position] if aligned else Any)
