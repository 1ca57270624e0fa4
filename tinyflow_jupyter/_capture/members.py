"""Which statements make components, and of which module, told from their text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from tinyflow_runtime.module import DEFAULT, Module
from tinyflow_runtime.ports import label_of

from .beside import Beside
from .inner import OURS, Inner, components_of
from .statements import Statement, Statements
from .targets import walk_now

__all__ = ["Member", "Members"]


@dataclass(frozen=True, slots=True)
class Member:
    """A statement that makes components of a module.

    Attributes:
        module: The module's name.
        statement: Where.
        names: What the functions and classes are called; empty where the text does not tell.
        key: Statements of one key replace each other.
    """

    module: str
    statement: Statement
    names: tuple[str, ...]
    key: object

    @property
    def labels(self) -> set[str]:
        """The names of the components."""
        return {label_of(name) for name in self.names}


class Members:
    """The components of all cells.

    Args:
        statements: Of all cells.
        beside: The files beside the notebook.

    Attributes:
        untold: Definitions under a decorator of a module whose name the text does not tell, and what it says instead.
    """

    def __init__(self, statements: Statements, beside: Beside) -> None:
        self._statements = statements
        self._beside = beside
        self._looked: dict[str, dict[str, list[str]]] = {}
        self.untold: list[tuple[Statement, str]] = []
        newest: dict[tuple[str, object], Member] = {}
        for statement in statements.all:
            for member in self._of(statement):
                newest.pop((member.module, member.key), None)  # the last one counts, at its own place
                newest[member.module, member.key] = member
        self.all = list(newest.values())

    def modules(self) -> list[str]:
        """Every module there is a component of, in the order they were begun."""
        return list(dict.fromkeys(member.module for member in self.all))

    def of(self, module: str) -> list[Member]:
        """The components of a module, in the order they were made."""
        return [member for member in self.all if member.module == module]

    def _of(self, statement: Statement) -> Iterator[Member]:
        if isinstance(statement.node, ast.Module):
            yield from self._of_cell(statement, statement.node)
            return
        if statement.aliases:
            yield from self._of_import(statement)
            return
        if isinstance(statement.node, ast.With) and self._statements.cells.live is None:
            return  # `with pytest.raises(…)` and its like: whether it was defined, only who ran it knows
        found: dict[str, list[str]] = {}
        for module, name in self._made(statement.node, statement.index):
            found.setdefault(module, []).append(name)
        if statement.is_definition and not found:
            self._note_untold(statement)
            return
        bound = tuple(statement.names.binds)
        for module, names in found.items():
            known = tuple(name for name in names if name)
            yield Member(
                module, statement, known or (bound if len(bound) == 1 else ()), known or bound or statement.index
            )

    def _note_untold(self, statement: Statement) -> None:
        """A decorator of ours, by its name, on what the text does not say to be a module."""
        for decorator in getattr(statement.node, "decorator_list", []):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(called, ast.Attribute) and called.attr == "component":
                root = next(each for each in ast.walk(called) if not isinstance(each, ast.Attribute))
                made = self._statements.binding(root.id, statement.index) if isinstance(root, ast.Name) else None
                if made is None or not made.aliases:  # other libraries have components too
                    self.untold.append((statement, ast.unparse(called.value)))

    def _of_cell(self, statement: Statement, tree: ast.Module) -> Iterator[Member]:
        """A ``%%component`` cell: what it decorates with the default module's decorator belongs to the magic's."""
        inner = Inner(tree)
        found: dict[str, list[str]] = {}
        default = statement.cell.module or DEFAULT.name
        for name in components_of(tree):
            module = inner.module_of(name)
            found.setdefault(default if module in (None, DEFAULT.name) else str(module), []).append(name)
        for module, names in found.items():
            yield Member(module, statement, tuple(names), tuple(names))

    def _of_import(self, statement: Statement) -> Iterator[Member]:
        found: dict[str, list[str]] = {}
        for alias in statement.aliases:
            if self._beside.has(alias.module):
                for module, names in self._of_file(alias.module).items():
                    found.setdefault(module, []).extend(names)
        for module, names in found.items():
            yield Member(module, statement, tuple(names), ("import", tuple(sorted(names))))

    def _of_file(self, module: str) -> dict[str, list[str]]:
        """The components that a file beside the notebook defines, by module."""
        top = module.split(".")[0]
        if top not in self._looked:
            self._looked[top] = {}
            look = Beside(self._beside.folder)
            look.take(module)
            for path in look.texts:
                inner = Inner(look.tree(path))
                for name, made in inner.components():
                    self._looked[top].setdefault(made, []).append(name)
        return self._looked[top]

    # What a statement makes when it runs.

    def _made(self, node: ast.AST, before: int, depth: int = 0) -> Iterator[tuple[str, str]]:
        """The module and the name of each component that is made; the name is empty where the text does not tell."""
        decorators = [one for each in walk_now(node) for one in getattr(each, "decorator_list", [])]
        for each in walk_now(node):
            if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                modules = [self.module_of(decorator, before) for decorator in each.decorator_list]
                known = [module for module in modules if module]
                if known:
                    yield known[0], each.name
                elif isinstance(each, ast.ClassDef) and self._is_component(each, before):
                    yield DEFAULT.name, each.name
            elif isinstance(each, ast.Call):
                if any(each is part for part in decorators):
                    continue
                if module := self.module_of(each.func, before):
                    if each.args:
                        yield module, each.args[0].id if isinstance(each.args[0], ast.Name) else ""
                elif isinstance(each.func, ast.Name) and depth < 5:
                    made = self._statements.binding(each.func.id, before)
                    if made is not None and isinstance(made.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                        for inner in made.node.body:
                            for module, name in self._made(inner, made.index, depth + 1):
                                yield module, "" if depth == 0 else name

    def module_of(self, node: ast.expr, before: int) -> str:
        """The module whose decorator an expression is; empty when it is none."""
        if isinstance(node, ast.Call):
            return self.module_of(node.func, before)
        if isinstance(node, ast.Attribute) and node.attr == "component":
            if self._ours(node.value, before):
                return DEFAULT.name
            return self._module_named(node.value, before)
        if isinstance(node, ast.Name):
            made = self._statements.binding(node.id, before)
            if made is None:
                return ""
            for alias in made.aliases:
                if alias.name == node.id and alias.part == "component" and alias.module in OURS:
                    return DEFAULT.name
            if isinstance(made.node, ast.Assign) and isinstance(made.node.value, (ast.Attribute, ast.Name)):
                return self.module_of(made.node.value, made.index)
        return ""

    def _ours(self, node: ast.expr, before: int) -> bool:
        """Whether an expression is the package, whatever it is called here."""
        if not isinstance(node, ast.Name):
            return False
        made = self._statements.binding(node.id, before)
        return made is not None and any(alias.name == node.id and alias.target in OURS for alias in made.aliases)

    def _module_named(self, node: ast.expr, before: int) -> str:
        """The name of the module that an expression is, as ``maths`` after ``maths = tf.Module("maths")``."""
        live = self._statements.cells.live
        if live is not None and isinstance(node, ast.Name) and isinstance(live.get(node.id), Module):
            return str(live[node.id].name)
        if isinstance(node, ast.Call):
            return self._name_in(node, before)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):  # a file's: shared.maths
            made = self._statements.binding(node.value.id, before)
            for alias in made.aliases if made is not None else ():
                if self._beside.has(alias.module):
                    return self._of_name(alias.target, node.attr)
            return ""
        if not isinstance(node, ast.Name):
            return ""
        made = self._statements.binding(node.id, before)
        if made is None:
            return ""
        for alias in made.aliases:
            if alias.name == node.id and alias.part and self._beside.has(alias.module):
                return self._of_name(alias.module, alias.part)
        if isinstance(made.node, (ast.Assign, ast.AnnAssign)) and isinstance(made.node.value, ast.Call):
            return self._name_in(made.node.value, made.index)
        return ""

    def _name_in(self, node: ast.Call, before: int) -> str:
        """The name in ``tf.Module("maths")``."""
        called = node.func
        ours = isinstance(called, ast.Attribute) and called.attr == "Module" and self._ours(called.value, before)
        if isinstance(called, ast.Name):
            made = self._statements.binding(called.id, before)
            ours = made is not None and any(
                alias.name == called.id and alias.part == "Module" and alias.module in OURS for alias in made.aliases
            )
        given = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "name")]
        if not ours or not given:
            return ""
        name = given[0]
        if isinstance(name, ast.Name):
            made = self._statements.binding(name.id, before)
            if made is not None and isinstance(made.node, ast.Assign):
                name = made.node.value
        return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""

    def _of_name(self, file: str, name: str) -> str:
        look = Beside(self._beside.folder)
        look.take(file)
        for path in look.texts:
            if path in (f"{file.replace('.', '/')}.py", f"{file.replace('.', '/')}/__init__.py"):
                return Inner(look.tree(path)).modules.get(name, "")
        return ""

    def _is_component(self, node: ast.ClassDef, before: int, depth: int = 0) -> bool:
        """Whether a class is one of ``tf.Component``, by its bases, and has ports."""
        return self._inherits(node, before, depth) and self._has_ports(node, before)

    def _inherits(self, node: ast.ClassDef, before: int, depth: int = 0) -> bool:
        for base in node.bases:
            if isinstance(base, ast.Attribute) and base.attr == "Component" and self._ours(base.value, before):
                return True
            if isinstance(base, ast.Name) and depth < 20:
                made = self._statements.binding(base.id, before)
                if made is None:
                    continue
                if any(a.name == base.id and a.part == "Component" and a.module in OURS for a in made.aliases):
                    return True
                if isinstance(made.node, ast.ClassDef) and self._inherits(made.node, made.index, depth + 1):
                    return True
        return False

    def _has_ports(self, node: ast.ClassDef, before: int) -> bool:
        if any(
            isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) and each.name == "ports" for each in node.body
        ):
            return True
        for base in node.bases:
            made = self._statements.binding(base.id, before) if isinstance(base, ast.Name) else None
            if made is not None and isinstance(made.node, ast.ClassDef) and self._has_ports(made.node, made.index):
                return True
        return False
