"""The components of a file that has names of its own: one beside the notebook, or a ``%%component`` cell."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinyflow_runtime.module import DEFAULT

__all__ = ["OURS", "Inner", "components_of"]

OURS = ("tinyflow_jupyter", "tinyflow_runtime.module", "tinyflow_runtime.component")


def components_of(tree: ast.Module) -> dict[str, int]:
    """The functions and classes that a ``%%component`` cell gives to the notebook, and their lines."""
    definitions = [
        each for each in tree.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    ]
    components = {each.name: each.lineno for each in definitions if _looks_like_component(each)}
    if not components:
        functions = [each for each in definitions if not isinstance(each, ast.ClassDef)]
        components = {each.name: each.lineno for each in functions[-1:]}
    return components


def _looks_like_component(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    named = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
    if isinstance(node, ast.ClassDef):
        named += node.bases
    return any(
        (each.attr if isinstance(each, ast.Attribute) else each.id if isinstance(each, ast.Name) else "").lower()
        == "component"
        for each in named
    )


class Inner:
    """The components of a file or a ``%%component`` cell, which has names of its own."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self.ours: set[str] = set()
        self._decorators: set[str] = set()
        self._bases: set[str] = set()
        self.modules: dict[str, str] = {}
        for node in tree.body:
            self._learn(node)

    def _learn(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import):
            self.ours |= {alias.asname or alias.name for alias in node.names if alias.name in OURS}
        elif isinstance(node, ast.ImportFrom) and node.module in OURS:
            for alias in node.names:
                known = {"component": self._decorators, "Component": self._bases}.get(alias.name)
                if known is not None:
                    known.add(alias.asname or alias.name)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            called = node.value.func
            name = (
                called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
            )
            first = node.value.args[0] if node.value.args else None
            if name == "Module" and isinstance(first, ast.Constant):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self.modules[target.id] = str(first.value)

    def components(self) -> Iterator[tuple[str, str]]:
        """The name and the module of each component."""
        for node in self._tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                module = self.module_of(node.name)
                if module is not None:
                    yield node.name, module

    def module_of(self, name: str) -> str | None:
        """The module of a function or class; None when it is not decorated and no class of ``Component``."""
        for node in self._tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == name:
                for decorator in node.decorator_list:
                    module = self.of_decorator(decorator)
                    if module is not None:
                        return module
                if isinstance(node, ast.ClassDef) and any(self._is_base(base) for base in node.bases):
                    return DEFAULT.name
        return None

    def of_decorator(self, node: ast.expr) -> str | None:
        """The module whose decorator this is."""
        called = node.func if isinstance(node, ast.Call) else node
        if isinstance(called, ast.Name):
            return DEFAULT.name if called.id in self._decorators else None
        if isinstance(called, ast.Attribute) and called.attr == "component" and isinstance(called.value, ast.Name):
            if called.value.id in self.ours:
                return DEFAULT.name
            return self.modules.get(called.value.id)
        return None

    def _is_base(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute):
            return node.attr == "Component" and isinstance(node.value, ast.Name) and node.value.id in self.ours
        return isinstance(node, ast.Name) and node.id in self._bases
