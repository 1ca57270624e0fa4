"""The statements of a notebook that define its flows, with those that these need: all that is run without a kernel."""

from __future__ import annotations

import ast
import dis
import re
import types
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

BUILDS = ("node", "edge", "remove", "move")  # the methods of a flow that define it


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement at the top of a cell.

    Attributes:
        cell: The cell's place in the notebook.
        node: The statement, with the lines it has in the cell.
        binds: Names that it gives a meaning or changes.
        uses: Names that it reads, wherever in it.
    """

    cell: int
    node: ast.stmt
    binds: frozenset[str]
    uses: frozenset[str]


def read(cells: Iterable[tuple[int, ast.Module]]) -> list[Statement]:
    """All statements of a notebook's cells, in their order."""
    return [_statement(number, node) for number, module in cells for node in module.body]


def of_flows(statements: Sequence[Statement]) -> list[Statement]:
    """The statements that make and build flows, and everything that they use, in their order.

    What shows, starts, sends, waits or pushes is left out, for nothing in a flow's definition uses it.
    """
    flows = _flow_names(statements)
    wanted = {
        number
        for number, each in enumerate(statements)
        if _builds(each.node, flows) or (flows & each.binds and _makes(each.node, _makers(statements)))
    }
    known = set[str]()
    due = {name for number in wanted for name in statements[number].uses}
    fixed = _fixed(statements)
    while due:
        known |= due
        found = {
            number
            for number, each in enumerate(statements)
            if number not in wanted and _gives(each, due - flows, fixed) and not _only_runs(each.node, flows)
        }
        wanted |= found
        due = {name for number in found for name in statements[number].uses} - known
    return [statements[number] for number in sorted(wanted)]


def _gives(statement: Statement, names: set[str] | frozenset[str], fixed: frozenset[str]) -> bool:
    """Whether a statement gives one of the names a meaning. What a module or a class is called for changes neither."""
    return bool(statement.binds & names - (fixed if isinstance(statement.node, ast.Expr) else frozenset()))


def _fixed(statements: Iterable[Statement]) -> frozenset[str]:
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return frozenset(name for each in statements if isinstance(each.node, kinds) for name in each.binds)


def compiled(node: ast.stmt, filename: str) -> types.CodeType:
    """A statement's code; a cell may await at its top."""
    code: types.CodeType = compile(
        ast.Module([node], []), filename, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
    )
    return code


def _statement(cell: int, node: ast.stmt) -> Statement:
    return Statement(cell, node, frozenset(_bound(node)), frozenset(_used(node)))


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        yield from _base(node.value.func)  # items.append(1) changes items
    for each in _here(node):
        if isinstance(each, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in each.names)
        elif isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store | ast.Del):
            yield each.id
        elif isinstance(each, ast.Subscript | ast.Attribute) and isinstance(each.ctx, ast.Store | ast.Del):
            yield from _base(each)
        elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield each.name


def _here(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a statement that run with it: not the insides of functions."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield child
        else:
            yield from _here(child)


def _used(node: ast.stmt) -> Iterator[str]:
    """The names that it reads from the notebook: those that functions have for themselves are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cells that nobody runs here
        codes = [compiled(node, "<cell>")]
    while codes:
        code = codes.pop()
        yield from (each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_NAME", "LOAD_GLOBAL"))
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    for each in ast.walk(node):
        for annotation in (getattr(each, "annotation", None), getattr(each, "returns", None)):
            for part in ast.walk(annotation) if isinstance(annotation, ast.expr) else ():
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield from re.findall(r"[^\W\d]\w*", part.value)  # in quotes


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


def _builds(node: ast.stmt, flows: frozenset[str]) -> bool:
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


def _only_runs(node: ast.stmt, flows: frozenset[str]) -> bool:
    """Whether a statement talks to a flow that runs: ``port = flow["a:out"]``, ``flow.send(…)``."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return any(isinstance(each, ast.Name) and each.id in flows for each in _here(node)) and not _builds(node, flows)
