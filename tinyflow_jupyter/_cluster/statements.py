"""The statements of a notebook that define its flows, with those that these need: all that is run without a kernel."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence

from tinyflow_jupyter._capture.statements import Statement

BUILDS = ("node", "edge", "remove", "move")  # the methods of a flow that define it


def of_flows(statements: Sequence[Statement]) -> list[Statement]:
    """The statements that make and build flows, and everything that they use, in their order.

    What shows, starts, sends, waits or pushes is left out, for nothing in a flow's definition uses it.
    """
    flows, makers, fixed = _flow_names(statements), _makers(statements), _fixed(statements)
    bound = [given(each) for each in statements]
    wanted = {
        number
        for number, each in enumerate(statements)
        if _builds(each.node, flows) or (flows & bound[number] and _makes(each.node, makers))
    }
    known = set[str]()
    due = {name for number in wanted for name in _used(statements[number])}
    while due:
        known |= due
        found = {
            number
            for number, each in enumerate(statements)
            if number not in wanted
            and bound[number] & (due - flows) - (fixed if isinstance(each.node, ast.Expr) else set())
            and not _only_runs(each.node, flows)
        }
        wanted |= found
        due = {name for number in found for name in _used(statements[number])} - known
    if known - frozenset().union(*bound) - set(dir(builtins)):  # whatever nobody else gives may come from there
        wanted |= {number for number, each in enumerate(statements) if each.stars}
    return [statements[number] for number in sorted(wanted)]


def given(statement: Statement) -> frozenset[str]:
    """The names that a statement gives a meaning, or may change: ``config.load()`` may change ``config``."""
    node = statement.node
    called = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    base = _base(called) if isinstance(called, ast.Attribute) else ()
    return frozenset((*statement.names.binds, *statement.names.changes, *(a.name for a in statement.aliases), *base))


def _used(statement: Statement) -> set[str]:
    return {use.name for use in statement.names.uses}


def _fixed(statements: Iterable[Statement]) -> frozenset[str]:
    """What modules, functions and classes are called for changes none of them."""
    return frozenset(name for each in statements if each.aliases or each.is_definition for name in given(each))


def _here(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a statement that run with it: not the insides of functions."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield child
        else:
            yield from _here(child)


def _base(node: ast.expr) -> Iterator[str]:
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name):
        yield node.id


def _flow_names(statements: Iterable[Statement]) -> frozenset[str]:
    """Names that stand for a flow: assigned from ``tf.Flow(…)``, or from a function that makes one."""
    makers = _makers(statements := list(statements))
    names = set[str]()
    for each in statements:
        for part in _here(each.node):
            if isinstance(part, ast.Assign | ast.AnnAssign | ast.NamedExpr) and part.value is not None:
                targets = part.targets if isinstance(part, ast.Assign) else [part.target]
                if _makes(part.value, makers):
                    names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return frozenset(names)


def _makers(statements: Iterable[Statement]) -> frozenset[str]:
    functions = [each.node for each in statements if isinstance(each.node, ast.FunctionDef)]
    return frozenset(function.name for function in functions if _makes(function, frozenset()))


def _makes(node: ast.AST, makers: frozenset[str]) -> bool:
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            called = list(_called(each.func))
            if "Flow" in called or (len(called) == 1 and called[0] in makers):
                return True
    return False


def _called(func: ast.expr) -> Iterator[str]:
    while isinstance(func, ast.Attribute):
        yield func.attr
        func = func.value
    if isinstance(func, ast.Name):
        yield func.id


def _builds(node: ast.AST, flows: frozenset[str]) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return any(_is_building(each, flows) for each in _here(node))


def _is_building(node: ast.AST, flows: frozenset[str]) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in BUILDS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in flows
    )


def _only_runs(node: ast.AST, flows: frozenset[str]) -> bool:
    """Whether a statement talks to a flow that runs: ``port = flow["a:out"]``, ``flow.send(…)``."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return any(isinstance(each, ast.Name) and each.id in flows for each in _here(node)) and not _builds(node, flows)
