"""Which names a statement binds, and which global names it uses: at once, or later when its functions are called."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .names import Names, Use
from .targets import (
    CHANGING,
    arguments_of,
    bound_in,
    named_in_globals,
    quoted,
    quoted_by_call,
    targets,
    type_parameters,
)

__all__ = ["names_of"]


class _Scope:
    """The names of a function, a class or a comprehension."""

    def __init__(self, kind: str, names: Iterable[str] = (), global_names: Iterable[str] = ()) -> None:
        self.kind = kind
        self.names = set(names)
        self.global_names = set(global_names)


def names_of(statement: ast.stmt) -> Names:
    """The names of one statement at the top of a file."""
    walker = _Walker()
    walker.visit(statement)
    return walker.names


_HARMLESS = frozenset({"component", "setter", "getter", "deleter"})


class _Walker(ast.NodeVisitor):
    def __init__(self) -> None:
        self.names = Names()
        self._scopes: list[_Scope] = []
        self._annotating = False

    # Where we are.

    @property
    def _later(self) -> bool:
        return any(scope.kind == "function" for scope in self._scopes)

    def _is_global(self, name: str) -> bool:
        for depth, scope in enumerate(reversed(self._scopes)):
            if name in scope.global_names:
                return True
            if name in scope.names and (scope.kind != "class" or depth == 0):
                return False
        return True

    def _use(self, name: str, line: int, *, soft: bool = False) -> None:
        if self._is_global(name):
            self.names.uses.append(Use(name, line, self._later, soft or self._annotating))

    def _bind(self, name: str, line: int) -> None:
        scope = next((each for each in reversed(self._scopes) if each.kind != "comprehension"), None)
        if scope is None:
            self.names.binds.setdefault(name, line)
        elif name in scope.global_names:
            self.names.writes.add(name)
            if not self._later:
                self.names.binds.setdefault(name, line)
        else:
            scope.names.add(name)

    def _change(self, node: ast.expr) -> None:
        """The object behind ``x``, ``x.a`` or ``x[0].b`` is changed."""
        while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
            node = node.value
        if isinstance(node, ast.Name) and self._is_global(node.id):
            (self.names.writes if self._later else self.names.changes).add(node.id)

    # Names.

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._use(node.id, node.lineno)
        else:
            self._bind(node.id, node.lineno)
            if isinstance(node.ctx, ast.Del) and not self._scopes:
                self.names.deletes.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._change(node.value)
        self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._change(node.value)
        self._in_globals(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            self._change(node.func.value)
        self._in_globals(node)
        for name, line in quoted_by_call(node):
            self._use(name, line, soft=True)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        self._in_globals(node)
        self.generic_visit(node)

    def _in_globals(self, node: ast.expr) -> None:
        for _, name in named_in_globals(node):
            self.names.guarded.add(name)
            self.names.uses.append(Use(name, node.lineno, self._later))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._use(node.target.id, node.lineno)
        self.visit(node.value)
        self.visit(node.target)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)  # before its targets: in a class, `x = x` reads the global
        for target in node.targets:
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        inside = bool(self._scopes) and self._scopes[-1].kind == "function"
        self._annotation(node.annotation, soft=inside)
        if node.value is not None:
            self.visit(node.value)
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._bind(node.target.id, node.lineno)

    def _alias(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name != "*":
                self._bind(alias.asname or alias.name.split(".")[0], node.lineno)

    visit_Import = visit_ImportFrom = _alias

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        if node.name is not None and self._scopes:  # at the top, the name is gone after the block
            self._bind(node.name, node.lineno)
        if node.name is not None and not self._scopes:
            with self._within(_Scope("comprehension", {node.name})):
                self._all(node.body)
        else:
            self._all(node.body)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.pattern is not None:
            self.visit(node.pattern)
        if node.name is not None:
            self._bind(node.name, node.lineno)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name is not None:
            self._bind(node.name, node.lineno)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest is not None:
            self._bind(node.rest, node.lineno)

    # Scopes.

    @contextmanager
    def _within(self, scope: _Scope) -> Iterator[None]:
        self._scopes.append(scope)
        yield
        self._scopes.pop()

    def _all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._all(node.decorator_list)
        self._registrations(node.decorator_list)
        self._defaults(node.args)
        parameters = getattr(node, "type_params", [])
        with self._within(_Scope("comprehension", type_parameters(parameters))):
            self._all(getattr(each, "bound", None) for each in parameters)
            for argument in arguments_of(node.args):
                self._annotation(argument.annotation)
            self._annotation(node.returns)
            self._bind_outside(node.name, node.lineno, bool(parameters))
            bound, global_names = bound_in(node.body)
            bound |= {argument.arg for argument in arguments_of(node.args)}
            with self._within(_Scope("function", bound - global_names, global_names)):
                self._all(node.body)

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def _registrations(self, decorators: list[ast.expr]) -> None:
        """``@area.register`` changes ``area``; the decorator of a module of ours changes nothing that others need."""
        for decorator in decorators:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(called, ast.Attribute) and called.attr not in _HARMLESS:
                self._change(called.value)

    def _bind_outside(self, name: str, line: int, inside: bool) -> None:
        scope = self._scopes.pop()
        self._bind(name, line)
        self._scopes.append(scope)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._defaults(node.args)
        bound, _ = bound_in([node.body])
        with self._within(_Scope("function", bound | {argument.arg for argument in arguments_of(node.args)})):
            self.visit(node.body)

    def _defaults(self, arguments: ast.arguments) -> None:
        self._all([*arguments.defaults, *arguments.kw_defaults])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._all(node.decorator_list)
        parameters = getattr(node, "type_params", [])
        with self._within(_Scope("comprehension", type_parameters(parameters))):
            self._all(getattr(each, "bound", None) for each in parameters)
            self._all([*node.bases, *node.keywords])
            _, global_names = bound_in(node.body)
            # What the body binds is known to its following lines only; functions in it never see it.
            names = {"__module__", "__qualname__"}
            with self._within(_Scope("class", names, global_names)):
                self._all(node.body)
        self._bind(node.name, node.lineno)

    def visit_TypeAlias(self, node: ast.AST) -> None:  # Python 3.12: type X[T] = …
        parameters = getattr(node, "type_params", [])
        with self._within(_Scope("comprehension", type_parameters(parameters))):
            self._annotation(getattr(node, "value"), soft=True)  # noqa: B009  # mypy of 3.11 does not know the class
        self.visit(getattr(node, "name"))  # noqa: B009

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        own = {name for each in node.generators for name in targets(each.target)}
        with self._within(_Scope("comprehension", own)):
            self._all(first.ifs)
            for each in others:
                self.visit(each.iter)
                self._all(each.ifs)
            if isinstance(node, ast.DictComp):
                self._all([node.key, node.value])
            else:
                self.visit(node.elt)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _annotation(self, node: ast.expr | None, *, soft: bool = False) -> None:
        """An annotation: what it names, in quotes too."""
        if node is None:
            return
        before, self._annotating = self._annotating, self._annotating or soft
        self.visit(node)
        for name, line in quoted(node):
            self._use(name, line, soft=True)
        self._annotating = before
