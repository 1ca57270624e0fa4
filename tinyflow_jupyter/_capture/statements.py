"""A statement is what capture takes or leaves: a whole line or block at the top of a cell, with the names it binds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import tinyflow_jupyter

from .beside import OURS
from .cells import Cell, Cells, file_of, is_command
from .changes import announces, configures, registering, set_by_name
from .inner import components_of
from .names import Names
from .scopes import names_of
from .targets import begins

__all__ = ["Alias", "Statement", "Statements", "aliases_of"]

END = 1 << 30  # after every statement: where names are looked up that a function uses when it is called


@dataclass(frozen=True, slots=True)
class Alias:
    """One name of an import.

    Attributes:
        name: What it binds.
        module: What is imported, or where it is imported from; dots lead it where the import is relative.
        part: What is imported from there; None for ``import module``.
        bound: What it is called by ``as``; None where it keeps its name.
    """

    name: str
    module: str
    part: str | None
    bound: str | None

    @property
    def target(self) -> str:
        """What the name stands for, as ``numpy.linalg.norm``."""
        if self.part is not None:
            return f"{self.module}.{self.part}"
        return self.module if self.bound is not None else self.module.split(".")[0]


@dataclass(frozen=True, eq=False, slots=True)
class Statement:
    """One statement at the top of a cell, or a whole ``%%component`` cell.

    Attributes:
        index: Its place in the order of running.
        cell: Where it stands.
        node: Parsed; a ``%%component`` cell has the tree of all of it.
        names: What it binds and uses.
        aliases: What it imports.
    """

    index: int
    cell: Cell
    node: ast.stmt | ast.Module
    names: Names
    aliases: tuple[Alias, ...] = ()

    @property
    def line(self) -> int:
        """Its first line in the cell, decorators included."""
        if isinstance(self.node, ast.Module):
            return 1
        return begins(self.node)

    @property
    def place(self) -> str:
        """``cell 7, line 3``."""
        return self.cell.place(self.line)

    @property
    def is_definition(self) -> bool:
        """Whether it is a function or a class."""
        return isinstance(self.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))

    @property
    def stars(self) -> str:
        """The module of ``from module import *``."""
        node = self.node
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return _module_of(node)
        return ""

    def __repr__(self) -> str:
        return f"<{self.place}: {', '.join(self.names.binds)}>"


class Statements:
    """Every statement in the order it ran, and which of them gives a name its value.

    Args:
        cells: What was run.
    """

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self.all: list[Statement] = []
        self._binding: dict[str, list[Statement]] = {}
        self._changing: dict[str, list[Statement]] = {}
        self._configuring: dict[str, list[Statement]] = {}
        for cell in cells:
            for node in _top(cell):
                self._add(cell, node)
        for statement in self.all:
            for name in self._changed(statement):
                self._changing.setdefault(name, []).append(statement)
            for top in self._configured(statement):
                self._configuring.setdefault(top, []).append(statement)

    def _add(self, cell: Cell, node: ast.stmt | ast.Module) -> None:
        names = _names_of_file(node) if isinstance(node, ast.Module) else names_of(node)
        statement = Statement(len(self.all), cell, node, names, tuple(aliases_of(node)))
        self.all.append(statement)
        for name in names.binds | dict.fromkeys((alias.name for alias in statement.aliases), statement.line):
            self._binding.setdefault(name, []).append(statement)

    def binding(self, name: str, before: int = END) -> Statement | None:
        """The last statement before a place in the order that gives a name its value, or takes it away."""
        found = None
        for statement in self._binding.get(name, ()):
            if statement.index >= before:
                break
            found = statement
        return found if found is None or before != END else self._live(name, found)

    def also(self, name: str, binding: Statement, before: int = END) -> Iterator[Statement]:
        """What else made the object behind a name what it is: ``import a.b`` beside ``import a.c``, ``x[0] = 1``."""
        if any(alias.name == name and alias.bound is None and "." in alias.module for alias in binding.aliases):
            for other in self._binding[name]:
                if other.index < before and any(a.name == name and a.part is a.bound is None for a in other.aliases):
                    yield other
        if binding.aliases:
            return
        following = [each.index for each in self._binding[name] if each.index > binding.index]
        until = min([before, *following])
        for statement in self._changing.get(name, ()):
            if binding.index < statement.index < until:
                yield statement

    def settings(self, alias: Alias) -> list[Statement]:
        """What sets something in the library that an import is from: ``random.seed(7)``, ``pd.Series.score = f``."""
        return self._configuring.get(alias.module.split(".")[0], [])

    def stars(self, before: int = END) -> list[Statement]:
        """The ``from module import *`` that may have brought a name."""
        return [each for each in self.all if each.stars and each.index < before]

    def _live(self, name: str, found: Statement) -> Statement:
        """In a kernel, the statement whose function is there now: a cell that failed has defined nothing."""
        live = self.cells.live
        if live is None or name not in live:
            return found
        number = self.cells.numbers.get(file_of(live[name]))
        if number is None or number == found.cell.written:
            return found
        made = [each for each in self._binding[name] if each.cell.written == number and _defines(each, name)]
        return made[-1] if made and _defines(found, name) else found

    def _changed(self, statement: Statement) -> set[str]:
        """The names whose object a statement changes, also by calling a function that does."""
        changed: set[str] = set()
        if isinstance(statement.node, ast.Module):
            return set(statement.names.changes)
        changed |= set(set_by_name(statement.node))
        for name in announces(statement.node, lambda base: self._class(base, statement.index)):
            made = self.binding(name, statement.index)
            changed |= {name} | (made.names.writes if made is not None else set())
        for name in registering(statement.node):
            made = self.binding(name, statement.index)
            if made is not None and isinstance(made.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                changed |= made.names.writes
        return set(statement.names.changes) | changed - set(statement.names.binds)

    def _class(self, name: str, before: int) -> ast.ClassDef | None:
        made = self.binding(name, before)
        return made.node if made is not None and isinstance(made.node, ast.ClassDef) else None

    def _configured(self, statement: Statement) -> set[str]:
        """The packages in which a statement sets something."""
        found: set[str] = set()
        for name, attribute in configures(statement.node):
            made = self.binding(name, statement.index)
            for alias in made.aliases if made is not None else ():
                top = alias.module.split(".")[0]
                ruled = top in OURS or (top == "sys" and alias.target == "sys" and attribute == "path")
                if alias.name == name and not ruled and (not attribute or self._matters(statement, attribute)):
                    found.add(top)
        return found

    def _matters(self, statement: Statement, attribute: str) -> bool:
        """Whether somebody reads an attribute, or it is a plain value, which the library itself may read."""
        node = statement.node
        if isinstance(node, ast.Assign) and not any(isinstance(each, ast.Name) for each in ast.walk(node.value)):
            return True
        others = (each.node for each in self.all if each is not statement)
        return any(
            isinstance(each, ast.Attribute) and each.attr == attribute for node in others for each in ast.walk(node)
        )


def _defines(statement: Statement, name: str) -> bool:
    node = statement.node
    if isinstance(node, ast.Module):
        return True
    return any(
        isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and each.name == name
        for each in ast.walk(node)
    )


def _top(cell: Cell) -> Iterator[ast.stmt | ast.Module]:
    if cell.module is not None:
        yield cell.tree
        return
    for node in cell.tree.body:
        yield _without_time(node)


def _without_time(node: ast.stmt) -> ast.stmt:
    """``%time x = f()`` is ``x = f()``."""
    if isinstance(node, ast.Expr) and is_command(node.value) and isinstance(node.value, ast.Call):
        arguments = [each.value for each in node.value.args if isinstance(each, ast.Constant)]
        if arguments[:1] == ["time"] and len(arguments) == 2:
            try:
                inner = ast.parse(str(arguments[1])).body
            except SyntaxError:
                return node
            if len(inner) == 1:
                return ast.increment_lineno(inner[0], node.lineno - 1)
    return node


def _names_of_file(tree: ast.Module) -> Names:
    """A ``%%component`` cell binds its components, or, where it decorates none, its last function."""
    names = Names()
    for name, line in components_of(tree).items():
        names.binds[name] = line
    return names


def aliases_of(node: ast.AST) -> Iterator[Alias]:
    """The names of an import; none of any other statement."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Alias(alias.asname or alias.name.split(".")[0], alias.name, None, alias.asname)
    elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
        for alias in node.names:
            if alias.name != "*":
                yield Alias(alias.asname or alias.name, _module_of(node), alias.name, alias.asname)
            elif node.module == "tinyflow_jupyter":  # ours are known
                yield from (Alias(name, node.module, name, None) for name in tinyflow_jupyter.__all__)


def _module_of(node: ast.ImportFrom) -> str:
    return "." * node.level + (node.module or "")
