"""What a statement changes besides the names it binds: an object of the cells, or what a library does from then on."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from .targets import walk_now

__all__ = ["announces", "configures", "registering", "set_by_name"]

# Functions that say what a library does from then on: what a component answers may hang on it.
_SETTERS = frozenset(
    "seed manual_seed seterr set_option setrecursionlimit setlocale setcontext set_default_dtype set_theme".split()
)


def registering(node: ast.AST) -> Iterator[str]:
    """The functions that a statement gives another one to, ``@register`` and ``register("a", f)``.

    Other calls are thought to try something out, as one does in a notebook.
    """
    for each in walk_now(node):
        called: list[ast.expr] = list(getattr(each, "decorator_list", []))
        if isinstance(each, ast.Call) and any(isinstance(given, (ast.Name, ast.Lambda)) for given in each.args):
            called.append(each.func)
        for function in called:
            function = function.func if isinstance(function, ast.Call) else function
            if isinstance(function, ast.Name):
                yield function.id


def announces(node: ast.AST, class_of: Callable[[str], ast.ClassDef | None]) -> set[str]:
    """The base that hears of a class, by ``__init_subclass__`` or a metaclass of its own."""
    found: set[str] = set()
    if not isinstance(node, ast.ClassDef):
        return found
    for base in node.bases:
        seen: set[ast.ClassDef] = set()
        nodes = [class_of(base.id)] if isinstance(base, ast.Name) else []
        while nodes:
            above = nodes.pop()
            if above is None or above in seen:
                continue
            seen.add(above)
            hears = any(isinstance(each, ast.FunctionDef) and each.name == "__init_subclass__" for each in above.body)
            if hears or any(each.arg == "metaclass" for each in above.keywords):
                found.add(above.name)
            nodes += [class_of(each.id) for each in above.bases if isinstance(each, ast.Name)]
    return found


def set_by_name(node: ast.AST) -> Iterator[str]:
    """The names whose object ``setattr`` and ``delattr`` change."""
    for each in walk_now(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in ("setattr", "delattr"):
            if each.args and (root := _root(each.args[0])):
                yield root


def configures(node: ast.AST) -> Iterator[tuple[str, str]]:
    """What a statement may set in a library: the name it begins with, and the attribute, or "" for a setting.

    ``pd.Series.score = score`` sets an attribute, ``random.seed(7)`` and ``plt.rcParams["a"] = 1`` are settings.
    """
    if isinstance(node, (ast.Assign, ast.AugAssign)):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, (ast.Attribute, ast.Subscript)) and (root := _root(target)):
                yield root, target.attr if isinstance(target, ast.Attribute) else ""
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        function = node.value.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name in _SETTERS and (node.value.args or node.value.keywords) and (root := _root(function)):
            yield root, ""
        elif name == "setattr" and len(node.value.args) == 3 and (root := _root(node.value.args[0])):
            said = node.value.args[1]
            yield root, str(said.value) if isinstance(said, ast.Constant) else ""


def _root(node: ast.expr) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
