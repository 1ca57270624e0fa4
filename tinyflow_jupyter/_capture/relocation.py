"""Files that import each other by their bare names move into a package: their imports are given its name."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

__all__ = ["moved"]


def moved(text: str, package: str, own: Collection[str]) -> str:
    """A file's text with the imports of its neighbours changed to those of a package.

    Args:
        text: The file.
        package: Where the neighbours will be.
        own: Their names, without dots.
    """
    lines = text.split("\n")
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    for node in sorted(nodes, key=lambda node: (-node.lineno, -node.col_offset)):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        head = lines[first].encode()[: node.col_offset].decode()
        tail = lines[last].encode()[node.end_col_offset or 0 :].decode()
        if isinstance(node, ast.ImportFrom):
            if node.level == 0 and node.module and node.module.split(".")[0] in own:
                rest = lines[first].encode()[node.col_offset :].decode()
                lines[first] = head + re.sub(r"^from\s+", f"from {package}.", rest, count=1)
        elif any(alias.name.split(".")[0] in own for alias in node.names):
            said = [line for alias in node.names for line in _imports(alias, package, own)]
            together = "; ".join(said) if head.strip() or tail.strip().startswith(";") else f"\n{head}".join(said)
            lines[first : last + 1] = (head + together + tail).split("\n")
    return "\n".join(lines)


def _imports(alias: ast.alias, package: str, own: Collection[str]) -> list[str]:
    top = alias.name.split(".")[0]
    if top not in own:
        return [f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")]
    if alias.asname:
        return [f"import {package}.{alias.name} as {alias.asname}"]
    if "." in alias.name:
        return [f"import {package}.{alias.name}", f"from {package} import {top}"]
    return [f"from {package} import {top}"]
