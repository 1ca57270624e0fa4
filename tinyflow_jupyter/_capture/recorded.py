"""What a notebook showed of its components becomes the tests of the exported project."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyflow_jupyter._ipynb import read_notebook

__all__ = ["Recorded", "recorded"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One thing that held in the notebook.

    Attributes:
        cell: The number of the cell.
        call: What was written, as Python.
        expected: What it gave, as Python; empty where the call itself has to be true.
        names: What it uses.
    """

    cell: int
    call: str
    expected: str
    names: frozenset[str]

    @property
    def is_async(self) -> bool:
        """Whether it has to be awaited."""
        return self.call.startswith("await ")


def recorded(path: Path, components: Collection[str], known: Collection[str]) -> Iterator[Recorded]:
    """What a notebook's file tells of some components: its asserts, calls with their results, and messages.

    Args:
        path: The notebook.
        components: Names of functions; what uses none of them tells nothing.
        known: Every name that the captured file has.
    """
    notebook = read_notebook(path)
    nodes: dict[str, str] = {}
    sent: dict[str, list[str]] = {}
    for number, cell in enumerate((each for each in notebook.cells if each.cell_type == "code"), 1):
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:
            continue
        for statement in tree.body:
            _learn(statement, nodes, sent)
            if isinstance(statement, ast.Assert):
                names = _names(statement.test)
                if names & set(components) and names <= set(known):
                    yield Recorded(number, ast.unparse(statement.test), "", names & set(known))
        shown = _shown(cell)
        if not tree.body or not isinstance(tree.body[-1], ast.Expr) or shown is None:
            continue
        call = tree.body[-1].value
        inner = call.value if isinstance(call, ast.Await) else call
        names = _names(inner)
        called = inner.func if isinstance(inner, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in components and names <= set(known):
            yield Recorded(number, ast.unparse(call), shown, names)
            continue
        message = _message(call, nodes, sent)
        if message is not None and message[0] in components:
            yield Recorded(number, f"{message[0]}({message[1]})", shown, frozenset({message[0]}))


def _learn(statement: ast.stmt, nodes: dict[str, str], sent: dict[str, list[str]]) -> None:
    """``flow.node("a", double)`` and ``flow.send("a:in", 21)``, where both are written down."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and len(call.args) == 2):
        return
    first, second = call.args
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        return
    if call.func.attr == "node" and isinstance(second, ast.Name) and not call.keywords:
        nodes[first.value] = second.id
    if call.func.attr == "edge":
        nodes.pop(str(getattr(second, "value", "")).partition(":")[0], None)  # more than what is sent comes in there
    if call.func.attr == "send" and first.value.endswith(":in") and _is_plain(second):
        sent.setdefault(first.value.removesuffix(":in"), []).append(ast.unparse(second))


def _message(node: ast.expr, nodes: dict[str, str], sent: dict[str, list[str]]) -> tuple[str, str] | None:
    """``flow["a:out"].last.payload`` after one message was sent to ``a``: the component and the payload."""
    found = re.fullmatch(r"\w+\['([^']+):out'\]\.(?:last|next\([^)]*\))\.payload", ast.unparse(node))
    if found is None or found[1] not in nodes or len(sent.get(found[1], ())) != 1:
        return None
    return nodes[found[1]], sent[found[1]][0]


def _shown(cell: Any) -> str | None:  # Any: a cell of nbformat, which brings no types
    """The result of a cell, when it can be written down as Python."""
    for output in cell.outputs:
        if output.output_type == "execute_result":
            text = output.data.get("text/plain", "")
            text = text if isinstance(text, str) else "".join(text)
            if _is_plain_text(text):
                return text
    return None


def _is_plain_text(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError):
        return False
    return True


def _is_plain(node: ast.expr) -> bool:
    return _is_plain_text(ast.unparse(node))


def _names(node: ast.AST) -> frozenset[str]:
    return frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))
