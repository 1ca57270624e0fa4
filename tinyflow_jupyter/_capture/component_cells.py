"""A ``%%component`` cell becomes a file of its own, as it was a namespace of its own in the notebook."""

from __future__ import annotations

import ast

from tinyflow_runtime.module import DEFAULT

from .cells import Cell
from .inner import Inner, components_of
from .page import Page
from .statements import Statement
from .targets import DEFINITIONS, begins

__all__ = ["component_file"]


def component_file(statement: Statement, module: str) -> Page:
    """A ``%%component`` cell as a file: its components belong to the magic's module, as they did in the notebook."""
    cell = statement.cell
    tree = cell.tree
    lines: list[tuple[str, tuple[Cell, int] | None]] = [
        (text.rstrip("\r"), (cell, number)) for number, text in enumerate(cell.text.split("\n"), 1)
    ]
    inner = Inner(tree)
    used = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)} | set(inner.modules)
    before: dict[int, list[str]] = {}  # our lines before a line of the cell
    ours = next(iter(sorted(inner.ours)), "")
    home = f"{ours or 'tf'}.component"
    needs_home = False
    for node in tree.body:
        named = getattr(node, "name", None)
        if named not in components_of(tree) or not isinstance(node, DEFINITIONS):
            continue
        theirs = inner.module_of(node.name)
        decorated = [each for each in node.decorator_list if inner.of_decorator(each) is not None]
        if decorated and (theirs != DEFAULT.name or module == DEFAULT.name):
            continue
        if not decorated and isinstance(node, ast.ClassDef) and module == DEFAULT.name:
            continue
        needs_home = True
        if module != DEFAULT.name:
            name = module.replace("-", "_")
            home = f"{name if name not in used else f'{name}_module'}.component"
        if decorated:
            called = decorated[0].func if isinstance(decorated[0], ast.Call) else decorated[0]
            text, origin = lines[called.lineno - 1]
            end = called.end_col_offset or 0
            as_bytes = text.encode()
            lines[called.lineno - 1] = (
                (as_bytes[: called.col_offset] + home.encode() + as_bytes[end:]).decode(),
                origin,
            )
        else:
            line = begins(node)
            before.setdefault(line, []).append(f"@{home}")
    if needs_home:
        head = _after_imports(tree)
        added = [] if ours else ["import tinyflow_jupyter as tf"]
        for node in tree.body:  # its decorator was the only thing it imported, and is another one now
            if added and isinstance(node, ast.ImportFrom) and [each.name for each in node.names] == ["component"]:
                lines[node.lineno - 1] = (added.pop(), lines[node.lineno - 1][1])
        if module != DEFAULT.name:
            added += ["", f'{home.removesuffix(".component")} = {ours or "tf"}.Module("{module}")']
        before[head] = [
            *added,
            *([""] if not lines[head - 1 : head] or lines[head - 1][0].strip() else []),
            *before.get(head, []),
        ]
    page = Page()
    for number, (text, origin) in enumerate(lines, 1):
        for each in before.get(number, []):
            page.add(each)
        page.add(text, *(origin or ()))
    while page.lines and not page.lines[0][0].strip():
        page.lines.pop(0)
    page.space(0)
    return page


def _after_imports(tree: ast.Module) -> int:
    """The line that follows the imports at the top, or the docstring."""
    line = 0
    for node in tree.body:
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if not (text or isinstance(node, (ast.Import, ast.ImportFrom))):
            break
        line = node.end_lineno or node.lineno
    if line == 0 and tree.body:
        first = tree.body[0]
        return begins(first)
    return line + 1
