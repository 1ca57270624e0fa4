"""What ``from module import *`` brings, told without running anything of the notebook's."""

from __future__ import annotations

import ast
import functools
import importlib
import sys

from .beside import Beside
from .scopes import names_of

__all__ = ["star_names"]

_WITH_EFFECTS = frozenset({"antigravity", "this", "idlelib"})  # importing them does something


def star_names(module: str, beside: Beside) -> frozenset[str] | None:
    """The names of a module that a star brings; None where only importing it would tell."""
    if beside.has(module):
        return _of_file(module, Beside(beside.folder))
    top = module.split(".")[0]
    if top in sys.stdlib_module_names and top not in _WITH_EFFECTS:
        return _of_library(module)
    return None


@functools.cache
def _of_library(module: str) -> frozenset[str] | None:
    try:
        found = importlib.import_module(module)
    except ImportError:
        return None
    names = getattr(found, "__all__", None)
    return frozenset(names if names is not None else (name for name in vars(found) if not name.startswith("_")))


def _of_file(module: str, look: Beside) -> frozenset[str] | None:
    look.take(module)
    stem = module.replace(".", "/")
    path = next((each for each in (f"{stem}.py", f"{stem}/__init__.py") if each in look.texts), None)
    if path is None:
        return None
    names: set[str] = set()
    for node in look.tree(path).body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return None
        bound = names_of(node).binds
        if "__all__" in bound:
            return _listed(node)
        names |= {name for name in bound if not name.startswith("_")}
    return frozenset(names)


def _listed(node: ast.stmt) -> frozenset[str] | None:
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        try:
            return frozenset(map(str, ast.literal_eval(node.value)))
        except (ValueError, TypeError):
            return None
    return None
